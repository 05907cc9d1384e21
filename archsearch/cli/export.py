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
from archsearch.cost.int8_instructions import slow_int8_note
from archsearch.errors import InputError, Problem
from archsearch.export import Format, Selection, export_model, fuse, python_text, select, yaml_text
from archsearch.export.calibration_choice import calibration_data
from archsearch.export.graph_storage import graph_ending
from archsearch.export.int8_graph import RUNTIME_OF
from archsearch.export.int8_text import int8_sentences
from archsearch.model import build_model
from archsearch.record import LatencyResult
from archsearch.report.number_format import ms_interval_text
from archsearch.train import ModelFile

#: what ``--output`` names for standard output
_STDOUT = Path("-")


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
            "file; onnx, openvino, litert, pt2 and hub are written to files.",
        ),
    ] = Format.PYTHON,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="File; of hub a folder; - prints a text. [default: of python, timm and yaml "
            "standard output; of the others the folder of the training, or here]",
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="Weights (.safetensors, .pth, .pt). [default: those that the run kept]"),
    ] = None,
    initial_weights: Annotated[
        bool, typer.Option(help="Let formats that hold weights hold untrained ones.")
    ] = False,
    any_size: Annotated[
        bool, typer.Option(help="Let Python and timm files take images of any size.")
    ] = False,
    companions: Annotated[
        bool, typer.Option(help="Write weights, model card and JSON of the images beside the file.")
    ] = True,
    fused: Annotated[
        bool,
        typer.Option("--fuse", help="Of graphs: fold batch norms and more into convolutions."),
    ] = False,
    dtype: Annotated[
        str,
        typer.Option(
            help="float32, or int8 of onnx, openvino and litert: quantised by the runtime's own "
            "tool, calibrated on training images, with the blocks in float32 that need it."
        ),
    ] = "float32",
    data: Annotated[
        str,
        typer.Option(
            help="With --dtype int8: images to calibrate with and to compare on, as for train. "
            "[default: those of the run or training]"
        ),
    ] = "",
    data_root: Annotated[
        Path | None, typer.Option(help="Folder of a torchvision data set.")
    ] = None,
    latency: Annotated[bool, typer.Option(help="Measure it in its runtime.")] = True,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Export a model that runs without archsearch; it is checked first.

    Text (python, timm, yaml) is printed unless --output names a file; onnx, openvino, litert, pt2
    and hub are written to files, with weights and model card.
    """
    if dtype not in ("float32", "int8"):
        raise InputError(Problem("--dtype", "must be float32 or int8", dtype))
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
    int8 = None
    if dtype == "int8":
        if note := slow_int8_note(dtype):
            err.print(note, soft_wrap=True)
        int8 = calibration_data(chosen, data, data_root)
    done = export_model(
        chosen.network,
        form,
        output or _default_output(chosen, form, dtype),
        origin=replace(chosen.origin, measured=measured),
        weights=weights or chosen.weights,
        initial_weights=initial_weights,
        any_size=any_size,
        companions=companions,
        fused=fused,
        int8=int8,
        force=force,
    )
    for path in done.files:
        out.print(str(path), soft_wrap=True)
    if not form.holds_weights and companions and (missing := _missing_weights(chosen, weights)):
        err.print(f"[bold red]no weights were written:[/] {missing}", soft_wrap=True)
    if done.quantized is not None:
        for sentence in int8_sentences(done.quantized):
            err.print(sentence, soft_wrap=True)
    elif done.error is not None:
        err.print(f"logits within {done.error:.1e} of the network's")
    elif form is not Format.YAML and isinstance(chosen.network, Arch):
        err.print("logits bit-equal to the network's")
    if latency and form is not Format.YAML:
        if form.takes_int8:
            measured = _latency_of_file(chosen, form, done.files[0], dtype)
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


def _default_output(chosen: Selection, form: Format, dtype: str) -> Path:
    """Return the default output of a binary format: in its training's folder, or here."""
    ending = "-hub" if form is Format.HUB else graph_ending(form.value)
    if dtype == "int8":
        ending = f"-int8{ending}"
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
    """Measure the network in eager mode."""
    run = chosen.origin.run
    device = run.environment.device_kind if run else "cpu"
    protocol = FINAL
    network = chosen.network
    target: Target = network if isinstance(network, Arch) else network.build(network, seed=0)
    if fused:
        target = fuse(build_model(chosen.arch, seed=0))
    with Probe(device) as probe:
        return probe.measure(target, protocol)


def _latency_of_file(chosen: Selection, form: Format, file: Path, dtype: str) -> LatencyResult:
    """Measure the file that was written, in its runtime on the CPU."""
    protocol = FINAL.model_copy(update={"runtime": RUNTIME_OF[form.value], "dtype": dtype})
    with Probe() as probe:
        return probe.measure_file(file, chosen.network.input_shape, protocol)


def _print_latency(chosen: Selection, result: LatencyResult) -> None:
    run = chosen.origin.run
    budget = f"; budget {run.budget_ms:g} ms" if run and run.budget_ms else ""
    err.print(
        f"latency {result.median_ms:.3g} ms ({ms_interval_text(result.interval_ms)}), "
        f"{result.verdict}, {result.runtime}, {result.dtype}, "
        f"{result.device}{budget}",
        soft_wrap=True,
    )
