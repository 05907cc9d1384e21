"""The dimensions that tensors of the block library have, and those of whole layers."""

from typing import Any

from archsearch.model.transfer.tensor_layout import Dim, Layout, Rule

#: layouts by the names of a module's tensors; names that it does not have do no harm
Layouts = dict[str, Layout]

#: second dimension of a depthwise convolution's weight
ONE = (Dim(1, "channel of a group"),)


def width_of(size: int, name: str = "channels") -> Layout:
    """Return channels, of which a narrower network has the first."""
    return (Dim(int(size), name, "lead"),)


def hidden_of(size: int) -> Layout:
    """Return channels between two layers."""
    return width_of(size, "hidden channels")


def gate_of(size: int) -> Layout:
    """Return channels inside a gate."""
    return width_of(size, "channels of the gate")


def image_of(size: int) -> Layout:
    """Return channels of the image."""
    return (Dim(int(size), "image channels", "image"),)


def parts_of(size: int, name: str) -> Layout:
    """Return values of which two tensors must have as many."""
    return (Dim(int(size), name),)


def heads_of(num_heads: int, width: int, rule: Rule = "lead") -> Layout:
    """Return heads and the channels of each; ``rule`` is for the latter."""
    return (
        Dim(num_heads, "heads", "lead"),
        Dim(int(width) // num_heads, "channels of a head", rule),
    )


def kernel_of(weight: Any, rule: Rule = "equal") -> Layout:
    """Return rows and columns of the kernel of a convolution's weight."""
    return (
        Dim(weight.shape[2], "rows of the kernel", rule),
        Dim(weight.shape[3], "columns of the kernel", rule),
    )


def norm_of(name: str, dims: Layout) -> Layouts:
    """Return the layouts of a layer norm or batch norm."""
    values = ("weight", "bias", "running_mean", "running_var")
    layouts = {f"{name}.{each}": dims for each in values}
    return {**layouts, f"{name}.num_batches_tracked": ()}


def linear_of(name: str, out: Layout, inputs: Layout, kernel: Layout = ()) -> Layouts:
    """Return the layouts of a linear layer or, with a kernel, a convolution."""
    named = tuple(Dim(each.size, f"input {each.name}", each.rule) for each in inputs)
    return {f"{name}.weight": (*out, *named, *kernel), f"{name}.bias": out}


def pointwise_of(name: str, out: Layout, inputs: Layout, module: Any) -> Layouts:
    """Return the layouts of a convolution that mixes channels."""
    return linear_of(name, out, inputs, kernel_of(module.get_submodule(name).weight))


def depthwise_of(name: str, channels: Layout, module: Any) -> Layouts:
    """Return the layouts of a depthwise convolution, whose kernels share their middle."""
    kernel = kernel_of(module.get_submodule(name).weight, "middle")
    return {f"{name}.weight": (*channels, *ONE, *kernel), f"{name}.bias": channels}


def qkv_of(name: str, count: int, heads: Layout, inputs: Layout) -> Layouts:
    """Return the layouts of a projection to queries, keys and values, or to two of them."""
    words = {2: "keys and values", 3: "queries, keys and values"}[count]
    return linear_of(name, (*parts_of(count, words), *heads), inputs)
