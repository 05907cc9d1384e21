"""One candidate never ends a run: too large, impossible to count, or out of memory."""

from pathlib import Path

import pytest
import torch

from archsearch.arch import Arch
from archsearch.cluster.worker import Worker
from archsearch.cost import ArchCounts, count_arch
from archsearch.errors import TrialError
from archsearch.machine import own_limits
from archsearch.space import load_space
from archsearch.train import Trainer
from tests.cluster.drivers import few_digits, small_archs
from tests.run.conftest import Bench, FakeMeasurer


def wide(arch: Arch) -> bool:
    return arch.stages[-1].width == 32


class Large(FakeMeasurer):
    def counts(self, arch: Arch) -> ArchCounts:
        if not wide(arch):
            return super().counts(arch)
        return ArchCounts(params=own_limits().memory_bytes, macs=1)


class Unbuildable(FakeMeasurer):
    def counts(self, arch: Arch) -> ArchCounts:
        if not wide(arch):
            return super().counts(arch)
        raise RuntimeError("Storage size calculation overflowed")


def test_what_does_not_fit_into_memory_is_refused(bench: Bench) -> None:
    bench.loop(trials=8, measurer=Large()).run()
    records = bench.opened.records()
    refused = [each for each in records if wide(each.arch)]
    assert refused
    assert {each.state for each in refused} == {"infeasible"}
    assert all("GiB of memory" in each.reason for each in refused)
    assert sum(each.state == "complete" for each in records) == 8


def test_what_cannot_be_counted_fails_alone(bench: Bench) -> None:
    bench.loop(trials=8, measurer=Unbuildable()).run()
    records = bench.opened.records()
    failed = [each for each in records if wide(each.arch)]
    assert failed
    assert {each.state for each in failed} == {"failed"}
    assert all("overflowed" in each.reason for each in failed)
    assert any(each.state == "complete" for each in records)


def test_counting_takes_no_memory_for_weights() -> None:
    space = load_space(Path(__file__).parents[2] / "spaces" / "tiny.yaml")
    arch = space.arch(next(iter(space.enumerate())))
    stage = arch.stages[-1].model_copy(update={"width": 160_000, "head_dim": 16})
    counts = count_arch(arch.model_copy(update={"stages": (*arch.stages[:-1], stage)}))
    # four products of the attention, and an MLP that is twice as wide: 8 times the width squared
    assert counts.params == pytest.approx(8 * 160_000**2, rel=0.01)


def test_out_of_memory_fails_the_candidate_with_its_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    from archsearch.cluster import Job
    from archsearch.train import Recipe

    worker = Worker(few_digits(), 1, "cpu", "")
    job = Job(0, small_archs(1)[0], Recipe(epochs=1, batch_size=20, warmup_epochs=0), 0)
    worker.start(job)

    def allocate(self: Trainer, seconds: float) -> None:
        torch.empty(2**60)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "run", allocate)
        with pytest.raises(TrialError, match=r"out of memory, at a peak of \d+\.\d GiB \("):
            worker.run_epoch()
    worker.start(job)
    assert worker.run_epoch().metrics.epoch == 1
