"""A run in words: what was tried, what was found, how sure it is."""

from collections import Counter

from archsearch.analysis import accuracy_interval, best, front_trials, knee, num_images, ties_with
from archsearch.record import RunRecord, TrialRecord
from archsearch.report.units import (
    duration_text,
    ms_interval_text,
    ms_text,
    percent_interval_text,
    percent_text,
    plural,
)


def headline(run: RunRecord) -> str:
    """Return the outcome in one sentence."""
    front = front_trials(run)
    top = best(front)
    limit = f" within {run.budget_ms:g} ms" if run.budget_ms is not None else ""
    if top is None:
        return f"No architecture has been trained to the end{limit} yet."
    count = plural(len(front), "architecture")
    reach = f"{percent_text(top.accuracy)} % validation accuracy at {ms_text(top.latency_ms)} ms"
    if len(front) == 1:
        return f"One architecture on the front{limit}: {reach}."
    return f"{count} on the front{limit}; the best reaches {reach}."


def sentences(run: RunRecord) -> list[str]:
    """Return the summary of a run, a few sentences about what happened and what to make of it."""
    told = [_tried(run)]
    front = front_trials(run)
    top, bend = best(front), knee(front)
    if top is not None and bend is not None:
        told.append(_ends(run, front, top, bend))
        told.append(_certainty(run, front, top))
    told.append(_time(run))
    return [sentence for sentence in told if sentence]


def _tried(run: RunRecord) -> str:
    count = Counter(trial.state for trial in run.trials)
    parts = [
        f"{plural(count['complete'], 'candidate')} trained to the end",
        f"{count['pruned']:,} stopped early because others were clearly better",
        f"{count['infeasible']:,} over the budget and never trained",
        f"{count['failed']:,} failed",
        f"{count['running']:,} still running",
    ]
    shown = [part for part in parts if not part.startswith("0 ")]
    return f"{plural(len(run.trials), 'architecture')} proposed" + (
        ": " + ", ".join(shown) + "." if shown else "."
    )


def _ends(
    run: RunRecord, front: tuple[TrialRecord, ...], top: TrialRecord, bend: TrialRecord
) -> str:
    if len(front) == 1:
        return f"Trial {top.number} is faster and more accurate than every other candidate."
    fast = front[0]
    text = (
        f"The front runs from trial {fast.number} ({percent_text(fast.accuracy)} %, "
        f"{ms_text(fast.latency_ms)} ms) to trial {top.number} "
        f"({percent_text(top.accuracy)} %, {ms_text(top.latency_ms)} ms)"
    )
    if bend.number in (fast.number, top.number):
        return text + "."
    return (
        f"{text}, with its knee at trial {bend.number} "
        f"({percent_text(bend.accuracy)} %, {ms_text(bend.latency_ms)} ms)."
    )


def _certainty(run: RunRecord, front: tuple[TrialRecord, ...], top: TrialRecord) -> str:
    n = num_images(run)
    if n is None or top.accuracy is None:
        return ""
    low, high = accuracy_interval(top.accuracy, n)
    text = (
        f"On {n:,} validation images, {percent_text(top.accuracy)} % means "
        f"{percent_interval_text(low, high)} % (95 % interval)"
    )
    tied = ties_with(top, front, n)
    if not tied:
        return f"{text}; no other point of the front ties with it."
    fastest = tied[0]
    latency = fastest.final_latency or fastest.latency
    spread = f" ({ms_interval_text(*latency.interval_ms)})" if latency else ""
    return (
        f"{text}: {plural(len(tied), 'other point')} of the front cannot be told from the best "
        f"by accuracy, and trial {fastest.number} is the fastest of them, at "
        f"{ms_text(fastest.latency_ms)} ms{spread}."
    )


def _time(run: RunRecord) -> str:
    where = run.environment
    text = f"The run took {duration_text(run.wall_s)} on {where.device}"
    return f"{text} ({plural(where.cores, 'core')})." if where.device_kind == "cpu" else f"{text}."
