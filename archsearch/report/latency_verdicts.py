"""The verdicts on the latencies of a front, as in ``docs/latency.md``."""

from collections import Counter
from collections.abc import Iterable, Sequence

from archsearch.analysis import front_trials, may_exceed
from archsearch.percent import percent_text
from archsearch.record import Aims, LatencyResult, RunRecord, TrialRecord
from archsearch.report.number_format import plural
from archsearch.report.shell_commands import measure_command

#: what the interval of a latency is called
INTERVAL = "interval"
#: and what it covers, for the foot of a table or a figure
INTERVAL_NOTE = (
    "The interval of a latency predicts another measurement of the network, in another process at "
    "another time. Every repeated measurement on this machine improves it."
)
#: what others took of the machine before it is named as the reason of a wide interval
_BUSY_CORES = 0.3
_STEAL_SHARE = 0.05
#: from here on the slowdown of the reference widens an interval by a quarter
_SLOWER = 0.2
NOT_CONFIRMED = "not confirmed"
#: the budget lies in the interval of a latency, or below a guess
MAY_BE_OVER = "over?"


def latency_words(
    trial: TrialRecord, aims: Aims | float | None = None, *, on_front: bool = True
) -> tuple[str, ...]:
    """Return what is known of the latency that a trial is shown with.

    Its verdict, ``steady``, ``noisy`` or ``rejected``; of one that was not confirmed on a quiet
    machine also that, and what the final measurement said; and whether a budget lies in an
    interval, at any target. Beside the front nothing is to be confirmed.
    """
    latency = trial.known_latency
    if latency is None:
        return ()
    words: list[str] = []
    if trial.is_confirmed:
        words.append(latency.verdict)
    else:
        final = trial.final_latency
        shown = "final" if latency is final else "first measurement"
        words += [*([NOT_CONFIRMED] if on_front else []), f"{shown} {latency.verdict}"]
        if final is not None and latency is not final:
            words.append(f"final {final.verdict}")
    if on_front and may_exceed(trial.latencies, aims):
        words.append(MAY_BE_OVER)
    return tuple(words)


def verdict_text(latency: LatencyResult | None) -> str:
    """Return the verdict in brackets, to stand after a latency; empty for none."""
    return "" if latency is None else f" ({latency.verdict})"


def trial_verdict_text(trial: TrialRecord | None, aims: Aims | float | None = None) -> str:
    """Return in brackets how well a trial's latency is known; empty for none."""
    words = latency_words(trial, aims) if trial is not None else ()
    return f" ({', '.join(words)})" if words else ""


def verdict_counts(run: RunRecord) -> dict[str, int]:
    """Return how many latencies of the front are known how well.

    Keys: ``steady`` and ``noisy``, those that were confirmed; ``not_confirmed``, the others;
    ``rejected``, those of the others that a rejected measurement is behind; and ``total``.
    """
    counts = Counter({"steady": 0, "noisy": 0, "not_confirmed": 0, "rejected": 0, "total": 0})
    for trial in front_trials(run):
        latency = trial.known_latency
        counts["total"] += 1
        if trial.is_confirmed and latency is not None:
            counts[latency.verdict] += 1
            continue
        counts["not_confirmed"] += 1
        known = (trial.final_latency, latency)
        counts["rejected"] += any(each is not None and each.is_guess for each in known)
    return dict(counts)


def verdict_line(run: RunRecord) -> str:
    """Return how many latencies of the front are to be relied on; empty for an empty front."""
    counts = verdict_counts(run)
    if not counts["total"]:
        return ""
    if counts["steady"] == counts["total"]:
        return (
            "The latency of the front is steady."
            if counts["total"] == 1
            else f"All {counts['total']} latencies of the front are steady."
        )
    return (
        f"Of {plural(counts['total'], 'latency')} of the front: {counts['steady']} steady, "
        f"{counts['noisy']} noisy, {counts['not_confirmed']} {NOT_CONFIRMED} "
        f"({counts['rejected']} rejected)."
    )


def verdict_remedy(run: RunRecord, target: str = "") -> str:
    """Return how to measure again what is not steady; empty where all is.

    Args:
        run: the run.
        target: how the command names it; empty for its name.
    """
    counts = verdict_counts(run)
    if counts["steady"] == counts["total"]:
        return ""
    command = measure_command(target or run.name, every=not counts["not_confirmed"])
    known = [trial.known_latency for trial in front_trials(run)]
    why = disturbances([each for each in known if each is not None and each.verdict != "steady"])
    if why:
        return (
            f"While they were measured, {why}. Measure again when the machine is quiet: {command}"
        )
    return f"Every repeated measurement improves the intervals: {command}"


def why_not_steady(latencies: Sequence[LatencyResult]) -> str:
    """Return in a sentence why latencies that were just measured are not steady; empty for all."""
    open_ = [each for each in latencies if each.verdict != "steady"]
    if not open_:
        return ""
    them = "it was" if len(latencies) == 1 else "they were"
    if why := disturbances(open_):
        return f"While {them} measured, {why}. Measure again when the machine is quiet."
    if any(each.interval_ms is None for each in open_):
        return "There were too few inferences to know the spread."
    return (
        "Nothing disturbed the machine. Intervals are wide where it has measured few networks more "
        "than once: every repeated measurement improves them."
    )


def disturbances(latencies: Sequence[LatencyResult]) -> str:
    """Return what the machine was doing while latencies were measured; empty for nothing."""
    causes = []
    if (cores := _most(each.others_cores for each in latencies)) > _BUSY_CORES:
        causes.append(f"other processes kept {cores:.1f} cores busy")
    if (steal := _most(each.steal_share for each in latencies)) > _STEAL_SHARE:
        share = percent_text(steal)
        causes.append(f"the host of this virtual machine gave {share} % of its time to others")
    if (drift := _most(each.reference_drift for each in latencies)) > _SLOWER:
        causes.append(f"the processor ran {percent_text(drift, 0)} % slower than in quiet today")
    return ", ".join(causes[:-1]) + (" and " if len(causes) > 1 else "") + "".join(causes[-1:])


def _most(values: Iterable[float | None]) -> float:
    return max((value for value in values if value is not None), default=0.0)
