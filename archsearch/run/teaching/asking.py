"""Asks a teacher about every training image, once."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from archsearch.activity import doing
from archsearch.cluster import machine_lock
from archsearch.cost.device import is_out_of_memory
from archsearch.data import DataSplits, TeacherOutputs
from archsearch.data.splits import Indices
from archsearch.data.teacher_outputs import Halves
from archsearch.errors import InputError, Problem
from archsearch.image_size import sides_of
from archsearch.machine import own_limits
from archsearch.run.teaching.opened_teacher import OpenedTeacher, mirrored
from archsearch.run.teaching.teacher_memory import KEY, answering_batch
from archsearch.train.batch_feed import cut, open_feed
from archsearch.train.seeding import limited_threads

_TRIED = 4
_LOWEST = float(np.finfo(np.float16).min)


def ask(
    teacher: OpenedTeacher,
    data: DataSplits,
    *,
    views: int,
    columns: Sequence[int] | None,
    with_features: bool,
    digest: str,
    device: torch.device,
) -> TeacherOutputs:
    """Return what a teacher says of every training image.

    Args:
        teacher: open.
        data: whose training images it is asked about.
        views: 1 for the images, 2 for their mirror images too.
        columns: outputs of the teacher, one for each class of the data; None for no logits.
        with_features: whether pooled features are kept.
        digest: of the teacher.
        device: that it runs on.

    Raises:
        InputError: an output is not finite, or memory runs out.
    """
    images, count = teacher.images, len(data.train)
    size = answering_batch(
        teacher.label, teacher.network, (images.channels, *sides_of(images.size)), device
    )
    cores = own_limits().whole_cores
    batches = cut(np.arange(count, dtype=np.int64), size)
    feed = open_feed(data.train, torch.device("cpu"), cores)
    quiet = machine_lock()
    logits: Halves | None = None
    features: Halves | None = None
    teacher.network.to(device)
    try:
        what = f"asking the teacher {teacher.label} about the training images"
        with doing(what, total=count) as activity, limited_threads(cores):
            for number, batch in enumerate(batches):
                with quiet.training():
                    pixels = feed.pixels(batches, number).numpy()
                    for view in range(views):
                        shown = mirrored(pixels) if view else pixels
                        said, seen = _answers(teacher, shown, device, with_features)
                        if columns is not None:
                            rows = _centred(said[:, list(columns)])
                            if logits is None:
                                logits = _table(count, views, rows)
                            logits[batch, view] = rows
                        if seen is not None:
                            rows = _of_length_one(seen)
                            if features is None:
                                features = _table(count, views, rows)
                            features[batch, view] = rows
                activity.done += len(batch)
    finally:
        feed.pause()
        teacher.network.to("cpu")
    return TeacherOutputs(digest, logits, features)


def trial_answers(
    teacher: OpenedTeacher, data: DataSplits, device: torch.device, *, with_features: bool
) -> None:
    """Ask a teacher about a few images, to see whether it answers.

    Raises:
        InputError: it does not run on its images, says no logits, or what is not finite.
    """
    some: Indices = np.arange(min(_TRIED, len(data.train)), dtype=np.int64)
    teacher.network.to(device)
    try:
        logits, _ = _answers(teacher, data.train.batch(some), device, with_features)
    finally:
        teacher.network.to("cpu")
    if logits.ndim != 2:
        rule = "must answer with logits (B, classes)"
        raise InputError(Problem(KEY, rule, tuple(logits.shape)))


def _answers(
    teacher: OpenedTeacher, pixels: np.ndarray, device: torch.device, with_features: bool
) -> tuple[Tensor, Tensor | None]:
    try:
        logits, features = teacher.answers(pixels, device, with_features=with_features)
    except InputError:
        raise
    except Exception as error:  # the network may be a user's own
        if is_out_of_memory(error):
            rule = "needs more memory than there is"
            problem = Problem(KEY, rule, teacher.label, "take a smaller teacher")
        else:
            said = " ".join(str(error).split())[:200]
            rule = f"does not run on its images ({type(error).__name__}: {said})"
            problem = Problem(KEY, rule, teacher.label)
        raise InputError(problem) from error
    for each in (logits, features):
        if each is not None and not bool(torch.isfinite(each).all()):
            rule = "must answer with finite numbers, and some are NaN or infinite"
            remedy = "was it trained to the end, and are these its images?"
            raise InputError(Problem(KEY, rule, teacher.label, remedy))
    return logits, features


def _table(count: int, views: int, rows: Halves) -> Halves:
    return np.empty((count, views, rows.shape[1]), np.float16)


def _centred(logits: Tensor) -> Halves:
    """Return logits with the highest of each image at 0, where float16 has most of its precision.

    A softmax does not see the difference.
    """
    centred = logits.float() - logits.float().amax(dim=1, keepdim=True)
    half: Halves = centred.clamp(min=_LOWEST).to(torch.float16).numpy()
    return half


def _of_length_one(features: Tensor) -> Halves:
    """Return features of length 1: a cosine does not see the length."""
    half: Halves = torch.nn.functional.normalize(features.float(), dim=1).half().numpy()
    return half
