"""What an inference needs in memory, for a budget on it."""

from functools import lru_cache

from archsearch.arch import Arch
from archsearch.cost import activation_memory, weight_bytes
from archsearch.cost.memory import int8_weight_bytes
from archsearch.model import build_model
from archsearch.run.latency.latency_target import LatencyTarget

_FLOAT32_BYTES = 4
#: of activations; between the products of an int8 network they are float32
_ITEM_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2, "int8": 4}


def inference_bytes(arch: Arch, target: LatencyTarget) -> int:
    """Return the bytes of weights, and of the activations alive at once, of one inference.

    Nothing runs. Activations are those of the batch size and number type that latency is
    measured at; scratch space inside operators is not seen.
    """
    return _bytes(arch.canonical(), target.batch_size, target.dtype)


@lru_cache(maxsize=8192)
def _bytes(arch: Arch, batch_size: int, dtype: str) -> int:
    model = build_model(arch)
    activations = activation_memory(model, (batch_size, *arch.input_shape)).inference_bytes
    weights = {**weight_bytes(model), "int8": int8_weight_bytes(model)}
    return weights[dtype] + activations * _ITEM_BYTES[dtype] // _FLOAT32_BYTES
