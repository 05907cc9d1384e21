"""Decide branches that go one way whenever images have the network's own size."""

import ast
import copy
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import torch

from archsearch.export.facts import PRESENT, is_none
from archsearch.export.program import INITIALIZE, Program, import_lines, names_in
from archsearch.export.signature import narrow_annotation, parameters_of
from archsearch.export.walk import walk

#: names of the functions that take notes while the program runs
_TEST, _CUT = "_note_test", "_note_cut"


def decide_branches(
    program: Program,
    root: str,
    image_shape: tuple[int, int, int],
    imports: Mapping[str, str],
) -> None:
    """Put the outcome of each test in its place where it is the same in every run.

    The program is run with images of one size, in evaluation and in training, in several batch
    sizes, with and without a classifier. What is the same each time, for every instance of a
    class, depends on the size of the image alone. Slices that leave nothing out go as well.

    Args:
        program: is changed in place.
        root: the network's class.
        image_shape: ``(C, H, W)``.
        imports: names that ``root`` needs beyond the library's, with their imports.
    """
    _number_sites(program, root)
    outcomes, held = _run(program, root, image_shape, imports)
    unsure = set()
    for (name, attribute), kinds in held.items():
        if kinds == {False}:
            _narrow_attribute(program[name], attribute)
        elif len(kinds) > 1:
            calls = [node for node in walk(program[name]) if isinstance(node, ast.Call)]
            unsure |= {ast.unparse(call.func) for call in calls}
    decided = {site: seen.pop() for site, seen in outcomes.items() if len(seen) == 1}
    for node in program.values():
        _Decide(decided, unsure).visit(node)


def _number_sites(program: Program, root: str) -> None:
    """Give every test and every slice a number, which copies of the node carry on."""
    count = 0
    for name, definition in program.items():
        if name in (INITIALIZE, root):
            continue
        for node in walk(definition):
            if _is_open_test(node) or _is_cut(node):
                node.site = count  # type: ignore[attr-defined]
                count += 1


def _is_open_test(node: ast.AST) -> bool:
    if isinstance(node, ast.If) and isinstance(node.body[0], ast.Raise):
        return False
    # what a device can do is no property of the network
    return isinstance(node, ast.If | ast.IfExp) and "device" not in ast.unparse(node.test)


def _is_cut(node: ast.AST) -> bool:
    if not isinstance(node, ast.Subscript) or not isinstance(node.ctx, ast.Load):
        return False
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    return all(isinstance(part, ast.Slice) and part.step is None for part in parts)


class _Instrument(ast.NodeTransformer):
    """Wraps numbered tests and slices in calls that take notes."""

    def visit_If(self, node: ast.If) -> ast.If:
        self.generic_visit(node)
        if hasattr(node, "site"):
            node.test = _call(_TEST, node.site, node.test)
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.IfExp:
        self.generic_visit(node)
        if hasattr(node, "site"):
            node.test = _call(_TEST, node.site, node.test)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        if not hasattr(node, "site"):
            return node
        return _call(_CUT, node.site, copy.deepcopy(node.value), node)


def _call(function: str, site: int, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(function, ast.Load()), [ast.Constant(site), *arguments], [])


class _Decide(ast.NodeTransformer):
    """Puts decided outcomes in the place of tests, and whole values in that of slices.

    What a decided test shows not to be None is said to type checkers: parameters in the
    signature, but for those of ``unsure`` functions, all else in an assertion.
    """

    def __init__(self, decided: dict[int, bool], unsure: set[str]) -> None:
        self._decided = decided
        self._unsure = unsure
        self._parameters: set[str] = set()
        self._narrowed: set[str] = set()
        self._present: set[str] = set()
        self._tuples: set[str] = set()

    def visit(self, node: ast.AST) -> Any:
        """Visit a node, its children first."""
        if isinstance(node, ast.FunctionDef):
            known = node.name not in self._unsure
            self._parameters = {each.arg for each in parameters_of(node)}
            self._narrowed = self._parameters if known else set()
            self._present, self._tuples = set(), set()
        self.generic_visit(node)
        if isinstance(node, ast.FunctionDef):
            for argument in parameters_of(node):
                if argument.arg in self._present:
                    narrow_annotation(node, argument, PRESENT)
                if argument.arg in self._tuples and isinstance(argument.annotation, ast.BinOp):
                    argument.annotation = argument.annotation.right
        outcome = self._decided.get(getattr(node, "site", -1))
        if outcome is None:
            return node
        if isinstance(node, ast.If | ast.IfExp):
            present = _shown_present(node.test, outcome)
            narrowed = self._narrowed if isinstance(node, ast.If) else self._parameters
            self._present |= {ast.unparse(each) for each in present} & narrowed
            self._tuples |= _shown_tuple(node.test, outcome)
            node.test = ast.Constant(outcome)
            if isinstance(node, ast.If):
                said = [each for each in present if ast.unparse(each) not in narrowed]
                return [*map(_not_none, said), node]
        elif isinstance(node, ast.Subscript) and outcome:
            return node.value
        return node


