"""Shell completion of values: spaces, studies, runs, trials, devices and fixed words.

Nothing here imports torch or prints errors: a file that cannot be read gives no completions.
"""

import contextlib
import json
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import typer

from archsearch.percent import percent_text
from archsearch.resources import find_yaml, resource_dir, resource_names

#: a word, and a few words about it
Offer = tuple[str, str]
Completer = Callable[[typer.Context, str], list[Offer]]

DATA = ("digits", "cluttered-digits", "fashion-mnist", "cifar10", "cifar100", "folder:")
DTYPES = ("float32", "bfloat16", "float16", "int8")
RUNTIMES = ("eager", "compiled", "cuda_graph", "onnxruntime", "openvino", "litert")
SAMPLERS = ("model", "evolution", "random", "nsga2", "tpe", "gp")
EXECUTORS = ("ray", "inline")
TABLES = ("table", "md", "latex", "csv", "json")
_GPUS = Path("/proc/driver/nvidia/gpus")
_ZOO = Path(__file__).parents[1] / "zoo" / "archs"
_EXPORT = Path(__file__).parents[1] / "export"


def is_completing() -> bool:
    """Tell whether a shell asks for completions, or for the script that asks for them."""
    return any(name.endswith("_COMPLETE") and "ARCHSEARCH" in name for name in os.environ)


def rejoined(words: list[str], index: int) -> tuple[list[str], int, str]:
    """Put together what bash splits at ``:`` and ``=``, as in ``zoo:lightvit_tiny``.

    Args:
        words: of the line.
        index: of the word that is completed.

    Returns:
        the words; the index; and the beginning of the word that bash keeps by itself.
    """
    whole: list[str] = []
    at = len(words)
    joins = False
    for number, word in enumerate(words):
        is_break = word in (":", "=")
        if whole and (joins or is_break) and len(whole) > 1:
            whole[-1] += word
        else:
            whole.append(word)
        joins = is_break
        if number == index:
            at = len(whole) - 1
    at = at if index < len(words) else len(whole)
    word = whole[at] if at < len(whole) else ""
    return whole, at, word[: word.rfind(":") + 1]


def joined_option(line: str) -> str:
    """Return the ``--option=`` that the last word of a line begins with; empty for none.

    Fish and zsh take the whole word for what is completed, and the answer has the value alone.
    """
    last = line.rpartition(" ")[2]
    name, mark, _ = last.partition("=")
    return f"{name}=" if mark and re.fullmatch(r"--[a-z-]+", name) else ""


def with_option(answer: str, shell: str, option: str) -> str:
    """Return the answer to a shell with ``option``, e.g. ``--sampler=``, ahead of each value.

    Args:
        answer: as Typer writes it for ``shell``.
        shell: ``fish`` or ``zsh``.
        option: with its ``=``.
    """
    if shell == "fish":
        return "".join(f"{option}{line}\n" for line in answer.splitlines() if line)
    if answer.strip() == "_files":
        # files are to be looked for behind the =
        return f"compset -P '{option}'; _files\n"
    return re.sub(r"""^(_arguments '\*: :\(\()?\"""", rf'\1"{option}', answer, flags=re.MULTILINE)


def complete_zsh_at_once() -> None:
    """Let the script for zsh complete when it is loaded, not from the second time on.

    zsh loads it from the function path at the first completion of a session; Typer's then only
    says which function completes.
    """
    from typer import _completion_shared as shared

    registers = "compdef %(complete_func)s %(prog_name)s"
    script = shared._completion_scripts["zsh"]
    shared._completion_scripts["zsh"] = script.replace(
        f"\n{registers}",
        "\nif [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n"
        '  %(complete_func)s "$@"\n'
        f"else\n  {registers}\nfi",
    )


def completer_of(command: str, parameter: str) -> Completer | None:
    """Return the completer of a parameter; None leaves it to the shell."""
    return _COMPLETERS.get((command, parameter)) or _COMPLETERS.get(("", parameter))


