"""A study on a real PostgreSQL server, which the test starts and kills."""

import contextlib
import gc
import os
import subprocess
import time
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from archsearch.errors import RunError
from archsearch.run import load_run
from archsearch.search.storage import Storage, reach_problem, storage_at
from archsearch.search.study_store import StudyStore
from archsearch.search.transaction import together
from archsearch.space import load_space
from tests.brief_measurements import COMMAND
from tests.postgresql_server import PASSWORD, Server, postgresql

psycopg = pytest.importorskip("psycopg", reason="pip install 'archsearch[postgresql]'")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgresql() as running:
        yield running


@contextlib.contextmanager
def engines_collected() -> Iterator[None]:
    """SQLAlchemy leaves the connections of these engines to the garbage collector."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


def test_two_studies_in_one_database_and_what_was_in_progress(server: Server) -> None:
    with engines_collected():
        place, space = storage_at(server.whole_url), load_space("tiny")
        assert reach_problem(place) is None
        first, second = (StudyStore(place, name, space) for name in ("a", "b"))
        asked, other = first.ask(), second.ask()
        assert (asked.number, other.number) == (0, 0)
        # another process finds what was in progress, as it was
        again = StudyStore(storage_at(server.whole_url), "a", space)
        interrupted, unfinished = again.recover()
        assert unfinished == (0, 1)
        assert [each.params for each in interrupted.trials] == [asked.params]


def test_what_is_written_together_is_there_or_not(server: Server) -> None:
    with engines_collected():
        store = StudyStore(storage_at(server.whole_url), "together", load_space("tiny"))
        with contextlib.suppress(KeyboardInterrupt), store.together():
            store.set_attribute("a", 1)
            raise KeyboardInterrupt
        with store.together(), together(store.study._storage):
            store.set_attribute("b", 2)
        seen = StudyStore(storage_at(server.whole_url), "together", load_space("tiny"))
        assert (seen.attribute("a"), seen.attribute("b")) == (None, 2)


def test_what_is_wrong_is_said_without_the_password(server: Server) -> None:
    parsed = make_url(server.whole_url)
    wrong = {
        "password": parsed.set(password="n0tTh1s"),
        "database": parsed.set(database="there_is_no_such_database"),
        "port": parsed.set(port=1),
    }
    with engines_collected():
        for url in wrong.values():
            text = url.render_as_string(hide_password=False)
            problem = reach_problem(Storage(url=text))
            assert problem is not None
            assert problem.remedy != "check host, name and password"
            assert str(url.password) not in str(problem)
            with pytest.raises(RunError) as caught:
                StudyStore(Storage(url=text), "wrong", load_space("tiny"))
            assert str(url.password) not in str(caught.value)


def begin(server: Server, runs: Path, name: str, *more: str) -> "subprocess.Popen[bytes]":
    words = [
        "run",
        "tiny",
        "--trials",
        "4",
        "--epochs",
        "2",
        "--limit",
        "300",
        "--no-early-stopping",
    ]
    words += ["--calibration", "0", "--front-seeds", "0", "--executor", "inline", "--name", name]
    with (runs / f"{name}.log").open("ab") as log:
        return subprocess.Popen(
            [*COMMAND, *words, "--runs-dir", str(runs), *more],
            env={**os.environ, "ARCHSEARCH_STORAGE": server.whole_url},
            stdout=log,
            stderr=log,
            cwd=runs,
        )


def ended(server: Server, name: str) -> int:
    """Return how many trials of a study have ended."""
    query = (
        "SELECT COUNT(*) FROM trials JOIN studies USING (study_id) "
        "WHERE study_name = %s AND state = 'COMPLETE'"
    )
    try:
        with psycopg.connect(server.whole_url) as connection:
            row = connection.execute(query, (name,)).fetchone()
    except psycopg.errors.UndefinedTable:
        return 0
    return int(row[0]) if row else 0


def said(runs: Path, name: str) -> str:
    return (runs / f"{name}.log").read_text()


def wait_until(reached, process: "subprocess.Popen[bytes]", say) -> None:
    deadline = time.monotonic() + 300
    while not reached():
        assert process.poll() is None, say()
        assert time.monotonic() < deadline, say()
        time.sleep(0.05)


@pytest.mark.slow
def test_runs_are_killed_and_resumed_with_their_server(server: Server, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    # two runs in one database at the same time; one is killed, then the server
    first, second = begin(server, runs, "one"), begin(server, runs, "two")
    wait_until(lambda: ended(server, "one") >= 1, first, lambda: said(runs, "one"))
    first.kill()
    first.wait()
    known = {trial.digest for trial in load_of(server, runs / "one").trials if trial.curve}
    assert second.wait(300) == 0, said(runs, "two")
    third = begin(server, runs, "three")
    wait_until(lambda: ended(server, "three") >= 1, third, lambda: said(runs, "three"))
    server.kill()
    assert third.wait(300) == 1
    assert "Traceback" not in said(runs, "three")
    assert "see that the server runs" in said(runs, "three") or "check host" in said(runs, "three")
    server.start()
    for name in ("one", "three"):
        assert begin(server, runs, name).wait(300) == 0, said(runs, name)
    assert known <= {trial.digest for trial in load_of(server, runs / "one").trials}
    for name in ("one", "two", "three"):
        trained = [trial for trial in load_of(server, runs / name).trials if trial.curve]
        assert len(trained) == len({trial.digest for trial in trained}) == 4
        assert (runs / name / "report.html").is_file()
    check_readers(server, runs)
    for path in runs.rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes(), path
        assert not path.is_file() or b"s3cr3t-pass" not in path.read_bytes(), path


def load_of(server: Server, folder: Path):
    with pytest.MonkeyPatch.context() as patch, engines_collected():
        patch.setenv("ARCHSEARCH_STORAGE", server.whole_url)
        return load_run(folder)


def check_readers(server: Server, runs: Path) -> None:
    environment = {**os.environ, "ARCHSEARCH_STORAGE": server.whole_url}
    for words in (
        ["front", "one"],
        ["report", "one", "two"],
        ["export", "one", "--format", "yaml"],
    ):
        done = subprocess.run(
            [*COMMAND, *words, "--runs-dir", str(runs)],
            env=environment,
            capture_output=True,
            cwd=runs,
        )
        assert done.returncode == 0, done.stderr.decode()
    # without its password the database says no, in one sentence
    bare = {name: value for name, value in os.environ.items() if name != "ARCHSEARCH_STORAGE"}
    done = subprocess.run(
        [*COMMAND, "front", "one", "--runs-dir", str(runs)], env=bare, capture_output=True, cwd=runs
    )
    assert done.returncode in (1, 2)
    assert b"Traceback" not in done.stderr
    assert b"ARCHSEARCH_STORAGE" in done.stderr
    pytest.importorskip("optuna_dashboard")
    from archsearch.dashboard import open_dashboard

    with pytest.MonkeyPatch.context() as patch, engines_collected():
        patch.setenv("ARCHSEARCH_STORAGE", server.whole_url)
        with open_dashboard(runs / "one", port=0) as live:
            base = live.url.removesuffix("/dashboard")
            with urllib.request.urlopen(f"{base}/api/studies", timeout=60) as answer:
                assert b'"one"' in answer.read()
