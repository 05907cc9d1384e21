import pytest

from archsearch.report import front_text
from archsearch.report.front_data import front_info


@pytest.mark.parametrize(("width", "height"), [(72, 16), (40, 8), (120, 30), (1, 1)])
def test_plain_characters_in_a_box(any_run, width, height):
    text = front_text(any_run, width, height)
    assert text.isascii()
    assert all(character == "\n" or character.isprintable() for character in text)
    assert all(len(line) <= max(width, 40) for line in text.splitlines())
    if text:
        assert len(text.splitlines()) == max(height, 4) + 3
        assert "*" in text.split("\n", 1)[1]
    else:
        assert not front_info(any_run).front.numbers


def test_marks_stand_where_the_numbers_are(usual):
    info = front_info(usual)
    rows = front_text(usual, 200, 80).splitlines()[1:81]
    stars = sum(row.count("*") for row in rows)
    assert stars == len(info.front.numbers)
    # the front rises: read from the left, every star is above the one before
    places = sorted((x, -y) for y, row in enumerate(rows) for x, c in enumerate(row) if c == "*")
    assert [y for _, y in places] == sorted(y for _, y in places)


def test_budget_is_drawn_and_named(usual):
    text = front_text(usual)
    assert "budget 5 ms" in text
    body = text.splitlines()[1:-2]
    assert all("|" in line[9:] or "*" in line for line in body)


def test_one_trial_without_a_budget_stands_in_the_middle(usual):
    alone = next(trial for trial in usual.trials if trial.number == usual.front[0])
    run = usual.model_copy(update={"trials": (alone,), "front": (alone.number,), "budget_ms": None})
    (line,) = [line for line in front_text(run).splitlines()[1:] if "*" in line]
    assert 72 / 3 < line.index("*") < 72 * 2 / 3
    left, right = front_info(run).latency_range
    assert left < alone.latency_ms < right
