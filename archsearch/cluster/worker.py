"""A worker: one candidate at a time, one epoch a call. Knows neither Ray nor Optuna."""

import contextlib
import io
import time
from collections.abc import Iterator
from typing import Any

import torch

from archsearch.cluster.job import EpochReport, Job, build_network
from archsearch.cluster.quiet_lock import QuietLock
from archsearch.cost.device import is_out_of_memory, peak_memory_bytes, use_device
from archsearch.data import DataSplits
from archsearch.errors import TrialError
from archsearch.model.transfer import weights_file
from archsearch.train import Trainer

_SLICE_S = 0.1


class Worker:
    """Trains candidates on one device, yielding the machine to measurements between slices.

    Args:
        data: the data splits.
        threads: intra-op threads.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        quiet_folder: where the `QuietLock` lives; empty for none.
    """

    def __init__(self, data: DataSplits, threads: int, device: str, quiet_folder: str) -> None:
        # a reused process keeps its first thread count unless it is set again
        torch.set_num_threads(threads)
        use_device(device)
        self._data = data
        self._threads = threads
        self._device = device
        self._quiet = QuietLock(quiet_folder) if quiet_folder else None
        self._trainer: Trainer | None = None
        self._job: Job | None = None

    def start(self, job: Job) -> float:
        """Build the candidate of ``job``, or bring it back from its pause; return the seconds."""
        began = time.perf_counter()
        self._trainer, self._job = None, job
        with self._enough_memory():
            self._trainer = Trainer(
                job.arch,
                self._data,
                job.recipe,
                seed=job.seed,
                device=self._device,
                threads=self._threads,
                build=build_network,
                start=job.start,
            )
            if job.paused is not None:
                file = io.BytesIO(job.paused.state)
                self.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
        return time.perf_counter() - began

    @contextlib.contextmanager
    def _enough_memory(self) -> Iterator[None]:
        """Fail the candidate that needs more memory than there is, and forget it.

        Raises:
            TrialError: with the peak of this process.
        """
        try:
            yield
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            # until then the traceback holds its tensors
            said, peak = str(error).splitlines(), peak_memory_bytes(self._device)
        else:
            return
        self._trainer = None
        what = f" ({said[0]})" if said else ""
        raise TrialError(f"out of memory, at a peak of {peak / 2**30:.1f} GiB{what}")

    def run_epoch(self) -> EpochReport:
        """Train one epoch.

        Raises:
            DivergedError: the loss became NaN or infinite.
            TrialError: memory ran out.
        """
        trainer = self._current()
        began, paused, metrics = time.perf_counter(), 0.0, None
        while metrics is None:
            if self._quiet is None:
                with self._enough_memory():
                    metrics = trainer.run(_SLICE_S)
                continue
            with self._quiet.training() as waited, self._enough_memory():
                paused += waited
                metrics = trainer.run(_SLICE_S)
        busy = time.perf_counter() - began - paused
        assert self._job is not None, "start() comes first"
        done = trainer.done or self._job.is_paused_after(trainer.epoch)
        return EpochReport(metrics, busy, paused, done, trainer.precision.precision)

    def saved(self) -> bytes:
        """Return what is kept of a job that has ended; see `FinishedEvent`."""
        assert self._job is not None, "start() comes first"
        trainer = self._current()
        if self._job.is_paused_after(trainer.epoch):
            file = io.BytesIO()
            torch.save(trainer.state_dict(), file)
            return file.getvalue()
        return weights_file(trainer.model, class_names=self._data.class_names)

    def state_dict(self) -> dict[str, Any]:
        """Return all that another worker needs to go on with the candidate."""
        return self._current().state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where ``state`` was taken; `start` with an equal job comes first."""
        self._current().load_state_dict(state)

    def _current(self) -> Trainer:
        assert self._trainer is not None, "start() comes first"
        return self._trainer
