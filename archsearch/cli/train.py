"""``archsearch train``: train one network to the end."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from archsearch.activity import clock, doing, resumable
from archsearch.arch import Arch
from archsearch.cli.config_options import given_values, options_of
from archsearch.cli.console import err, out
from archsearch.cli.shared_options import (
    Channels,
    Device,
    Download,
    Log,
    RunsDir,
    Set,
    SizeText,
    TrialChoice,
    size_problems,
)
from archsearch.cli.table_output import print_facts, print_tables
from archsearch.cost import count_params
from archsearch.data import DataSplits, TeacherOutputs, describe_data, load_data
from archsearch.data.label import data_label
from archsearch.errors import InputError, Problem, ProblemList
from archsearch.export import select
from archsearch.files import shell_word, valid_name
from archsearch.image_size import ImageSize, plain_size, read_size, size_text
from archsearch.model import build_model
from archsearch.model.transfer import Donor
from archsearch.percent import percent_text
from archsearch.record import EpochMetrics
from archsearch.record.teacher_text import teacher_words
from archsearch.report.taken_tensors import transfer_table
from archsearch.resources import find_yaml
from archsearch.run import SearchConfig
from archsearch.run.inheritance import no_part_fits
from archsearch.run.teaching.teaching import (
    Teaching,
    keep_outputs,
    open_teaching,
    with_outputs,
)
from archsearch.run.weight_source import WeightSource
from archsearch.settings import Setting, settings_from
from archsearch.tracking import Tracker, check_sinks, open_tracker
from archsearch.train import (
    ModelFile,
    Ranks,
    RecipeFit,
    Trainer,
    TrainingFolder,
    TrainingResult,
    changed_recipe,
    default_recipe,
    fit_recipe,
    load_recipe,
    most_epochs,
    open_model_file,
    open_ranks,
    recipe_problems,
    set_keys,
    train_fully,
    with_settings,
)
from archsearch.train.teacher import TEACHER_KEYS
from archsearch.train.tracking_entries import result_entry, running_entry
from archsearch.train.trainer import Build
from archsearch.zoo.overrides import with_overrides


@options_of(SearchConfig, keys=TEACHER_KEYS)
def command(
    target: Annotated[
        str,
        typer.Argument(
            help="Arch file (.yaml), zoo:NAME, run (with --trial), or an exported file (model.py, "
            "model.py:create_model)."
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option(
            help="digits, cluttered-digits, fashion-mnist, cifar10, cifar100, or folder:PATH with "
            "train/ and val/. "
            "[default: that of the run, else digits]"
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="YAML file, or the name of a shipped one: lightvit, edgevit, localvit, sepvit, or "
            "that of a data set. [default: suits the data]"
        ),
    ] = None,
    trial: TrialChoice = "best",
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1, help="In place of the recipe's; a longer warm-up is cut to a quarter of it."
        ),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(min=1, help="Images a step; the learning rate scales in proportion."),
    ] = None,
    log: Log = None,
    set_: Set = None,
    image_size: SizeText = None,
    channels: Channels = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder. [default: trained/NAME-DATA]"),
    ] = None,
    data_root: Annotated[
        Path | None, typer.Option(help="Folder of a torchvision data set.")
    ] = None,
    download: Download = False,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Use at most this many images for training and validation."),
    ] = None,
    device: Device = "cpu",
    threads: Annotated[
        int, typer.Option(min=1, help="Intra-op threads, and threads that decode.")
    ] = 1,
    seed: Annotated[
        int, typer.Option(min=0, help="Of weights, order, augmentation and splits.")
    ] = 0,
    weights: Annotated[
        str,
        typer.Option(
            help="Begin with the weights of another network, as far as they fit: a training, a run "
            "(RUN, RUN#TRIAL), .safetensors, model.py or zoo:NAME@FILE. Prints what is taken."
        ),
    ] = "",
    runs_dir: RunsDir = Path("runs"),
    **given: Any,
) -> None:
    """Train a network to the end; the same command goes on with a training that was stopped.

    On several devices: torchrun --nproc-per-node 4 -m archsearch train ... --device cuda
    """
    sinks = check_sinks(log or ())
    size = None if image_size is None else read_size(image_size, "--image-size")
    chosen = _chosen(target, trial, size, runs_dir)
    data = data or chosen.data
    taken = _channels(chosen, data, channels)
    default = valid_name(f"{chosen.name}-{data_label(data)}")
    folder = TrainingFolder(output or Path("trained") / default)
    found = ProblemList()
    found.add(folder.problem())
    with found.gathered(), doing(f"reading the data: {data}") as activity:
        splits = load_data(
            data,
            image_size=chosen.network.image_size,
            root=data_root,
            download=download,
            seed=seed,
            limit=limit,
            progress=activity.progress,
            channels=taken,
        )
    donor = None
    with found.gathered():
        donor = WeightSource(weights, "--weights", runs_dir).open() if weights else None
    found.check()
    network = _fitted(chosen.network, splits)
    settings = [*given_values(SearchConfig, given), *settings_from(set_ or [])]
    fit = _fit(recipe, splits, epochs, batch, settings)
    if begun := folder.recipe:
        fit = fit.going_on(begun)
    if problems := recipe_problems(fit.recipe):
        raise InputError([replace(each, key=f"recipe.{each.key}") for each in problems])
    teaching = open_teaching(
        fit.recipe, splits, folder.path, runs_dir=runs_dir, download=download, device=device
    )
    build: Build = network.build if isinstance(network, ModelFile) else build_model
    with open_ranks(device) as (ranks, own_device):
        if teaching is not None:
            splits = _taught(splits, teaching, ranks)
            fit = replace(fit, recipe=teaching.recipe)
        trainer = Trainer(
            network,
            splits,
            fit.recipe,
            seed=seed,
            device=own_device,
            threads=threads,
            ranks=ranks,
            build=build,
            start=donor,
        )
        if donor is not None:
            _check_taken(trainer, donor)
        if ranks.first:
            goes_on = folder.exists()
            folder.open(
                {
                    "network": _identity(network),
                    "data": {
                        "name": data_label(data),
                        "limit": limit,
                        "image_size": plain_size(network.image_size),
                        **({"channels": taken} if taken and isinstance(network, Arch) else {}),
                        "images": {
                            "train": len(splits.train),
                            "val": len(splits.val),
                            "test": len(splits.test) if splits.test is not None else 0,
                            "mean": splits.mean,
                            "std": splits.std,
                        },
                    },
                    "recipe": trainer.recipe.to_dict(),
                    "seed": seed,
                    "processes": ranks.world,
                    # a path means nothing on another machine
                    **({"weights": donor.digest} if donor is not None else {}),
                }
            )
            if donor is not None and not goes_on:
                _show_taken(trainer, donor, folder)
            if isinstance(network, ModelFile):
                folder.write(folder.definition, network.path.read_text(encoding="utf-8"))
            else:
                network.save(folder.arch)
            for line in (*describe_data(splits), *fit.lines()):
                _say(line)
            keep_outputs(splits, teaching)
        ranks.wait()
        own = sinks if ranks.first else ()
        with open_tracker(folder.path, own, err.print) as tracker:
            _finish(trainer, folder, network, tracker)


def _check_taken(trainer: Trainer, donor: Donor) -> None:
    """Check that the network takes something from the weights that were named.

    Raises:
        InputError: no part fits.
    """
    assert trainer.inherited is not None, "it began with them"
    if not trainer.inherited.fits:
        raise InputError(no_part_fits(donor, "--weights"))


def _show_taken(trainer: Trainer, donor: Donor, folder: TrainingFolder) -> None:
    """Print what was taken and what was not, and write it into the folder."""
    transfer = trainer.inherited
    assert transfer is not None, "it began with them"
    about = {"source": donor.label, "digest": donor.digest, **transfer.to_dict()}
    folder.write(folder.inherited, json.dumps(about, indent=2) + "\n")
    print_tables([transfer_table(transfer, donor.label)], "table")


def check(values: Mapping[str, Any]) -> list[Problem]:
    """Return the problems of the options by themselves."""
    found = ProblemList()
    with found.gathered():
        for problem in size_problems(values["image_size"]):
            found.add(problem)
        if values["recipe"] is not None:
            load_recipe(find_yaml(values["recipe"], "recipes"))
    return found.problems


def _taught(data: DataSplits, teaching: Teaching, ranks: Ranks) -> DataSplits:
    """Return the data with the teacher's outputs, which the first process computes for all."""
    said = ranks.agreed(with_outputs(data, teaching, _say).teacher if ranks.first else None)
    assert isinstance(said, TeacherOutputs)
    return replace(data, teacher=said)


