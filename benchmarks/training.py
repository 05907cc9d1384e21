"""Images per second of our training epoch against a plain PyTorch loop.

    python benchmarks/training.py [--data cifar10.zip] [--threads 2] [--device cpu] [--repeats 5]

Both sides train the same network, from the same weights, on the same 3x32x32 images with the
same batch size, precision, optimiser (AdamW with its settings), schedule, gradient clipping and
label smoothing, and the same augmentation: random crop of the image padded by 4, mirroring,
normalisation. The plain loop is a DataLoader over PIL images with torchvision's transforms; the
number of its workers, and whether its transforms work on PIL images or on tensors, are tried out
first and the fastest is taken. Repeats are interleaved. Three rows between the two say where the
difference comes from.

Without --data the images are random bytes; a zip file or folder must hold train/CLASS/IMAGE.
"""

import argparse
import io
import os
import platform
import statistics
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from numpy.typing import NDArray
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.transforms import v2

from archsearch.arch import (
    Arch,
    BiDimensionalFfn,
    Block,
    ConditionalPosition,
    ConvDownsample,
    ConvStem,
    LocalAggregation,
    LocalityFfn,
    Merge,
    Mlp,
    PatchStem,
    SelfAttention,
    SparseGlobalAttention,
    Stage,
    WindowGlobalAttention,
)
from archsearch.cost import count_arch
from archsearch.data import ArraySplit, DataSplits
from archsearch.data.resize import channel_statistics
from archsearch.model import build_model
from archsearch.train import Augmentation, Recipe, Trainer
from archsearch.train.precision import arithmetic

PADDING = 4
Epoch = Callable[[], float]


def networks() -> dict[str, Arch]:
    """Return light networks of the kinds that the space ``lightweight`` holds."""
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
    return {
        "lightvit": _arch(lightvit, ConvStem(stride=4), Merge()),
        "edgevit": _arch(edgevit, PatchStem(patch_size=4), ConvDownsample(), ConditionalPosition()),
        "localvit": _arch(localvit, PatchStem(patch_size=4), Merge()),
    }


def _arch(block: Block, stem: object, downsample: object, position: object = None) -> Arch:
    extra = {"position": position} if position is not None else {}
    stages = tuple(
        Stage(
            depth=depth,
            width=width,
            head_dim=16,
            downsample=None if index == 0 else downsample,
            blocks=(block,),
            **extra,
        )
        for index, (depth, width) in enumerate(((1, 32), (2, 48), (1, 64)))
    )
    return Arch(image_size=32, in_channels=3, num_classes=10, stem=stem, stages=stages)


def load_images(source: str | None, count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return ``count`` images (N, 32, 32, 3) and labels, from a zip file, a folder or noise."""
    rng = np.random.default_rng(0)
    if source is None:
        return rng.integers(0, 256, (count, 32, 32, 3), np.uint8), rng.integers(0, 10, count)
    files = sorted(_image_bytes(Path(source)), key=lambda each: each[0])
    chosen = rng.permutation(len(files))[:count]
    classes = sorted({Path(name).parent.name for name, _ in files})
    images = [np.asarray(Image.open(io.BytesIO(files[i][1])).convert("RGB")) for i in chosen]
    labels = [classes.index(Path(files[i][0]).parent.name) for i in chosen]
    return np.stack(images), np.asarray(labels, np.int64)


def _image_bytes(source: Path) -> Iterator[tuple[str, bytes]]:
    if source.is_dir():
        for path in (source / "train").rglob("*.*"):
            yield str(path), path.read_bytes()
        return
    with zipfile.ZipFile(source) as archive:
        for name in archive.namelist():
            if name.startswith("train/") and not name.endswith("/"):
                yield name, archive.read(name)


class Images(Dataset[tuple[torch.Tensor, int]]):
    """Images in memory, one at a time, as torchvision's CIFAR10 gives them."""

    def __init__(
        self, pixels: NDArray[np.uint8], labels: NDArray[np.int64], transform: nn.Module
    ) -> None:
        self.pixels = pixels
        self.labels = labels.tolist()
        self.transform = transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.pixels[index])), self.labels[index]


def pipelines(mean: tuple[float, ...], std: tuple[float, ...]) -> dict[str, Callable]:
    """Return the usual ways to write the same transforms."""
    return {
        "PIL": transforms.Compose(
            [
                transforms.RandomCrop(32, padding=PADDING),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(mean, std),
            ]
        ),
        "v2 on tensors": v2.Compose(
            [
                v2.ToImage(),
                v2.RandomCrop(32, padding=PADDING),
                v2.RandomHorizontalFlip(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(mean, std),
            ]
        ),
    }


class PlainLoop:
    """What one writes without thinking about it much: nothing tuned, nothing silly."""

    def __init__(
        self, arch: Arch, recipe: Recipe, loader: DataLoader, device: str, *, fused: bool = False
    ) -> None:
        self.model = build_model(arch, seed=0).to(device).train()
        self.loader = loader
        self.recipe = recipe
        self.device = torch.device(device)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            fused=True if fused else None,
        )
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, 10**6)

    def epoch(self) -> float:
        """Train one epoch; return images per second."""
        count, total = 0, torch.zeros((), device=self.device)
        started = time.perf_counter()
        for images, labels in self.loader:
            images = images.to(self.device, non_blocking=True)
            labels = labels.to(self.device, non_blocking=True)
            with arithmetic(self.recipe.precision, self.device):
                logits = self.model(images)
            loss = F.cross_entropy(
                logits.float(), labels, label_smoothing=self.recipe.label_smoothing
            )
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip_norm)
            self.optimizer.step()
            self.schedule.step()
            total += loss.detach() * len(labels)
            count += len(labels)
        assert np.isfinite(total.item())
        return count / (time.perf_counter() - started)


