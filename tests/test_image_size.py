"""The size of images: what is read, what is refused and why."""

import pytest

from archsearch.errors import InputError
from archsearch.image_size import plain_size, read_size, sides_of, size_text


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (96, 96),
        ([96, 160], (96, 160)),
        ((96, 160), (96, 160)),
        ([96, 96], 96),
        ("96", 96),
        ("96x160", (96, 160)),
        ("96,160", (96, 160)),
        (" 96 x 160 ", (96, 160)),
        ("[96, 160]", (96, 160)),
        ("96x96", 96),
    ],
)
def test_every_form_is_read(value, size):
    assert read_size(value) == size
    assert read_size(plain_size(size)) == size
    assert read_size(size_text(size)) == size
    assert sides_of(size) == (96, 96 if size == 96 else 160)


REFUSED = {
    "96x": "has no width",
    "x160": "has no height",
    "96,": "has no width",
    "0x10": "height must be at least 1",
    "10x0": "width must be at least 1",
    "-4x-5": "height and width must be at least 1",
    "-5": "must be at least 1",
    "0": "must be at least 1",
    "[96]": "must be two numbers, height and width, not 1",
    "[96, 160, 3]": "must be two numbers, height and width, not 3",
    "96x160x3": "must be two numbers, height and width, not 3",
    "large": "must be a whole number, or height and width as two whole numbers",
    "x": "must be a whole number, or height and width as two whole numbers",
    "": "must be a whole number, or height and width as two whole numbers",
    "1.5x2": "must be a whole number, or height and width as two whole numbers",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_wrong_is_said(text):
    with pytest.raises(InputError) as caught:
        read_size(text, "--image-size")
    (problem,) = caught.value.problems
    shown = int(text) if text in ("-5", "0") else text
    assert (problem.key, problem.rule, problem.value) == ("--image-size", REFUSED[text], shown)
    assert ("180x320" in problem.remedy) == (shown == text)


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ([96], "must be two numbers, height and width, not 1"),
        ([96, 160, 3], "must be two numbers, height and width, not 3"),
        ([], "must be two numbers, height and width, not 0"),
        ([0, 10], "height must be at least 1"),
        ([96, True], "must be a whole number, or height and width as two whole numbers"),
        ([96.0, 160], "must be a whole number, or height and width as two whole numbers"),
        (True, "must be a whole number, or height and width as two whole numbers"),
        (None, "must be a whole number, or height and width as two whole numbers"),
        ({"height": 3}, "must be a whole number, or height and width as two whole numbers"),
        (-1, "must be at least 1"),
    ],
)
def test_what_is_wrong_in_a_file_is_said(value, rule):
    with pytest.raises(InputError) as caught:
        read_size(value)
    assert caught.value.problems[0].rule == rule


@pytest.mark.parametrize(("value", "remedy"), [(32.0, "write 32"), ("1e3", "write 1000")])
def test_a_number_that_is_no_whole_number_as_it_is_written(value, remedy):
    with pytest.raises(InputError) as caught:
        read_size(value)
    assert caught.value.problems[0].remedy == remedy
