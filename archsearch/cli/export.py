"""``archsearch export``: take a model away."""

from pathlib import Path
from typing import Annotated

import typer

from archsearch.cli.console import err, out
from archsearch.cli.options import RunsDir, TrialChoice
from archsearch.cost import FINAL, Probe
from archsearch.errors import InputError, Problem
from archsearch.export import Format, Selection, export_model, fuse, python_text, select, yaml_text
from archsearch.model import build_model

_RUNTIMES = {Format.ONNX: "onnxruntime"}


def export(
    source: Annotated[
        str,
        typer.Argument(help="Folder or name of a run, an Arch file (.yaml), or zoo:NAME."),
    ],
    trial: TrialChoice = "best",
    form: Annotated[Format, typer.Option("--format", help="What to write.")] = Format.PYTHON,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File. [default: standard output]")
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="Weights (.safetensors). [default: those that the run kept]"),
    ] = None,
    initial_weights: Annotated[
        bool, typer.Option(help="Let onnx and pt2 hold untrained weights.")
    ] = False,
    any_size: Annotated[
        bool, typer.Option(help="Keep the code that images of another size need.")
    ] = False,
    companions: Annotated[
        bool, typer.Option(help="Write weights and a model card beside the file.")
    ] = True,
    fused: Annotated[
        bool,
        typer.Option(
            "--fuse", help="Of onnx and pt2: fold batch norms and more into convolutions."
        ),
    ] = False,
    latency: Annotated[bool, typer.Option(help="Measure it in its runtime.")] = True,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Export a model definition that needs nothing of archsearch; it is checked first."""
    chosen = select(source, trial, runs_dir)
    if output is None:
        print(_text(chosen, form, any_size), end="")
        return
    done = export_model(
        chosen.arch,
        form,
        output,
        origin=chosen.origin,
        weights=weights or chosen.weights,
        initial_weights=initial_weights,
        any_size=any_size,
        companions=companions,
        fused=fused,
        force=force,
    )
    for path in done.files:
        out.print(str(path), soft_wrap=True)
    if done.error is not None:
        err.print(f"logits within {done.error:.1e} of the network's")
    elif form is not Format.YAML:
        err.print("logits bit-equal to the network's")
    if latency and form is not Format.YAML:
        _print_latency(chosen, form, fused)


def _text(chosen: Selection, form: Format, any_size: bool) -> str:
    if form.holds_weights:
        raise InputError(
            Problem("output", f"{form.value} is no text", remedy="name a file with --output")
        )
    if form is Format.YAML:
        return yaml_text(chosen.arch, chosen.origin)
    return python_text(chosen.arch, chosen.origin, form.value, "model", any_size=any_size)


def _print_latency(chosen: Selection, form: Format, fused: bool) -> None:
    run = chosen.origin.run
    device = run.environment.device_kind if run else "cpu"
    protocol = FINAL.model_copy(update={"runtime": _RUNTIMES.get(form, "eager")})
    target = fuse(build_model(chosen.arch, seed=0)) if fused else chosen.arch
    with Probe(device) as probe:
        result = probe.measure(target, protocol)
    low, high = result.interval_ms
    budget = f"; budget {run.budget_ms:g} ms" if run and run.budget_ms else ""
    err.print(
        f"latency {result.median_ms:.3g} ms ({low:.3g} to {high:.3g}), {result.runtime}, "
        f"{result.device}{budget}",
        soft_wrap=True,
    )
