"""The network class and `create_model` of an exported file, ahead of specialisation."""

import ast
import re
import textwrap

from archsearch.arch import Arch
from archsearch.export.construction import Construction
from archsearch.export.source import parse_with_comments

#: name of the network's class
ROOT = "VisionTransformer"

_NETWORK = '''
class VisionTransformer(nn.Module):
    """Stem, stages, head: ``(B, {in_channels}, {size}, {size}) -> (B, num_classes)``.

{layout}
    """

    def __init__(self, num_classes: int = {num_classes}) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.num_features = {num_features}
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
        return self.head(x, tokens)
'''

CREATE_MODEL = '''
def create_model(
    num_classes: int = {num_classes}, pretrained_path: str | None = None
) -> VisionTransformer:
    """Build the network; weights for other classes are taken without their classifier."""
    model = VisionTransformer(num_classes)
    if pretrained_path is not None:
        state = load_weights(pretrained_path)
        if len(state["head.classifier.bias"]) != num_classes:
            state = {{name: state[name] for name in state if "classifier" not in name}}
            own = model.state_dict()
            state |= {{name: own[name] for name in own if "classifier" in name}}
        model.load_state_dict(state)
    return model


def load_weights(path: str) -> dict[str, Tensor]:
    """Read a state dict: ``.safetensors``, or what `torch.save` wrote."""
    if not path.endswith(".safetensors"):
        return torch.load(path, map_location="cpu", weights_only=True)
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = bytearray(file.read())
    dtypes = {{"F32": torch.float32, "I64": torch.int64}}
    header.pop("__metadata__", None)
    state = {{}}
    for name, entry in header.items():
        flat = torch.frombuffer(data[slice(*entry["data_offsets"])], dtype=dtypes[entry["dtype"]])
        state[name] = flat.reshape(entry["shape"])
    return state
'''


def _without_size_check(text: str) -> str:
    text = re.sub(r"        if x.shape.*?\n.*?raise.*?\n", "", text)
    text = re.sub(r"(last map ``\(B, \d+), \d+, \d+\)", r"\1, h, w)", text)
    return re.sub(r"(head: ``\(B, \d+), \d+, \d+\)", r"\1, H, W)", text)


def _layout(carries_tokens: bool) -> str:
    text = (
        "Between stages a map is ``(B, C, H, W)`` in channels-last memory; inside, blocks see its "
        "view ``(B, H, W, C)``"
    )
    text += ", and extra tokens ``(B, T, C)`` beside it" if carries_tokens else ""
    text += ". Without classes (0) it returns pooled features."
    return textwrap.indent(textwrap.fill(text, 95), "    ")


class _Fill(ast.NodeTransformer):
    def __init__(self, parts: dict[str, ast.expr]) -> None:
        self._parts = parts

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._parts.get(node.id, node)


def network_class(
    arch: Arch, construction: Construction, *, any_size: bool, carries_tokens: bool
) -> ast.ClassDef:
    """Return the network's class; every constructor call in it is written out."""
    network = construction.network
    text = _NETWORK.format(
        in_channels=arch.in_channels,
        num_classes=arch.num_classes,
        num_features=network.head_hidden_size,
        width=arch.stages[-1].width,
        size=arch.image_size,
        side=arch.map_sizes[-1],
        layout=_layout(carries_tokens),
    )
    if any_size:
        text = _without_size_check(text)
    node = parse_with_comments(text.strip()).body[0]
    assert isinstance(node, ast.ClassDef)
    head = construction.expression(network.head)
    assert isinstance(head, ast.Call)
    head.args[1] = ast.Name("num_classes", ast.Load())
    stages = [construction.expression(stage) for stage in network.stages]
    parts = {
        "STEM": construction.expression(network.stem),
        "STAGES": ast.List(stages, ast.Load()),
        "HEAD": head,
    }
    filled = _Fill(parts).visit(node)
    assert isinstance(filled, ast.ClassDef)
    return filled
