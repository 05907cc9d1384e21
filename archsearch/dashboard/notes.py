"""Notes of the dashboard on a run and its trials, in Markdown."""

import re
from collections.abc import Mapping
from typing import Any

from archsearch.analysis import may_exceed
from archsearch.arch import Arch, summary
from archsearch.percent import percent_text
from archsearch.record import FIRST_TARGET, Aims, LatencyResult, better_known
from archsearch.record.teacher_text import teacher_words
from archsearch.report.number_format import count_text, ms_interval_text, ms_text, plural

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|])")


def plain(text: object) -> str:
    """Return ``text`` so that Markdown shows it as it is, in one line."""
    return _MARKUP.sub(r"\\\1", " ".join(str(text).split()))


def study_note(name: str, config: Mapping[str, Any], *, editable: bool) -> str:
    """Return what the run is, how to read the pages, and how latency was measured.

    Args:
        name: of the run.
        config: its resolved configuration.
        editable: the pages may change the study.
    """
    identity, data = config["identity"], config.get("data", {})
    latency, where = identity["latency"], config["environment"]
    limits = [
        f"{value:g} {unit}"
        for key, unit in (("latency_ms", "ms"), ("params", "parameters"), ("macs", "MACs"))
        if (value := identity["budgets"].get(key)) is not None
    ]
    budget = f", within {' and '.join(limits)}" if limits else ""
    epochs = config.get("recipe", {}).get("epochs", "?")
    words = teacher_words(config.get("recipe"))
    teacher = f", trained with the teacher {plain(words)}" if words else ""
    splits = ", ".join(f"{data[key]:,} {key}" for key in ("train", "val", "test") if data.get(key))
    edit = (
        "These pages may change the study: it was opened with `--allow-edit`."
        if editable
        else "These pages are read-only; `--allow-edit` lifts that."
    )
    return f"""# {plain(name)}

A search of the space **{plain(config.get("space_name", ""))}** for the most accurate networks on
**{plain(identity["data"])}**{budget}{teacher}.

## How to read it

- **accuracy** is validation accuracy (0 to 1) after {epochs} epochs with the seed of the search,
  by which the front was chosen: there it is optimistic. What is reported of a trial of the front
  is the mean over other seeds, in its note and its user attributes once they are trained.
  Differences smaller than an interval are ties; `archsearch front` says which.
- **latency\\_ms** is the median of one inference. Of trials on the front it is the final
  measurement, taken in quiet at the end, unless that was rejected; of all others the first look.
  The *verdict* says how wide its interval is: steady, noisy, or rejected, which is a guess.
- **Pruned** trials were over a budget and never trained (*state: infeasible*), or stopped early
  because others were clearly better (*state: pruned*). A constraint above 0 says by which share a
  budget is exceeded; such a trial is never among the best. One that is over a budget by a latency
  that is not known well enough is among them only where no trial keeps the budget.
- Each trial has its network as a note, and files: the architecture, its learning curve and, once
  the run has ended, the model as one Python file.
- Our own figures stand on the first page, below *History*.

## Protocol

{plain(where["device"])}, batch {latency["batch_size"]}, {latency["threads"]} thread(s),
{latency["dtype"]}, {latency["runtime"]}; measured while no training step runs. Images: {splits}.
Seed {identity["seed"]}, sampler {plain(identity["sampler"])}, archsearch
{plain(config.get("archsearch", ""))}.

{edit}
"""


def accuracy_facts(record: Mapping[str, Any]) -> list[str]:
    """Return the validation accuracy that leads, then that of the search seed."""
    if record.get("accuracy") is None:
        return []
    selected = f"{percent_text(record['accuracy'])} %"
    found = other_seeds(record)
    if not found:
        return [f"{selected} validation accuracy with the selected seed"]
    mean = percent_text(sum(found) / len(found))
    return [
        f"{mean} % validation accuracy (mean of {plural(len(found), 'independent seed')})",
        f"{selected} with the selected seed",
    ]


def other_seeds(record: Mapping[str, Any]) -> list[float]:
    """Return the accuracies of a trial with independent seeds."""
    known = record.get("other_seeds") or ()
    return [each["accuracy"] for each in known if each.get("accuracy") is not None]


def measurements(record: Mapping[str, Any]) -> tuple[LatencyResult | None, LatencyResult | None]:
    """Return the first measurement and the final measurement of a record that is plain data."""
    known = (record.get(key) for key in ("latency", "final_latency"))
    first, final = (LatencyResult.model_validate(each) if each else None for each in known)
    return first, final


def known_latencies(record: Mapping[str, Any]) -> dict[str, LatencyResult]:
    """Return what `TrialRecord.latencies` holds, of a record that is plain data."""
    first = better_known(*measurements(record))
    found = {FIRST_TARGET: first} if first is not None else {}
    more, finals = record.get("more_latencies") or {}, record.get("more_final_latencies") or {}
    for name in {**more, **finals}:
        both = (
            LatencyResult.model_validate(e[name]) if name in e else None for e in (more, finals)
        )
        if (known := better_known(*both)) is not None:
            found[name] = known
    return found


def trial_note(number: int, record: Mapping[str, Any], aims: Aims) -> str:
    """Return a trial's network stage by stage, with what is known about it.

    Args:
        number: of the trial.
        record: its `TrialRecord` as plain data.
        aims: the budgets of its run.
    """
    arch = Arch.model_validate(record["arch"])
    head, *stages = summary(arch).split(" | ")
    lines = [f"**{plain(head)}**, {arch.num_classes} classes", ""]
    lines += [f"{index}. {plain(stage)}" for index, stage in enumerate(stages, 1)]
    facts = [
        f"{count_text(record.get('params'))} parameters",
        f"{count_text(record.get('macs'))} MACs",
    ]
    first, final = measurements(record)
    latency = better_known(first, final)
    if latency is not None:
        which = "final" if latency is final else "first measurement"
        words = [ms_interval_text(latency.interval_ms), f"{which} {latency.verdict}"]
        if final is not None and latency is not final:
            words.append(f"final {final.verdict}, so not confirmed")
        if may_exceed(known_latencies(record), aims):
            words.append("may be over budget")
        facts.append(f"{ms_text(latency.median_ms)} ms ({', '.join(words)})")
    facts += accuracy_facts(record)
    if record.get("test_accuracy") is not None:
        facts.append(f"{percent_text(record['test_accuracy'])} % test accuracy")
    lines += ["", ", ".join(facts)]
    if record.get("reason"):
        lines += ["", f"*{plain(record['state'])}*: {plain(record['reason'])}"]
    return "\n".join(lines)
