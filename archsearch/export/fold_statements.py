"""Fold the body of a function from top to bottom."""

import ast
from collections.abc import Sequence

from archsearch.export.facts import (
    PRESENT,
    TENSOR,
    TRUTHY,
    Facts,
    Owner,
    is_constant,
    is_none,
)
from archsearch.export.fold import Env, Expressions
from archsearch.export.source import copy_notes
from archsearch.export.walk import walk


def fold_body(
    function: ast.FunctionDef, facts: Facts, owner: Owner, env: Env, loops: dict[str, set[str]]
) -> list[ast.stmt]:
    """Return the body of ``function`` with what ``env`` and ``facts`` know put in."""
    return _Body(facts, owner, dict(loops)).fold(function.body, dict(env))


class _Body:
    def __init__(self, facts: Facts, owner: Owner, loops: dict[str, set[str]]) -> None:
        self._facts = facts
        self._cls = owner[0]
        self._loops = loops
        name = owner[0] if owner[1] == "forward" else ".".join(owner)
        self._returns_pair = facts.collapsed and name in facts.pairs

    def fold(self, body: Sequence[ast.stmt], env: Env) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for node in body:
            out += [copy_notes(node, folded) for folded in self._statement(node, env)]
            if out and isinstance(out[-1], ast.Return | ast.Raise):
                break
        return out

    def _expression(self, env: Env) -> Expressions:
        return Expressions(self._facts, self._cls, env, self._loops)

    def _statement(self, node: ast.stmt, env: Env) -> list[ast.stmt]:
        if isinstance(node, ast.If):
            return self._if(node, env)
        if isinstance(node, ast.For):
            return self._for(node, env)
        if isinstance(node, ast.With):
            node.body = self.fold(node.body, env)
            return [node]
        if isinstance(node, ast.Assign):
            return self._assign(node, env)
        if isinstance(node, ast.AnnAssign):
            return self._annotated(node, env)
        if isinstance(node, ast.Assert):
            node.test = self._expression(env).visit(node.test)
            holds = isinstance(node.test, ast.Constant) and bool(node.test.value)
            _narrow(node.test, env, True)
            return [] if holds else [node]
        if isinstance(node, ast.Return) and node.value is not None:
            node.value = self._expression(env).visit(node.value)
            if self._returns_pair and isinstance(node.value, ast.Tuple):
                first, *rest = node.value.elts
                if len(rest) == 1 and is_none(rest[0]):
                    node.value = first
            return [node]
        if isinstance(node, ast.AugAssign):
            node.value = self._expression(env).visit(node.value)
            _forget(node.target, env)
            return [node]
        folded: ast.stmt = self._expression(env).visit(node)
        return [folded]

    def _if(self, node: ast.If, env: Env) -> list[ast.stmt]:
        node.test = self._expression(env).visit(node.test)
        if isinstance(node.test, ast.Constant):
            chosen = node.body if node.test.value else node.orelse
            kept = self.fold(chosen, env)
            if kept and getattr(node, "leading", []):
                kept[0].leading = [*node.leading, *getattr(kept[0], "leading", [])]  # type: ignore[attr-defined]
            return _without_pass(kept)
        inside, outside = dict(env), dict(env)
        _narrow(node.test, inside, True)
        _narrow(node.test, outside, False)
        node.body = _without_pass(self.fold(node.body, inside))
        node.orelse = _without_pass(self.fold(node.orelse, outside))
        if _ends(node.body):
            joined = outside
        elif _ends(node.orelse):
            joined = inside
        else:
            joined = _join(inside, outside)
        env.clear()
        env.update(joined)
        if not node.body and not node.orelse:
            return []
        if not node.body:
            node.test = _negated(node.test)
            node.body, node.orelse = node.orelse, []
        return [node]

    def _for(self, node: ast.For, env: Env) -> list[ast.stmt]:
        node.iter = self._expression(env).visit(node.iter)
        self._note_loop(node)
        changed = {name for name in _stored(node) if not self._stays_none(node, name, env)}
        for name in changed:
            env.pop(name, None)
        node.body = self.fold(node.body, env)
        for name in changed:
            env.pop(name, None)
        return [node] if node.body else []

    def _stays_none(self, loop: ast.For, name: str, env: Env) -> bool:
        """Return whether the loop only ever unpacks the absent tokens of a pair into ``name``."""
        if not (self._facts.collapsed and is_none(env.get(name))):
            return False
        for node in walk(loop):
            if isinstance(node, ast.Assign) and name in _stored(node):
                target = node.targets[0]
                if not isinstance(target, ast.Tuple) or ast.unparse(target.elts[1]) != name:
                    return False
                if not self._expression(env).pair_call(node.value):
                    return False
        return True

    def _note_loop(self, node: ast.For) -> None:
        """Note what classes a loop over ``self.NAME`` runs through."""
        source, target = node.iter, node.target
        if isinstance(source, ast.Call) and ast.unparse(source.func) == "enumerate":
            source = source.args[0]
            target = target.elts[1] if isinstance(target, ast.Tuple) else target
        classes = self._expression({}).classes_of(source)
        if classes and isinstance(target, ast.Name):
            self._loops[target.id] = classes

    def _annotated(self, node: ast.AnnAssign, env: Env) -> list[ast.stmt]:
        if node.value is None:
            return [node]
        node.value = self._expression(env).visit(node.value)
        self._bind(node.target, node.value, env)
        return [node]

    def _assign(self, node: ast.Assign, env: Env) -> list[ast.stmt]:
        target = node.targets[0]
        if not isinstance(target, ast.Name):
            target = self._expression(env).visit(target)
        node.value = self._expression(env).visit(node.value)
        node.targets = [target]
        if ast.unparse(target) == ast.unparse(node.value):
            return []
        if not isinstance(target, ast.Tuple):
            self._bind(target, node.value, env)
            return [node]
        pair = self._facts.collapsed and len(target.elts) == 2
        if pair and self._expression(env).pair_call(node.value):
            second = target.elts[1]
            _forget(target, env)
            if isinstance(second, ast.Name):
                env[second.id] = ast.Constant(None)
            return [ast.Assign([target.elts[0]], node.value, lineno=0)]
        if isinstance(node.value, ast.Tuple) and len(node.value.elts) == len(target.elts):
            return self._unpacked(target, node.value, env)
        _forget(target, env)
        return [node]

    def _unpacked(self, target: ast.Tuple, value: ast.Tuple, env: Env) -> list[ast.stmt]:
        """Take constants out of ``a, b = x, 0``."""
        pairs = [
            (a, b)
            for a, b in zip(target.elts, value.elts, strict=True)
            if ast.unparse(a) != ast.unparse(b)
        ]
        kept = [(a, b) for a, b in pairs if not is_constant(b)]
        constants = [(a, b) for a, b in pairs if is_constant(b)]
        _forget(target, env)
        out: list[ast.stmt] = []
        if len(kept) == 1:
            out.append(ast.Assign([kept[0][0]], kept[0][1], lineno=0))
        elif kept:
            targets = ast.Tuple([a for a, _ in kept], ast.Store())
            values = ast.Tuple([b for _, b in kept], ast.Load())
            out.append(ast.Assign([targets], values, lineno=0))
        for name, constant in constants:
            self._bind(name, constant, env)
            out.append(ast.Assign([name], constant, lineno=0))
        return out

    def _bind(self, target: ast.expr, value: ast.expr, env: Env) -> None:
        _forget(target, env)
        if isinstance(target, ast.Name):
            if is_constant(value):
                env[target.id] = value
            elif self._expression(env).tensor_call(value):
                env[target.id] = TENSOR
            elif isinstance(value, ast.Name) and env.get(value.id) in (PRESENT, TRUTHY, TENSOR):
                env[target.id] = env[value.id]


