"""Parameters of functions, and what calls pass for them."""

import ast

from archsearch.export.facts import PRESENT, TENSOR, TRUTHY, Fact, Owner, is_none
from archsearch.export.walk import walk


def bound_arguments(
    call: ast.Call, owner: Owner, function: ast.FunctionDef
) -> dict[str, ast.expr] | None:
    """Return what a call passes for each parameter, defaults included.

    None when the call unpacks arguments, so that nobody can tell.
    """
    arguments = function.args
    names = [argument.arg for argument in arguments.args][1 if owner[0] else 0 :]
    if any(isinstance(argument, ast.Starred) for argument in call.args):
        return None
    if any(word.arg is None for word in call.keywords):
        return None
    bound = defaults_of(function)
    bound |= dict(zip(names, call.args, strict=False))
    bound |= {word.arg: word.value for word in call.keywords if word.arg}
    return bound


def defaults_of(function: ast.FunctionDef) -> dict[str, ast.expr]:
    """Return the defaults of a function's parameters."""
    arguments = function.args
    optional = arguments.args[len(arguments.args) - len(arguments.defaults) :]
    found = {
        argument.arg: value for argument, value in zip(optional, arguments.defaults, strict=True)
    }
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if default is not None:
            found[argument.arg] = default
    return found


def parameters_of(function: ast.FunctionDef) -> list[ast.arg]:
    """Return the parameters of a function, ``self`` left out."""
    every = [*function.args.args, *function.args.kwonlyargs]
    return [argument for argument in every if argument.arg != "self"]


def drop_parameter(function: ast.FunctionDef, name: str) -> None:
    """Remove a parameter and its default from a signature."""
    arguments = function.args
    names = [argument.arg for argument in arguments.args]
    if name in names:
        index = names.index(name)
        first_default = len(names) - len(arguments.defaults)
        if index >= first_default:
            del arguments.defaults[index - first_default]
        del arguments.args[index]
        return
    index = [argument.arg for argument in arguments.kwonlyargs].index(name)
    del arguments.kwonlyargs[index]
    del arguments.kw_defaults[index]


def drop_argument(call: ast.Call, owner: Owner, function: ast.FunctionDef, name: str) -> None:
    """Remove what a call passes for a parameter; to be done ahead of `drop_parameter`."""
    names = [argument.arg for argument in function.args.args][1 if owner[0] else 0 :]
    call.keywords = [word for word in call.keywords if word.arg != name]
    if name in names and names.index(name) < len(call.args):
        del call.args[names.index(name)]


def narrow_annotation(function: ast.FunctionDef, argument: ast.arg, fact: Fact | None) -> None:
    """Say in the signature what is known: no ``| None``, no default of None, a tensor."""
    if fact not in (PRESENT, TRUTHY, TENSOR):
        return
    annotation = argument.annotation
    if _takes_a_result(function, argument.arg):
        return
    if fact is TENSOR:
        argument.annotation = ast.Name("Tensor", ast.Load())
    elif isinstance(annotation, ast.BinOp) and is_none(annotation.right):
        argument.annotation = annotation.left
    arguments = function.args
    names = [item.arg for item in arguments.kwonlyargs]
    if argument.arg in names:
        index = names.index(argument.arg)
        if is_none(arguments.kw_defaults[index]):
            arguments.kw_defaults[index] = None


def _takes_a_result(function: ast.FunctionDef, name: str) -> bool:
    """Return whether the parameter gets a new value from a function, which may return None."""
    pairs = [
        pair
        for node in walk(function)
        if isinstance(node, ast.Assign)
        for pair in _pairs(node.targets[0], node.value)
    ]
    return any(
        isinstance(target, ast.Name)
        and target.id == name
        and isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        for target, value in pairs
    )


def _pairs(target: ast.expr, value: ast.expr) -> list[tuple[ast.expr, ast.expr]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        return list(zip(target.elts, value.elts, strict=False))
    return [(target, value)]
