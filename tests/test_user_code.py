"""Users' own Python: found with its neighbours, hiding nothing, and what it does said plainly."""

import subprocess
import sys
from pathlib import Path

import pytest

from archsearch.errors import InputError
from archsearch.user_code import load_file, load_function

#: names that people give to their own files, and that Python or we import under the same name
SHADOWS = [
    *("archsearch", "copy", "json", "logging", "numpy", "platform", "profile", "queue", "random"),
    *("statistics", "timm", "torch", "types", "typing", "utils", "yaml"),
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr("archsearch.user_code._folders", [])
    return tmp_path


def write(files: dict[str, str]) -> None:
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)


FOUND = {
    "one file": {"m.py": "def build(): return 7"},
    "a neighbour": {"m.py": "from mine_a import X\ndef build(): return X", "mine_a.py": "X = 7"},
    "a neighbour, when it is called": {
        "m.py": "def build():\n    from mine_b import X\n    return X",
        "mine_b.py": "X = 7",
    },
    "a file in a package": {
        "pack_a/__init__.py": "",
        "pack_a/m.py": "from .layers import X\nfrom pack_a.layers import X as Y\n"
        "def build(): return X",
        "pack_a/layers.py": "X = 7",
    },
    "a folder beside the working directory": {
        "nets_a/m.py": "from nets_a.parts import X\ndef build(): return X",
        "nets_a/parts.py": "X = 7",
    },
    "a file beside it": {
        "m.py": "from pathlib import Path\n"
        "def build(): return int(Path(__file__).with_name('n.txt').read_text())",
        "n.txt": "7",
    },
    "a name that is no word": {"my-model 2.py": "def build(): return 7"},
    "a class": {"m.py": "class build:\n    def __new__(cls): return 7"},
    "a class inside": {"m.py": "class build:\n    def make(): return 7"},
}


@pytest.mark.parametrize("case", FOUND)
def test_what_people_write_is_found(case: str, tmp_path: Path) -> None:
    write(FOUND[case])
    (file,) = [each for each in FOUND[case] if each.endswith(("m.py", "2.py"))]
    name = "build.make" if case == "a class inside" else "build"
    before = sorted(tmp_path.rglob("*"))
    assert load_function(f"{file}:{name}")() == 7
    assert sorted(tmp_path.rglob("*")) == before, "nothing is written beside a user's file"


def test_a_module_of_the_working_directory_is_found() -> None:
    write({"my_net_c.py": "def build(): return 7"})
    assert load_function("my_net_c:build")() == 7


@pytest.mark.parametrize("name", SHADOWS)
def test_a_neighbour_hides_nothing(name: str) -> None:
    write(
        {f"{name}.py": "raise SystemExit('taken')", "m.py": f"import {name}\ndef build(): {name}"}
    )
    if name == "utils":
        with pytest.raises(InputError, match="calls sys"):
            load_function("m.py:build")
    else:
        load_function("m.py:build")()


def test_two_files_have_their_own_neighbours() -> None:
    for folder in ("one", "two"):
        write(
            {
                f"{folder}/m.py": "from parts_d import X\ndef build(): return X",
                f"{folder}/parts_d.py": f"X = '{folder}'",
            }
        )
    found = [load_function(f"{folder}/m.py:build")() for folder in ("one", "two")]
    assert found == ["one", "two"]


def test_a_file_is_executed_once_and_again_when_it_changed() -> None:
    write({"m.py": "import random\nX = random.random()"})
    assert load_file("m.py").X == load_file("m.py").X
    old = load_file("m.py").X
    write({"m.py": "import random\nX = random.random() + 1"})
    assert old != load_file("m.py").X


def test_what_it_prints_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    write({"m.py": "print('at import')\ndef build(): print('when called')"})
    load_function("m.py:build")()
    output = capsys.readouterr()
    assert (output.out, output.err) == ("", "at import\nwhen called\n")


