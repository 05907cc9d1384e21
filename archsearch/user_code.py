"""Import and call users' Python code: ``model.py:build`` or ``package.module:build``.

A user's file can import its neighbours, but shadows nothing: its folder, the parent of its package
and the working directory stand at the end of the module path, so that a ``random.py`` beside it is
never taken for the standard library's. What it prints goes to standard error, since standard output
may be read by a program, and nothing is written beside it. What it raises becomes an `InputError`
at the user's own line.
"""

import contextlib
import hashlib
import importlib
import importlib.util
import inspect
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from archsearch.activity import doing
from archsearch.errors import InputError, Problem, nearest

#: what a file is asked for unless the user names something else
DEFAULT_FUNCTION = "create_model"
#: frames of these are not the user's own
_NOT_OWN = (str(Path(__file__).parent), sysconfig.get_path("stdlib"), "<")
_INSTALLED = ("site-packages", "dist-packages")
#: folders of users' files, the latest first: the tail of the module path
_folders: list[str] = []


@dataclass(frozen=True)
class UserFunction:
    """A function of a user's file or module.

    Attributes:
        name: as the user wrote it, e.g. ``model.py:build``.
        function: what it stands for.
        file: where it is written; empty when that is unknown.
    """

    name: str
    function: Callable[..., Any]
    file: str

    def missing(self, **given: Any) -> list[str]:
        """Return the parameters that the call ``function(**given)`` would lack."""
        return [
            name
            for name, each in self._parameters().items()
            if each.default is each.empty and each.kind not in _OPTIONAL and name not in given
        ]

    def takes(self, name: str) -> bool:
        """Return whether ``function(name=...)`` is a call that it takes."""
        known = self._parameters()
        return name in known or any(each.kind is each.VAR_KEYWORD for each in known.values())

    def __call__(self, **given: Any) -> Any:
        """Call it.

        Raises:
            InputError: it needs other arguments, or it raises.
        """
        lacking = self.missing(**given)
        if lacking:
            own = self.name.rpartition(":")[2]
            filled = ", ".join(f"{each}=..." for each in lacking)
            raise InputError(
                Problem(
                    "" if self.file else self.name,
                    f"{own}() needs arguments: {', '.join(lacking)}",
                    remedy="name a function without required arguments, such as "
                    f"def build(): return {own}({filled})",
                    file=self.file,
                )
            )
        with explain_errors(self.name, self.file):
            return self.function(**given)

    def _parameters(self) -> dict[str, inspect.Parameter]:
        try:
            return dict(inspect.signature(self.function).parameters)
        except (TypeError, ValueError):
            return {}  # a built-in without a signature


_OPTIONAL = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def load_function(name: str) -> UserFunction:
    """Return what ``model.py``, ``model.py:build`` or ``package.module:build`` stands for.

    Raises:
        InputError: there is no such file, module or function, or importing it fails.
    """
    place, _, wanted = name.rpartition(":")
    if name.endswith(".py"):
        place, wanted = name, DEFAULT_FUNCTION
    if not place or not wanted:
        rule = "must be model.py, model.py:FUNCTION or package.module:FUNCTION"
        raise InputError(Problem("target", rule, name))
    module = load_file(place) if place.endswith(".py") else _load_module(place)
    found: Any = module
    for part in wanted.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise InputError(_no_function(module, place, wanted))
    own_file = getattr(module, "__file__", None)
    file = place if place.endswith(".py") else _shown(own_file, "") if own_file else ""
    return UserFunction(f"{place}:{wanted}", found, file)


def load_file(path: str | Path) -> ModuleType:
    """Return the module of a Python file, executed once as long as the file stays the same.

    Raises:
        InputError: there is no such file, or executing it fails.
    """
    file = Path(path)
    if not file.is_file():
        near = file.parent.glob("*.py") if file.parent.is_dir() else ()
        remedy = nearest(str(path), [str(file.with_name(each.name)) for each in near])
        remedy = remedy if remedy.startswith("did") else "check the path"
        raise InputError(Problem("", "there is no such file", remedy=remedy, file=str(path)))
    full = file.resolve()
    state = full.stat()
    key = f"{full}:{state.st_mtime_ns}:{state.st_size}"
    folder, package = _package_of(full)
    # a name of its own: two files of one name are two modules, one file is one; in its package,
    # which ``from .layers import X`` starts from
    own = f"file_{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    name = f"{package}.{own}" if package else own
    if name in sys.modules:
        return sys.modules[name]
    _reach([full.parent, folder, Path.cwd()])
    with explain_errors(str(path), str(path), "cannot be imported: it", activity="importing"):
        if package:
            importlib.import_module(package)
        spec = importlib.util.spec_from_file_location(name, full)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        # classes are looked up by the name of their module
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return module


