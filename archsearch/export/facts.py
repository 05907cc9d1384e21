"""What is known about names while code is specialised."""

import ast
from dataclasses import dataclass, field
from typing import Final


class _Known:
    """A fact that is no value."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


#: the value is not None
PRESENT: Final = _Known("PRESENT")
#: the value is a module, or a number that is not 0
TRUTHY: Final = _Known("TRUTHY")
#: the value is a tensor where other types are allowed too
TENSOR: Final = _Known("TENSOR")
#: the attribute is an ``nn.Identity()``
IDENTITY: Final = _Known("IDENTITY")

#: an expression without names, or one of the above
Fact = ast.expr | _Known
#: class (empty for a function of its own) and function
Owner = tuple[str, str]


@dataclass
class Facts:
    """What one look at the whole program tells.

    Attributes:
        params: function to its parameters' facts.
        attributes: class to the facts of ``self.NAME``.
        returns: function to the constant that it always returns.
        helpers: functions of one expression.
        tensor_classes: classes whose ``forward`` returns a tensor.
        hands_on: functions that return their arguments.
        identities: classes whose ``forward`` returns its arguments.
        submodules: class to ``self.NAME`` to the classes of the modules that it holds.
        pairs: classes whose ``forward`` returns an image map and extra tokens.
        tables: constant dictionaries.
        collapsed: no map has tokens beside it: a pair is its first element.
    """

    params: dict[Owner, dict[str, Fact]] = field(default_factory=dict)
    attributes: dict[str, dict[str, Fact]] = field(default_factory=dict)
    returns: dict[Owner, ast.expr] = field(default_factory=dict)
    helpers: dict[Owner, ast.FunctionDef] = field(default_factory=dict)
    tensor_classes: set[str] = field(default_factory=set)
    hands_on: set[Owner] = field(default_factory=set)
    identities: set[str] = field(default_factory=set)
    submodules: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    pairs: set[str] = field(default_factory=set)
    tables: dict[str, ast.Dict] = field(default_factory=dict)
    collapsed: bool = False


def is_constant(node: object) -> bool:
    """Return whether ``node`` is an expression without names: a number, a string, a tuple..."""
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub) and is_constant(node.operand)
    if isinstance(node, ast.Tuple):
        return all(is_constant(item) for item in node.elts)
    # a class of torch.nn, handed on as an argument
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "nn"
        and node.attr[:1].isupper()
    )


def value_of(node: ast.expr) -> object:
    """Return the value of a literal.

    Raises:
        ValueError: it is none.
    """
    return ast.literal_eval(node)


def is_none(node: object) -> bool:
    """Return whether ``node`` is the constant None."""
    return isinstance(node, ast.Constant) and node.value is None


def same(a: ast.AST, b: ast.AST) -> bool:
    """Return whether two expressions read the same."""
    return ast.dump(a) == ast.dump(b)