REFUSED = {
    "no such file": ({}, "m.py:build", "m.py: there is no such file; check the path"),
    "a file of nearly that name": (
        {"model.py": ""},
        "modle.py:build",
        "modle.py: there is no such file; did you mean 'model.py'?",
    ),
    "no such module": (
        {},
        "no.such.module:f",
        "there is no module 'no.such.module'; for a file write its path, "
        "no/such/module.py:FUNCTION",
    ),
    "a slip in a prefix": (
        {},
        "tim:resnet18",
        "there is no module 'tim'; did you mean 'timm'?",
    ),
    "no such function": (
        {"m.py": "from math import sqrt\ndef first(): 0\ndef second(): 0"},
        "m.py:third",
        "m.py has no function 'third'; name one of its own: m.py:first, m.py:second",
    ),
    "no function at all": (
        {"m.py": ""},
        "m.py",
        "m.py has no function 'create_model'; define one: it must return a network",
    ),
    "a function that is none": (
        {"m.py": "build = 3"},
        "m.py:build",
        "m.py has no function 'build'; define one: it must return a network",
    ),
    "syntax": (
        {"m.py": "x = 1\ndef build(:\n"},
        "m.py:build",
        "m.py:2: must be Python: invalid syntax",
    ),
    "syntax of a neighbour": (
        {"m.py": "import broken_e", "broken_e.py": "x = 1\ny = = 2\n"},
        "m.py:build",
        "broken_e.py:2: must be Python: invalid syntax",
    ),
    "raises at import": (
        {"m.py": "x = 1\nx / 0\n"},
        "m.py:build",
        "m.py:2: cannot be imported: it raises ZeroDivisionError: division by zero",
    ),
    "a neighbour raises": (
        {"m.py": "import bad_f", "bad_f.py": "\n\nraise ValueError('two\\nlines')"},
        "m.py:build",
        "bad_f.py:3: cannot be imported: it raises ValueError: two lines",
    ),
    "a package is missing": (
        {"m.py": "import nothing_like_it.at_all"},
        "m.py:build",
        "m.py:1: cannot be imported: it raises ModuleNotFoundError: No module named "
        "'nothing_like_it'; put nothing_like_it.py beside it, or install the package that has it",
    ),
    "leaves": (
        {"m.py": "import sys\nsys.exit('usage: m.py')"},
        "m.py:build",
        "m.py:2: cannot be imported: it calls sys.exit('usage: m.py'); put what ends the program "
        "under if __name__ == '__main__':",
    ),
    "raises when it is called": (
        {"m.py": "def build():\n    raise RuntimeError('checkpoint not found')"},
        "m.py:build",
        "m.py:2: build() raises RuntimeError: checkpoint not found",
    ),
    "raises in a library": (
        {"m.py": "import json\ndef build():\n    return json.loads('{')"},
        "m.py:build",
        "m.py:3: build() raises JSONDecodeError: Expecting property name enclosed in double "
        "quotes: line 1 column 2 (char 1)",
    ),
    "needs arguments": (
        {"m.py": "def build(width, *, depth, heads=3): return 1"},
        "m.py:build",
        "m.py: build() needs arguments: width, depth; name a function without required "
        "arguments, such as def build(): return build(width=..., depth=...)",
    ),
    "needs a GPU": (
        {"m.py": "def build(): raise RuntimeError('No CUDA GPUs are available')"},
        "m.py:build",
        "m.py:1: build() raises RuntimeError: No CUDA GPUs are available; build the network on "
        "the CPU: --device moves it",
    ),
    "no name": (
        {},
        ":",
        "target: must be model.py, model.py:FUNCTION or package.module:FUNCTION, but got ':'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_goes_wrong_is_said_at_the_users_own_line(case: str) -> None:
    files, name, expected = REFUSED[case]
    write(files)
    with pytest.raises(InputError) as caught:
        load_function(name)()
    assert str(caught.value) == expected


def test_ctrl_c_stays_ctrl_c() -> None:
    write({"m.py": "raise KeyboardInterrupt"})
    with pytest.raises(KeyboardInterrupt):
        load_file("m.py")


def test_python_m_archsearch_beside_a_file_of_the_standard_library(tmp_path: Path) -> None:
    """``python -m`` puts the working directory first; it must shadow nothing."""
    write({f"{name}.py": "raise SystemExit('taken')" for name in ("random", "json", "queue")})
    done = subprocess.run(
        [sys.executable, "-m", "archsearch", "--version"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
