"""A real run in a browser: its dashboard while it goes on, its report when it has ended."""

import json
import subprocess
import time
from pathlib import Path

import pytest

from archsearch.dashboard import open_dashboard
from archsearch.errors import InputError
from archsearch.report.front_data import front_info
from archsearch.run import load_run
from tests.brief_measurements import COMMAND
from tests.report.drawn_marks import drawn_marks

pytest.importorskip("optuna_dashboard")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Some regimes"),
]
TRIALS = 6
WORDS = "run tiny --name real --budget-ms 50 --epochs 2 --executor inline --calibration 0 --quiet"


@pytest.fixture(scope="module")
def going_on(tmp_path_factory, chromium):
    """A run in a process of its own."""
    runs = tmp_path_factory.mktemp("runs")
    words = [*WORDS.split(), "--trials", str(TRIALS), "--runs-dir", str(runs)]
    process = subprocess.Popen([*COMMAND, *words], stdout=subprocess.DEVNULL)
    yield runs, process
    process.kill()
    process.wait()


def _begun(runs: Path, process: subprocess.Popen) -> None:
    """Wait for the first trial."""
    ends = time.monotonic() + 120
    while time.monotonic() < ends and process.poll() is None:
        try:
            if load_run("real", runs).trials:
                return
        except InputError:
            pass
        time.sleep(0.5)
    assert process.poll() == 0, "the run failed"


def test_the_dashboard_follows_a_run_that_goes_on(visit, going_on):
    runs, process = going_on
    _begun(runs, process)
    with open_dashboard("real", runs, port=0) as live:
        watched = visit(f"{live.url}/studies/1/trials")
        # without being loaded again
        watched.page.get_by_text(f"Trial {TRIALS - 1}", exact=False).first.wait_for(timeout=120_000)
        assert watched.clean()
    assert process.wait(timeout=120) == 0


def test_the_report_shows_what_the_run_found(visit, going_on):
    runs, process = going_on
    assert process.wait(timeout=240) == 0
    run = load_run("real", runs)
    listed = json.loads((runs / "real" / "front.json").read_text(encoding="utf-8"))
    watched = visit(runs / "real" / "report.html")
    page = watched.page
    page.wait_for_selector('[data-figure="front"] .point')
    marks = drawn_marks(front_info(run))
    assert marks >= TRIALS
    assert page.locator('[data-figure="front"] path.point').count() == marks
    assert page.locator("#front-rows tbody tr").count() == len(run.front) == len(listed)
    assert watched.clean()
