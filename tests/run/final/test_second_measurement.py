"""A front measured again after its run has ended; the probe is made up, everything else is real."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from archsearch.arch import Arch
from archsearch.cli.app import main
from archsearch.cost import current_environment
from archsearch.cost.measured_network import Target
from archsearch.errors import InputError, ProbeError
from archsearch.record import LatencyResult, TrialRecord
from archsearch.run import load_run, measure_front, prepare
from archsearch.run.budgets import Budgets
from archsearch.run.config import SearchConfig
from archsearch.run.network_values import evaluation_of
from archsearch.run.preparation import Place
from archsearch.run.status import SilentListener
from archsearch.search.evaluation import Evaluation
from archsearch.search.study_store import RECORD, StudyStore
from tests.run.conftest import Recorder, compared, result
from tests.run.final.test_front_evaluation import guess

FIRST_MS, BUDGET_MS = (1.0, 2.0, 3.0), 5.0


class MadeProbe:
    """In place of the probe: one answer after the other for each network."""

    answers: ClassVar[dict[str, list[LatencyResult | ProbeError]]] = {}
    measured: ClassVar[list[str]] = []

    def __init__(self, device: str, threads: int) -> None:
        pass

    def __enter__(self) -> "MadeProbe":
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def compare(self, targets: Sequence[Target], protocol: object) -> Any:
        found = []
        for target in targets:
            assert isinstance(target, Arch)
            self.measured.append(target.digest)
            answer = self.answers[target.digest][0]
            if isinstance(answer, ProbeError):
                raise answer
            found.append(answer)
        return compared(*found)

    def close(self) -> None:
        """Nothing runs."""

    def breakdown(self, target: object, names: Sequence[str], protocol: object) -> Any:
        return SimpleNamespace(unit_ms=dict.fromkeys(names, 0.1), clocked_ms=1.0)


@pytest.fixture(params=["own storage", "other storage"])
def ended(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[TrialRecord]:
    """A run of three trained networks, none confirmed; its records."""
    other = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    storage = other if request.param == "other storage" else ""
    config = SearchConfig(space="tiny", limit=60, budgets=Budgets(latency_ms=BUDGET_MS))
    place = Place("run", str(tmp_path / "runs"), storage)
    prepared = prepare(config, place)
    prepared.folder.create(prepared.written)
    store = StudyStore(prepared.storage, "run", prepared.space, objectives=config.directions)
    records: dict[str, TrialRecord] = {}
    ended: dict[str, Evaluation] = {}
    here = prepared.environment.fingerprint
    while len(records) < len(FIRST_MS):
        proposal = store.ask()
        arch = prepared.space.arch(proposal.params)
        if arch.digest in records:
            store.tell_repeat(proposal.number, ended[arch.digest], reuse=True)
            continue
        first = result(FIRST_MS[len(records)]).model_copy(update={"environment": here})
        record = TrialRecord(
            number=proposal.number,
            digest=arch.digest,
            arch=arch,
            state="complete",
            latency=first,
            accuracy=0.5 + len(records) / 10,
        )
        ended[arch.digest] = evaluation_of(record, config, proposal)
        kept = {key: value for key, value in record.to_dict().items() if key != "choices"}
        store.tell(ended[arch.digest], {RECORD: kept})
        records[arch.digest] = record
    monkeypatch.setattr("archsearch.run.final.second_measurement.Probe", MadeProbe)
    monkeypatch.chdir(tmp_path)
    MadeProbe.measured = []
    return list(records.values())


def answer(records: Sequence[TrialRecord], *answers: LatencyResult | ProbeError) -> None:
    MadeProbe.answers = {r.digest: [a] for r, a in zip(records, answers, strict=True)}


def exit_code(*words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(list(words))
    return int(caught.value.code or 0)


def test_measured_until_all_is_confirmed(ended: list[TrialRecord], capsys: Any) -> None:
    answer(ended, result(1.1), guess(50.0), ProbeError("the latency probe ended"))
    assert exit_code("front", "run", "--measure", "--json") == 0
    points = json.loads(capsys.readouterr().out)
    assert [each["latency_confirmed"] for each in points] == [True, False, False]
    assert [each["latency_ms"] for each in points] == [1.1, 2.0, 3.0]
    assert [each["latency_final_verdict"] for each in points] == ["steady", "rejected", None]
    assert points == json.loads(Path("runs/run/front.json").read_text())
    assert Path("runs/run/report.html").is_file()
    notes = load_run("run").notes
    assert len(notes) == 2
    # on a quiet machine: only what is open is measured, and the notes on it are gone
    MadeProbe.measured = []
    answer(ended, ProbeError("not to be asked"), result(2.2), result(3.3))
    run = measure_front("run", listener=SilentListener())
    assert set(MadeProbe.measured) == {ended[1].digest, ended[2].digest}
    assert all(trial.is_confirmed for trial in run.trials)
    assert run.notes == ()
    assert load_run("run") == run
    # nothing is left to be measured, and that is said
    MadeProbe.measured = []
    recorder = Recorder()
    measure_front("run", listener=recorder)
    assert recorder.lines == ["every front member is measured; --all measures all again"]
    assert MadeProbe.measured == []
    assert all(trial.time_share for trial in run.trials)


def test_an_empty_front_ends_with_1_and_can_come_back(
    ended: list[TrialRecord], capsys: Any
) -> None:
    answer(ended, result(6.0), result(7.0), result(8.0))
    assert exit_code("front", "run", "--measure", "--json") == 1
    output = capsys.readouterr()
    assert json.loads(output.out) == []
    assert "longer than the budget of 5 ms" in output.err
    assert "What to do" in output.err
    assert exit_code("front", "run") == 1
    answer(ended, result(1.0), result(2.0), result(8.0))
    recorder = Recorder()
    run = measure_front("run", every=True, listener=recorder)
    assert len(run.front) == 2


def test_another_environment_is_refused_and_nothing_is_written(
    ended: list[TrialRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Path("runs/run/config.yaml")
    before = config.read_bytes()
    here = current_environment("cpu")
    other = here.model_copy(update={"cores": here.cores + 6})
    current = "archsearch.run.final.second_measurement.current_environment"
    monkeypatch.setattr(current, lambda _: other)
    with pytest.raises(InputError, match=r"cores: .* there, .* here.*never share a front"):
        measure_front("run", listener=SilentListener())
    assert config.read_bytes() == before
    assert MadeProbe.measured == []
    assert not any(trial.final_latency for trial in load_run("run").trials)


def test_all_goes_with_measure_only(ended: list[TrialRecord]) -> None:
    assert exit_code("front", "run", "--all") == 2