def _safely(find: Callable[[typer.Context, str], Iterator[Offer]]) -> Completer:
    """Return a completer whose offers begin with the word so far, and that never fails."""

    def complete(ctx: typer.Context, incomplete: str) -> list[Offer]:
        offers: list[Offer] = []
        with contextlib.suppress(Exception):
            for word, about in find(ctx, incomplete):
                if word.startswith(incomplete) and all(word != known for known, _ in offers):
                    offers.append((word, about))
        return offers

    return complete


def _words(*words: str) -> Completer:
    return _safely(lambda ctx, incomplete: ((word, "") for word in words))


def _all(*finders: Callable[[typer.Context, str], Iterator[Offer]]) -> Completer:
    def find(ctx: typer.Context, incomplete: str) -> Iterator[Offer]:
        for each in finders:
            yield from each(ctx, incomplete)

    return _safely(find)


def _files(*suffixes: str) -> Callable[[typer.Context, str], Iterator[Offer]]:
    """Offer folders, and files with one of ``suffixes``; without any, folders alone."""

    def find(ctx: typer.Context, incomplete: str) -> Iterator[Offer]:
        folder, _, start = incomplete.rpartition("/")
        parent = Path(f"{folder}/" if incomplete.startswith("/") else folder or ".").expanduser()
        for path in sorted(parent.iterdir()):
            if path.name.startswith(".") and not start.startswith("."):
                continue
            name = f"{folder}/{path.name}" if "/" in incomplete else path.name
            if path.is_dir():
                yield f"{name}/", ""
            elif path.suffix in suffixes:
                yield name, ""

    return find


def _shipped(kind: str) -> Callable[[typer.Context, str], Iterator[Offer]]:
    def find(ctx: typer.Context, incomplete: str) -> Iterator[Offer]:
        for name in resource_names(kind):
            yield name, kind.removesuffix("s")

    return find


def _studies(has_search: bool) -> Callable[[typer.Context, str], Iterator[Offer]]:
    def find(ctx: typer.Context, incomplete: str) -> Iterator[Offer]:
        for path in sorted(resource_dir("studies").glob("*.yaml")):
            text = path.read_text(encoding="utf-8")
            if (re.search(r"^search:", text, re.MULTILINE) is not None) == has_search:
                yield path.stem, "study" if has_search else "ablation"

    return find


def _scales(ctx: typer.Context, incomplete: str) -> Iterator[Offer]:
    yield "full", "the study itself"
    text = find_yaml(str(ctx.params["study"]), "studies").read_text(encoding="utf-8")
    below = text.split("\nscales:", 1)[1]
    for line in below.splitlines()[1:]:
        if line[:1].strip() and not line.startswith("#"):
            break
        if found := re.match(r"  (\w+):", line):
            yield found[1], "scale"


def _zoo(prefix: str = "") -> Callable[[typer.Context, str], Iterator[Offer]]:
    def find(ctx: typer.Context, incomplete: str) -> Iterator[Offer]:
        for path in sorted(_ZOO.glob("*.yaml")):
            yield f"{prefix}{path.stem}", "model of a paper"

    return find


def _runs(marker: str) -> Callable[[typer.Context, str], Iterator[Offer]]:
    def find(ctx: typer.Context, incomplete: str) -> Iterator[Offer]:
        for path in sorted(_runs_dir(ctx).glob(f"*/{marker}")):
            yield path.parent.name, "run" if marker == "config.yaml" else "ablation"

    return find


def _runs_dir(ctx: typer.Context) -> Path:
    return Path(str(ctx.params.get("runs_dir") or "runs"))


def _trials(ctx: typer.Context, incomplete: str) -> Iterator[Offer]:
    yield "best", "highest accuracy on the front"
    yield "knee", "best trade-off on the front"
    named = next(
        (ctx.params[key] for key in ("source", "target", "run") if ctx.params.get(key)), ""
    )
    folder = Path(str(named))
    if not (folder / "config.yaml").is_file():
        folder = _runs_dir(ctx) / str(named)
    if not named or not (folder / "config.yaml").is_file():
        return
    with contextlib.suppress(Exception):
        for point in json.loads((folder / "front.json").read_text(encoding="utf-8")):
            yield str(point["trial"]), f"front: {percent_text(point['accuracy'])} %"
    database = folder / "study.db"
    if incomplete.isdigit() and database.is_file():
        opened = sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)
        with contextlib.closing(opened) as connection:
            for (number,) in connection.execute("SELECT number FROM trials ORDER BY number"):
                yield str(number), "trial"


