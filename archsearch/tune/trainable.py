"""A candidate as Ray Tune trains it: an iteration is an epoch."""

from pathlib import Path
from typing import Any

import torch
from ray import tune

from archsearch.cluster import Job, machine_lock
from archsearch.cluster.worker import Worker
from archsearch.cost import ArchCounts, Probe, count_arch
from archsearch.errors import TrialError
from archsearch.record import LatencyResult
from archsearch.run.budgets import over_text
from archsearch.run.latency.first_measurement import first_measurements
from archsearch.run.latency.inference_memory import inference_bytes
from archsearch.run.latency.measurement import LatencyMeasurer
from archsearch.tune.study import Study, TuneStudy, tune_study

_STATE = "candidate.pt"


class CandidateTrainable(tune.Trainable):  # type: ignore[misc]
    """Trains one candidate, an epoch an iteration; `tune_trainable` binds it to a study.

    Before the first epoch its latency is measured while the trainings of this machine rest; one
    that exceeds a budget raises `TrialError` then, and is not trained. What is saved lets another
    process go on with equal results, so schedulers may pause, move and clone trials.
    """

    _latency_ms: float | None

    def setup(self, config: dict[str, Any], study: TuneStudy) -> None:
        """Build the candidate that ``config``, the active parameters, stands for.

        Raises:
            InputError: it breaks a rule of the space.
        """
        self._study = study
        self._worker = Worker(study.data, study.threads, study.device, str(machine_lock().folder))
        self._begin(config)

    def step(self) -> dict[str, Any]:
        """Train one epoch; return what it showed and what the candidate costs.

        Raises:
            TrialError: it is over budget, its latency cannot be measured, or its loss diverged.
        """
        if self._latency_ms is None:
            self._check_budgets(None)
            latency = self._measured()
            self._check_budgets(latency.budgeted_ms(self._study.budget_confidence))
            self._latency_ms = float(latency.median_ms)
        report = self._worker.run_epoch()
        metrics = report.metrics
        return {
            "accuracy": metrics.accuracy,
            "val_loss": metrics.val_loss,
            "train_loss": metrics.train_loss,
            "epoch": metrics.epoch,
            "latency_ms": self._latency_ms,
            "macs": self._counts.macs,
            "params": self._counts.params,
            "digest": self._arch.digest,
            "done": report.done,
        }

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write weights, optimiser and position of the training, and the latency measured."""
        state = {"trainer": self._worker.state_dict(), "latency_ms": self._latency_ms}
        torch.save(state, Path(checkpoint_dir) / _STATE)

    def load_checkpoint(self, checkpoint_dir: str) -> None:
        """Go on from what `save_checkpoint` wrote."""
        path = Path(checkpoint_dir) / _STATE
        state = torch.load(path, map_location="cpu", weights_only=True)
        self._worker.load_state_dict(state["trainer"])
        self._latency_ms = state["latency_ms"]

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take on another candidate in the same process."""
        self._begin(new_config)
        return True

    def _begin(self, config: dict[str, Any]) -> None:
        study = self._study
        self._arch = study.space.arch(config)
        self._counts: ArchCounts = count_arch(self._arch)
        self._latency_ms = None
        self._worker.start(Job(0, self._arch, study.recipe, study.seed))

    def _measured(self) -> LatencyResult:
        study = self._study
        with Probe(study.device, study.latency.threads) as probe:
            measurer = LatencyMeasurer(probe, machine_lock(), study.latency)
            look = first_measurements(measurer, [self._arch], study.budgets.latency_ms)[0]
        if isinstance(look, TrialError):
            raise look
        return look.latency

    def _check_budgets(self, latency_ms: float | None) -> None:
        study, counts = self._study, self._counts
        memory = None
        if study.budgets.memory_bytes is not None:
            memory = inference_bytes(self._arch, study.latency)
        shares = study.budgets.violations(counts.params, counts.macs, latency_ms, memory)
        if over := over_text(shares):
            raise TrialError(f"over budget: {over}; it is not trained")


def tune_trainable(study: Study | TuneStudy) -> type[tune.Trainable]:
    """Return a class for `ray.tune.Tuner` that trains the candidates of a study.

    Its ``config`` is the active parameters of the study's space, as `tune_space` draws them. After
    every epoch it reports ``accuracy`` and ``val_loss`` on the validation split, ``train_loss``,
    ``epoch``, ``latency_ms`` (measured on a quiet machine, batch and threads as in the study),
    ``macs``, ``params`` and ``digest``. It saves and restores checkpoints, and its process can be
    used again (``TuneConfig(reuse_actors=True)``). A trial takes the study's threads as CPUs, and a
    GPU if it trains on one: see `ray.tune.with_resources` for other shares.

    Args:
        study: `SearchConfig`, study file or name, or folder of a run; trials, sampler, early
            stopping and executor of the study are Tune's to decide.

    Raises:
        InputError: with what is wrong.
    """
    task = study if isinstance(study, TuneStudy) else tune_study(study)
    resources = {"cpu": task.threads, "gpu": int(task.device == "cuda")}
    trainable = tune.with_resources(CandidateTrainable, resources)
    bound: type[tune.Trainable] = tune.with_parameters(trainable, study=task)
    return bound
