"""The certainty of a front, in lines: results of other seeds, and correlation of early epochs."""

from archsearch.analysis import (
    Difference,
    FrontSeeds,
    LatencyNeighbour,
    RankCorrelation,
    compare_seeds,
    epoch_correlations,
    front_trials,
    latency_neighbours,
    num_images,
    rung_correlations,
)
from archsearch.percent import percent_text
from archsearch.record import RunRecord
from archsearch.report.number_format import change_text, plural, points_text


def look_at(run: RunRecord) -> FrontSeeds | None:
    """Return the comparison of the front over other seeds; None without other seeds."""
    return compare_seeds(front_trials(run), num_images(run), run.aims)


def neighbour_text(each: Difference) -> str:
    """Return how a trial compares with the next faster one on the front."""
    words = "not distinguishable from" if each.verdict[0] == "n" else f"{each.verdict} than"
    low, high = (points_text(end, 1) for end in each.interval)
    gap = points_text(each.difference, 1)
    return f"trial {each.trial}: {words} trial {each.other} ({gap} points, {low} to {high})"


def seed_lines(run: RunRecord) -> list[str]:
    """Return the results of other seeds, line by line; empty when there are none."""
    look = look_at(run)
    if look is None:
        return []
    counts = [each.num_seeds for each in look.means]
    fewest, most = min(counts), max(counts)
    number = plural(most, "independent seed")
    if fewest != most:
        number = f"{fewest} to {number}"
    way = "lower" if look.optimism >= 0 else "higher"
    gap = percent_text(abs(look.optimism))
    lines = [
        f"over {number}, accuracy is {gap} points {way} on average than with the selected seed"
    ]
    if look.neighbours:
        n = num_images(run)
        images = f" and {n:,} validation images" if n else ""
        sure = f"{100 * look.confidence:g} % for all together; {look.method}"
        lines.append(f"each against the next faster, over these seeds{images} ({sure}):")
        lines += [f"  {neighbour_text(each)}" for each in look.neighbours]
    return lines


def speed_lines(run: RunRecord) -> list[str]:
    """Return how each latency of the front stands to the next faster one, line by line.

    By paired ratios of networks that were measured together; empty where there are none.
    """
    found = latency_neighbours(front_trials(run))
    if not found:
        return []
    return [
        "latency against the next faster, measured by turns (interval: another measurement):",
        *(f"  {_speed_text(each)}" for each in found),
    ]


def _speed_text(each: LatencyNeighbour) -> str:
    words = "not distinguishable from" if each.verdict[0] == "n" else "slower than"
    gap, low, high = (change_text(end - 1, 1) for end in (each.ratio, *each.interval))
    return f"trial {each.trial}: {words} trial {each.faster} ({gap}, {low} to {high})"


def correlation_line(run: RunRecord) -> str:
    """Return how well early epochs predict later ones; empty when that is not known.

    That is each rung against the next one, or the first and a middle epoch against the last.
    """
    if rungs := _rungs(run):
        each = [
            f"{_epochs(found)}: tau {found.tau:.2f} ({found.interval[0]:.2f} to "
            f"{found.interval[1]:.2f}), n = {found.n:,}"
            for found in rung_correlations(run.trials, rungs)
        ]
        return f"order of the candidates that went on, {'; '.join(each)}" if each else ""
    found = epoch_correlations(run.trials)
    if not found:
        return ""
    first, middle = found[0], found[(len(found) - 1) // 2]
    more = "" if middle is first else f"; {_epochs(middle)}: tau {middle.tau:.2f}"
    low, high = first.interval
    return (
        f"order of the candidates trained to the end, {_epochs(first)}: tau {first.tau:.2f} "
        f"({low:.2f} to {high:.2f}), n = {first.n:,}{more}"
    )


def _rungs(run: RunRecord) -> tuple[int, ...]:
    """Return the epochs of a run's rungs, the last epoch included; empty without rungs."""
    identity = run.config.get("identity")
    if not isinstance(identity, dict):
        return ()
    rungs = identity.get("rungs")
    last = max((len(trial.curve) for trial in run.trials), default=0)
    if rungs == "auto":
        rungs = sorted({len(each.curve) for each in run.trials if each.is_paused})
    return (*(rung for rung in rungs if rung < last), last) if rungs else ()


def _epochs(found: RankCorrelation) -> str:
    return f"{plural(int(found.early), 'epoch')} against {found.late:g}"
