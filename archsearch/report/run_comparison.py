"""Runs beside each other, as plain data, as a table for the terminal, and in words."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from archsearch.analysis import (
    Dominated,
    Estimate,
    Reference,
    by_other_seeds,
    common_reference,
    comparable,
    dominated_points,
    front_trials,
    ground,
    hypervolume_difference,
    hypervolume_estimate,
    on_one_scale,
)
from archsearch.errors import InputError, Problem
from archsearch.record import RunRecord
from archsearch.record.teacher_text import teacher_name
from archsearch.report.number_format import plural
from archsearch.report.plain_table import PlainTable
from archsearch.report.run_columns import RUN_COLUMNS, RunRow, estimate_text
from archsearch.report.table_column import tabulate
from archsearch.settings import leaves
from archsearch.yaml_source import dotted

#: parts of a configuration that differ by nature, or that other rows show
# the steps of a training follow from recipe and images
_SKIPPED = ("storage", "environment", "space", "archsearch", "training")
_MOST_DIFFERENCES = 40


class Beaten(NamedTuple):
    """Points of the front of ``run`` that the front of ``by`` dominates.

    Attributes:
        run: place of the one run.
        by: place of the other.
        points: that are dominated.
        gap: hypervolume of ``by`` minus that of ``run``.
        total: points of the front of ``run``, by the accuracies that are compared.
    """

    run: int
    by: int
    points: tuple[Dominated, ...]
    gap: Estimate
    total: int


class GroupInfo(NamedTuple):
    """Runs whose numbers may be compared.

    Attributes:
        places: of the runs.
        reference: worst corner that their hypervolumes are counted from.
        volumes: hypervolume of each, as a share of the reference's area.
        beaten: one for every ordered pair.
        other_seeds: accuracies are means over other seeds; else of the search seeds.
    """

    places: tuple[int, ...]
    reference: Reference
    volumes: tuple[Estimate, ...]
    beaten: tuple[Beaten, ...]
    other_seeds: bool


class ComparisonInfo(NamedTuple):
    """The result of a comparison.

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
    """Return the runs under names that differ; where teachers do, the names say whose is which."""
    if len({run.teacher for run in runs}) > 1:
        runs = [
            run.model_copy(update={"name": f"{run.name}, {_with_teacher(run)}"}) for run in runs
        ]
    names = [run.name for run in runs]
    return tuple(
        run.model_copy(update={"name": f"{run.name} ({names[:at].count(run.name) + 1})"})
        if names.count(run.name) > 1
        else run
        for at, run in enumerate(runs)
    )


def _with_teacher(run: RunRecord) -> str:
    name = teacher_name(run.config.get("recipe"))
    return f"with teacher {name}" if name else "without teacher"


def _group(runs: Sequence[RunRecord], places: tuple[int, ...]) -> GroupInfo:
    members = [runs[place] for place in places]
    reference = common_reference(members)
    fronts = dict(zip(places, on_one_scale(members), strict=True))
    return GroupInfo(
        places,
        reference,
        tuple(hypervolume_estimate(run, reference) for run in fronts.values()),
        tuple(
            Beaten(
                a,
                b,
                dominated_points(fronts[a], fronts[b]),
                hypervolume_difference(fronts[b], fronts[a], reference),
                len(front_trials(fronts[a])),
            )
            for a in places
            for b in places
            if a != b
        ),
        by_other_seeds(members),
    )


