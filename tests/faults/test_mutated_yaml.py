"""Mutated files of every kind are read, or raise an `InputError`: no other error, in no time."""

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archsearch import zoo
from archsearch.ablation.study_file import read_study
from archsearch.arch import load_arch
from archsearch.errors import InputError
from archsearch.run.study_file import read_search
from archsearch.space import load_space
from archsearch.train.recipe import load_recipe
from archsearch.yaml_source import parse_yaml

ROOT = Path(__file__).parents[2]
#: mutated files of each kind; `ARCHSEARCH_TEST_MUTATIONS` asks for another number
MUTATIONS = int(os.environ.get("ARCHSEARCH_TEST_MUTATIONS", "150"))
READERS: dict[str, tuple[Callable[[Path], object], list[Path]]] = {
    "space": (load_space, [ROOT / f"spaces/{name}.yaml" for name in ("tiny", "lightweight")]),
    "recipe": (load_recipe, sorted((ROOT / "recipes").glob("*.yaml"))),
    "ablation": (read_study, sorted((ROOT / "studies").glob("*.yaml"))),
    "search": (lambda path: read_search(str(path)), sorted((ROOT / "studies").glob("*.yaml"))),
}
PIECES = [
    *("[", "]", "{", "}", ":", "- ", "&a ", "*a", "!!int ", "!!python/object:os.system ", "<<: "),
    *("999999999999999999999", "-1", "1e400", ".nan", "null", "2001-99-99", "'", '"', "\t", "\x00"),
    *("{int: [1, 1000000000]}", "{choice: []}", "{ref: a}", "true", "0x", "|", ">", "%", "@", "\n"),
]


def mutated(text: str, rng: np.random.Generator) -> str:
    """Return a text with some characters, pieces or lines changed."""
    for _ in range(1 + int(rng.integers(4))):
        at, kind = int(rng.integers(len(text) + 1)), int(rng.integers(6))
        lines = text.split("\n")
        line = int(rng.integers(len(lines)))
        if kind == 0:
            text = text[:at] + PIECES[int(rng.integers(len(PIECES)))] + text[at:]
        elif kind == 1:
            text = text[:at] + text[at + 1 + int(rng.integers(8)) :]
        elif kind == 2:
            text = text[:at] + chr(int(rng.integers(1, 0x2FF))) + text[at + 1 :]
        elif kind == 3:
            text = "\n".join([*lines[:line], lines[line], *lines[line:]])
        elif kind == 4:
            text = "\n".join([*lines[:line], "  " + lines[line], *lines[line + 1 :]])
        else:
            key, colon, _ = lines[line].partition(":")
            piece = PIECES[int(rng.integers(len(PIECES)))]
            text = "\n".join([*lines[:line], f"{key}{colon} {piece}", *lines[line + 1 :]])
    return text


def read(kind: str, path: Path) -> None:
    """Read a file, within its time."""
    reader, _ = READERS[kind]
    began = time.process_time()
    with contextlib.suppress(InputError):
        reader(path)
    assert time.process_time() - began < 5, "a hostile file takes its time"


@pytest.mark.parametrize("kind", READERS)
def test_mutated_files(kind: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(sum(map(ord, kind)))
    texts = [path.read_text(encoding="utf-8") for path in READERS[kind][1]]
    assert texts
    path = tmp_path / "mutated.yaml"
    for _ in range(MUTATIONS):
        text = mutated(texts[int(rng.integers(len(texts)))], rng)
        path.write_bytes(text.encode("utf-8", errors="surrogatepass"))
        try:
            read(kind, path)
        except BaseException:
            print(text)
            raise


def test_mutated_architectures(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    texts = [zoo.arch(name).to_yaml() for name in ("deit_tiny", "edgevit_xxs", "tnt_tiny")]
    path = tmp_path / "mutated.yaml"
    for _ in range(MUTATIONS):
        path.write_text(mutated(texts[int(rng.integers(len(texts)))], rng), encoding="utf-8")
        with contextlib.suppress(InputError):
            load_arch(path)


@settings(max_examples=MUTATIONS, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=300))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.yaml"
    path.write_bytes(content)
    for kind in READERS:
        read(kind, path)


@settings(max_examples=MUTATIONS, deadline=None)
@given(st.text(alphabet=st.sampled_from("[]{}:,-&*!|>'\"%@`#?ab01 \n\t"), max_size=120))
def test_any_text_of_marks(text: str) -> None:
    with contextlib.suppress(InputError):
        parse_yaml(text)
