"""The report page as a reader uses it: slider, click, diff, sort, dark, narrow, keyboard."""

import re

import pytest

from archsearch.analysis import best, front_trials
from archsearch.report import write_explanation, write_report
from archsearch.report.figures.waterfall import accuracy_steps, latency_steps
from archsearch.report.front_data import front_info
from archsearch.report.run_comparison_page import write_comparison
from archsearch.run import explain
from tests.report.drawn_marks import drawn_marks
from tests.report.synthetic_run import synthetic_run
from tests.run.made_run import made_tiny_run

pytestmark = pytest.mark.slow
RUN = synthetic_run(150, baselines=True)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return write_report(RUN, tmp_path_factory.mktemp("page") / "report.html")


def scroll(page) -> None:
    """Bring every figure near the screen once; they are drawn then."""
    height = page.evaluate("document.documentElement.scrollHeight")
    for top in range(0, height, 600):
        page.evaluate(f"window.scrollTo(0, {top})")
        page.wait_for_timeout(60)
    page.wait_for_function(
        "document.querySelectorAll('.plot').length"
        " === document.querySelectorAll('.plot.js-plotly-plot').length"
    )
    page.evaluate("window.scrollTo(0, 0)")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1440, 360])
def test_nothing_fails_and_nothing_overflows(visit, report, width, dark):
    watched = visit(report, width, dark)
    scroll(watched.page)
    assert watched.clean()
    wide = watched.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width
    ground = watched.page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(map(int, re.findall(r"\d+", ground)[:3])) / 3
    assert (brightness < 60) == dark


def test_front_has_as_many_marks_as_the_data(visit, report):
    page = visit(report).page
    page.wait_for_selector('[data-figure="front"] .point')
    marks = page.locator('[data-figure="front"] path.point').count()
    assert marks == drawn_marks(front_info(RUN))


def test_slider_leaves_the_front_of_a_tighter_budget(visit, report):
    watched = visit(report)
    page = watched.page
    page.wait_for_selector('[data-figure="front"] .point')
    slider = page.locator("#budget-slider")
    for share in (0.2, 0.6):
        slider.fill(str(round(400 * share)))
        fastest, limit = front_trials(RUN)[0].latency_ms, RUN.budget_ms
        now = fastest + round(400 * share) / 400 * (limit - fastest)
        left = [trial for trial in front_trials(RUN) if trial.latency_ms <= now]
        said = page.locator("#budget-says").inner_text()
        assert f"{len(left)} architecture" in said
        assert f"trial {best(left).number} reaches" in said
        over = page.locator("#front-rows tr.over").count()
        assert over == len(front_trials(RUN)) - len(left)
    assert watched.clean()


def test_a_click_opens_the_card_and_a_second_compares(visit, report):
    watched = visit(report)
    page = watched.page
    page.wait_for_selector('[data-figure="front"] .point')
    first, second = front_trials(RUN)[0], front_trials(RUN)[-1]
    page.evaluate("window.scrollTo(0, 0)")
    place = page.evaluate(
        """number => {
          const element = document.querySelector('[data-figure="front"]');
          const trace = element.data.find((each) => each.name === 'front');
          const at = trace.customdata.indexOf(number);
          const layout = element._fullLayout, box = element.getBoundingClientRect();
          return [box.left + layout.xaxis._offset + layout.xaxis.l2p(trace.x[at]),
                  box.top + layout.yaxis._offset + layout.yaxis.l2p(trace.y[at])];
        }""",
        first.number,
    )
    page.mouse.click(*place)
    card = page.locator("#card")
    card.get_by_role("heading", name=f"Trial {first.number}", exact=True).wait_for()
    assert f"--trial {first.number} " in card.inner_text()
    assert card.locator(".net > li:not(.end)").count() == len(first.arch.stages)
    card.get_by_role("button", name="Keep to compare").click()
    page.locator(f'#front-rows [data-trial="{second.number}"]').click()
    card.get_by_text(f"Trial {first.number}, with what differs marked").wait_for()
    assert card.locator("mark").count() > 0
    assert card.locator(".net").count() == 2
    assert watched.clean()


def test_tables_sort(visit, report):
    page = visit(report).page
    heading = page.locator("#front-rows th button", has_text="Params")

    def column() -> list[float]:
        cells = page.locator('#front-rows td[data-label="Params"]').all()
        return [float(cell.get_attribute("data-value")) for cell in cells]

    heading.click()
    assert column() == sorted(column())
    heading.click()
    assert column() == sorted(column(), reverse=True)
    page.locator("#trials-rows th button", has_text="Latency").click()
    numbers = [
        int(cell.inner_text()) for cell in page.locator("#trials-rows tbody button.link").all()
    ]
    known = [trial for trial in RUN.trials if trial.latency_ms is not None]
    fastest = sorted(known, key=lambda trial: (float(f"{trial.latency_ms:.6g}"), trial.number))
    assert numbers == [trial.number for trial in fastest[: len(numbers)]]
    page.locator("#trials-state").select_option("failed")
    assert page.locator("#trials-rows tbody tr").count() == sum(
        trial.state == "failed" for trial in RUN.trials
    )


def test_the_keyboard_walks_along_the_front(visit, report):
    page = visit(report).page
    page.wait_for_selector('[data-figure="front"] .point')
    numbers = [trial.number for trial in front_trials(RUN)]
    page.locator('[data-figure="front"]').focus()
    for _ in numbers:
        page.keyboard.press("ArrowLeft")
    assert page.locator("#card h3").inner_text() == f"Trial {numbers[0]}"
    page.keyboard.press("ArrowRight")
    assert page.locator("#card h3").inner_text() == f"Trial {numbers[1]}"


def test_every_figure_has_words(visit, report):
    page = visit(report).page
    for figure in page.locator("figure").all():
        assert figure.locator("h3").inner_text()
        plot = figure.locator(".plot")
        words = page.locator(f"#{plot.get_attribute('aria-describedby')}")
        assert len(words.text_content()) > 40


@pytest.mark.parametrize("width", [1440, 360])
def test_comparison(visit, tmp_path, width):
    runs = [synthetic_run(60, seed=seed, name=f"run-{seed}") for seed in (1, 2, 3)]
    watched = visit(write_comparison(runs, tmp_path / "comparison.html"), width)
    page = watched.page
    page.wait_for_selector('[data-figure="fronts-0"] .point')
    marks = page.locator('[data-figure="fronts-0"] path.point').count()
    assert marks == sum(len(run.front) for run in runs)
    if width > 760:  # on a phone rows are cards, without a head
        page.locator("#runs-0-rows th button", has_text="Hypervolume").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert watched.clean()


@pytest.mark.parametrize("count", [0, 1, 3])
def test_small_runs(visit, tmp_path, count):
    watched = visit(write_report(synthetic_run(count), tmp_path / "report.html"))
    watched.page.wait_for_timeout(300)
    assert watched.clean()


@pytest.mark.parametrize("width", [1440, 360])
def test_explanation(visit, tmp_path, width):
    found = explain(made_tiny_run(tmp_path / "made"), "best", "3")
    watched = visit(write_explanation(found, tmp_path / "explanation.html"), width)
    page = watched.page
    scroll(page)
    for key, steps in (
        ("accuracy", accuracy_steps(found.accuracy)),
        ("latency", latency_steps(found.latency)),
    ):
        assert page.locator(f'[data-figure="{key}"] .bars .point').count() == len(steps)
    assert page.locator("#choices-rows tbody tr").count() == len(found.choices) + 3
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert watched.clean()