def make_loader(dataset: Images, workers: int, batch_size: int, device: str) -> DataLoader:
    """Return a DataLoader with its sensible options set."""
    return DataLoader(
        dataset,
        batch_size=batch_size,
        shuffle=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=device != "cpu",
    )


def best_loader(
    arch: Arch, recipe: Recipe, data: dict[str, Images], device: str, most: int
) -> tuple[str, int, DataLoader]:
    """Try every pipeline and number of workers; return the one whose epoch is fastest."""
    tried = {}
    for name, dataset in data.items():
        for workers in sorted({0, 1, 2, most // 2, most}):
            loader = make_loader(dataset, workers, recipe.batch_size, device)
            loop = PlainLoop(arch, recipe, loader, device)
            loop.epoch()
            tried[name, workers] = max(loop.epoch() for _ in range(2))
            print(f"  {name:14s} {workers:2d} workers {tried[name, workers]:9.0f} images/s")
            del loader, loop
    name, workers = max(tried, key=lambda each: tried[each])
    return name, workers, make_loader(data[name], workers, recipe.batch_size, device)


def our_epoch(arch: Arch, recipe: Recipe, data: DataSplits, device: str, threads: int) -> Epoch:
    """Return a function that trains one epoch of ours and gives its images per second."""
    trainer = Trainer(arch, data, recipe, device=device, threads=threads)

    def epoch() -> float:
        metrics = trainer.run()
        assert metrics is not None
        return metrics.images_per_s

    return epoch


def batches_in_memory(loader: DataLoader) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return an epoch of finished batches: what a loop costs when data costs nothing."""
    return list(loader)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="zip file or folder with train/CLASS/IMAGE")
    parser.add_argument("--images", type=int, default=4096, help="of one epoch")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--networks", nargs="+", default=list(networks()))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    pixels, labels = load_images(options.data, options.images)
    planes = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
    mean, std = channel_statistics(planes)
    train = ArraySplit(planes, labels)
    few = ArraySplit(planes[:64], labels[:64])
    data = DataSplits(train, few, few, 10, 3, 32, "benchmark", (), mean, std)
    recipe = Recipe(
        epochs=options.repeats + 1,
        batch_size=options.batch_size,
        precision=options.precision,
        warmup_epochs=1,
        augmentation=Augmentation(translate=PADDING, flip=True),
    )
    sets = {name: Images(pixels, labels, each) for name, each in pipelines(mean, std).items()}
    describe(options)
    for name in options.networks:
        arch = networks()[name]
        macs = count_arch(arch).macs
        print(f"\n{name}: {macs / 1e6:.1f} M MACs\n  trying loaders:")
        pipeline, workers, loader = best_loader(arch, recipe, sets, options.device, options.threads)
        ready = batches_in_memory(loader)
        rows: dict[str, Epoch] = {
            f"plain loop ({pipeline}, {workers} workers)": PlainLoop(
                arch, recipe, loader, options.device
            ).epoch,
            "plain loop, fused optimiser": PlainLoop(
                arch, recipe, loader, options.device, fused=True
            ).epoch,
            "plain loop, data for free": PlainLoop(arch, recipe, ready, options.device).epoch,
            "plain loop, both": PlainLoop(arch, recipe, ready, options.device, fused=True).epoch,
            "ours": our_epoch(arch, recipe, data, options.device, options.threads),
        }
        report(rows, options.repeats)


def report(rows: dict[str, Epoch], repeats: int) -> None:
    """Run the rows by turns and print medians, spreads and ratios to the first."""
    found: dict[str, list[float]] = {label: [] for label in rows}
    for repeat in range(repeats + 1):
        for label, epoch in rows.items():
            rate = epoch()
            # the first round warms up
            if repeat:
                found[label].append(rate)
    first = next(iter(found.values()))
    print(f"  {'':38s} images/s      range           times the first (paired, range)")
    for label, rates in found.items():
        ratios = [one / other for one, other in zip(rates, first, strict=True)]
        print(
            f"  {label:38s} {statistics.median(rates):8.0f} {min(rates):8.0f} -{max(rates):8.0f}"
            f"    {statistics.median(ratios):.2f} ({min(ratios):.2f} - {max(ratios):.2f})"
        )


def describe(options: argparse.Namespace) -> None:
    """Print the machine, the versions and the setting."""
    device = options.device
    name = torch.cuda.get_device_name() if device != "cpu" else platform.processor() or "CPU"
    print(
        f"{name}, {os.cpu_count()} cores, {platform.system()}; Python {platform.python_version()}, "
        f"torch {torch.__version__}, torchvision {torchvision.__version__}\n"
        f"{options.device}, {options.threads} threads, {options.precision}, "
        f"batches of {options.batch_size}, epochs of {options.images} images, "
        f"n = {options.repeats}; data: {'noise' if options.data is None else options.data}"
    )


if __name__ == "__main__":
    main()
