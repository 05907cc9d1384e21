"""``archsearch export``: export a model."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from archsearch.activity import doing
from archsearch.arch import Arch
from archsearch.cli.console import err, out
from archsearch.cli.shared_options import RunsDir, TrialChoice
from archsearch.cost import FINAL, Probe, Target
from archsearch.errors import InputError, Problem
from archsearch.export import Format, Selection, export_model, fuse, python_text, select, yaml_text
from archsearch.model import build_model
from archsearch.record import LatencyResult
from archsearch.report.number_format import ms_interval_text
from archsearch.train import ModelFile

#: what ``--output`` names for standard output
_STDOUT = Path("-")
_RUNTIMES = {Format.ONNX: "onnxruntime"}


def command(
    source: Annotated[
        str,
        typer.Argument(
            help="Run (folder or name), folder of a training, Arch file (.yaml), exported file "
            "(model.py), or zoo:NAME."
        ),
    ],
    trial: TrialChoice = "best",
    form: Annotated[
        Format,
        typer.Option(
            "--format",
            help="What to write. python, timm and yaml are text, printed unless --output names a "
            "file; onnx, pt2 and hub are written to files.",
        ),
    ] = Format.PYTHON,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="File; of hub a folder; - prints a text. [default: of python, timm and yaml "
            "standard output; of onnx, pt2 and hub the folder of the training, or here]",
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="Weights (.safetensors, .pth, .pt). [default: those that the run kept]"),
    ] = None,
    initial_weights: Annotated[
        bool, typer.Option(help="Let onnx, pt2 and hub hold untrained weights.")
    ] = False,
    any_size: Annotated[
        bool, typer.Option(help="Let Python and timm files take images of any size.")
    ] = False,
    companions: Annotated[
        bool, typer.Option(help="Write weights, model card and JSON of the images beside the file.")
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
    """Export a model that runs without archsearch; it is checked first.

    Text (python, timm, yaml) is printed unless --output names a file; onnx, pt2 and hub are
    written to files, with weights and model card.
    """
    with doing(f"finding the model: {source}"):
        chosen = select(source, trial, runs_dir)
    is_printed = output == _STDOUT if output is not None else not form.holds_weights
    if is_printed and form.holds_weights:
        rule = f"must be a {'folder' if form is Format.HUB else 'file'} for {form.value}"
        raise InputError(Problem("--output", rule, "-", "leave it out, or name one"))
    if is_printed:
        print(_text(chosen, form, any_size), end="")
        return
    measured = _latency(chosen, form, fused) if form is Format.HUB and latency else None
    done = export_model(
        chosen.network,
        form,
        output or _default_output(chosen, form),
        origin=replace(chosen.origin, measured=measured),
        weights=weights or chosen.weights,
        initial_weights=initial_weights,
        any_size=any_size,
        companions=companions,
        fused=fused,
        force=force,
    )
    for path in done.files:
        out.print(str(path), soft_wrap=True)
    if not form.holds_weights and companions and (missing := _missing_weights(chosen, weights)):
        err.print(f"[bold red]no weights were written:[/] {missing}", soft_wrap=True)
    if done.error is not None:
        err.print(f"logits within {done.error:.1e} of the network's")
    elif form is not Format.YAML and isinstance(chosen.network, Arch):
        err.print("logits bit-equal to the network's")
    if latency and form is not Format.YAML:
        _print_latency(chosen, measured or _latency(chosen, form, fused))


def _missing_weights(chosen: Selection, given: Path | None) -> str:
    """Return why a trained network is exported without its weights; empty where it is not."""
    trial = chosen.origin.trial
    if given or chosen.weights or trial is None:
        return ""
    assert chosen.origin.run is not None, "a trial belongs to a run"
    return (
        f"those of trial {trial.number} are not in the folder of the run; the archsearch run "
        f"command of {chosen.origin.run.name} trains front members without weights again"
    )


def _default_output(chosen: Selection, form: Format) -> Path:
    """Return the default output of a binary format: in its training's folder, or here."""
    ending = "-hub" if form is Format.HUB else f".{form.value}"
    if chosen.folder is not None:
        return chosen.folder / ("hub" if form is Format.HUB else f"model{ending}")
    return Path(f"{chosen.origin.name or 'model'}{ending}")


def _text(chosen: Selection, form: Format, any_size: bool) -> str:
    if isinstance(chosen.network, ModelFile) and form is Format.PYTHON:
        return chosen.network.path.read_text(encoding="utf-8")
    if form is Format.YAML:
        return yaml_text(chosen.arch, chosen.origin)
    return python_text(chosen.arch, chosen.origin, form.value, "model", any_size=any_size)


def _latency(chosen: Selection, form: Format, fused: bool) -> LatencyResult:
    """Measure the network in the runtime of the format."""
    run = chosen.origin.run
    device = run.environment.device_kind if run else "cpu"
    protocol = FINAL.model_copy(update={"runtime": _RUNTIMES.get(form, "eager")})
    network = chosen.network
    target: Target = network if isinstance(network, Arch) else network.build(network, seed=0)
    if fused:
        target = fuse(build_model(chosen.arch, seed=0))
    with Probe(device) as probe:
        return probe.measure(target, protocol)


def _print_latency(chosen: Selection, result: LatencyResult) -> None:
    run = chosen.origin.run
    budget = f"; budget {run.budget_ms:g} ms" if run and run.budget_ms else ""
    err.print(
        f"latency {result.median_ms:.3g} ms ({ms_interval_text(result.interval_ms)}), "
        f"{result.verdict}, {result.runtime}, "
        f"{result.device}{budget}",
        soft_wrap=True,
    )
