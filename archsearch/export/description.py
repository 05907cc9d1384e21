"""The description of an exported network, as lines of text."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archsearch import __version__
from archsearch.analysis import reported_accuracies, run_accuracies
from archsearch.arch import Arch, summary
from archsearch.cost import count_arch, count_macs, count_params
from archsearch.data.label import data_label
from archsearch.image_size import size_text
from archsearch.percent import percent_interval_text, percent_text
from archsearch.record import Inherited, LatencyResult, RunRecord, TrialRecord
from archsearch.record.teacher_text import teacher_facts, teacher_words
from archsearch.train import ModelFile

_WIDTH = 98


@dataclass(frozen=True)
class Origin:
    """Where an architecture comes from.

    Attributes:
        run: the run that found it; None for an architecture of its own.
        trial: its trial in that run.
        name: name of a published model, or of the file; empty for none.
        training: what `archsearch train` wrote about it; empty for none.
        measured: its latency, taken for the export; None for that of the trial.
    """

    run: RunRecord | None = None
    trial: TrialRecord | None = None
    name: str = ""
    training: Mapping[str, Any] = field(default_factory=dict)
    measured: LatencyResult | None = None

    @property
    def latency(self) -> LatencyResult | None:
        """The latency that counts."""
        trial = self.trial
        return self.measured or (trial and trial.known_latency) or None

    def section(self, name: str) -> Mapping[str, Any]:
        """Return ``data`` or ``recipe`` of its training; empty if unknown."""
        section = (self.run.config if self.run else self.training).get(name)
        return section if isinstance(section, Mapping) else {}

    @property
    def normalization(self) -> dict[str, tuple[float, ...]]:
        """Mean and deviation of the training images, one value a channel; empty if unknown."""
        data = self.section("data")
        if not (data.get("mean") and data.get("std")):
            return {}
        return {key: tuple(round(float(v), 4) for v in data[key]) for key in ("mean", "std")}


def facts_of(network: Arch | ModelFile, origin: Origin) -> list[tuple[str, str]]:
    """Return what is known, each fact with its name."""
    channels = "1 channel" if network.in_channels == 1 else f"{network.in_channels} channels"
    shape = f"{channels}, {network.num_classes} classes"
    if isinstance(network, Arch):
        counts = count_arch(network)
        params, macs = counts.params, counts.macs
        head, *stages = summary(network).split(" | ")
        facts = [
            ("Architecture", f"{head}, {shape}"),
            *[(f"Stage {index}", stage) for index, stage in enumerate(stages, 1)],
        ]
    else:
        model = network.build(network).eval()
        params = count_params(model)
        macs = count_macs(model, (1, *network.input_shape)).total
        size = f"{size_text(network.image_size)}px"
        facts = [("Network", f"{network.path.name}:{network.function}, {size}, {shape}")]
    facts += [
        ("Parameters", f"{params:,}"),
        ("MACs", f"{macs:,} for one image (1 multiply-add = 1 MAC)"),
    ]
    trial, run = origin.trial, origin.run
    if origin.latency is not None:
        facts.append(("Latency", latency_text(origin.latency)))
    if trial is not None:
        accuracy = accuracy_text(trial, run)
        if accuracy:
            facts.append(("Accuracy", accuracy))
    if origin.training:
        known = [("test", "test"), ("val", "validation")]
        shown = [
            f"{_accuracy(origin.training[split])} ({word})"
            for split, word in known
            if origin.training[split] is not None
        ]
        facts.append(("Accuracy", ", ".join(shown)))
    recipe = origin.section("recipe")
    if (trial is not None or origin.training) and (teacher := teacher_words(recipe)):
        facts.append(("Teacher", f"{teacher}: {teacher_facts(recipe)}"))
    if origin.normalization:
        mean, std = (", ".join(map(str, each)) for each in origin.normalization.values())
        facts.append(
            (
                "Images",
                f"scaled to 0..1, then normalized by mean {mean} and standard deviation {std}",
            )
        )
    if start := start_words(origin):
        facts.append(("Start", f"{start}; not trained from scratch"))
    if run is not None and trial is not None:
        epochs = f", {len(trial.curve)} epochs" if trial.curve else ""
        facts.append(("Run", f"{run.name}, trial {trial.number}, seed {trial.seed}{epochs}"))
        if run.budget_ms is not None:
            facts.append(("Budget", f"{run.budget_ms:g} ms"))
    facts.append(("Digest", network.digest))
    return facts


def start_words(origin: Origin) -> str:
    """Return the weights of another network that the training began with; empty for none."""
    found = origin.trial.inherited if origin.trial is not None else None
    if found is None and origin.training.get("inherited"):
        found = Inherited.model_validate(origin.training["inherited"])
    return found.words if found is not None else ""


def latency_text(latency: LatencyResult) -> str:
    """Return a latency with its interval, protocol and machine."""
    ends = latency.interval_ms
    spread = "spread unknown"
    if ends is not None:
        spread = f"interval {ends[0]:.3g} to {ends[1]:.3g}"
    plural = "s" if latency.threads != 1 else ""
    return (
        f"{latency.median_ms:.3g} ms ({spread}), {latency.verdict}, "
        f"batch {latency.batch_size}, {latency.threads} thread{plural}, {latency.dtype}, "
        f"{latency.runtime}, {latency.device}"
    )


def accuracy_of(origin: Origin) -> dict[str, float]:
    """Return the accuracies (0 to 1) of a training or trial by split, the test split first."""
    found: dict[str, float | None] = {}
    if origin.training:
        found = {split: origin.training[split]["accuracy"] for split in ("test", "val")}
    elif origin.trial is not None:
        found = {"test": origin.trial.test_accuracy, "val": origin.trial.accuracy}
    return {split: value for split, value in found.items() if value is not None}


def accuracy_text(trial: TrialRecord, run: RunRecord | None) -> str:
    """Return the accuracies of a trial and the data they were taken on; empty for none.

    The one that every table leads with comes first, then that of these very weights.
    """
    parts = []
    known = run_accuracies(run) if run else reported_accuracies([trial], None)
    found = known.get(trial.number)
    if found is not None:
        ends = f"{percent_interval_text(*found.interval)}, " if found.interval else ""
        parts.append(f"{percent_text(found.value)} % on the validation split ({ends}{found.seeds})")
    if found is not None and found.num_seeds:
        chosen = percent_text(trial.accuracy)
        parts.append(f"{chosen} % with the selected seed, which the weights are of")
    if trial.test_accuracy is not None:
        parts.append(f"{percent_text(trial.test_accuracy)} % on the test split")
    data = data_name(run) if run else ""
    return ", ".join(parts) + (f" of {data}" if parts and data else "")


def data_name(run: RunRecord) -> str:
    """Return the data set of a run."""
    identity = run.config.get("identity")
    return data_label(str(identity.get("data", "")) if isinstance(identity, dict) else "")


def module_docstring(arch: Arch, origin: Origin, timm_name: str = "") -> str:
    """Return the docstring of an exported Python file; of one for timm, with the model's name."""
    facts = facts_of(arch, origin)
    column = max(len(name) for name, _ in facts) + 2
    lines = [_title(origin), ""]
    for name, text in facts:
        lines += _wrapped(f"{name:<{column}}", text)
    needs = "timm" if timm_name else "PyTorch alone"
    lines += [
        "",
        f"Written by archsearch {__version__}, whose state dict has the same keys; needs {needs}.",
    ]
    if timm_name:
        lines.append(
            f'Import this file, then: timm.create_model("{timm_name}", features_only=True)'
        )
    # what names of runs and folders may hold must not end the docstring or escape in it
    return "\n".join(lines).replace("\\", "/").replace('"""', "'''")


def _title(origin: Origin) -> str:
    if origin.trial is not None and origin.run is not None:
        return f"Image classifier found by the search '{origin.run.name}'."
    return f"{origin.name}: an image classifier." if origin.name else "An image classifier."


def _wrapped(label: str, text: str) -> Sequence[str]:
    indent = " " * len(label)
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=label,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _accuracy(evaluation: Mapping[str, Any]) -> str:
    return f"{percent_text(evaluation['accuracy'])} % of {evaluation['n']:,} images"
