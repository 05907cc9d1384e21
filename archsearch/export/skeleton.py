"""The network class and `create_model` of an exported file, ahead of specialisation."""

import ast

from archsearch.arch import Arch
from archsearch.export.construction import Construction
from archsearch.export.source import parse_with_comments

#: name of the network's class
ROOT = "VisionTransformer"

_NETWORK = '''
class VisionTransformer(nn.Module):
    """Stem, stages, head.

    ``(B, {in_channels}, H, W) -> (B, num_classes)``

    Args:
        num_classes: outputs; 0 for none, then the pooled features are returned.
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
        """Return the last map ``(B, {width}, h, w)`` and the extra tokens."""
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        tokens = None
        for stage in self.stages:
            x, tokens = stage(x, tokens)
        return x, tokens

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        x, tokens = self.forward_features(x)
        out: Tensor = self.head(x, tokens)
        return out
'''

CREATE_MODEL = '''
def create_model(
    num_classes: int = {num_classes}, pretrained_path: str | None = None
) -> VisionTransformer:
    """Build the network, with new weights or those of a file.

    Args:
        num_classes: outputs. Where it differs from the file's, the classifier is new.
        pretrained_path: a state dict as ``.safetensors`` or as written by ``torch.save``.
    """
    model = VisionTransformer(num_classes)
    if pretrained_path is not None:
        state = load_state_dict(pretrained_path)
        own = model.state_dict()
        for name in ("head.classifier.weight", "head.classifier.bias"):
            if name not in own:
                state.pop(name, None)
            elif name not in state or state[name].shape != own[name].shape:
                state[name] = own[name]
        model.load_state_dict(state)
    return model


def load_state_dict(path: str) -> dict[str, Tensor]:
    """Return the tensors of a file by their names."""
    if not path.endswith(".safetensors"):
        state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
        return state
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = bytearray(file.read())
    dtypes = {{"F32": torch.float32, "I64": torch.int64}}
    tensors = {{}}
    for name, entry in header.items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            flat = torch.frombuffer(data[start:end], dtype=dtypes[entry["dtype"]])
            tensors[name] = flat.reshape(entry["shape"])
    return tensors
'''


class _Fill(ast.NodeTransformer):
    def __init__(self, parts: dict[str, ast.expr]) -> None:
        self._parts = parts

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._parts.get(node.id, node)


def network_class(arch: Arch, construction: Construction) -> ast.ClassDef:
    """Return the network's class; every constructor call in it is written out."""
    network = construction.network
    text = _NETWORK.format(
        in_channels=arch.in_channels,
        num_classes=arch.num_classes,
        num_features=network.head_hidden_size,
        width=arch.stages[-1].width,
    )
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