def _say(line: str) -> None:
    err.print(line, markup=False, highlight=False, soft_wrap=True)


def _finish(
    trainer: Trainer, folder: TrainingFolder, network: Arch | ModelFile, tracker: Tracker
) -> None:
    total = trainer.recipe.epochs
    if not trainer.ranks.first:
        train_fully(trainer, folder)
        return

    def show(metrics: EpochMetrics) -> None:
        left = clock((total - metrics.epoch) * metrics.seconds)
        err.print(
            f"epoch {metrics.epoch}/{total}  loss {metrics.train_loss:.4f}  val accuracy "
            f"{percent_text(metrics.accuracy)} %  {metrics.images_per_s:.0f} images/s  {left} left",
            soft_wrap=True,
        )
        activity.done = metrics.epoch
        tracker.log(running_entry(trainer, metrics))

    how = f"the same command goes on from here: {folder.path}"
    with resumable("training: epochs", how) as activity:
        activity.total, activity.is_frame = total, False
        result = train_fully(trainer, folder, show)
    tracker.log(result_entry(trainer, result))
    print_facts(_facts(result, trainer, folder))
    command = f"archsearch export {shell_word(folder.path)} --format onnx"
    out.print(f"export it: {command}", soft_wrap=True, markup=False, highlight=False)


