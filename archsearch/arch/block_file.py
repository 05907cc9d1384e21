"""An attention or FFN from a user's file: found, loaded once, and carried wherever it is needed.

A file is known by its name and the digest of its text, ``my_blocks.py:Pool@3fa9c1d2``: a changed
file is another type, so no result of the one stands for the other. The text goes with a value to
other processes and machines, and is kept beside whatever names it.
"""

import hashlib
import importlib.util
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.abc import ExecutionLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from archsearch.activity import doing
from archsearch.errors import InputError, Problem
from archsearch.files import write_text

#: sub-folder of a run, an ablation or an export that keeps block files
FOLDER = "blocks"
_REFERENCE = re.compile(r"(?P<file>[^:@]+\.py):(?P<name>\w+)(?:@(?P<digest>[0-9a-f]{8}))?")


#: beginning of the names of modules that files of blocks become
MODULES = "archsearch_block_"


@dataclass(frozen=True)
class BlockSource:
    """A user's file of blocks, as it was read.

    Attributes:
        file: name of the file, without its folder.
        text: what it holds.
        path: where it was read; empty where it came from another process.
    """

    file: str
    text: str
    path: str = ""

    @property
    def digest(self) -> str:
        """First 8 hex digits of the text's sha256."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:8]

    @property
    def kept_as(self) -> str:
        """File name that tells versions of one file apart."""
        return f"{Path(self.file).stem}@{self.digest}.py"

    @property
    def module_name(self) -> str:
        """Name of the module that it becomes."""
        return f"{MODULES}{Path(self.file).stem}_{self.digest}"


@dataclass(frozen=True)
class BlockReference:
    """A class in a file of blocks.

    Attributes:
        source: the file.
        name: the class.
    """

    source: BlockSource
    name: str

    def __str__(self) -> str:
        return f"{self.source.file}:{self.name}@{self.source.digest}"


#: every file of blocks that was read, by file name and digest
_READ: dict[tuple[str, str], BlockSource] = {}


def is_reference(name: str) -> bool:
    """Return whether a type's name stands for a class in a file."""
    return _REFERENCE.fullmatch(name) is not None


def find(name: str, folders: Sequence[Path] = ()) -> BlockReference:
    """Read the file that ``FILE.py:CLASS`` or ``FILE.py:CLASS@DIGEST`` names.

    Raises:
        InputError: the file is not there, cannot be read, or has changed.
    """
    match = _REFERENCE.fullmatch(name)
    assert match is not None, f"{name} is a reference"
    file, wanted = Path(match["file"]), match["digest"]
    if wanted is not None and (file.name, wanted) in _READ:
        return BlockReference(_READ[file.name, wanted], match["name"])
    tried, changed = [], ""
    kept = (FOLDER, f"{file.stem}@{wanted}.py")
    for folder in (*folders, Path()):
        path = folder / file
        tried.append(str(path))
        source = _read(path) or (_read(folder.joinpath(*kept), file.name) if wanted else None)
        if source is None:
            continue
        if wanted in (None, source.digest):
            return BlockReference(register(source), match["name"])
        changed = changed or str(path)
    if changed:
        rule = f"must be the file of blocks as it was, but {changed} has changed since"
        raise InputError(Problem("type", rule, name, "bring its text back, or start a new run"))
    rule = "must name a Python file that exists"
    raise InputError(
        Problem("type", rule, name, f"looked for {' and '.join(dict.fromkeys(tried))}")
    )


def folders_of(source_name: str) -> tuple[Path, ...]:
    """Return where the files of blocks may lie that a file of this name refers to."""
    return (Path(source_name).parent,)


def _read(path: Path, name: str = "") -> BlockSource | None:
    """Read a file of blocks under ``name``, its own where that is empty; None where it is not."""
    try:
        return BlockSource(name or path.name, path.read_text(encoding="utf-8"), str(path.resolve()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(Problem("type", f"must name a file that can be read ({error})")) from None


def register(source: BlockSource) -> BlockSource:
    """Remember a file of blocks, so that its types are found by their reference."""
    return _READ.setdefault((source.file, source.digest), source)


def sources_in(data: Any) -> list[BlockSource]:
    """Return the files of blocks that plain data refers to, each once."""
    found: dict[tuple[str, str], BlockSource] = {}

    def visit(value: Any) -> None:
        if isinstance(value, Mapping):
            value = list(value.values())
        if isinstance(value, list | tuple):
            for each in value:
                visit(each)
        match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
        key = (Path(match["file"]).name, match["digest"]) if match else ("", "")
        if key in _READ:
            found[key] = _READ[key]

    visit(data)
    return list(found.values())


def keep_sources(data: Any, folder: Path) -> None:
    """Write the files of blocks that plain data refers to into ``folder/blocks``."""
    for source in sources_in(data):
        kept = folder / FOLDER / source.kept_as
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_text(kept, source.text)


def load_kept(folder: Path) -> None:
    """Remember the files of blocks that `keep_sources` has left in ``folder/blocks``."""
    for path in sorted((folder / FOLDER).glob("*@*.py")):
        source = _read(path, f"{path.stem.rpartition('@')[0]}.py")
        if source is not None:
            register(source)


def load_module(source: BlockSource) -> ModuleType:
    """Run a file of blocks, once in a process.

    Raises:
        InputError: it raises.
    """
    known = sys.modules.get(source.module_name)
    if known is not None:
        return known
    loader = _TextLoader(source)
    spec = importlib.util.spec_from_loader(source.module_name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[source.module_name] = module
    try:
        with doing(f"importing {source.file}"):
            loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[source.module_name]
        rule = f"must name a Python file that can be run, but {source.file} raised {error!r}"
        remedy = "a file of blocks stands alone: it may import installed packages, no neighbours"
        raise InputError(Problem("type", rule, None, remedy)) from None
    return module


class _TextLoader(ExecutionLoader):
    """Runs a text; export and tracebacks find its lines, even when the file is gone."""

    def __init__(self, source: BlockSource) -> None:
        self._source = source

    def get_filename(self, fullname: str) -> str:
        return f"{fullname}.py"

    def get_source(self, fullname: str) -> str:
        return self._source.text
