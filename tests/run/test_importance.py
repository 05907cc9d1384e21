import html

import numpy as np
import optuna
import pytest
import yaml

from archsearch.cli.app import main
from archsearch.errors import InputError
from archsearch.report import importance_table, marginals_table, write_importance, written
from archsearch.report.figures.choices import choice_rows
from archsearch.report.figures.importance import draw_importance
from archsearch.report.importance_findings import verdicts
from archsearch.run import run_importance
from archsearch.search.study_store import RECORD
from tests.report.synthetic_run import ENVIRONMENT, synthetic_run

DOMAINS = {
    "attention": ["window", "global"],
    "width": [16, 32],
    "stem": ["conv", "patch"],
    "only": ["one"],
    "attention.window_size": [2, 4],
}


def made_run(folder, count=120):
    """Write the folder of a run in which attention makes accuracy and width makes latency."""
    rng = np.random.default_rng(0)
    record = next(t for t in synthetic_run(40).trials if t.accuracy is not None)
    folder.mkdir(parents=True)
    storage = f"sqlite:///{folder / 'study.db'}"
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=storage, study_name=folder.name, directions=["maximize", "minimize"]
    )
    trials = []
    for number in range(count):
        params = {name: values[int(rng.integers(len(values)))] for name, values in DOMAINS.items()}
        if params["attention"] == "global":
            del params["attention.window_size"]
        latency = (1.0 + (params["width"] == 32)) * float(np.exp(0.05 * rng.standard_normal()))
        accuracy = 0.7 + 0.1 * (params["attention"] == "global") + 0.01 * float(rng.normal())
        slow = number % 4 == 3
        own = record.model_copy(
            update={
                "number": number,
                "state": "infeasible" if slow else "complete",
                "accuracy": None if slow else accuracy,
                "latency": record.latency.model_copy(update={"median_ms": latency}),
                "final_latency": None,
            }
        )
        trials.append(
            optuna.trial.create_trial(
                params=params,
                distributions={
                    name: optuna.distributions.CategoricalDistribution(DOMAINS[name])
                    for name in params
                },
                values=None if slow else [accuracy, latency],
                state=optuna.trial.TrialState.PRUNED if slow else optuna.trial.TrialState.COMPLETE,
                user_attrs={RECORD: own.to_dict()},
            )
        )
    study.add_trials(trials)
    config = {
        "storage": storage,
        "environment": ENVIRONMENT.to_dict(),
        "identity": {"budgets": {"latency_ms": None}},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made_run(tmp_path_factory.mktemp("runs") / "made")


@pytest.fixture(scope="module")
def found(folder):
    return run_importance(folder)


def test_both_methods_find_what_was_planted(found):
    by_name = {row.name: row for row in found.parameters}
    assert "only" not in by_name
    for row in by_name.values():
        if row.name != "attention":
            assert row.accuracy_fanova is None or row.accuracy_fanova < 0.2
    assert by_name["attention"].accuracy_fanova > 0.7
    assert by_name["width"].latency_fanova > 0.7
    assert max(by_name.values(), key=lambda r: r.accuracy_ped or 0).name == "attention"
    assert max(by_name.values(), key=lambda r: r.latency_ped or 0).name == "width"
    # active in some trials only: the one method cannot, the other can
    assert by_name["attention.window_size"].accuracy_fanova is None
    assert by_name["attention.window_size"].accuracy_ped is not None


def test_shares_add_up_to_one(found):
    for index in range(2, 6):
        known = [row[index] for row in found.parameters if row[index] is not None]
        assert sum(known) == pytest.approx(1.0)


def test_latency_is_that_of_all_measured_trials(found):
    assert (found.num_accuracy, found.num_latency) == (90, 120)


def test_marginals_say_which_way(found):
    row = next(row for row in found.marginals if row.value == "global")
    low, high = row.at_latency.interval()
    assert low <= 0.05 <= high
    assert row.p < 0.001
    kinds = {row.name: row.kind for row in choice_rows(found.marginals)}
    assert kinds["attention: global"] == "better"
    assert kinds["stem: conv"] == "not distinguishable"


def test_too_few_trials_are_refused(tmp_path):
    with pytest.raises(InputError, match="at least 20 trials that were trained to the end, but"):
        run_importance(made_run(tmp_path / "few", count=10))


def test_tables_and_page(found, tmp_path):
    text = written([importance_table(found), marginals_table(found)], "md")
    assert text.startswith("### made: importance")
    assert "| attention | 90 |" in text
    assert len(importance_table(found).head(2).rows) == 2
    assert "attention: " in draw_importance(found).description
    page = write_importance(found, tmp_path / "importance.html").read_text(encoding="utf-8")
    for sentence in verdicts(found.marginals):
        assert html.escape(sentence) in page


def test_command(folder, capsys, tmp_path):
    page = tmp_path / "page.html"
    with pytest.raises(SystemExit) as ended:
        main(["importance", str(folder), "--format", "csv", "--output", str(page)])
    assert not ended.value.code
    assert capsys.readouterr().out.startswith("name,num_trials,accuracy_fanova")
    assert page.is_file()
    with pytest.raises(SystemExit) as ended:
        main(["importance", str(folder), "--format", "cvs"])
    assert ended.value.code == 2
    assert "did you mean 'csv'" in capsys.readouterr().err
