"""What a run has trained, an ablation of one of its trials does not train again; and back."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from archsearch.ablation import AblationPlace, prepare_ablation, run_ablation
from archsearch.ablation_record import AblationRecord
from archsearch.cluster import EXECUTORS, InlineExecutor, Job, Trainings
from archsearch.record import RunRecord
from archsearch.run import Execution, Place, SearchConfig, load_run, run_search
from archsearch.train import Recipe
from tests.ablation.test_session import unmeasured
from tests.brief_measurements import make_brief

RECIPE = Recipe(epochs=2, batch_size=50, warmup_epochs=0)
STUDY = """\
question: does the FFN's width matter?
cost: seconds
published: ""
base: {{arch: "run:{run}#{trial}"}}
variants:
  wider: {{overrides: {{ffn.expansion: 3}}}}
limit: 120
recipe: {{epochs: 2, batch_size: 50, warmup_epochs: 0}}
seeds: 3
"""


@dataclass
class Lab:
    """A folder of runs, and every job that was trained there."""

    runs: Path
    jobs: list[tuple[str, int]] = field(default_factory=list)

    def search(self, front_seeds: int, name: str = "search") -> RunRecord:
        """Run a search of one candidate, which is its front, or go on with it."""
        config = SearchConfig(
            space="tiny",
            limit=120,
            recipe=RECIPE,
            execution=Execution(
                trials=1, executor="inline", calibration_s=0, front_seeds=front_seeds
            ),
            early_stopping=False,
        )
        self.jobs.clear()
        return run_search(config, Place(name, str(self.runs)))

    def ablate(self, run: str, trial: int, name: str, runs: Path | None = None) -> AblationRecord:
        """Ablate a trial with the seeds 0 to 2."""
        runs = runs or self.runs
        runs.mkdir(exist_ok=True)
        study = runs / f"{name}.yaml"
        study.write_text(STUDY.format(run=run, trial=trial))
        place = AblationPlace(str(study), name=name, runs_dir=str(runs))
        self.jobs.clear()
        return run_ablation(prepare_ablation(place, Execution(executor="inline")))

    def trained(self, digest: str) -> list[int]:
        """Return the seeds that a network was trained with since the last command began."""
        return sorted(seed for each, seed in self.jobs if each == digest)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    made = Lab(tmp_path / "runs")

    class Watched(InlineExecutor):
        def submit(self, job: Job) -> None:
            made.jobs.append((job.arch.digest, job.seed))
            super().submit(job)

    monkeypatch.setitem(EXECUTORS, "inline", Watched)
    monkeypatch.setattr("archsearch.ablation.session.measure_latencies", unmeasured)
    make_brief(monkeypatch)
    return made


def test_the_base_of_an_ablation_of_a_trial_is_never_trained(lab: Lab, tmp_path: Path) -> None:
    run = lab.search(front_seeds=2)
    (base,) = run.trials
    assert lab.trained(base.digest) == [0, 1, 2]
    known = {0: base.accuracy, **base.seed_accuracies}

    # by the name of the run
    record = lab.ablate("search", base.number, "a")
    assert lab.trained(base.digest) == []
    assert record.variants[0].digest == base.digest
    assert record.variants[0].accuracies == known
    wider = record.variants[1]
    assert lab.trained(wider.digest) == [0, 1, 2]

    # the same again, and in another place
    lab.ablate("search", base.number, "a")
    assert lab.jobs == []
    shutil.copytree(lab.runs / "a", tmp_path / "moved" / "a")
    moved = lab.ablate(str(lab.runs / "search"), base.number, "a", tmp_path / "moved")
    assert lab.jobs == []
    assert moved.variants == record.variants

    # by its folder, from a folder of runs that shares nothing with it
    shutil.copytree(lab.runs / "search", tmp_path / "kept" / "search")
    shutil.rmtree(lab.runs)
    other = lab.ablate(str(tmp_path / "kept" / "search"), base.number, "b", tmp_path / "elsewhere")
    assert lab.trained(base.digest) == []
    assert lab.trained(wider.digest) == [0, 1, 2]
    assert other.variants[0].accuracies == known
    assert other.variants[1].accuracies == wider.accuracies


def test_a_resumed_run_and_an_interrupted_ablation_train_nothing_twice(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = lab.search(front_seeds=0)
    (base,) = run.trials
    assert lab.trained(base.digest) == [0]

    # the ablation is interrupted after its second training
    real, kept = Trainings.add, []

    def interrupted(self: Trainings, *arguments: object) -> None:
        if len(kept) == 2:
            raise KeyboardInterrupt
        real(self, *arguments)  # type: ignore[arg-type]
        kept.append(arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Trainings, "add", interrupted)
        with pytest.raises(KeyboardInterrupt):
            lab.ablate("search", base.number, "a")
    first = [job for job in lab.jobs if job != lab.jobs[-1]][:2]
    assert (base.digest, 0) not in lab.jobs
    record = lab.ablate("search", base.number, "a")
    assert not set(first) & set(lab.jobs)
    assert (base.digest, 0) not in lab.jobs

    # the run asks for other seeds of its front, which the ablation has trained
    again = lab.search(front_seeds=2)
    assert lab.trained(base.digest) == []
    (found,) = again.trials
    accuracies = record.variants[0].accuracies
    assert found.seed_accuracies == {1: accuracies[1], 2: accuracies[2]}
    assert load_run("search", lab.runs).trials == again.trials
