"""Networks in the form in which they ship: quantised by a runtime's tool, and judged on images."""

from archsearch.deployment.int8_judge import Int8Judge
from archsearch.deployment.quantized_network import QuantizedNetwork, quantize_file
from archsearch.deployment.sensitivity import KeptFloat, keep_accurate

__all__ = ["Int8Judge", "KeptFloat", "QuantizedNetwork", "keep_accurate", "quantize_file"]