@contextlib.contextmanager
def explain_errors(
    name: str, file: str = "", does: str = "", *, activity: str = "running"
) -> Iterator[None]:
    """Run a user's code inside; turn its errors into one sentence with the user's line.

    While it runs, the board says so: a user's code may hang.

    Args:
        name: of what is run, as the user wrote it.
        file: where it is written.
        does: words before ``raises``; the name of the function where there are none.
        activity: what the board says of it, before its name.

    Raises:
        InputError: with what it raised, `SystemExit` included.
    """
    write_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        with contextlib.redirect_stdout(sys.stderr), doing(f"{activity} {name}"):
            yield
    except (InputError, KeyboardInterrupt):
        raise
    except (Exception, SystemExit) as error:
        what = does or f"{name.rpartition(':')[2]}()"
        raise InputError(_raised(error, name, file, what)) from error
    finally:
        sys.dont_write_bytecode = write_bytecode


def _raised(error: BaseException, name: str, file: str, what: str) -> Problem:
    """Return the problem of an exception in a user's code."""
    if isinstance(error, SyntaxError) and error.filename:
        rule = f"must be Python: {error.msg}"
        return Problem("", rule, file=_shown(error.filename, file), line=error.lineno or 0)
    place, line = _own_line(error, file)
    message = " ".join(str(error).split())
    if isinstance(error, SystemExit):
        rule = f"{what} calls sys.exit({'' if error.code is None else repr(error.code)})"
        at_import = "put what ends the program under if __name__ == '__main__':"
        remedy = at_import if "import" in what else ""
    else:
        shown = message if len(message) <= 400 else message[:397] + "..."
        rule = f"{what} raises {type(error).__name__}" + (f": {shown}" if shown else "")
        remedy = _way_out(error, message)
    return Problem("" if place else name, rule, remedy=remedy, file=place, line=line)


def _way_out(error: BaseException, message: str) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        top = error.name.partition(".")[0]
        return f"put {top}.py beside it, or install the package that has it"
    if "CUDA" in message or "NVIDIA" in message:
        return "build the network on the CPU: --device moves it"
    return ""


def _own_line(error: BaseException, file: str) -> tuple[str, int]:
    """Return file and line of the innermost frame that is the user's own."""
    written = str(Path(file).resolve()) if file else ""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        installed = any(part in _INSTALLED for part in Path(frame.filename).parts)
        own = not installed and not frame.filename.startswith(_NOT_OWN)
        if own or frame.filename == written:
            return _shown(frame.filename, file), frame.lineno or 0
    return file, 0


def _shown(path: str, written: str) -> str:
    """Return a path as the user wrote it, or short where it lies below the working directory."""
    full, here = Path(path).resolve(), Path.cwd()
    if written and full == Path(written).resolve():
        return written
    return str(full.relative_to(here)) if full.is_relative_to(here) else str(full)


def _no_function(module: ModuleType, place: str, wanted: str) -> Problem:
    own = [
        each
        for each, value in vars(module).items()
        if callable(value)
        and not each.startswith("_")
        and getattr(value, "__module__", None) in (module.__name__, place)
    ]
    remedy = nearest(wanted, own) if own else "define one: it must return a network"
    if remedy.startswith("known: "):
        remedy = "name one of its own: " + ", ".join(f"{place}:{each}" for each in own[:8])
    return Problem("", f"{place} has no function '{wanted}'", remedy=remedy)


def _load_module(name: str) -> ModuleType:
    _reach([Path.cwd()])
    with explain_errors(name, "", f"{name} cannot be imported: it", activity="importing"):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise  # something that the module itself needs
            remedy = nearest(name, ("timm", "zoo"))
            if not remedy.startswith("did"):
                remedy = f"for a file write its path, {name.replace('.', '/')}.py:FUNCTION"
            raise InputError(Problem("", f"there is no module '{name}'", remedy=remedy)) from None


def _package_of(file: Path) -> tuple[Path, str]:
    """Return the folder that holds the package of a file, and the package's dotted name."""
    folder, parts = file.parent, list[str]()
    while (folder / "__init__.py").is_file() and folder.name.isidentifier():
        parts.insert(0, folder.name)
        folder = folder.parent
    if parts:
        spec = importlib.util.find_spec(parts[0])
        taken = spec is not None and Path(spec.origin or "").parent != folder / parts[0]
        if taken:
            # the name is an installed package's: the file stands for itself
            return file.parent, ""
    return folder, ".".join(parts)


def _reach(folders: list[Path]) -> None:
    """Put folders at the end of the module path, before those of files imported earlier.

    Modules that an earlier file took from its own folder are forgotten where the new folder has
    one of the same name: each file gets its own neighbour.
    """
    for folder in map(str, reversed([each.resolve() for each in folders])):
        if folder in sys.path and folder not in _folders:
            continue
        for name, module in list(sys.modules.items()):
            origin = getattr(module, "__file__", None)
            if origin and "." not in name and str(Path(origin).parent) in _folders:
                neighbour = Path(folder, Path(origin).name)
                if neighbour.is_file() and str(neighbour) != origin:
                    del sys.modules[name]
        if folder in _folders:
            _folders.remove(folder)
            if folder in sys.path:
                sys.path.remove(folder)
        later = next((each for each in _folders if each in sys.path), None)
        position = len(sys.path) if later is None else sys.path.index(later)
        sys.path.insert(position, folder)
        _folders.insert(0, folder)
