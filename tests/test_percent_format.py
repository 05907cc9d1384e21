"""One form of a share for people: a number, a blank, the sign."""

import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "archsearch"
#: the formats that Python joins the sign to, and a sign behind the braces of a text
JOINED = re.compile(r":[.\d]*%\}|\}%(?![%\w(])")
FILES = sorted(path for kind in ("*.py", "*.js") for path in PACKAGE.rglob(kind))


@pytest.mark.parametrize("text", ['f"{x:.0%}"', 'f"{x:%}"', 'f"{x}% of"', "`${x}%`"])
def test_the_rule_finds_what_it_is_for(text: str) -> None:
    assert JOINED.search(text)


def test_no_text_joins_the_sign_to_the_number() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}: {line.strip()}"
        for path in FILES
        for line in path.read_text(encoding="utf-8").splitlines()
        if JOINED.search(line)
    ]
    assert found == []
