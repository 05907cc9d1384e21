"""How accurate a network is in int8, beside float32."""

from archsearch.arch import Spec

#: a larger drop of the accuracy is flagged
MAX_DROP = 0.005


class Quantization(Spec):
    """A trained network quantised to int8, and what that did to its predictions.

    Attributes:
        runtime: that runs it.
        quantizer: tool with its version.
        calibration_images: training images that gave the ranges of the activations.
        accuracy: validation accuracy in int8, 0 to 1.
        float_accuracy: of the same weights in float32, in the same runtime.
        agreement: share of the validation images for which both predict the same class.
        test_accuracy: as ``accuracy``, on the test split; None where it was not evaluated.
        float_test_accuracy: as ``float_accuracy``, on the test split.
        float_blocks: blocks that stay in float32, because their quantisation cost accuracy.
        is_float: every block stays in float32: no choice of blocks kept the accuracy.
    """

    runtime: str
    quantizer: str
    calibration_images: int
    accuracy: float
    float_accuracy: float
    agreement: float
    test_accuracy: float | None = None
    float_test_accuracy: float | None = None
    float_blocks: tuple[str, ...] = ()
    is_float: bool = False

    @property
    def drop(self) -> float:
        """Validation accuracy lost by int8."""
        return self.float_accuracy - self.accuracy

    @property
    def is_large(self) -> bool:
        """Whether int8 costs more accuracy than `MAX_DROP`."""
        return self.drop > MAX_DROP + 1e-9
