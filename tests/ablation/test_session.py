"""The runner: paired seeds, reuse, resume, failures, more seeds, over tiny trainings."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from archsearch.ablation import (
    AblationPlace,
    AblationStatus,
    MoreSeeds,
    load_ablation,
    prepare_ablation,
    run_ablation,
)
from archsearch.ablation_record import AblationRecord
from archsearch.cluster import EXECUTORS, FailedEvent, InlineExecutor, Job
from archsearch.cost import current_environment
from archsearch.errors import InputError, RunError
from archsearch.record import Environment, LatencyResult
from archsearch.run import Execution
from archsearch.train import Trainer
from tests.brief_measurements import make_brief

STUDY = """\
question: does the sampler matter?
cost: seconds
published: ""
base:
  arch: zoo:edgevit_xxs
  overrides: {width: 8, head_dim: 8, depth: 1, stem.patch_size: 2, ffn.expansion: 1}
variants:
  max: {overrides: {sampler: max}}
  no aggregation: {overrides: {local_aggregation: null}}
image_size: 16
limit: 120
recipe: {epochs: 1, warmup_epochs: 0, batch_size: 60}
seeds: 2
"""


class Watcher:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.last: AblationStatus | None = None

    def status(self, status: AblationStatus) -> None:
        self.last = status

    def line(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of runs that all tests share: what one trains, the next reuses."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "s.yaml").write_text(STUDY)
    return folder


def unmeasured(*_: object) -> tuple[Environment, dict[str, LatencyResult], list[str]]:
    """Stand in for the probe, whose process takes seconds to start."""
    return current_environment(), {}, []


def run(
    runs: Path,
    name: str = "a",
    more: MoreSeeds | None = None,
    study: str = "s.yaml",
    time_limit_s: float | None = None,
    is_measured: bool = False,
    **changes: Any,
) -> tuple[AblationRecord, Watcher]:
    watcher = Watcher()
    place = AblationPlace(str(runs / study), "full", changes, name, str(runs))
    execution = Execution(executor="inline", time_limit_s=time_limit_s)
    with pytest.MonkeyPatch.context() as patch:
        if not is_measured:
            patch.setattr("archsearch.ablation.session.measure_latencies", unmeasured)
        make_brief(patch)
        return run_ablation(prepare_ablation(place, execution), watcher, more), watcher


def test_checking_writes_nothing(runs: Path) -> None:
    before = sorted(runs.iterdir())
    prepare_ablation(AblationPlace(str(runs / "s.yaml"), runs_dir=str(runs)), Execution())
    with pytest.raises(InputError):
        run(runs, "bad", seeds=1)
    assert sorted(runs.iterdir()) == before


def test_an_ablation_trains_every_network_with_every_seed(runs: Path) -> None:
    record, watcher = run(runs, is_measured=True)
    assert [variant.name for variant in record.variants] == ["base", "max", "no aggregation"]
    assert all(set(variant.accuracies) == {0, 1} for variant in record.variants)
    assert all(variant.latency is not None for variant in record.variants)
    assert (record.num_images, record.num_train) == (24, 96)
    assert record.planned_seeds == 2
    assert not record.until_clear
    assert record.recipe["precision"] == "float32", "settled, so that pairs share it"
    assert watcher.last is not None
    assert (watcher.last.trained, watcher.last.trials) == (6, 6)
    assert any("one epoch of base" in line for line in watcher.lines)
    assert load_ablation("a", runs) == record


def test_an_accuracy_is_that_of_a_training_on_its_own(runs: Path) -> None:
    record, _ = run(runs)
    place = AblationPlace(str(runs / "s.yaml"), runs_dir=str(runs))
    prepared = prepare_ablation(place, Execution())
    trainer = Trainer(prepared.networks.all[1].arch, prepared.data, prepared.recipe, seed=1)
    metrics = trainer.run()
    assert metrics is not None
    assert record.variants[1].accuracies[1] == metrics.accuracy
    assert record.variants[1].curves[1][0].train_loss == metrics.train_loss


def test_what_one_study_trained_another_reuses(runs: Path) -> None:
    first, _ = run(runs)
    other = STUDY.replace(
        "max: {overrides: {sampler: max}}", "new: {overrides: {sampler: average}}"
    )
    (runs / "other.yaml").write_text(other)
    second, watcher = run(runs, "b", study="other.yaml")
    assert watcher.last is not None
    assert (watcher.last.reused, watcher.last.trained) == (4, 6)
    assert second.variants[0].accuracies == first.variants[0].accuracies


def test_another_recipe_is_another_training(runs: Path) -> None:
    _, watcher = run(runs, "c", epochs=2)
    assert watcher.last is not None
    assert watcher.last.reused == 0


def test_more_seeds_go_to_a_variant_and_the_base(runs: Path) -> None:
    asked: list[AblationRecord] = []

    def once(record: AblationRecord) -> dict[str, int]:
        asked.append(record)
        return {"max": 1, "no aggregation": 0} if len(asked) == 1 else {}

    record, watcher = run(runs, "d", once)
    assert [set(each.accuracies) for each in record.variants] == [{0, 1, 2}, {0, 1, 2}, {0, 1}]
    assert record.until_clear
    assert record.planned_seeds == 2
    assert len(asked) == 2
    assert "more seeds: max +1" in watcher.lines


def test_no_training_begins_after_the_time_limit(runs: Path) -> None:
    record, watcher = run(runs, "e", seeds=3, time_limit_s=1e-6, epochs=3)
    assert all(not variant.accuracies for variant in record.variants)
    assert any("9 trainings are left" in line for line in watcher.lines)


class Failing(InlineExecutor):
    """Fails every job whose seed is in ``seeds``."""

    seeds: Iterable[int] = (1,)

    def submit(self, job: Job) -> None:
        if job.seed in self.seeds:
            self._events.append(FailedEvent(job, (), "the loss became NaN"))
        else:
            super().submit(job)


def test_a_failed_training_leaves_a_gap_and_a_note(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EXECUTORS, "inline", Failing)
    (runs / "f.yaml").write_text(STUDY.replace("seeds: 2", "seeds: [0, 1]"))
    record, _ = run(runs, "f", study="f.yaml", limit=110)
    assert [set(each.accuracies) for each in record.variants] == [{0}, {0}, {0}]
    assert record.variants[0].failures == {1: "the loss became NaN"}
    assert "max, seed 1: the loss became NaN" in record.notes
    again, watcher = run(runs, "f", study="f.yaml", limit=110)
    assert watcher.last is not None
    assert watcher.last.failed == 3, "it is not tried again unasked"
    assert again.variants == record.variants


def test_an_ablation_whose_trainings_all_fail_ends(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Failing, "seeds", range(10))
    monkeypatch.setitem(EXECUTORS, "inline", Failing)
    with pytest.raises(RunError, match="the first 3 trainings all failed; the last one said"):
        run(runs, "g", limit=100)
