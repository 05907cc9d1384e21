"""What files of both kinds have for timm's options: stochastic depth, image size, pooling."""

from archsearch.arch import Arch, LocalityFfn

#: our poolings in timm's words
POOLINGS = {"mean": "avg", "mean_all": "avg", "class_token": "token"}

#: follows the network's class; hooks leave its code and the names in a state dict as they are
OPTIONS = '''
class StochasticDepth(nn.Module):
    """Hook that drops the whole update of single images during training."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, part: nn.Module, inputs: Any, update: Any) -> Any:
        """Return the update of ``part``, each image's either zeroed or scaled."""
        if not part.training:
            return update
        pair = isinstance(update, tuple)
        x = update[0] if pair else update
        kept = x.new_empty(x.shape[0], 1, 1, 1).bernoulli_(1 - self.rate).div_(1 - self.rate)
        if not pair:
            return x * kept
        return x * kept, None if update[1] is None else update[1] * kept[:, 0]


def drop_paths(model: VisionTransformer, rate: float) -> None:
    """Add stochastic depth: the rate rises linearly from 0 over the blocks to ``rate``."""
    if not 0 <= rate < 1:
        raise ValueError(f"drop_path_rate must be at least 0 and below 1, but got {{rate}}")
    blocks: list[Any] = [block for stage in model.stages for block in stage.blocks]
    for index, block in enumerate(blocks):
        if rate * index == 0:
            continue
        depth = StochasticDepth(rate * index / max(1, len(blocks) - 1))
        block.attention.register_forward_hook(depth)
{more_updates}

def check_options(
    num_classes: int, img_size: int | Sequence[int] | None, global_pool: str | None
) -> None:
    """Check that the network can be built so."""
    {size_check}
    if global_pool not in (None, "", "{pooling}"):
        raise ValueError(f"the pooling is fixed: {pooling}, but got global_pool={{global_pool!r}}")
    if global_pool == "" and num_classes:
        raise ValueError("global_pool='' returns the last map: it needs num_classes=0")
'''
# the locality FFN has no stochastic depth in the code of its paper
_FFN = "        block.ffn.register_forward_hook(depth)\n"
_OTHER_FFN = """        if not isinstance(block.ffn, LocalityFfn):
            block.ffn.register_forward_hook(depth)
"""
_LOCAL = """        if isinstance(block.local_aggregation, LocalAggregation):
            block.local_aggregation.conv2.register_forward_hook(depth)
            block.local_aggregation.fc2.register_forward_hook(depth)
"""
_FIXED_SIZE = """sizes = {{img_size}} if isinstance(img_size, int) else set(img_size or ())
    if not sizes <= {{{size}}}:
        raise ValueError(f"images must be {size} x {size}, but got img_size={{img_size}}")"""
_ANY_SIZE = """if not (img_size is None or isinstance(img_size, int)) and len(set(img_size)) != 1:
        raise ValueError(f"images must be square, but got img_size={{img_size}}")"""


def options_words(arch: Arch, *, any_size: bool) -> dict[str, str]:
    """Return what the words of `OPTIONS` stand for; ``any_size``: images may have any size."""
    blocks = [block for stage in arch.stages for block in stage.pattern]
    locality = [isinstance(block.ffn, LocalityFfn) for block in blocks]
    more = "" if all(locality) else _OTHER_FFN if any(locality) else _FFN
    if any(block.local_aggregation is not None for block in blocks):
        more += _LOCAL
    size = arch.image_size
    check = _ANY_SIZE.format() if any_size else _FIXED_SIZE.format(size=size)
    return {"more_updates": more, "size_check": check, "pooling": POOLINGS[arch.head.pooling]}
