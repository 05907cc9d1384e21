"""Fold expressions and statements with what is known about names."""

import ast
import copy
import operator
from collections.abc import Callable
from typing import Any

from archsearch.export.facts import (
    IDENTITY,
    PRESENT,
    TENSOR,
    TRUTHY,
    Fact,
    Facts,
    is_constant,
    is_none,
    value_of,
)
from archsearch.export.signature import bound_arguments, parameters_of
from archsearch.export.substitute import Substitute, only_expression

Env = dict[str, Fact]

_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
#: a helper this short is written out where it is called
_SHORT = 16
_FUNCTIONS: dict[str, Callable[..., Any]] = {"int": int, "max": max, "min": min, "bool": bool}


class Expressions(ast.NodeTransformer):
    """Folds one expression; constants take the place of names that stand for them."""

    def __init__(self, facts: Facts, cls: str, env: Env, loops: dict[str, set[str]]) -> None:
        self._facts = facts
        self._cls = cls
        self._env = env
        self._loops = loops

    # ---- names ----

    def visit_Name(self, node: ast.Name) -> ast.expr:
        fact = self._env.get(node.id)
        if isinstance(node.ctx, ast.Load) and isinstance(fact, ast.expr):
            return copy.deepcopy(fact)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        fact = self._attribute(node)
        if isinstance(node.ctx, ast.Load) and isinstance(fact, ast.expr):
            return copy.deepcopy(fact)
        self.generic_visit(node)
        return node

    def _attribute(self, node: ast.expr) -> Fact | None:
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "self"
        ):
            return self._facts.attributes.get(self._cls, {}).get(node.attr)
        return None

    def _fact(self, node: ast.expr) -> Fact | None:
        if is_constant(node):
            return node
        if isinstance(node, ast.Name):
            return self._env.get(node.id)
        if isinstance(node, ast.Call):
            return TRUTHY if ast.unparse(node.func).split(".")[-1][:1].isupper() else None
        if isinstance(node, ast.BinOp | ast.JoinedStr | ast.ListComp | ast.List):
            return PRESENT
        return self._attribute(node)

    # ---- operators ----

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        if len(node.ops) != 1:
            return node
        left, op, right = node.left, node.ops[0], node.comparators[0]
        if isinstance(op, ast.Is | ast.IsNot) and is_none(right):
            fact = self._fact(left)
            if fact is None:
                return node
            return ast.Constant(is_none(fact) == isinstance(op, ast.Is))
        handle = _COMPARISONS.get(type(op))
        return _evaluated(handle, node, left, right)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        decides = isinstance(node.op, ast.Or)
        values: list[ast.expr] = []
        last: ast.expr = ast.Constant(not decides)
        for value in node.values:
            last = self.visit(value)
            truth = self._truth(last)
            if truth is False and not decides:
                return ast.Constant(False)
            if truth is None or truth == decides:
                values.append(last)
            if truth == decides:
                break
        if not values:
            return last
        if decides and _literal(values[-1]) is True and all(map(_is_test, values[:-1])):
            return ast.Constant(True)
        return values[0] if len(values) == 1 else ast.BoolOp(node.op, values)

    def _truth(self, node: ast.expr) -> bool | None:
        if is_constant(node) and not isinstance(node, ast.Attribute):
            return bool(value_of(node))
        return True if self._fact(node) is TRUTHY else None

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.op, ast.Not) and self._truth(node.operand) is not None:
            return ast.Constant(not self._truth(node.operand))
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        folded = _evaluated(_ARITHMETIC.get(type(node.op)), node, node.left, node.right)
        if folded is not node:
            return folded
        left, right = _literal(node.left), _literal(node.right)
        if isinstance(node.op, ast.Add) and left == 0:
            return node.right
        if isinstance(node.op, ast.Add | ast.Sub) and right == 0:
            return node.left
        if isinstance(node.op, ast.Mult) and left == 1:
            return node.right
        if isinstance(node.op, ast.Mult | ast.FloorDiv) and right == 1:
            return node.left
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        test = self.visit(node.test)
        truth = self._truth(test)
        if truth is not None:
            chosen: ast.expr = self.visit(node.body if truth else node.orelse)
            return chosen
        node = ast.IfExp(test, self.visit(node.body), self.visit(node.orelse))
        alike = is_constant(node.body) and ast.dump(node.body) == ast.dump(node.orelse)
        return node.body if alike else node

    # ---- subscripts and calls ----

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        if not isinstance(node.ctx, ast.Load):
            return node
        index = _literal(node.slice)
        if isinstance(node.value, ast.Tuple) and isinstance(index, int):
            return node.value.elts[index]
        if isinstance(node.value, ast.Name) and node.value.id in self._facts.tables:
            found = self._looked_up(self._facts.tables[node.value.id], index)
            return node if found is None else copy.deepcopy(found)
        if self._facts.collapsed and index == 0 and self.pair_call(node.value):
            return node.value
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        for part in parts:
            if isinstance(part, ast.Slice) and part.lower is not None and _is_zero(part.lower):
                part.lower = None
        whole = all(
            isinstance(part, ast.Slice)
            and part.lower is None
            and part.upper is None
            and part.step is None
            for part in parts
        )
        return node.value if whole else node

    def _looked_up(self, table: ast.Dict, key: object) -> ast.expr | None:
        if key is None:
            return None
        entries = zip(table.keys, table.values, strict=True)
        return next((value for name, value in entries if name and _literal(name) == key), None)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        node.args = [item for argument in node.args for item in self._unstarred(argument)]
        if self._attribute(node.func) is IDENTITY and len(node.args) == 1:
            return node.args[0]
        classes = self.classes_of(node.func)
        if classes and classes <= self._facts.identities:
            return _handed_on(node.args)
        if self._callee(node.func) in self._facts.hands_on:
            return _handed_on(node.args)
        constant = self._facts.returns.get(self._callee(node.func))
        if constant is not None:
            return copy.deepcopy(constant)
        return self._short_helper(node) or self._known_call(node)

    def _short_helper(self, node: ast.Call) -> ast.expr | None:
        """Return what a helper of one expression comes to here, if that is short."""
        owner = self._callee(node.func)
        function = self._facts.helpers.get(owner)
        expression = only_expression(function) if function is not None else None
        if function is None or expression is None:
            return None
        bound = bound_arguments(node, owner, function)
        if bound is None or not bound.keys() >= {a.arg for a in parameters_of(function)}:
            return None
        if not all(isinstance(value, ast.Name | ast.Constant) for value in bound.values()):
            return None
        folded: ast.expr = self.visit(Substitute(bound).visit(copy.deepcopy(expression)))
        return folded if len(ast.unparse(folded)) <= _SHORT else None

    def _unstarred(self, argument: ast.expr) -> list[ast.expr]:
        if isinstance(argument, ast.Starred):
            if isinstance(argument.value, ast.Tuple):
                return argument.value.elts
            if self._facts.collapsed and self.pair_call(argument.value):
                return [argument.value]
        return [argument]

    def _callee(self, func: ast.expr) -> tuple[str, str]:
        if isinstance(func, ast.Name):
            return ("", func.id)
        if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name):
            return (self._cls, func.attr) if func.value.id == "self" else ("?", "")
        return ("?", "")

    def _known_call(self, node: ast.Call) -> ast.expr:
        name = ast.unparse(node.func)
        arguments = [_literal(argument) for argument in node.args]
        if name in _FUNCTIONS and not node.keywords and arguments and None not in arguments:
            return ast.Constant(_FUNCTIONS[name](*arguments))
        if name == "F.pad" and len(node.args) == 2:
            sides = node.args[1]
            if isinstance(sides, ast.Tuple) and all(_is_zero(side) for side in sides.elts):
                return node.args[0]
        if name == "torch.cat" and isinstance(node.args[0], ast.List):
            parts = node.args[0].elts
            if len(parts) == 1 and not isinstance(parts[0], ast.Starred):
                return parts[0]
        if name.startswith("nn."):
            node.keywords = [word for word in node.keywords if not _is_default(word)]
        about_tuple = name == "isinstance" and ast.unparse(node.args[1]) == "tuple"
        if about_tuple and self._fact(node.args[0]) is TENSOR:
            return ast.Constant(False)
        if name == "F.scaled_dot_product_attention":
            node.keywords = [word for word in node.keywords if not is_none(word.value)]
        return node

    def classes_of(self, func: ast.expr) -> set[str]:
        """Return the classes of the modules that a call of ``func`` may run; empty if unknown."""
        if isinstance(func, ast.Name):
            return self._loops.get(func.id, set())
        if (
            isinstance(func, ast.Attribute)
            and isinstance(func.value, ast.Name)
            and func.value.id == "self"
        ):
            return self._facts.submodules.get(self._cls, {}).get(func.attr, set())
        return set()

    def tensor_call(self, node: ast.expr) -> bool:
        """Return whether ``node`` calls a module that returns a tensor."""
        classes = self.classes_of(node.func) if isinstance(node, ast.Call) else set()
        known = self._facts.tensor_classes
        return bool(classes) and all(name in known or name[:3] == "nn." for name in classes)

    def pair_call(self, node: ast.expr) -> bool:
        """Return whether ``node`` calls a module that returns a map and extra tokens."""
        if not isinstance(node, ast.Call):
            return False
        func = node.func
        if isinstance(func, ast.Attribute) and f"{self._cls}.{func.attr}" in self._facts.pairs:
            return True
        classes = self.classes_of(func)
        return bool(classes) and classes <= self._facts.pairs


