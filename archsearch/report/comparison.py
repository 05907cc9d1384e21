"""Runs beside each other, as plain data, as a table for the terminal, and in words."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rich import box
from rich.table import Table
from rich.text import Text

from archsearch.analysis import (
    Dominated,
    Estimate,
    Reference,
    best,
    common_reference,
    comparable,
    dominated_points,
    front_trials,
    ground,
    hypervolume_difference,
    hypervolume_estimate,
)
from archsearch.errors import InputError, Problem
from archsearch.record import RunRecord
from archsearch.report.units import duration_text, ms_text, percent_text, plural

#: parts of a configuration that differ by nature, or are told elsewhere
_SKIPPED = ("storage", "environment", "space", "archsearch")
_MOST_DIFFERENCES = 40


class Beaten(NamedTuple):
    """Points of the front of ``run`` that the front of ``by`` dominates; places of runs."""

    run: int
    by: int
    points: tuple[Dominated, ...]
    gap: Estimate


class GroupInfo(NamedTuple):
    """Runs whose numbers may be compared.

    Attributes:
        places: of the runs.
        reference: worst corner that their hypervolumes are counted from.
        volumes: hypervolume of each, as a share of the reference's area.
        beaten: one for every ordered pair.
    """

    places: tuple[int, ...]
    reference: Reference
    volumes: tuple[Estimate, ...]
    beaten: tuple[Beaten, ...]


class ComparisonInfo(NamedTuple):
    """Everything that a comparison says.

    Attributes:
        runs: under names that tell them apart.
        groups: see `GroupInfo`.
        warnings: what is not compared, and why.
        differences: configuration key to the value of each run.
    """

    runs: tuple[RunRecord, ...]
    groups: tuple[GroupInfo, ...]
    warnings: tuple[str, ...]
    differences: dict[str, tuple[str, ...]]


def compare_runs(runs: Sequence[RunRecord]) -> ComparisonInfo:
    """Compare runs, only where their machine, protocol and data match.

    Raises:
        InputError: fewer than two runs.
    """
    if len(runs) < 2:
        raise InputError(Problem("", "a comparison needs two runs or more", len(runs)))
    named = _named_apart(runs)
    groups = tuple(_group(named, places) for places in comparable(named))
    return ComparisonInfo(named, groups, _warnings(named, groups), _differences(named))


def _named_apart(runs: Sequence[RunRecord]) -> tuple[RunRecord, ...]:
    names = [run.name for run in runs]
    return tuple(
        run.model_copy(update={"name": f"{run.name} ({names[:at].count(run.name) + 1})"})
        if names.count(run.name) > 1
        else run
        for at, run in enumerate(runs)
    )


def _group(runs: Sequence[RunRecord], places: tuple[int, ...]) -> GroupInfo:
    members = [runs[place] for place in places]
    reference = common_reference(members)
    return GroupInfo(
        places,
        reference,
        tuple(hypervolume_estimate(run, reference) for run in members),
        tuple(
            Beaten(
                a,
                b,
                dominated_points(runs[a], runs[b]),
                hypervolume_difference(runs[b], runs[a], reference),
            )
            for a in places
            for b in places
            if a != b
        ),
    )


def _warnings(runs: Sequence[RunRecord], groups: Sequence[GroupInfo]) -> tuple[str, ...]:
    if len(groups) < 2:
        return ()
    first = ground(runs[groups[0].places[0]])
    told = []
    for group in groups[1:]:
        names = ", ".join(runs[place].name for place in group.places)
        other = ground(runs[group.places[0]])
        words = {"environment": "machine or software", "protocol": "protocol", "data": "data"}
        reasons = [words[key] for key in words if getattr(first, key) != getattr(other, key)]
        base = ", ".join(runs[place].name for place in groups[0].places)
        told.append(f"{names} is not compared with {base}: other {' and '.join(reasons)}")
    return tuple(told)


def _differences(runs: Sequence[RunRecord]) -> dict[str, tuple[str, ...]]:
    flat = [_resolved(run.config) for run in runs]
    keys = dict.fromkeys(key for each in flat for key in each)
    rows = {key: tuple(str(each.get(key, "-")) for each in flat) for key in keys}
    devices = tuple(run.environment.device for run in runs)
    versions = tuple(run.environment.archsearch for run in runs)
    rows = {"device": devices, "archsearch": versions, **rows}
    differing = {key: row for key, row in rows.items() if len(set(row)) > 1}
    return dict(list(differing.items())[:_MOST_DIFFERENCES])


def _resolved(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was asked for and what it came to, each key once."""
    identity = config.get("identity")
    asked = dict(identity) if isinstance(identity, Mapping) else {}
    # the recipe that was asked for may be none; the one that was used stands beside it
    asked.pop("recipe", None)
    asked["space_digest"] = str(asked.get("space_digest", ""))[:12]
    rest = {key: value for key, value in config.items() if key not in (*_SKIPPED, "identity")}
    sizes = rest.pop("data", None)
    return _flat({**asked, **rest, "images": sizes})


