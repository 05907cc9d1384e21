"""What int8 did to a network, in sentences for the terminal and the model card."""

from archsearch.cost.runtimes import INT8_RUNTIMES
from archsearch.deployment import QuantizedNetwork
from archsearch.percent import percent_text


def int8_sentences(quantized: QuantizedNetwork) -> list[str]:
    """Return accuracies in int8 and in float, what stays in float, and what falls back."""
    found = quantized.result
    accuracies = [
        f"{percent_text(found.accuracy)} % of the validation images in int8, "
        f"{percent_text(found.float_accuracy)} % in float32"
    ]
    if found.test_accuracy is not None and found.float_test_accuracy is not None:
        accuracies.append(
            f"{percent_text(found.test_accuracy)} % of the test images in int8, "
            f"{percent_text(found.float_test_accuracy)} % in float32"
        )
    sentences = [
        f"int8 by {found.quantizer}, calibrated on {found.calibration_images} training images: "
        f"{'; '.join(accuracies)}.",
        f"Both predict the same class for {percent_text(found.agreement)} % of the validation "
        "images.",
        f"In float32 by rule: {INT8_RUNTIMES[found.runtime].in_float}.",
    ]
    if found.is_float:
        sentences.append(
            "All blocks stay in float32: with any of them in int8 accuracy drops by more than half "
            "a point."
        )
    elif found.float_blocks:
        sentences.append(
            f"In float32 because int8 would cost more than half a point: "
            f"{', '.join(found.float_blocks)}."
        )
    else:
        sentences.append("No block had to stay in float32.")
    if quantized.fallbacks:
        sentences.append(f"Run by a fallback: {'; '.join(quantized.fallbacks)}.")
    return sentences
