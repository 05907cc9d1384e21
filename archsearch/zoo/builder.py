"""Build the networks of the zoo."""

from typing import Any, Literal, get_args

from archsearch.arch import Arch
from archsearch.errors import InputError, Problem, nearest
from archsearch.image_size import ImageSize, read_size
from archsearch.model import Network, build_model, onednn_is_faster, use_onednn
from archsearch.zoo.catalog import arch as zoo_arch
from archsearch.zoo.image_resizing import check_image_size, resize
from archsearch.zoo.overrides import with_overrides

Kernels = Literal["auto", "torch", "onednn"]


def build(
    model: str | Arch | Network,
    num_classes: int | None = None,
    image_size: ImageSize | None = None,
    *,
    drop_path: float = 0.0,
    seed: int | None = None,
    kernels: Kernels = "auto",
    **overrides: Any,
) -> Network:
    """Build a network of the zoo.

    Args:
        model: a name: new weights. A network (`load_official` returns one): its weights are kept
            and fitted to ``image_size``; a new classifier is made where ``num_classes`` differs.
        num_classes: outputs; None takes the model's own (1000 in the zoo); 0 for no classifier.
        image_size: side of square images in pixels, or ``(height, width)``; None takes the model's
            own (224 in the zoo).
        drop_path: stochastic depth of the last block of a new network.
        seed: seed of the new weights.
        kernels: ``torch`` for plain modules, ``onednn`` for those of `use_onednn`, ``auto`` for
            the faster of the two on this CPU; `use_torch` goes back.
        overrides: values of the architecture to change; see `archsearch.zoo.arch`.

    Raises:
        InputError: no such model; a value is wrong; or the image is smaller than one token of
            the last stage.
    """
    if isinstance(model, Network):
        return with_kernels(_rebuilt(model, num_classes, image_size), kernels)
    declared = zoo_arch(model) if isinstance(model, str) else model
    changes = dict(overrides)
    if num_classes:
        changes["num_classes"] = num_classes
    if image_size is not None:
        changes["image_size"] = image_size
    declared = with_overrides(declared, changes)
    check_image_size(declared, declared.image_size)
    network = build_model(declared, drop_path=drop_path, seed=seed)
    if num_classes == 0:
        network.reset_classifier(0)
    return with_kernels(network, kernels)


def with_kernels(network: Network, kernels: Kernels) -> Network:
    """Return ``network``, its linear layers computing as ``kernels`` says.

    Raises:
        InputError: there are no such kernels.
    """
    if kernels not in get_args(Kernels):
        known = nearest(kernels, get_args(Kernels))
        raise InputError(Problem("kernels", "must be a known kind", kernels, known))
    if kernels == "onednn" or (kernels == "auto" and onednn_is_faster()):
        use_onednn(network)
    return network


def _rebuilt(network: Network, num_classes: int | None, image_size: ImageSize | None) -> Network:
    size = network.arch.image_size if image_size is None else image_size
    resized = resize(network, size if isinstance(size, int) else read_size(size))
    if num_classes is not None and num_classes != network.num_classes:
        resized.reset_classifier(num_classes)
    return resized