def _flat(data: Any, path: str = "") -> dict[str, Any]:
    if isinstance(data, Mapping):
        found: dict[str, Any] = {}
        for key, value in data.items():
            found |= _flat(value, f"{path}.{key}" if path else str(key))
        return found
    return {path: data}


def comparison_points(info: ComparisonInfo) -> dict[str, Any]:
    """Return a comparison as plain data for JSON."""
    names = [run.name for run in info.runs]
    return {
        "runs": [row | {"group": number} for number, row in _rows(info)],
        "dominated": [
            {
                "run": names[each.run],
                "by_run": names[each.by],
                "trial": point.trial.number,
                "by": point.by.number,
                "gain": point.gain,
                "latency_ratio": point.ratio,
                "clear": point.clear,
            }
            for group in info.groups
            for each in group.beaten
            for point in each.points
        ],
        "not_compared": list(info.warnings),
        "differences": {
            key: dict(zip(names, row, strict=True)) for key, row in info.differences.items()
        },
    }


def _rows(info: ComparisonInfo) -> list[tuple[int, dict[str, Any]]]:
    rows = []
    for number, group in enumerate(info.groups):
        for place, volume in zip(group.places, group.volumes, strict=True):
            run = info.runs[place]
            top = best(front_trials(run))
            row = {
                "run": run.name,
                "trials": len(run.trials),
                "front": len(front_trials(run)),
                "best_accuracy": top.accuracy if top else None,
                "best_latency_ms": top.latency_ms if top else None,
                "hypervolume": volume.value,
                "hypervolume_interval": list(volume.interval) if volume.interval else None,
                "budget_ms": run.budget_ms,
                "wall_s": run.wall_s,
            }
            rows.append((number, row))
    return rows


def estimate_text(estimate: Estimate, sign: bool = False) -> str:
    """Return a share of the reference's area with its interval, whose ends may need a sign."""
    plus = "+" if sign else ""
    text = f"{estimate.value:.3f}"
    if estimate.interval is None:
        return text
    low, high = estimate.interval
    return f"{text} ({low:{plus}.3f} to {high:{plus}.3f})"


def comparison_table(info: ComparisonInfo) -> Table:
    """Return the runs as a table for the terminal."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for name in ("run", "trials", "front", "best %", "at ms", "hypervolume", "time"):
        table.add_column(name, overflow="fold", justify="left" if name == "run" else "right")
    for group in info.groups:
        for place, volume in zip(group.places, group.volumes, strict=True):
            run = info.runs[place]
            top = best(front_trials(run))
            cells = (
                run.name,
                f"{len(run.trials):,}",
                str(len(front_trials(run))),
                percent_text(top.accuracy if top else None),
                ms_text(top.latency_ms if top else None),
                estimate_text(volume),
                duration_text(run.wall_s),
            )
            table.add_row(*(Text(cell) for cell in cells))
        table.add_section()
    return table


def comparison_sentences(info: ComparisonInfo) -> list[str]:
    """Return what a comparison says, one sentence a line."""
    told = [f"{warning}." for warning in info.warnings]
    for group in info.groups:
        for each in group.beaten:
            # both directions of a pair are there; the one with more hypervolume speaks
            if each.gap.value > 0 or (each.gap.value == 0 and each.run > each.by):
                told.append(_gap_sentence(info, each))
            told += [_beaten_sentence(info, each)] if each.points else []
    return told


def _gap_sentence(info: ComparisonInfo, each: Beaten) -> str:
    better, worse = info.runs[each.by].name, info.runs[each.run].name
    text = f"{better} covers {estimate_text(each.gap, sign=True)} more hypervolume than {worse}"
    if each.gap.interval is None:
        return f"{text}; how sure that is cannot be told without the number of images."
    if each.gap.interval[0] <= 0:
        return f"{text}: a tie, as the interval holds 0."
    return f"{text}."


def _beaten_sentence(info: ComparisonInfo, each: Beaten) -> str:
    total = len(front_trials(info.runs[each.run]))
    clear = sum(point.clear for point in each.points)
    named = ", ".join(str(point.trial.number) for point in each.points)
    return (
        f"{info.runs[each.by].name} dominates {len(each.points)} of "
        f"{plural(total, 'point')} of {info.runs[each.run].name} (trial {named}), "
        f"{clear} of them beyond the intervals."
    )
