"""Images per second of our training epoch against a plain PyTorch loop.

    python benchmarks/training.py [--data cifar10.zip] [--repeats 5] [--networks small light median]

As in a search, every core trains a network of its own with one thread (--processes 1 --threads N
for one training alone; on a CUDA device that is the default). Both sides train the same network
from the same initialisation on the same 3x32x32 images, with the same batch size, precision,
optimiser (AdamW, same settings), gradient clipping and label smoothing, and the same
augmentation: random crop of the image padded by 4, mirroring, normalisation. The plain loop is a
DataLoader with torchvision's transforms; its number of workers, and whether the transforms work on
PIL images or on tensors, are tried out first and the fastest pair is taken. Repeats are
interleaved. Rows between the two sides say where the difference comes from. The plain loop runs
as `python train.py` would; ours runs as a worker of a search does, with glibc set to keep freed
memory (the row before the last has that left out).

Without --data the images are random bytes; a zip file or folder must hold train/CLASS/IMAGE.
"""

import argparse
import multiprocessing
import os
import platform
import statistics
from collections.abc import Callable, Iterable, Mapping
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier

import numpy as np
import torch
import torchvision
from plain_loop import PADDING, Images, PlainLoop, load_images, make_loader, pipelines
from torch.utils.data import DataLoader

from archsearch.arch import (
    Arch,
    BiDimensionalFfn,
    Block,
    ConvDownsample,
    LocalAggregation,
    LocalityFfn,
    Mlp,
    PatchStem,
    SelfAttention,
    SparseGlobalAttention,
    Stage,
    WindowGlobalAttention,
)
from archsearch.cost import count_arch
from archsearch.data import ArraySplit, DataSplits
from archsearch.data.array_resizing import channel_statistics
from archsearch.train import Augmentation, Recipe, Trainer

PIPELINES = ("PIL", "v2")
OURS = "ours"
ROWS = (
    "plain loop",
    "... with a fused optimiser",
    "... with data for free",
    "... with both",
    "ours, allocator not tuned",
    OURS,
)
#: what a worker is started with
TUNED = {"MALLOC_TRIM_THRESHOLD_": "1000000000", "MALLOC_MMAP_THRESHOLD_": "1000000000"}
Epoch = Callable[[], float]


def networks() -> dict[str, Arch]:
    """Return networks of the kinds and sizes that the space ``lightweight`` holds."""
    sizes = {
        "small": ((1, 1, 1), (16, 32, 48)),
        "light": ((1, 2, 1), (32, 48, 64)),
        "median": ((2, 3, 2), (32, 64, 96)),
    }
    return {name: _arch(*size) for name, size in sizes.items()}


def _arch(depths: tuple[int, ...], widths: tuple[int, ...]) -> Arch:
    """Mix three families, one a stage: LightViT, EdgeViT, LocalViT."""
    lightvit = Block(
        attention=WindowGlobalAttention(window_size=4, global_tokens=4),
        ffn=BiDimensionalFfn(expansion=2),
    )
    edgevit = Block(
        attention=SparseGlobalAttention(sample_rate=2),
        ffn=Mlp(expansion=2),
        local_aggregation=LocalAggregation(kernel_size=3, expansion=2),
    )
    localvit = Block(attention=SelfAttention(), ffn=LocalityFfn(expansion=2))
    stages = tuple(
        Stage(
            depth=depth,
            width=width,
            head_dim=16,
            downsample=None if index == 0 else ConvDownsample(),
            blocks=(block,),
        )
        for index, (depth, width, block) in enumerate(
            zip(depths, widths, (lightvit, edgevit, localvit), strict=True)
        )
    )
    stem = PatchStem(patch_size=4)
    return Arch(image_size=32, in_channels=3, num_classes=10, stem=stem, stages=stages)


class Side:
    """What one process trains: every row of the table, for one network at a time."""

    def __init__(self, options: argparse.Namespace) -> None:
        torch.set_num_threads(options.threads)
        self.options = options
        pixels, labels = load_images(options.data, options.images)
        planes = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
        mean, std = channel_statistics(planes)
        few = ArraySplit(planes[:64], labels[:64])
        train = ArraySplit(planes, labels)
        self.data = DataSplits(train, few, few, 10, 3, 32, "benchmark", (), mean, std)
        self.sets = {
            name: Images(pixels, labels, each) for name, each in pipelines(mean, std).items()
        }
        self.recipe = Recipe(
            epochs=2 * options.repeats + 2,
            batch_size=options.batch_size,
            precision=options.precision,
            warmup_epochs=1,
            augmentation=Augmentation(translate=PADDING, flip=True),
        )
        self.rows: dict[str, Epoch] = {}

    def open_loader(self, network: str, pipeline: str, workers: int) -> None:
        """Make one row, to try a loader."""
        loader = self._loader(pipeline, workers)
        self.rows = {"try": self._plain(network, loader)}

    def open_rows(self, network: str, pipeline: str, workers: int) -> None:
        """Make all rows."""
        loader = self._loader(pipeline, workers)
        # what a loop costs when data costs nothing
        ready = list(loader)
        trainer = Trainer(
            networks()[network],
            self.data,
            self.recipe,
            device=self.options.device,
            threads=self.options.threads,
        )
        self.rows = dict(
            zip(
                ROWS,
                (
                    self._plain(network, loader),
                    self._plain(network, loader, fused=True),
                    self._plain(network, ready),
                    self._plain(network, ready, fused=True),
                    lambda: _rate(trainer),
                    lambda: _rate(trainer),
                ),
                strict=True,
            )
        )

    def epoch(self, row: str) -> float:
        """Train one epoch; return images per second."""
        return self.rows[row]()

    def _loader(self, pipeline: str, workers: int) -> DataLoader[tuple[torch.Tensor, int]]:
        return make_loader(
            self.sets[pipeline], workers, self.recipe.batch_size, self.options.device
        )

    def _plain(
        self,
        network: str,
        batches: Iterable[tuple[torch.Tensor, torch.Tensor]],
        *,
        fused: bool = False,
    ) -> Epoch:
        arch, device = networks()[network], self.options.device
        return PlainLoop(arch, self.recipe, batches, device, fused=fused).epoch