def _warnings(runs: Sequence[RunRecord], groups: Sequence[GroupInfo]) -> tuple[str, ...]:
    if len(groups) < 2:
        return ()
    first = ground(runs[groups[0].places[0]])
    lines = []
    for group in groups[1:]:
        names = ", ".join(runs[place].name for place in group.places)
        other = ground(runs[group.places[0]])
        words = {"environment": "machine or software", "protocol": "protocol", "data": "data"}
        reasons = [words[key] for key in words if getattr(first, key) != getattr(other, key)]
        base = ", ".join(runs[place].name for place in groups[0].places)
        lines.append(f"{names} is not compared with {base}: other {' and '.join(reasons)}")
    return tuple(lines)


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
    """Return the requested and the resolved configuration, each key once."""
    identity = config.get("identity")
    asked = dict(identity) if isinstance(identity, Mapping) else {}
    # the recipe that was asked for may be none; the one that was used stands beside it
    for key in ("recipe", "recipe_keys"):
        asked.pop(key, None)
    asked["space_digest"] = str(asked.get("space_digest", ""))[:12]
    rest = {key: value for key, value in config.items() if key not in (*_SKIPPED, "identity")}
    sizes = rest.pop("data", None)
    found = leaves({**asked, **rest, "images": sizes}, into_lists=False)
    return {dotted(key): value for key, value in found.items()}


def comparison_points(info: ComparisonInfo) -> dict[str, Any]:
    """Return a comparison as plain data for JSON."""
    names = [run.name for run in info.runs]
    return {
        "runs": list(comparison_table(info).values),
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


def comparison_rows(info: ComparisonInfo) -> tuple[RunRow, ...]:
    """Return every run of a comparison, group by group."""
    return tuple(
        RunRow(info.runs[place], volume, number)
        for number, group in enumerate(info.groups)
        for place, volume in zip(group.places, group.volumes, strict=True)
    )


def comparison_table(info: ComparisonInfo) -> PlainTable:
    """Return the runs as a table."""
    notes = [scale_note(group) for group in info.groups if len(group.places) > 1]
    return tabulate("The runs", RUN_COLUMNS, comparison_rows(info), tuple(dict.fromkeys(notes)))


def scale_note(group: GroupInfo) -> str:
    """Return which accuracies the fronts of a group are compared by."""
    if group.other_seeds:
        return "The fronts are compared by means over other seeds than the search seeds."
    return (
        "The fronts are compared by the search seeds, which are optimistic: not every front "
        "was trained with others."
    )


def comparison_sentences(info: ComparisonInfo) -> list[str]:
    """Return what a comparison says, one sentence a line."""
    lines = [f"{warning}." for warning in info.warnings]
    if len({run.teacher for run in info.runs}) > 1:
        lines.append(
            "The runs had different teachers, or one had none: a difference between them is not "
            "that of the searches alone."
        )
    if len({run.inherits for run in info.runs}) > 1:
        lines.append(_inherited_sentence(info.runs))
    for group in info.groups:
        for each in group.beaten:
            # both directions of a pair are there; the one with more hypervolume speaks
            if each.gap.value > 0 or (each.gap.value == 0 and each.run > each.by):
                lines.append(_gap_sentence(info, each))
            lines += [_beaten_sentence(info, each)] if each.points else []
    return lines


def _inherited_sentence(runs: Sequence[RunRecord]) -> str:
    each = ", ".join(
        f"{run.name} {'began with inherited weights' if run.inherits else 'trained from scratch'}"
        + (f" ({run.inherits})" if run.inherits else "")
        for run in runs
    )
    return (
        f"Their candidates did not begin alike ({each}): a difference in accuracy is that of the "
        "start too, not of the networks alone."
    )


def _gap_sentence(info: ComparisonInfo, each: Beaten) -> str:
    better, worse = info.runs[each.by].name, info.runs[each.run].name
    text = f"{better} covers {estimate_text(each.gap, sign=True)} more hypervolume than {worse}"
    if each.gap.interval is None:
        return f"{text}; its interval cannot be computed without the number of images."
    if each.gap.interval[0] <= 0:
        return f"{text}: a tie, as the interval holds 0."
    return f"{text}."


def _beaten_sentence(info: ComparisonInfo, each: Beaten) -> str:
    clear = sum(point.clear for point in each.points)
    named = ", ".join(str(point.trial.number) for point in each.points)
    return (
        f"{info.runs[each.by].name} dominates {len(each.points)} of "
        f"{plural(each.total, 'point')} of {info.runs[each.run].name} (trial {named}), "
        f"{clear} of them beyond the intervals."
    )
