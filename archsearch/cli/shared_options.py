"""Options that mean the same in several commands."""

from pathlib import Path
from typing import Annotated

import typer

from archsearch.errors import InputError, Problem
from archsearch.files import file_problem
from archsearch.image_size import read_size
from archsearch.option import DATA, OUTPUT


def _device(context: typer.Context, value: str) -> str:
    if not context.resilient_parsing:
        # torch takes seconds, and help needs none of it
        from archsearch.cost.device import device_kind

        device_kind(value, "--device")
    return value


RunsDir = Annotated[Path, typer.Option(help="Folder of all runs.", rich_help_panel=OUTPUT)]
TrialChoice = Annotated[str, typer.Option(help="best, knee, or the number of a trial; for a run.")]
Device = Annotated[str, typer.Option(help="cpu, cuda or cuda:N.", callback=_device)]
Threads = Annotated[int, typer.Option(min=1, help="Intra-op threads.")]
Batch = Annotated[int, typer.Option(min=1, help="Images of one inference.")]
Dtype = Annotated[
    str,
    typer.Option(help="float32, bfloat16, float16, or int8 (of onnxruntime, openvino and litert)."),
]
Runtime = Annotated[
    str, typer.Option(help="eager, compiled, cuda_graph, onnxruntime, openvino or litert.")
]


#: a text that `read_size` reads
SizeText = Annotated[
    str | None,
    typer.Option(
        "--image-size",
        metavar="SIZE",
        help="Size of the images in pixels: side of a square (64), or height x width (96x160) "
        "[default: that of the network or space].",
    ),
]


def size_problems(value: str | None) -> list[Problem]:
    """Return what is wrong with the text of ``--image-size``."""
    try:
        if value is not None:
            read_size(value, "--image-size")
    except InputError as error:
        return list(error.problems)
    return []


Channels = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Channels of the images: 1 grey, 3 colour, or those of a folder's files, e.g. 4 "
        "[default: as in the run, else what they have].",
    ),
]
#: of commands whose tables have no other form for programs
JsonOnly = Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel=OUTPUT)]
PageFile = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="File of the page. [default: in the folder of the run; comparison.html for several]",
        rich_help_panel=OUTPUT,
    ),
]
Download = Annotated[
    bool,
    typer.Option("--download", help="Fetch a missing data set.", rich_help_panel=DATA),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Check everything, write and train nothing.", rich_help_panel=OUTPUT
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set one value, in YAML: recipe.learning_rate=1e-3; may be repeated.",
        rich_help_panel=DATA,
    ),
]
Log = Annotated[
    list[str] | None,
    typer.Option(
        help="Log to tensorboard, wandb or mlflow as well; may be repeated.",
        rich_help_panel=OUTPUT,
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.", rich_help_panel=OUTPUT)]


def check_output(path: Path, option: str = "--output") -> None:
    """Check that a file can be written, before any work is done for it.

    Raises:
        InputError: the file system refuses it.
    """
    if problem := file_problem(option, path):
        raise InputError(problem)
