import io
import re
import subprocess
import sys

import pytest
from rich.console import Console

from archsearch.analysis import best, front_trials, knee
from archsearch.arch import summary
from archsearch.percent import percent_text
from archsearch.report import ablation_table, baseline_table, front_table, headline, sentences
from archsearch.report.number_format import ms_text
from archsearch.report.trial_remarks import remarks
from tests.report.synthetic_ablation import synthetic_ablation
from tests.report.synthetic_run import synthetic_run


def printed(run, width: int, **options) -> str:
    out = io.StringIO()
    Console(file=out, width=width, **options).print(front_table(run))
    return out.getvalue()


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("width", [40, 60, 80, 120, 170])
def test_nothing_is_cut_at_any_width(usual, width):
    text = printed(usual, width)
    assert "…" not in text
    # a command is whole at any width
    assert all(len(row) <= width or "  archsearch " in row for row in text.splitlines())
    for trial in front_trials(usual):
        assert percent_text(trial.accuracy) in text
        assert ms_text(trial.latency_ms) in text


@pytest.mark.parametrize("width", [80, 120])
def test_architectures_stand_whole_below_the_numbers(usual, width):
    text = squeezed(printed(usual, width))
    for trial in front_trials(usual):
        assert squeezed(summary(trial.arch)) in text


def test_one_row_a_trial_at_80_columns(usual):
    numbers = [trial.number for trial in front_trials(usual)]
    # intervals stand below their numbers, and neither is broken
    table = printed(usual, 80).split("accuracy: ")[0]
    rows = re.findall(r"^ *(\d+)  \d", table, re.MULTILINE)
    assert [int(row) for row in rows] == numbers
    assert len(table.splitlines()) == 3 + 2 * len(numbers)


def test_no_control_codes_when_piped_and_colour_is_no_content(usual):
    plain = printed(usual, 80)
    assert "\x1b" not in plain
    coloured = printed(usual, 80, force_terminal=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_any_run_prints(any_run):
    text = printed(any_run, 80)
    assert text.strip()
    if not front_trials(any_run):
        assert "The front is empty" in text
    assert headline(any_run)
    assert sentences(any_run)


def test_remarks(usual):
    found = remarks(usual)
    front = front_trials(usual)
    assert set(found) == {trial.number for trial in front}
    assert [n for n, words in found.items() if "best" in words] == [best(front).number]
    assert [n for n, words in found.items() if "knee" in words] == [knee(front).number]
    assert "tie" not in found[best(front).number]


def test_sentences_count_every_trial(usual):
    summary = sentences(usual)[0]
    counts = [int(word) for word in re.findall(r"\d+", summary)]
    assert counts[0] == len(usual.trials) == sum(counts[1:])


def test_tables_need_no_plotly():
    code = (
        "import sys, archsearch.report as report; report.front_table; "
        "assert 'plotly' not in sys.modules; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def tables():
    """Tables whose rows are wider than a small terminal."""
    run = synthetic_run(150, baselines=True, front_seeds=3)
    uncertain = run.model_copy(
        update={
            "trials": tuple(
                each.model_copy(update={"final_latency": None}) if each.number % 2 else each
                for each in run.trials
            )
        }
    )
    return {
        "front": front_table(run),
        "uncertain front": front_table(uncertain, "/a folder/of runs/" + "long" * 30),
        "baselines": baseline_table(run),
        "variants": ablation_table(synthetic_ablation()),
    }


@pytest.mark.parametrize("width", [60, 70, 80, 90, 100, 120, 160])
@pytest.mark.parametrize("name", ["front", "uncertain front", "baselines", "variants"])
def test_no_number_is_torn_from_its_unit_or_interval(name, width):
    table = tables()[name]
    out = io.StringIO()
    Console(file=out, width=width).print(table, crop=False)
    text = out.getvalue()
    for row in table.rows:
        for heading, cell in zip(table.headings, row, strict=True):
            if heading in table.words:
                continue
            number, bracket, rest = cell.partition(" (")
            assert number in text
            # a comma parts an interval from what else is known
            for part in f"({rest}".split(", ") if bracket else ():
                assert part in text, (heading, cell)
    for note in table.notes:
        _, found, command = note.partition(": archsearch ")
        assert not found or f"  archsearch {command}\n" in text


@pytest.mark.parametrize("name", ["front", "baselines", "variants"])
def test_what_has_no_room_is_listed_below(name):
    table = tables()[name]
    out = io.StringIO()
    Console(file=out, width=80).print(table, crop=False)
    # a row a line, whatever is below
    first = out.getvalue().partition("──")[0]
    assert all(word in first for word in table.headings[0].split())
    assert any(heading not in first for heading in table.minor)
    for heading in table.minor:
        at = table.headings.index(heading)
        assert heading in first or f"{heading} {table.rows[0][at]}" in out.getvalue()
