"""The live dashboard in a browser."""

import pytest

from archsearch.dashboard import open_dashboard
from archsearch.run import RunFolder
from tests.dashboard.conftest import write_run
from tests.report.synthetic_run import synthetic_run

pytest.importorskip("optuna_dashboard")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Some regimes"),
]


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "usual")
    write_run(folder, synthetic_run(40, name="usual"))
    with open_dashboard(folder.path, port=0) as running:
        yield running


def test_first_page_and_our_figures(visit, live):
    watched = visit(f"{live.url}/studies/1")
    page = watched.page
    page.get_by_text("Pareto Front").first.wait_for()
    # drawn beside the server: they come with one of the next requests
    page.get_by_text("Accuracy against latency").first.wait_for(timeout=60_000)
    assert watched.clean()


def test_trials_say_which_are_best_and_which_infeasible(visit, live):
    run = synthetic_run(40, name="usual")
    watched = visit(f"{live.url}/studies/1/trials?numbers={run.front[0]}")
    page = watched.page
    page.get_by_text("Best Trial").first.wait_for()
    assert page.get_by_text(f"trial_{run.front[0]}.yaml").count() == 1
    over = next(trial for trial in run.trials if trial.state == "infeasible")
    page.goto(f"{live.url}/studies/1/trials?numbers={over.number}")
    page.get_by_role("heading", name=f"Trial {over.number} ").wait_for()
    shown = page.locator("body").inner_text()
    assert "over the budget" in shown
    assert watched.clean()