def _rate(trainer: Trainer) -> float:
    metrics = trainer.run()
    assert metrics is not None
    return metrics.images_per_s


def serve(options: argparse.Namespace, barrier: Barrier, pipe: Connection) -> None:
    """Carry out the parent's commands, in step with the other processes."""
    side = Side(options)
    while (command := pipe.recv()) is not None:
        name, *arguments = command
        barrier.wait()
        pipe.send(getattr(side, name)(*arguments))


class Machine:
    """All processes together: a rate is the sum of theirs."""

    def __init__(self, options: argparse.Namespace, environment: Mapping[str, str]) -> None:
        kept = dict(os.environ)
        os.environ.update(environment)
        context = multiprocessing.get_context("spawn")
        # kept: a child that starts late finds it by name
        self.barrier = context.Barrier(options.processes)
        self.pipes = []
        self.processes = []
        for _ in range(options.processes):
            ours, theirs = context.Pipe()
            self.processes.append(
                context.Process(target=serve, args=(options, self.barrier, theirs))
            )
            self.pipes.append(ours)
            self.processes[-1].start()
        os.environ.clear()
        os.environ.update(kept)

    def __call__(self, *command: object) -> float:
        """Carry out one command everywhere."""
        for pipe in self.pipes:
            pipe.send(command)
        return sum(pipe.recv() or 0.0 for pipe in self.pipes)

    def close(self) -> None:
        """End the processes."""
        for pipe, process in zip(self.pipes, self.processes, strict=True):
            pipe.send(None)
            process.join()


def best_loader(
    machine: Machine, network: str, pipelines: list[str], numbers: list[int]
) -> tuple[str, int]:
    """Try every pipeline and number of workers; return the pair whose epoch is fastest."""
    if len(pipelines) == len(numbers) == 1:
        return pipelines[0], numbers[0]
    tried = {}
    for pipeline in pipelines:
        for workers in numbers:
            machine("open_loader", network, pipeline, workers)
            rate = max(machine("epoch", "try") for _ in range(2))
            print(f"    {pipeline:4s} {workers:2d} workers {rate:9.0f} images/s", flush=True)
            tried[pipeline, workers] = rate
    return max(tried, key=lambda each: tried[each])


def compare(plain: Machine, tuned: Machine, repeats: int) -> None:
    """Run the rows by turns and print medians, spreads and ratios to the first."""
    found: dict[str, list[float]] = {row: [] for row in ROWS}
    for repeat in range(repeats + 1):
        for row, rates in found.items():
            rate = (tuned if row == OURS else plain)("epoch", row)
            # the first round warms up
            if repeat:
                rates.append(rate)
    first = found[ROWS[0]]
    print(f"  {'':30s} images/s            range   times the first (paired)   range")
    for row, rates in found.items():
        ratios = [one / other for one, other in zip(rates, first, strict=True)]
        print(
            f"  {row:30s} {statistics.median(rates):8.0f} {min(rates):7.0f} - {max(rates):7.0f}"
            f"   {statistics.median(ratios):16.2f}      {min(ratios):.2f} - {max(ratios):.2f}",
            flush=True,
        )


def main() -> None:
    """Measure and print."""
    cuda = torch.cuda.is_available()
    cores = os.cpu_count() or 1
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="zip file or folder with train/CLASS/IMAGE")
    parser.add_argument("--images", type=int, default=4096, help="of one epoch")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--processes", type=int, default=1 if cuda else cores)
    parser.add_argument("--threads", type=int, default=cores if cuda else 1)
    parser.add_argument("--device", default="cuda" if cuda else "cpu")
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--loader-workers", type=int, nargs="+", help="numbers to try")
    parser.add_argument("--pipelines", nargs="+", choices=PIPELINES, default=list(PIPELINES))
    parser.add_argument("--networks", nargs="+", default=list(networks()))
    options = parser.parse_args()
    describe(options)
    numbers = options.loader_workers or sorted({0, 1, cores // 2, cores})
    machine, tuned = Machine(options, {}), Machine(options, TUNED)
    for network in options.networks:
        macs = count_arch(networks()[network]).macs / 1e6
        print(f"\n  {network} network, {macs:.1f} M MACs; trying loaders:")
        pipeline, workers = best_loader(machine, network, options.pipelines, numbers)
        print(f"  plain loop: transforms {pipeline}, {workers} workers")
        for each in (machine, tuned):
            each("open_rows", network, pipeline, workers)
        compare(machine, tuned, options.repeats)
    machine.close()
    tuned.close()


def describe(options: argparse.Namespace) -> None:
    """Print the machine, the versions and the setting."""
    device = options.device
    name = torch.cuda.get_device_name() if device != "cpu" else platform.processor() or "CPU"
    print(
        f"{name}, {os.cpu_count()} cores, {platform.system()}; Python {platform.python_version()}, "
        f"torch {torch.__version__}, torchvision {torchvision.__version__}\n"
        f"{options.processes} trainings at once on {device}, {options.threads} threads each, "
        f"{options.precision}, batches of {options.batch_size}, epochs of {options.images} "
        f"images, n = {options.repeats}; data: {'noise' if options.data is None else 'images'}"
    )


if __name__ == "__main__":
    main()