def _shown_present(test: ast.expr, outcome: bool) -> list[ast.expr]:
    """Return what ``test``, coming out as ``outcome``, shows not to be None."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) == outcome:
        return [found for part in test.values for found in _shown_present(part, outcome)]
    if not isinstance(test, ast.Compare) or not is_none(test.comparators[0]):
        return []
    if not isinstance(test.left, ast.Name) and not ast.unparse(test.left).startswith("self."):
        return []
    return [test.left] if isinstance(test.ops[0], ast.IsNot) == outcome else []


def _not_none(value: ast.expr) -> ast.Assert:
    return ast.Assert(ast.Compare(copy.deepcopy(value), [ast.IsNot()], [ast.Constant(None)]))


def _shown_tuple(test: ast.expr, outcome: bool) -> set[str]:
    """Return the name that ``test`` shows to be a tuple, of what is a tensor or a tuple."""
    if outcome and isinstance(test, ast.Call) and ast.unparse(test.func) == "isinstance":
        return {ast.unparse(test.args[0])}
    return set()


def _run(
    program: Program, root: str, image_shape: tuple[int, int, int], imports: Mapping[str, str]
) -> tuple[dict[int, set[bool]], dict[tuple[str, str], set[bool]]]:
    """Run the program; return the outcomes of each site, and what `_held` says."""
    outcomes: dict[int, set[bool]] = defaultdict(set)

    def note_test(site: int, value: Any) -> Any:
        outcomes[site].add(bool(value))
        return value

    def note_cut(site: int, whole: Any, cut: Any) -> Any:
        outcomes[site].add(isinstance(cut, torch.Tensor) and cut.shape == whole.shape)
        return cut

    namespace: dict[str, Any] = {_TEST: note_test, _CUT: note_cut, "__name__": "observed"}
    definitions = [_Instrument().visit(copy.deepcopy(node)) for node in program.values()]
    read = {name for node in program.values() for name in names_in(node)}
    lines = [*import_lines(read), *imports.values()]
    tree = ast.parse("\n".join(lines))
    tree.body += definitions
    ast.fix_missing_locations(tree)
    with torch.random.fork_rng(devices=[]):
        exec(compile(tree, "observed", "exec"), namespace)
        network = namespace[root]
        model = network()
        _exercise(model, image_shape)
        # without a classifier: what depends on it is to stay open
        network(0)
        if hasattr(model, "reset_classifier"):
            for num_classes in (0, 3):
                model.reset_classifier(num_classes)
    held = {key: kinds for key, kinds in _held(model).items() if key[0] in program}
    return outcomes, held


def _exercise(model: Any, image_shape: tuple[int, int, int]) -> None:
    with torch.no_grad():
        model.train()(torch.zeros(2, *image_shape))
        model.eval()
        for batch in (1, 3):
            model(torch.zeros(batch, *image_shape))
        if hasattr(model, "forward_head"):
            images = torch.zeros(1, *image_shape)
            model.forward_head(model.forward_features(images), pre_logits=True)


def _held(model: Any) -> dict[tuple[str, str], set[bool]]:
    """Return class and attribute of the modules, and whether it is None in its instances."""
    held: dict[tuple[str, str], set[bool]] = defaultdict(set)
    for module in model.modules():
        own = {**module._parameters, **module._buffers, **module._modules}
        for name, value in own.items():
            held[type(module).__name__, name].add(value is None)
    return held


def _narrow_attribute(definition: ast.AST, name: str) -> None:
    """Say in a class that ``self.name`` is never None."""
    for node in getattr(definition, "body", []):
        if not isinstance(node, ast.AnnAssign) or ast.unparse(node.target) != name:
            continue
        if isinstance(node.annotation, ast.BinOp) and is_none(node.annotation.right):
            node.annotation = node.annotation.left
