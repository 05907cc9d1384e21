"""The plain PyTorch training loop that `training.py` measures against."""

import io
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.transforms import v2

from archsearch.arch import Arch
from archsearch.model import build_model
from archsearch.train import Recipe
from archsearch.train.precision import arithmetic
from archsearch.train.recipe import Precision

PADDING = 4
Transform = Callable[[Image.Image], torch.Tensor]


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
        self, pixels: NDArray[np.uint8], labels: NDArray[np.int64], transform: Transform
    ) -> None:
        self.pixels = pixels
        self.labels = labels.tolist()
        self.transform = transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.pixels[index])), self.labels[index]


def pipelines(mean: tuple[float, ...], std: tuple[float, ...]) -> dict[str, Transform]:
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
        "v2": v2.Compose(
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
        self,
        arch: Arch,
        recipe: Recipe,
        batches: Iterable[tuple[torch.Tensor, torch.Tensor]],
        device: str,
        *,
        fused: bool = False,
    ) -> None:
        assert recipe.precision != "auto", "this loop times nothing to choose by"
        assert recipe.clip_norm is not None, "this loop clips gradients"
        self.model = build_model(arch, seed=0).to(device).train()
        self.batches = batches
        self.precision: Precision = recipe.precision
        self.label_smoothing = recipe.label_smoothing
        self.clip_norm = recipe.clip_norm
        self.device = torch.device(device)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            fused=True if fused else None,
        )
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, 10_000)

    def epoch(self) -> float:
        """Train one epoch; return images per second."""
        count, total = 0, torch.zeros((), device=self.device)
        started = time.perf_counter()
        for images, labels in self.batches:
            images = images.to(self.device, non_blocking=True)
            labels = labels.to(self.device, non_blocking=True)
            with arithmetic(self.precision, self.device):
                logits = self.model(images)
            loss = F.cross_entropy(logits.float(), labels, label_smoothing=self.label_smoothing)
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
            self.optimizer.step()
            self.schedule.step()
            total += loss.detach() * len(labels)
            count += len(labels)
        assert np.isfinite(total.item())
        return count / (time.perf_counter() - started)


def make_loader(
    dataset: Images, workers: int, batch_size: int, device: str
) -> DataLoader[tuple[torch.Tensor, int]]:
    """Return a DataLoader with its sensible options set."""
    return DataLoader(
        dataset,
        batch_size=batch_size,
        shuffle=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=device != "cpu",
    )