def _devices(*words: str) -> Completer:
    def find(ctx: typer.Context, incomplete: str) -> Iterator[Offer]:
        for word in words:
            yield word, ""
        for index, _ in enumerate(sorted(_GPUS.iterdir())):
            yield f"cuda:{index}", ""

    return _safely(find)


def _data(ctx: typer.Context, incomplete: str) -> Iterator[Offer]:
    kind, colon, path = incomplete.partition(":")
    if kind == "folder" and colon:
        for name, about in _files()(ctx, path):
            yield f"folder:{name}", about
    else:
        for word in DATA:
            yield word, ""


def _export_formats(ctx: typer.Context, incomplete: str) -> Iterator[Offer]:
    """Offer the values of `archsearch.export.Format`, from its source: an import takes seconds."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(_EXPORT.glob("*.py"))]
    (body,) = (each.split("class Format(")[1] for each in texts if "class Format(" in each)
    body = body.split("\n\n\n")[0]
    for word in re.findall(r'^    [A-Z0-9_]+ = "(\w+)"', body, re.MULTILINE):
        yield word, ""


_RUN_OR_NETWORK = _all(_runs("config.yaml"), _zoo("zoo:"), _files(".yaml", ".yml", ".py"))

#: (command, or empty for all of them; parameter) -> what completes it
_COMPLETERS: dict[tuple[str, str], Completer] = {
    ("run", "space"): _all(_shipped("spaces"), _studies(True), _files(".yaml", ".yml")),
    ("calibrate", "space"): _all(_shipped("spaces"), _files(".yaml", ".yml")),
    ("space", "file"): _all(_shipped("spaces"), _files(".yaml", ".yml")),
    ("ablate", "study"): _all(_studies(False), _files(".yaml", ".yml")),
    ("ablate", "scale"): _safely(_scales),
    ("ablate", "name"): _all(_runs("ablation.json")),
    ("run", "name"): _all(_runs("config.yaml")),
    ("front", "run"): _all(_runs("config.yaml"), _files()),
    ("dashboard", "run"): _all(_runs("config.yaml"), _files()),
    ("importance", "run"): _all(_runs("config.yaml"), _files()),
    ("report", "runs"): _all(_runs("config.yaml"), _runs("ablation.json"), _files()),
    ("export", "source"): _RUN_OR_NETWORK,
    ("export", "form"): _safely(_export_formats),
    ("export", "weights"): _all(_files(".safetensors")),
    ("train", "target"): _RUN_OR_NETWORK,
    ("train", "recipe"): _all(_shipped("recipes"), _files(".yaml", ".yml")),
    ("profile", "targets"): _RUN_OR_NETWORK,
    ("zoo", "names"): _all(_zoo()),
    ("run", "recipe"): _all(_files(".yaml", ".yml")),
    ("run", "baseline"): _all(_zoo("zoo:")),
    ("run", "device"): _devices("auto", "cpu", "cuda"),
    ("ablate", "device"): _devices("auto", "cpu", "cuda"),
    ("", "device"): _devices("cpu", "cuda"),
    ("", "trial"): _safely(_trials),
    ("", "data"): _safely(_data),
    ("", "data_root"): _all(_files()),
    ("", "runs_dir"): _all(_files()),
    ("", "dtype"): _words(*DTYPES),
    ("", "runtime"): _words(*RUNTIMES),
    ("", "sampler"): _words(*SAMPLERS),
    ("", "executor"): _words(*EXECUTORS),
    ("ablate", "format_"): _words(*TABLES),
    ("importance", "format_"): _words(*TABLES),
}
