"""The dashboard over HTTP: what it shows, what it refuses, and that it writes nothing."""

import hashlib
import json
import socket
import threading
import urllib.error
import urllib.request

import optuna
import pytest

from archsearch.analysis import front_trials
from archsearch.arch import summary
from archsearch.dashboard import open_dashboard, package, server
from archsearch.errors import InputError
from archsearch.percent import percent_text
from archsearch.run import RunFolder, load_run
from tests.dashboard.conftest import frozen, write_run
from tests.report.synthetic_run import synthetic_run

pytest.importorskip("optuna_dashboard")
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Some regimes"),
]


@pytest.fixture(scope="module")
def live(folder):
    with open_dashboard(folder.path, port=0) as running:
        yield running


def ask(live, path: str, method: str = "GET", body: bytes | None = None, **headers: str):
    request = urllib.request.Request(
        live.url.removesuffix("/dashboard") + path, body, headers, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def detail(live) -> dict:
    status, body = ask(live, "/api/studies/1")
    assert status == 200
    return json.loads(body)


def test_bound_to_loopback_only(live):
    assert live.address[0] == "127.0.0.1"
    assert live.url == f"http://127.0.0.1:{live.address[1]}/dashboard"
    status, page = ask(live, "/dashboard")
    assert status == 200
    assert b"<html" in page


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/api/studies/1", "/api/studies", "/api/trials/1/tell"])
def test_changes_are_refused(live, method, path):
    status, body = ask(live, path, method, b"{}")
    assert status == 403
    assert "--allow-edit" in json.loads(body)["reason"]


@pytest.mark.parametrize("host", ["example.org", "10.0.0.7:8080", "localhost.example.org", ""])
def test_other_names_are_refused(live, host):
    status, _ = ask(live, "/api/studies", Host=host)
    assert status == 403
    assert ask(live, "/api/studies", Host=f"localhost:{live.address[1]}")[0] == 200


def test_the_best_are_the_front(live, run):
    shown = detail(live)
    assert [each["number"] for each in shown["best_trials"]] == sorted(run.front)
    by_number = {each["number"]: each for each in shown["trials"]}
    for trial in front_trials(run):
        assert by_number[trial.number]["values"] == [trial.accuracy, trial.latency_ms]
    for trial in run.trials:
        over = [value > 0 for value in by_number[trial.number]["constraints"]]
        assert over == [trial.latency_ms > run.budget_ms and trial.number not in run.front]


def test_a_trial_over_budget_in_the_final_measurement_is_not_among_the_best(own_folder, run):
    best = run.front[-1]
    study = optuna.load_study(study_name=own_folder.name, storage=own_folder.storage)
    finals = study.user_attrs["finals"]
    slower = run.trials[best].final_latency.model_copy(
        update={"median_ms": 5.3, "interval_ms": (5.2, 5.4)}
    )
    finals[str(best)]["final_latency"] = slower.model_dump(mode="json")
    study.set_user_attr("finals", finals)
    with open_dashboard(own_folder.path, port=0) as live:
        shown = detail(live)
    assert best not in [each["number"] for each in shown["best_trials"]]
    assert shown["trials"][best]["constraints"] == pytest.approx([0.06])
    front = [each["number"] for each in shown["best_trials"]]
    assert front == sorted(load_run(own_folder).front)


@pytest.mark.parametrize("kept", [True, False])
def test_a_trial_over_budget_by_a_guess_is_among_the_best_only_where_none_keeps_it(tmp_path, kept):
    made = synthetic_run(40)
    guess = {"verdict": "rejected", "interval_ms": None}
    changed = []
    for trial in made.trials:
        if trial.number in (made.front[-1:] if kept else made.front):
            slow = trial.latency.model_copy(update={**guess, "median_ms": 38.3})
            trial = trial.model_copy(update={"latency": slow, "final_latency": None})
        elif trial.state == "complete" and not kept:
            trial = trial.model_copy(update={"state": "failed", "accuracy": None})
        changed.append(trial)
    guessed = made.model_copy(update={"trials": tuple(changed), "front": ()})
    folder = write_run(RunFolder(tmp_path / "guessed"), guessed)
    with open_dashboard(folder.path, port=0) as live:
        shown = detail(live)
    best = {each["number"] for each in shown["best_trials"]}
    uncertain = set(made.front[-1:] if kept else made.front)
    assert best
    assert best.isdisjoint(uncertain) if kept else best <= uncertain
    for number in uncertain:
        assert "may be over budget" in shown["trials"][number]["note"]["body"]


def test_notes_say_what_is_shown(live, run):
    shown = detail(live)
    note = shown["note"]["body"]
    for words in ("digits", "within 5 ms", "Protocol", "1 thread", "archsearch front"):
        assert words in note
    for trial in run.trials:
        body = shown["trials"][trial.number]["note"]["body"].replace("\\", "")
        assert all(part in body for part in summary(trial.arch).split(" | "))


def test_notes_lead_with_other_seeds(tmp_path):
    run = synthetic_run(20, front_seeds=2, name="again")
    folder = write_run(RunFolder(tmp_path / "again"), run)
    with open_dashboard(folder.path, port=0) as live:
        shown = detail(live)
    for trial in front_trials(run):
        known = shown["trials"][trial.number]
        mean = sum(trial.seed_accuracies.values()) / 2
        said = f"{percent_text(mean)} % validation accuracy (mean of 2 independent seeds)"
        assert said in known["note"]["body"]
        assert f"{percent_text(trial.accuracy)} % with the selected seed" in known["note"]["body"]
        facts = {each["key"]: each["value"] for each in known["user_attrs"]}
        assert float(facts["accuracy, other seeds"]) == pytest.approx(mean)


def test_figures_are_ours(live, run):
    live_figures = {}
    for _ in range(100):
        live_figures = {g["id"]: g["graph_object"] for g in detail(live)["plotly_graph_objects"]}
        if live_figures:
            break
        threading.Event().wait(0.2)
    assert "1-front" in live_figures
    assert list(live_figures) == sorted(live_figures)
    front = json.loads(live_figures["1-front"])
    marks = next(trace for trace in front["data"] if trace["name"] == "front")
    assert tuple(marks["customdata"]) == run.front


def test_files_of_a_trial(live, run):
    trial = run.trials[run.front[0]]
    listed = {a["filename"]: a for a in detail(live)["trials"][trial.number]["artifacts"]}
    name = f"trial_{trial.number}"
    assert set(listed) == {f"{name}.yaml", f"{name}_curve.svg", f"{name}.py"}

    def content(file: str) -> str:
        path = f"/artifacts/1/{trial.number + 1}/{listed[file]['artifact_id']}"
        status, body = ask(live, path)
        assert status == 200
        return body.decode()

    assert f"depth: {trial.arch.stages[0].depth}" in content(f"{name}.yaml")
    svg = content(f"{name}_curve.svg")
    assert svg.count("<circle") == len(trial.curve)
    assert ask(live, "/artifacts/1/1/a-ffff")[0] == 404


def test_nothing_is_written(folder, live):
    before = hashlib.sha256((folder.path / "study.db").read_bytes()).hexdigest()
    for path in ("/api/studies", "/api/studies/1", "/api/studies/1/param_importances", "/csv/1"):
        assert ask(live, path)[0] == 200
    assert hashlib.sha256((folder.path / "study.db").read_bytes()).hexdigest() == before


def test_it_follows_a_run_that_goes_on(own_folder, run):
    """A driver tells while pages are read: both go on, and new trials appear."""
    study = optuna.load_study(study_name=own_folder.name, storage=own_folder.storage)
    with open_dashboard(own_folder.path, port=0) as live:
        assert len(detail(live)["trials"]) == 30
        done = threading.Event()
        answers = []

        def read() -> None:
            while not done.is_set():
                answers.append(ask(live, "/api/studies/1")[0])

        reader = threading.Thread(target=read)
        reader.start()
        for trial in run.trials[:12]:
            copy = trial.model_copy(update={"number": 30 + trial.number})
            study.add_trial(frozen(copy))
        done.set()
        reader.join()
        assert set(answers) == {200}
    with open_dashboard(own_folder.path, port=0) as live:
        assert len(detail(live)["trials"]) == 42


def test_edits_are_for_those_who_ask(own_folder):
    note = json.dumps({"version": 1, "body": "mine"}).encode()
    headers = {"Content-Type": "application/json"}
    with open_dashboard(own_folder.path, port=0, editable=True) as live:
        path = "/api/studies/1/3/note"
        assert ask(live, path, "PUT", note, Origin="http://example.org", **headers)[0] == 403
        own = live.url.removesuffix("/dashboard")
        assert ask(live, path, "PUT", note, Origin=own, **headers)[0] == 204
        assert detail(live)["trials"][2]["note"]["body"] == "mine"
    assert len(load_run(own_folder).trials) == 30


def test_a_taken_port(folder, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=rf"--port: port {port} is in use; name another"):
            open_dashboard(folder.path, port=port)
        monkeypatch.setattr(server, "USUAL_PORT", port)
        running = open_dashboard(folder.path)
        assert running.address[1] not in (0, port)
        running.close()
    with pytest.raises(InputError, match="must be 0 to 65535, but got 70000"):
        open_dashboard(folder.path, port=70000)


def test_not_a_run(tmp_path):
    with pytest.raises(InputError, match=r"is not the folder of a run"):
        open_dashboard(tmp_path / "nothing")


def test_a_missing_package_names_the_extra(folder, monkeypatch):
    monkeypatch.setitem(package.importlib.sys.modules, "optuna_dashboard._app", None)
    with pytest.raises(InputError, match=r"pip install 'archsearch\[dashboard\]'"):
        open_dashboard(folder.path)


def test_a_moved_database_is_never_made(own_folder):
    (own_folder.path / "study.db").unlink()
    with pytest.raises(InputError, match="cannot be read"):
        open_dashboard(own_folder.path, port=0)