def _forget(target: ast.expr, env: Env) -> None:
    for node in walk(target):
        if isinstance(node, ast.Name):
            env.pop(node.id, None)


def _stored(node: ast.AST) -> set[str]:
    return {
        inner.id
        for inner in walk(node)
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
    }


def _narrow(test: ast.expr, env: Env, holds: bool) -> None:
    """Note what a test that came out as ``holds`` says about names."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) and holds:
        for value in test.values:
            _narrow(value, env, True)
    if (
        isinstance(test, ast.Compare)
        and isinstance(test.left, ast.Name)
        and isinstance(test.ops[0], ast.Is | ast.IsNot)
        and is_none(test.comparators[0])
    ):
        absent = isinstance(test.ops[0], ast.Is) == holds
        env[test.left.id] = ast.Constant(None) if absent else PRESENT


def _join(a: Env, b: Env) -> Env:
    def alike(name: str) -> bool:
        x, y = a[name], b[name]
        if isinstance(x, ast.expr) and isinstance(y, ast.expr):
            return ast.dump(x) == ast.dump(y)
        return x is y

    return {name: a[name] for name in a.keys() & b.keys() if alike(name)}


def _ends(body: Sequence[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[-1], ast.Return | ast.Raise)


def _without_pass(body: list[ast.stmt]) -> list[ast.stmt]:
    return [node for node in body if not isinstance(node, ast.Pass)]


def _negated(test: ast.expr) -> ast.expr:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return test.operand
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Is | ast.IsNot):
        flipped: ast.cmpop = ast.IsNot() if isinstance(test.ops[0], ast.Is) else ast.Is()
        return ast.Compare(test.left, [flipped], test.comparators)
    return ast.UnaryOp(ast.Not(), test)
