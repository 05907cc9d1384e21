"""Who inherits from whom: chosen by what is taken, noted before the training, repeated after it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from optuna.trial import TrialState, create_trial

from archsearch.arch import Arch
from archsearch.cluster import FailedEvent, Job, PoolOptions, Trained, Trainings, TrainingStore
from archsearch.cluster.driver import Driver
from archsearch.cluster.training_key import TrainingKey
from archsearch.model import build_model
from archsearch.model.transfer import Donor, weights_file
from archsearch.record import Aims, EpochMetrics, Inherited, TrialRecord
from archsearch.run.final.front_seeds import train_front_again
from archsearch.run.final.front_weights import make_missing_weights
from archsearch.run.inheritance import Inheritance, kept_start
from archsearch.run.network_sampler import InheritedOnly
from archsearch.run.run_folder import RunFolder
from archsearch.search.interrupted import INHERITED
from archsearch.search.study_store import RECORD
from archsearch.space import load_space
from archsearch.train import Recipe, Trainer
from tests.cluster.drivers import few_digits, small_archs
from tests.run.conftest import Bench, InheritingExecutor, Recorder, result

SPACE = load_space("tiny")
ARCHS = [SPACE.arch(params) for params in SPACE.enumerate()]


def widths(first: str, second: str, width: int, depth: int = 1) -> Arch:
    """Return the network of the space with these attentions, and this width of the last stage."""
    (found,) = (
        arch
        for arch in ARCHS
        if arch.stages[0].blocks[0].attention.label() == first
        and arch.stages[1].blocks[0].attention.label() == second
        and (arch.stages[1].width, arch.stages[1].depth) == (width, depth)
    )
    return found


SPARSE, WINDOW = "sparse_global(r2)", "window(w2)"


def record(
    number: int, arch: Arch, accuracy: float = 0.5, latency: float | None = None, **more: Any
) -> TrialRecord:
    epoch = EpochMetrics(
        epoch=1, train_loss=1, accuracy=accuracy, val_loss=1, seconds=1, images_per_s=1
    )
    known = {"state": "complete", "accuracy": accuracy, "curve": (epoch,), **more}
    # on a front of its own, unless told otherwise
    ms = 10 * accuracy if latency is None else latency
    return TrialRecord(number=number, digest=arch.digest, arch=arch, latency=result(ms), **known)


@dataclass
class Kept:
    """A folder with trained candidates, and what was noted."""

    folder: RunFolder
    notes: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    given: Donor | None = None

    def inheritance(self) -> Inheritance:
        return Inheritance(self.folder, Aims(), (), self.given, self.notes.__setitem__)

    def trained(self, *records: TrialRecord) -> Inheritance:
        found = self.inheritance()
        for each in records:
            model = build_model(each.arch, seed=each.number)
            if each.state == "complete":
                self.folder.write_weights(each.digest, weights_file(model))
            found.learn(each)
        return found


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    folder = RunFolder(tmp_path / "run")
    folder.create({"identity": {}})
    return Kept(folder)


def candidate(arch: Arch, number: int = 99) -> TrialRecord:
    return TrialRecord(number=number, digest=arch.digest, arch=arch, state="running")


def test_a_candidate_inherits_from_what_gives_most(kept: Kept) -> None:
    alike, unlike = widths(SPARSE, SPARSE, 16), widths(WINDOW, WINDOW, 32)
    found = kept.trained(record(1, unlike, 0.9), record(2, alike, 0.1))
    own = candidate(widths(SPARSE, SPARSE, 16, depth=2))
    begun, start = found.begin(own, {})
    assert start is not None
    assert begun.inherited is not None
    assert begun.inherited.trial == 2
    assert start.digest == Donor.of(build_model(alike, seed=2)).digest == begun.inherited.digest
    model = build_model(own.arch, seed=0)
    assert start.fill(model).share == begun.inherited.share
    # noted, and its weights copied, before the caller can submit the training
    assert kept.notes == {99: {INHERITED: begun.inherited.to_dict()}}
    assert kept_start(kept.folder, begun.inherited) == start


@pytest.mark.parametrize(
    ("accuracies", "expected"), [((0.5, 0.7), 2), ((0.7, 0.5), 1), ((0.5, 0.5), 1)]
)
def test_ties_go_to_the_more_accurate_then_to_the_first(
    kept: Kept, accuracies: tuple[float, float], expected: int
) -> None:
    # of equal shapes where they are looked at: both give all but one attention
    donors = [widths(SPARSE, "window(w2)", 16), widths(SPARSE, "window(w4)", 16)]
    found = kept.trained(
        *(
            record(number, arch, accuracy, latency=1.0 * number)
            for number, arch, accuracy in zip((1, 2), donors, accuracies, strict=True)
        )
    )
    begun, _ = found.begin(candidate(widths(SPARSE, SPARSE, 16)), {})
    assert begun.inherited is not None
    assert begun.inherited.trial == expected


def test_only_what_is_kept_gives_weights(kept: Kept) -> None:
    best = widths(SPARSE, SPARSE, 16)
    found = kept.trained(
        record(1, best, 0.5, state="failed", reason="out of memory"),
        record(2, widths(SPARSE, WINDOW, 16), 0.5, state="pruned", reason="dominated by trial 7"),
    )
    deeper = widths(SPARSE, SPARSE, 16, depth=2)
    begun, start = found.begin(candidate(deeper), {})
    assert (begun.inherited, start) == (None, None)
    assert kept.notes == {99: {INHERITED: None}}
    # a training that ended well, but whose weights are not there or not whole
    found.learn(record(3, best, 0.5))
    assert found.begin(candidate(deeper, 98), {})[1] is None
    kept.folder.write_weights(best.digest, b"cut off")
    assert found.begin(candidate(deeper, 97), {})[1] is None
    kept.folder.write_weights(best.digest, weights_file(build_model(best, seed=3)))
    assert found.begin(candidate(deeper, 96), {})[1] is not None
    assert found.begin(candidate(best, 95), {})[1] is None, "nobody inherits from itself"


def test_a_paused_training_gives_the_weights_that_it_had(kept: Kept) -> None:
    (arch,) = small_archs(1)
    recipe = Recipe(epochs=3, batch_size=20, warmup_epochs=0, ema_decay=0.9)
    trainer = Trainer(arch, few_digits(), recipe)
    trainer.run()
    file = kept.folder.path / "state.pt"
    torch.save(trainer.state_dict(), file)
    kept.folder.write_paused(arch.digest, file.read_bytes())
    found = kept.inheritance()
    found.learn(record(4, arch, state="pruned", reason="paused after epoch 1 of 3", accuracy=0.5))
    # of equal shapes in all parts
    begun, start = found.begin(candidate(arch).model_copy(update={"digest": "another"}), {})
    assert begun.inherited is not None
    assert begun.inherited.source == "trial 4, paused after epoch 1"
    assert begun.inherited.share == 1.0
    assert start is not None
    model = build_model(arch, seed=5)
    start.fill(model)
    expected = trainer.weights()  # the average, which is what was evaluated
    for name, value in model.state_dict().items():
        assert torch.equal(value, expected[name]), name


def test_a_training_that_begins_again_begins_as_it_did(kept: Kept) -> None:
    own, donor = candidate(widths(SPARSE, SPARSE, 32)), widths(SPARSE, SPARSE, 16)
    begun, start = kept.trained(record(1, donor, 0.5)).begin(own, {})
    notes = kept.notes.pop(99)
    # meanwhile a better donor ended, and the first one's weights were dropped
    better = widths(SPARSE, SPARSE, 32, depth=2)
    other = kept.trained(record(2, better, 0.9))
    kept.folder.drop_weights_but({better.digest})
    again = other.begin(own, notes)
    assert again == (begun, start)
    assert not kept.notes, "what was decided is not decided again"
    # a decision for new weights holds too
    assert other.begin(own, {INHERITED: None}) == (own, None)
    # without the copy it is decided anew, and said so
    kept.folder.drop_donors_but(())
    anew, _ = other.begin(own, notes)
    assert anew.inherited is not None
    assert anew.inherited.trial == 2
    assert kept.notes == {99: {INHERITED: anew.inherited.to_dict()}}


def test_copies_stay_while_a_training_may_begin_with_them(kept: Kept) -> None:
    donor, own = widths(SPARSE, SPARSE, 16), candidate(widths(SPARSE, SPARSE, 32))
    found = kept.trained(record(1, donor, 0.5))
    begun, start = found.begin(own, {})
    assert start is not None

    def files() -> int:
        return len(list((kept.folder.path / "inherited").glob("*")))

    found.keep({donor.digest}, [begun])
    assert files() == 1
    ended = record(99, own.arch, 0.7, inherited=begun.inherited)
    found.learn(ended)
    found.keep({own.digest}, [])
    assert files() == 1, "its other seeds begin with them"
    found.learn(ended.model_copy(update={"state": "pruned", "reason": "paused after epoch 1"}))
    found.keep((), [])
    assert files() == 1, "it may go on, or begin again"
    found.learn(ended)
    found.keep((), [])
    assert files() == 0


def test_given_weights_go_to_every_candidate_that_they_fit(kept: Kept) -> None:
    kept.given = Donor.of(build_model(widths(SPARSE, SPARSE, 16), seed=1), label="there")
    found = kept.trained(record(1, widths(SPARSE, SPARSE, 32), 0.5))
    begun, start = found.begin(candidate(widths(SPARSE, WINDOW, 32)), {})
    assert begun.inherited is not None
    assert (begun.inherited.source, begun.inherited.trial) == ("there", None)
    assert start == kept.given


# ---- in a search ----


@pytest.mark.parametrize("rungs", [(), (1,)], ids=str)
def test_candidates_of_a_search_inherit(bench: Bench, rungs: tuple[int, ...]) -> None:
    executor = InheritingExecutor()
    bench.loop(executor, trials=8, rungs=rungs or None, inherit="run").run()
    records = bench.opened.records()
    trained = [each for each in records if each.curve]
    numbers = {each.number for each in trained}
    inherited = [each for each in trained if each.inherited is not None]
    # two are put before the worker before the first has ended
    assert len(inherited) >= len(trained) - 2
    for each in inherited:
        assert each.inherited is not None
        assert each.inherited.trial in numbers
        assert 0 < each.inherited.share <= 1
        job = next(job for job in executor.jobs if job.arch.digest == each.digest)
        assert job.start is not None
        assert job.start.digest == each.inherited.digest
    kept_copies = {path.stem for path in (bench.folder.path / "inherited").iterdir()}
    assert kept_copies <= {e.inherited.digest[:16] for e in inherited if e.inherited}


def test_without_it_no_candidate_inherits(bench: Bench) -> None:
    executor = InheritingExecutor()
    bench.loop(executor, trials=5).run()
    assert {job.start for job in executor.jobs} == {None}
    assert {each.inherited for each in bench.opened.records()} == {None}
    assert not (bench.folder.path / "inherited").exists()


@pytest.mark.parametrize("is_lost", [False, True])
def test_a_paused_candidate_goes_on_with_its_start(bench: Bench, is_lost: bool) -> None:
    bench.loop(InheritingExecutor(), trials=6, rungs=(1,), inherit="run").run()
    executor = InheritingExecutor()
    evaluator = bench.loop(executor, trials=6, rungs=(1,), inherit="run").evaluator
    ended = {each.number: each for each in evaluator.restored()}
    paused = next(
        ended[each.number]
        for each in bench.opened.records()
        if each.is_paused and each.inherited is not None
    )
    if is_lost:
        bench.folder.drop_donors_but(())
        bench.folder.drop_weights_but(())
        for other in {each.digest for each in ended.values()} - {paused.digest}:
            bench.folder.drop_paused(other)
    added = bench.opened.promote(paused, 1, {})
    trial = replace(paused, number=added.number, state="running", rung=1, notes=added.notes)
    evaluator.begin(trial, paused)
    (job,) = executor.jobs
    # without what its key says that it began with, it is another training, from its first epoch
    assert (job.paused is None) == is_lost
    said = any("so it begins again" in line for line in bench.listener.lines)
    assert said == is_lost
    if not is_lost:
        assert job.start is not None
        assert job.start.digest == paused.detail.inherited.digest
    elif job.start is not None:
        assert job.start.digest != paused.detail.inherited.digest


def test_the_model_learns_from_trainings_that_inherited_alone() -> None:
    observe = InheritedOnly(lambda trial: [1.0])

    def trial(**record: object) -> Any:
        return create_trial(state=TrialState.COMPLETE, values=[1.0], user_attrs={RECORD: record})

    assert observe(trial(inherited={"source": "trial 1"})) == [1.0]
    assert observe(trial(inherited=None)) is None
    assert observe(trial()) is None


# ---- trainings ----


def test_a_training_from_new_weights_keeps_its_name() -> None:
    key = TrainingKey("a" * 64, Recipe(), "b" * 64, 3)
    # as it was before trainings could begin with anything else
    assert key.digest_as("0.1.0", {"epochs": 1}) == (
        "8c5d221ca9404bd82f529c9a9404624c157156cd44309b496ce010cd6ec03359"
    )
    assert replace(key, start="c" * 64).digest != key.digest


def driver(folder: Path) -> Driver:
    data = few_digits()
    return Driver(
        "inline", data, PoolOptions(num_workers=1), Trainings(TrainingStore(folder), data)
    )


def test_other_seeds_and_lost_weights_repeat_the_start(tmp_path: Path, kept: Kept) -> None:
    data, recipe = few_digits(), Recipe(epochs=1, batch_size=20, warmup_epochs=0)
    own, other = small_archs(2)
    donor = Donor.of(build_model(other, seed=7), class_names=data.class_names, label="trial 1")
    inherited = Inherited(source="trial 1", trial=1, digest=donor.digest, share=0.5)
    kept.folder.write_donor(donor.digest, donor.data)
    trainer = Trainer(own, data, recipe, seed=0, start=donor)
    metrics = trainer.run()
    assert metrics is not None
    member = record(5, own, metrics.accuracy, inherited=inherited)
    seeds: dict[int, float | None] = {}
    with driver(tmp_path / "run") as opened:
        train_front_again(
            [member],
            [member],
            [1],
            opened,
            recipe,
            lambda number, found: seeds.__setitem__(found.seed, found.accuracy),
            Recorder(),
            start_of=lambda each: kept_start(kept.folder, each),
        )
    expected = Trainer(own, data, recipe, seed=1, start=donor).run()
    assert expected is not None
    assert seeds == {1: expected.accuracy}
    assert not kept.folder.checkpoint(own.digest).is_file()
    make_missing_weights(
        [member], kept.folder, recipe, 0, lambda: driver(tmp_path / "run"), Recorder()
    )
    made = Donor.read(kept.folder.checkpoint(own.digest).read_bytes())
    assert made.digest == Donor.of(trainer.model, class_names=data.class_names).digest
    # without the copy neither is made up from scratch
    kept.folder.drop_donors_but(())
    kept.folder.drop_weights_but(())
    listener = Recorder()
    make_missing_weights([member], kept.folder, recipe, 0, lambda: driver(tmp_path), listener)
    assert not kept.folder.checkpoint(own.digest).is_file()
    with driver(tmp_path / "run") as opened:
        train_front_again(
            [member],
            [member],
            [2],
            opened,
            recipe,
            lambda number, found: seeds.__setitem__(found.seed, found.accuracy),
            listener,
            start_of=lambda each: kept_start(kept.folder, each),
        )
    assert set(seeds) == {1}
    assert len([line for line in listener.lines if "gone" in line or "cannot be" in line]) == 2


def test_a_training_with_a_start_is_none_without(tmp_path: Path) -> None:
    data, recipe = few_digits(), Recipe(epochs=1, batch_size=20, warmup_epochs=0)
    own, other = small_archs(2)
    donor = Donor.of(build_model(other, seed=7))
    jobs = [Job(0, own, recipe, 0), Job(1, own, recipe, 0, start=donor)]
    found: dict[int, Trained] = {}

    def ended(outcome: Trained | FailedEvent) -> None:
        assert isinstance(outcome, Trained)
        found[outcome.job.trial] = outcome

    with driver(tmp_path / "run") as opened:
        opened.train(jobs, ended)
    assert found[0].training.start == ""
    assert found[1].training.start == donor.digest
    assert found[0].training.curve != found[1].training.curve
    trainings = Trainings(TrainingStore(tmp_path / "run"), data)
    for job in jobs:
        known = trainings.find(job)
        assert known is not None
        assert known.curve == found[job.trial].training.curve
