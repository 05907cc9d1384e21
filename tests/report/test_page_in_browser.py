"""The page in a real browser: skipped where there is no Chromium."""

import re
import subprocess
from pathlib import Path

import pytest

from archsearch.analysis import best, front_trials
from archsearch.percent import percent_text
from archsearch.report import export_command, write_report
from archsearch.report.front_data import front_info
from archsearch.report.number_format import count_text, ms_interval_text, ms_text
from tests.chromium import CHROMIUM, MISSING
from tests.report.drawn_marks import drawn_marks
from tests.report.synthetic_run import synthetic_run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason=MISSING),
]


def opened(path: Path, *options: str, part: str = "") -> tuple[str, str]:
    """Return the page's elements after its scripts ran, and what it said on the console."""
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--enable-logging=stderr",
            "--virtual-time-budget=8000",
            "--window-size=1440,9000",
            f"--user-data-dir={path.parent / 'profile'}",
            *options,
            "--dump-dom",
            f"{path.as_uri()}{part}",
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return done.stdout, "\n".join(console)


def card_of(page: str) -> str:
    found = re.search(r'<article class="card".*?</article>', page, re.DOTALL)
    assert found
    return re.sub(r"<[^>]+>", " ", found.group())


def test_page_draws_what_the_data_says(usual, tmp_path):
    page, console = opened(write_report(usual, tmp_path / "report.html"))
    assert console == ""
    drawn = page.split('id="figure-front"')[1].split("<figcaption")[0]
    assert drawn.count('class="point plotly-customdata"') == drawn_marks(front_info(usual))
    assert page.count('class="plot js-plotly-plot"') == page.count('<figure id="')


def test_card_shows_the_best_in_the_same_words_as_python(usual, tmp_path):
    page, _ = opened(write_report(usual, tmp_path / "report.html"))
    card = card_of(page)
    chosen = best(front_trials(usual))
    assert f"Trial {chosen.number}" in card
    for text in (
        f"{percent_text(chosen.accuracy)} %",
        f"{ms_text(chosen.latency_ms)} ms",
        ms_interval_text(chosen.final_latency.interval_ms),
        count_text(chosen.params),
        count_text(chosen.macs),
        export_command(usual, chosen.number),
    ):
        assert text in card
    assert card.count("Stage ") == len(chosen.arch.stages)


def test_link_opens_a_trial(usual, tmp_path):
    page, console = opened(write_report(usual, tmp_path / "report.html"), part="#trial-0")
    assert console == ""
    assert "Trial 0 " in card_of(page)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_small_runs_raise_no_error(count, tmp_path):
    _, console = opened(write_report(synthetic_run(count), tmp_path / "report.html"))
    assert console == ""


def test_hostile_names_run_nothing(hostile, tmp_path):
    page, console = opened(write_report(hostile, tmp_path / "report.html"))
    assert console == ""
    assert "<img" not in page.replace("&lt;img", "")
