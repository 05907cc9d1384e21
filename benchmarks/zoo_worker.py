"""The processes that `zoo_speed.py` starts: they time one network, or describe the processor.

    python benchmarks/zoo_worker.py ours|deit|FOLDER NAME COLUMN
    python benchmarks/zoo_worker.py processor

FOLDER is one of clones (`official_networks.py`). The process answers every number of steps on its
standard input with ``seconds`` and the mean of a step.
"""

import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

REFERENCE = "deit_tiny_patch16_224"
#: tokens, width and FFN width of deit_tiny: the product whose rate is printed
PRODUCT = (197, 192, 768)


def main() -> None:
    if sys.argv[1:] == ["processor"]:
        print(json.dumps(processor()))
        return
    step = stepper(*sys.argv[1:])
    for _ in range(3):
        step()
    for request in sys.stdin:
        steps = int(request)
        start = time.perf_counter()
        for _ in range(steps):
            step()
        print("seconds", (time.perf_counter() - start) / steps, flush=True)


# ---- networks ----


def stepper(side: str, name: str, column: str) -> Callable[[], object]:
    # timm comes from the clones' folder on the official side: build before anything imports it
    network = built(side, name, column)
    import torch

    torch.set_num_threads(1)
    if column == "training":
        return trainer(network)
    network.eval()
    images = torch.randn(1, 3, 224, 224)
    if column in ("folded", "compiled", "onnx"):
        from archsearch.model import fuse

        network = fuse(network)
    if column == "onnx":
        from archsearch.cost.runtimes.onnx import prepare_onnxruntime

        return prepare_onnxruntime(network, images, 1)
    if column == "compiled":
        import torch._inductor.config

        torch._inductor.config.freezing = True
        network = torch.compile(network, dynamic=False, fullgraph=True)

    def infer() -> None:
        with torch.no_grad():
            network(images)

    return infer


def built(side: str, name: str, column: str) -> Any:
    if side == "deit":
        import timm

        return timm.create_model(REFERENCE)
    if side == "ours":
        from archsearch import zoo

        return zoo.build(
            name, kernels="torch" if column in ("torch", "compiled", "onnx") else "auto"
        )
    from official_networks import build_official

    with contextlib.redirect_stdout(sys.stderr):
        return build_official(name, Path(side))


def trainer(network: Any) -> Callable[[], None]:
    import torch
    from torch.nn.functional import cross_entropy

    network.train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)
    images, labels = torch.randn(8, 3, 224, 224), torch.randint(0, 1000, (8,))

    def train() -> None:
        optimizer.zero_grad()
        cross_entropy(network(images), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return train


# ---- the processor ----


def processor() -> dict[str, Any]:
    """Return the processor, its instruction sets as limited here, and its rates in GFLOP/s."""
    import torch

    from archsearch.cost import current_environment
    from archsearch.model import onednn_is_faster

    torch.set_num_threads(1)
    tokens, width, outputs = PRODUCT
    x, weight = torch.randn(tokens, width), torch.randn(outputs, width)
    torch_gflops = gflops(lambda: torch.nn.functional.linear(x, weight))
    onednn_gflops = gflops(
        lambda: torch.ops.mkldnn._linear_pointwise(x, weight, None, "none", [], "")
    )
    return {
        "cpu": current_environment().cpu,
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "torch_instructions": torch.backends.cpu.get_cpu_capability(),
        "onednn_instructions": onednn_instructions(),
        "torch_gflops": torch_gflops,
        "onednn_gflops": onednn_gflops,
        "kernels": "onednn" if onednn_is_faster() else "torch",
    }


def gflops(product: Callable[[], object]) -> float:
    """Return the rate of `PRODUCT`, the median of 100 calls after 20."""
    times = []
    for _ in range(120):
        start = time.perf_counter()
        product()
        times.append(time.perf_counter() - start)
    tokens, width, outputs = PRODUCT
    return 2e-9 * tokens * width * outputs / statistics.median(times[20:])


def onednn_instructions() -> str:
    """Return the instruction set that oneDNN reports when it starts."""
    code = "import torch; torch.ones(8, 8).to_mkldnn()"
    environment = os.environ | {"ONEDNN_VERBOSE": "1"}
    said = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"cpu,isa:(.*)", said)
    return found[1] if found else "unknown"


if __name__ == "__main__":
    main()
