"""A file that needs PyTorch alone: the network and ``create_model``."""

from archsearch.export.skeleton import Skeleton

_NETWORK = '''
class VisionTransformer(nn.Module):
    """Stem, stages, head: ``(B, {in_channels}, {size}, {size}) -> (B, num_classes)``.

{layout}
    """

    def __init__(
        self,
        num_classes: int = {num_classes},
        in_chans: int = {in_channels},
        global_pool: str = "{pooling}",
        drop_rate: float = 0.0,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.num_features = {head_hidden_size}
        self.input_size = (in_chans, {size}, {size})
        self.global_pool = global_pool
        self.drop_rate = drop_rate
        self.stem = STEM
        self.stages = nn.ModuleList(STAGES)
        self.head = HEAD
        self.apply(initialize)

    def forward_features(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the last map ``(B, {width}, {side}, {side})`` and the extra tokens."""
        if x.shape[2:] != ({size}, {size}):
            raise ValueError(f"images must be {size} x {size}, but got {{tuple(x.shape[2:])}}")
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        tokens = None
        for stage in self.stages:
            x, tokens = stage(x, tokens)
        return x, tokens

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        x, tokens = self.forward_features(x)
        if self.global_pool == "":
            return x
        x = self.head(x, tokens, True)
        return self.head.classifier(F.dropout(x, self.drop_rate, self.training))
'''

_TAIL = '''
#: what the network wants to see, in timm's words
CONFIG: dict[str, Any] = {config}
WITHOUT_EFFECT = {{"scriptable", "exportable", "no_jit", "cache_dir"}}
WRAPPERS = ("state_dict_ema", "model_ema", "model", "state_dict", "module")
DTYPES = {{
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}}


def read_safetensors(path: str | PathLike[str]) -> dict[str, Any]:
    """Read the tensors of a ``.safetensors`` file."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = bytearray(file.read())
    header.pop("__metadata__", None)
    for name, entry in header.items():
        flat = torch.frombuffer(data[slice(*entry["data_offsets"])], dtype=DTYPES[entry["dtype"]])
        header[name] = flat.reshape(entry["shape"])
    return header


def load_weights(path: str | PathLike[str]) -> dict[str, Tensor]:
    """Read a state dict: ``.safetensors``, or what `torch.save` wrote, wrapped or not.

    Of a training's checkpoint the averaged weights are taken where it has them.
    """
    if str(path).endswith(".safetensors"):
        state = read_safetensors(path)
    else:
        with torch.serialization.safe_globals([Namespace]):
            state = torch.load(path, map_location="cpu", weights_only=True)
    while inner := next((state[key] for key in WRAPPERS if isinstance(state.get(key), dict)), None):
        state = inner
    return {{re.sub("^(?:module[.]|_orig_mod[.])+", "", key): state[key] for key in state}}


def fill(model: VisionTransformer, path: str | PathLike[str]) -> None:
    """Load weights; those of a classifier for other classes are left out."""
    own, state = model.state_dict(), load_weights(path)
    last = "head.classifier."
    mine, theirs = own.get(f"{{last}}bias"), state.get(f"{{last}}bias")
    if mine is None or (theirs is not None and theirs.shape != mine.shape):
        state = {{key: state[key] for key in state if not key.startswith(last)}}
        state |= {{key: own[key] for key in own if key.startswith(last)}}
    wrong = [f"{{key}} is missing" for key in own if key not in state]
    wrong += [f"{{key}} is unexpected" for key in state if key not in own]
    wrong += [
        f"{{key}} must have shape {{list(own[key].shape)}}, but has {{list(state[key].shape)}}"
        for key in own
        if key in state and own[key].shape != state[key].shape
    ]
    if wrong:
        raise ValueError(f"{{path}} holds other weights:\\n" + "\\n".join(wrong))
    model.load_state_dict(state)


def create_model(
    num_classes: int | None = None,
    pretrained_path: str | PathLike[str] | None = None,
    *,
    in_chans: int | None = None,
    img_size: int | Sequence[int] | None = None,
    global_pool: str | None = None,
    drop_rate: float | None = None,
    drop_path_rate: float | None = None,
    **others: Any,
) -> VisionTransformer:
    """Build the network; weights for other classes are taken without their classifier.

    Arguments are those of ``timm.create_model``; None stands for the default. With 0 classes it
    returns pooled features, and with ``global_pool=""`` too the last map.
    """
    path = pretrained_path or others.pop("checkpoint_path", None)
    if others.pop("pretrained", False) and not path:
        raise ValueError("pretrained=True needs a file: pretrained_path=...")
    unknown = [name for name, value in others.items() if value and name not in WITHOUT_EFFECT]
    if unknown:
        raise TypeError(f"create_model does not take {{', '.join(unknown)}}")
    classes = {num_classes} if num_classes is None else num_classes
    channels = {in_channels} if in_chans is None else in_chans
    check_options(classes, img_size, global_pool)
    pooling = "{pooling}" if global_pool is None else global_pool
    model = VisionTransformer(classes, channels, pooling, drop_rate or 0.0)
    model.pretrained_cfg = model.default_cfg = CONFIG | {{"num_classes": classes}}
    if path:
        fill(model, path)
    drop_paths(model, drop_path_rate or 0.0)
    return model
'''

PLAIN = Skeleton(
    _NETWORK,
    _TAIL,
    imports={
        "json": "import json",
        "re": "import re",
        "Namespace": "from argparse import Namespace",
        "Sequence": "from collections.abc import Sequence",
        "PathLike": "from os import PathLike",
        "Any": "from typing import Any",
        "F": "import torch.nn.functional as F",
    },
    joins_stages=True,
)
