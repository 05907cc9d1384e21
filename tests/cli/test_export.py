"""``archsearch export``: what goes where, and what it says while it works."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from archsearch.activity import Activity, Board
from archsearch.cli.app import build_app
from archsearch.errors import InputError
from archsearch.export import Format, python_file

ARCH = """\
image_size: 16
num_classes: 4
stages:
  - depth: 1
    width: 8
    num_heads: 1
    blocks: [{attention: {type: self_attention}, ffn: {type: mlp}}]
"""
TEXTS = [form for form in Format if not form.holds_weights]
FILES = [form for form in Format if form.holds_weights]
ENDINGS = {
    Format.ONNX: "small.onnx",
    Format.OPENVINO: "small.xml",
    Format.LITERT: "small.tflite",
    Format.PT2: "small.pt2",
    Format.HUB: "small-hub",
}


@pytest.fixture
def arch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "small.yaml"
    path.write_text(ARCH)
    return path


def export(*words: str) -> tuple[str, Exception | None]:
    done = CliRunner().invoke(build_app("export"), ["export", *words])
    return done.stdout, done.exception if isinstance(done.exception, Exception) else None


def made(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()} - {"small.yaml"}


#: a phase that each format goes through, by its first word
PHASES = {
    "python": ("finding", "checking", "comparing", "writing"),
    "timm": ("finding", "checking", "comparing", "writing"),
    "yaml": ("finding", "writing"),
    "onnx": ("finding", "building", "making", "comparing", "writing"),
    "openvino": ("finding", "building", "making", "comparing", "writing"),
    "litert": ("finding", "building", "making", "comparing", "writing"),
    "pt2": ("finding", "building", "making", "comparing", "writing"),
    "hub": ("finding", "building", "checking", "comparing", "writing"),
}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the board shows, in order, each with a clock."""
    seen: list[str] = []
    show = Board.show

    @contextmanager
    def watched(self: Board, activity: Activity) -> Iterator[Activity]:
        seen.append(activity.what)
        assert "so far" in activity.words(), "it has a clock"
        with show(self, activity):
            yield activity

    monkeypatch.setattr(Board, "show", watched)
    return seen


def check_phases(form: Format, seen: list[str]) -> None:
    places = [
        next(at for at, what in enumerate(seen) if what.startswith(word))
        for word in PHASES[form.value]
    ]
    assert places == sorted(places), seen


@pytest.mark.parametrize(
    "form",
    # where a text goes does not depend on its format; two take seconds to check
    [pytest.param(form, marks=() if form is Format.YAML else pytest.mark.slow) for form in TEXTS],
)
@pytest.mark.parametrize("words", [("--output", "-"), ("-o", "-")])
def test_texts_are_printed(form: Format, words: tuple[str, ...], arch: Path) -> None:
    text, error = export("small.yaml", "--format", form.value, *words)
    assert error is None
    assert ("image_size" if form is Format.YAML else "def ") in text
    assert made(arch.parent) == set()


@pytest.mark.parametrize("form", TEXTS)
def test_texts_are_printed_or_written_where_a_file_is_named(
    form: Format, arch: Path, seen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # the proof takes seconds, and is that of the file below
    with monkeypatch.context() as patch:
        patch.setattr(python_file, "prove_python", lambda *_: None)
        printed, error = export("small.yaml", "--format", form.value)
    assert error is None
    assert ("image_size" if form is Format.YAML else "def ") in printed
    assert made(arch.parent) == set()
    seen.clear()
    said, error = export("small.yaml", "--format", form.value, "-o", "out.txt", "--no-latency")
    assert error is None
    assert said.splitlines()[0] == "out.txt"
    written = Path("out.txt").read_text()
    # a file for timm registers the network under the name of the file
    assert len(written.splitlines()) == len(printed.splitlines())
    assert written[-20:] == printed[-20:]
    check_phases(form, seen)


@pytest.mark.parametrize(
    "form",
    [pytest.param(form, marks=() if form is Format.ONNX else pytest.mark.slow) for form in FILES],
)
def test_what_holds_weights_goes_to_a_file(form: Format, arch: Path, seen: list[str]) -> None:
    if form is Format.ONNX:
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
    if form.value == "openvino":
        pytest.importorskip("openvino")
    if form.value == "litert":
        pytest.importorskip("litert_torch")
    words = ("small.yaml", "--format", form.value, "--initial-weights", "--no-latency")
    said, error = export(*words)
    assert error is None
    assert ENDINGS[form] in made(arch.parent)
    for line in said.splitlines():
        assert Path(line).exists(), "standard output has paths alone"
    check_phases(form, seen)
    _, error = export(*words, "-o", "-")
    assert isinstance(error, InputError)
    assert form.value in str(error)


@pytest.mark.parametrize("form", Format)
def test_the_help_and_the_page_say_where_it_goes(form: Format) -> None:
    page = Path(__file__).parents[2] / "docs" / "export.md"
    (row,) = (each for each in page.read_text().splitlines() if each.startswith(f"| `{form}`"))
    default = row.split("|")[3].strip()
    assert (default == "printed") == (form in TEXTS)
    shown = CliRunner().invoke(build_app("export"), ["export", "--help"], env={"COLUMNS": "300"})
    sentence = next(line for line in shown.stdout.splitlines() if "--format" in line)
    printed, _, filed = sentence.partition("printed")
    assert form.value in (printed if form in TEXTS else filed)