def _literal(node: ast.expr) -> Any:
    """Return the value of a literal; None for anything else."""
    try:
        return value_of(node)
    except ValueError:
        return None


def _handed_on(arguments: list[ast.expr]) -> ast.expr:
    """Return what a function that returns its arguments makes of them."""
    first = arguments[0]
    if len(arguments) == 1:
        return first.value if isinstance(first, ast.Starred) else first
    return ast.Tuple(arguments, ast.Load())


def _is_default(word: ast.keyword) -> bool:
    """Return whether a keyword says what layers of torch do anyway."""
    value = _literal(word.value)
    return (word.arg == "bias" and value is True) or (word.arg == "padding" and value == 0)


def _is_test(node: ast.expr) -> bool:
    return isinstance(node, ast.Compare)


def _is_zero(node: ast.expr) -> bool:
    value = _literal(node)
    return isinstance(value, int) and value == 0


def _evaluated(
    handle: Callable[[Any, Any], Any] | None, node: ast.expr, left: ast.expr, right: ast.expr
) -> ast.expr:
    if handle is None or not (is_constant(left) and is_constant(right)):
        return node
    try:
        value = handle(value_of(left), value_of(right))
    except (ValueError, TypeError, ZeroDivisionError):
        return node
    if isinstance(value, int) and not isinstance(value, bool) and value < 0:
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    return ast.Constant(value)
