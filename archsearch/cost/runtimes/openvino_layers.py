"""What OpenVINO makes of a network: the layers that it runs, and what it does not run as asked."""

from typing import Any

from archsearch.cost.runtimes.inference import Fallback

#: in front of the dotted module in the names of operators
MODULE = "__module."
_PRODUCTS = ("MatMul", "Convolution", "GroupConvolution")
#: what a runtime model calls the layers that compute products
_PRODUCT_LAYERS = ("FullyConnected", "MatMul", "Convolution")
_FLOATS = ("f32", "f16", "bf16")


def fallbacks_of(compiled: Any, quantised: frozenset[str] = frozenset()) -> tuple[Fallback, ...]:
    """Return what a compiled network runs by reference code, or in float though it is quantised.

    Args:
        compiled: by OpenVINO.
        quantised: names of the products with quantised operands.
    """
    found = []
    for layer in compiled.get_runtime_model().get_ordered_ops():
        facts = layer.get_rt_info()
        kind, precision, code = (
            _text(facts, key) for key in ("layerType", "runtimePrecision", "primitiveType")
        )
        names = _text(facts, "originalLayersNames").split(",")
        module = next((module_of(name) for name in names if name.startswith(MODULE)), "")
        is_product = kind in _PRODUCT_LAYERS
        # a reference kernel that only moves data costs what any other does
        if kind == "Reference" or (is_product and code.startswith("ref")):
            found.append(Fallback(kind, module, "run by slow reference code"))
        elif is_product and precision in _FLOATS and not quantised.isdisjoint(names):
            found.append(Fallback(kind, module, "computed in float32"))
    return tuple(found)


def quantised_products(network: Any) -> frozenset[str]:
    """Return the names of the products both of whose operands are quantised."""
    return frozenset(
        operator.get_friendly_name()
        for operator in network.get_ordered_ops()
        if operator.get_type_name() in _PRODUCTS
        and all(
            _is_quantised(operator.input_value(index).get_node(), 4)
            for index in range(operator.get_input_size())
        )
    )


def _is_quantised(operator: Any, steps: int) -> bool:
    """Return whether a value comes from a quantiser, or from int8 weights."""
    kind = operator.get_type_name()
    if kind == "FakeQuantize":
        return True
    if kind == "Constant":
        return str(operator.get_element_type()) in ("<Type: 'int8_t'>", "<Type: 'uint8_t'>")
    passes_on = kind in ("Convert", "Multiply", "Subtract", "Reshape", "Transpose")
    if not passes_on or steps == 0:
        return False
    return _is_quantised(operator.input_value(0).get_node(), steps - 1)


def module_of(name: str) -> str:
    """Return the dotted name of the module in ``__module.stages.0.norm/aten::layer_norm/Add``."""
    return name.removeprefix(MODULE).partition("/")[0] if name.startswith(MODULE) else ""


def _text(facts: Any, key: str) -> str:
    if key not in facts:
        return ""
    value = facts[key]
    return str(value.astype(str) if hasattr(value, "astype") else value)
