"""Initial weights."""

from torch import nn


def initialize(module: nn.Module) -> None:
    """Set the weights of one linear or convolution layer (for `nn.Module.apply`).

    Linear layers: truncated normal of deviation 0.02; convolutions: normal, variance 2 / fan-out;
    biases: 0. Norms keep PyTorch's 1 and 0. Tokens and tables are set by the blocks that own them.
    """
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
    elif isinstance(module, (nn.Conv1d, nn.Conv2d)):
        fan_out = module.kernel_size[0] ** len(module.kernel_size) * module.out_channels
        nn.init.normal_(module.weight, std=(2.0 * module.groups / fan_out) ** 0.5)
    if isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d)) and module.bias is not None:
        nn.init.zeros_(module.bias)