@dataclass(frozen=True)
class _Chosen:
    network: Arch | ModelFile
    name: str
    data: str = "digits"
    channels: int | None = None


def _chosen(target: str, trial: str, image_size: ImageSize | None, runs_dir: Path) -> _Chosen:
    place, _, function = target.rpartition(":")
    if target.endswith(".py") or place.endswith(".py"):
        path = Path(target if target.endswith(".py") else place)
        found = open_model_file(f"{path}:{'create_model' if place == '' else function}")
        if image_size not in (None, found.image_size):
            raise InputError(
                Problem(
                    "--image-size",
                    f"must be {size_text(found.image_size)}, as in {path}",
                    size_text(image_size),
                )
            )
        return _Chosen(found, path.stem)
    selected = select(target, trial, runs_dir)
    arch = with_overrides(selected.arch, {"image_size": image_size} if image_size else {})
    run = selected.origin.run
    identity = run.config.get("identity") if run else None
    identity = identity if isinstance(identity, dict) else {}
    data = str(identity.get("data") or "")
    if run and not data:
        raise InputError(
            Problem("--data", f"must be named: run '{run.name}' tells no data set", remedy="--data")
        )
    return _Chosen(arch, selected.origin.name, data or "digits", identity.get("channels"))


def _channels(chosen: _Chosen, data: str, wanted: int | None) -> int | None:
    """Return how many channels images are read with; None for what they have.

    A run's images are read as in the run, and a Python file's network has its own number.

    Raises:
        InputError: the network takes images with another number of channels.
    """
    if not isinstance(chosen.network, ModelFile):
        return wanted or (chosen.channels if data == chosen.data else None)
    own = chosen.network.in_channels
    if wanted not in (None, own):
        raise InputError(
            Problem("--channels", f"must be {own}, as in {chosen.network.path}", wanted)
        )
    return own


def _fitted(network: Arch | ModelFile, data: DataSplits) -> Arch | ModelFile:
    """Return the network for the classes and channels of the data."""
    if isinstance(network, ModelFile):
        return open_model_file(f"{network.path}:{network.function}", data.num_classes)
    fitting = {"num_classes": data.num_classes, "in_channels": data.in_channels}
    return network.model_copy(update=fitting).canonical()


def _identity(network: Arch | ModelFile) -> dict[str, Any]:
    if isinstance(network, Arch):
        return {"arch": network.digest}
    return {"file": network.digest, "function": network.function}


def _fit(
    name: str | None,
    data: DataSplits,
    epochs: int | None,
    batch: int | None,
    settings: Sequence[Setting],
) -> RecipeFit:
    """Return the named recipe, or that of the data set fitted to its images, with changes."""
    recipe = default_recipe(data.name) if name is None else load_recipe(find_yaml(name, "recipes"))
    changes: dict[str, Any] = {} if epochs is None else {"epochs": epochs}
    if batch is not None:
        rate = recipe.learning_rate * batch / recipe.batch_size
        changes |= {"batch_size": batch, "learning_rate": rate}
    is_shipped = name is None
    longest = most_epochs(recipe) if is_shipped and epochs is None else None
    changed = with_settings(changed_recipe(recipe, changes), settings, longest)
    return fit_recipe(data, changed, {*changes, *set_keys(settings)} if is_shipped else None)


def _facts(
    result: TrainingResult, trainer: Trainer, folder: TrainingFolder
) -> list[tuple[str, str]]:
    return [
        *(
            (
                f"{name} accuracy",
                f"{percent_text(found.accuracy)} % of {found.n:,} images"
                if found
                else "- (no test images)",
            )
            for name, found in (("val", result.val), ("test", result.test))
        ),
        ("epochs", str(len(result.epochs))),
        *([("teacher", words)] if (words := teacher_words(trainer.recipe.to_dict())) else []),
        ("params", f"{count_params(trainer.model):,}"),
        ("precision", f"{trainer.precision.precision} ({trainer.precision.reason})"),
        ("time", clock(sum(each.seconds for each in result.epochs))),
        ("weights", str(folder.weights)),
    ]
