"""A file that needs PyTorch alone: the network and ``create_model``."""

from archsearch.export.skeleton import Skeleton

_NETWORK = '''
class VisionTransformer(nn.Module):
    """Stem, stages, head: ``(B, {in_channels}, {size}, {size}) -> (B, num_classes)``.

{layout}
    """

    def __init__(self, num_classes: int = {num_classes}) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.num_features = {head_hidden_size}
        self.input_size = ({in_channels}, {size}, {size})
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

_TAIL = '''
def load_weights(path: str) -> dict[str, Tensor]:
    """Read a state dict: ``.safetensors``, or what `torch.save` wrote."""
    if not path.endswith(".safetensors"):
        return torch.load(path, map_location="cpu", weights_only=True)
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = bytearray(file.read())
    dtypes = {{"F32": torch.float32, "I64": torch.int64}}
    header.pop("__metadata__", None)
    for name, entry in header.items():
        flat = torch.frombuffer(data[slice(*entry["data_offsets"])], dtype=dtypes[entry["dtype"]])
        header[name] = flat.reshape(entry["shape"])
    return header


def create_model(
    num_classes: int = {num_classes}, pretrained_path: str | None = None
) -> VisionTransformer:
    """Build the network; weights for other classes are taken without their classifier."""
    model = VisionTransformer(num_classes)
    if pretrained_path is not None:
        state = load_weights(pretrained_path)
        if len(state["head.classifier.bias"]) != num_classes:
            own = model.state_dict()
            state = {{name: (own if "classifier" in name else state)[name] for name in own}}
        model.load_state_dict(state)
    return model
'''

PLAIN = Skeleton(_NETWORK, _TAIL, imports={"json": "import json"}, joins_stages=True)
