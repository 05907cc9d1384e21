"""A run in sentences: its trials, its front, and how certain that is."""

from collections import Counter
from collections.abc import Sequence

from archsearch.analysis import (
    best,
    front_trials,
    knee,
    may_exceed,
    num_images,
    run_accuracies,
    run_judgement,
)
from archsearch.percent import percent_interval_text, percent_text
from archsearch.record import EVEN_CHANCE, FIRST_TARGET, RunRecord, TrialRecord
from archsearch.report.number_format import duration_text, ms_interval_text, ms_text, plural


def headline(run: RunRecord) -> str:
    """Return the outcome in one sentence, and in another the teacher if there was one."""
    teacher = f" Candidates learned from the teacher {run.teacher}." if run.teacher else ""
    return _outcome(run) + teacher


def _outcome(run: RunRecord) -> str:
    front = front_trials(run)
    top = best(front, run.aims)
    limit = _limits(run)
    if top is None:
        return f"No architecture has been trained to the end{limit} yet."
    count = plural(len(front), "architecture")
    found = run_accuracies(run)[top.number]
    within = f"{percent_interval_text(*found.interval)}, " if found.interval else ""
    reach = (
        f"{percent_text(found.value)} % validation accuracy ({within}{found.seeds}) at "
        f"{ms_text(top.latency_ms)} ms"
    )
    doubt = _doubt(run, front)
    if len(front) == 1:
        return f"One architecture on the front{limit}{doubt}: {reach}."
    also = ", which may be over budget" if may_exceed(top.latencies, run.aims) else ""
    return f"{count} on the front{limit}{doubt}; the best reaches {reach}{also}."


def _doubt(run: RunRecord, front: Sequence[TrialRecord]) -> str:
    """Return how many of the front may be over a latency budget, in brackets; empty for none."""
    over = [trial for trial in front if may_exceed(trial.latencies, run.aims)]
    if not over:
        return ""
    return (
        f" ({len(over)} of them may be over budget)" if len(front) > 1 else " (may be over budget)"
    )


def _limits(run: RunRecord) -> str:
    """Return the latency budgets as the end of a phrase; empty for none."""
    limits = [
        f"{limit:g} ms" + ("" if name == FIRST_TARGET else f" at {name.removesuffix('_ms')}")
        for name, limit in run.aims.budgets_ms.items()
    ]
    if not limits:
        return ""
    asked = run.aims.confidence
    sure = f" (with a confidence of {asked:g})" if asked > EVEN_CHANCE else ""
    return f" within {' and '.join(limits)}{sure}"


def sentences(run: RunRecord) -> list[str]:
    """Return the summary of a run in a few sentences."""
    parts = [_tried(run)]
    front = front_trials(run)
    top, bend = best(front, run.aims), knee(front, run.aims)
    if top is not None and bend is not None:
        parts.append(_ends(run, front, top, bend))
        parts.append(_certainty(run, front, top))
    parts.append(_time(run))
    return [sentence for sentence in parts if sentence]


def _tried(run: RunRecord) -> str:
    count = Counter(trial.state for trial in run.trials)
    paused = sum(trial.is_paused for trial in run.trials)
    parts = [
        f"{plural(count['complete'], 'candidate')} trained to the end",
        f"{paused:,} trained in part and paused",
        f"{count['pruned'] - paused:,} stopped early because others were clearly better",
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
    reported = run_accuracies(run)

    def named(trial: TrialRecord) -> str:
        accuracy = percent_text(reported[trial.number].value)
        return f"trial {trial.number} ({accuracy} %, {ms_text(trial.latency_ms)} ms)"

    fast, last = front[0], best(front) or top
    if fast.number == last.number:
        return f"The fastest of the front is the most accurate too: {named(top)}."
    text = f"The front runs from {named(fast)} to {named(last)}"
    if last.number != top.number:
        text += ", which may be over budget, and the best within it is " + named(top)
    if bend.number not in (fast.number, last.number, top.number):
        text += f", with its knee at {named(bend)}"
    return f"{text}."


def _certainty(run: RunRecord, front: tuple[TrialRecord, ...], top: TrialRecord) -> str:
    n = num_images(run)
    found = run_accuracies(run)[top.number]
    if found.interval is None:
        return ""
    images = f"{n:,} validation images" if n else "these images"
    over = f"{plural(found.num_seeds, 'other seed')} and {images}" if found.num_seeds else images
    text = (
        f"Over {over}, {percent_text(found.value)} % means "
        f"{percent_interval_text(*found.interval)} % (95 % interval)"
    )
    if not found.num_seeds:
        text += " for these weights; the search seed is the luckiest, so expect less"
    elif top.accuracy is not None:
        text += f"; with the search seed it was {percent_text(top.accuracy)} %"
    ties = run_judgement(run).ties
    tied = [trial for trial in front if trial.number in ties]
    if not tied:
        return f"{text}. No other point of the front ties with it."
    fastest = tied[0]
    latency = fastest.known_latency
    spread = f" ({ms_interval_text(latency.interval_ms)})" if latency else ""
    return (
        f"{text}. {plural(len(tied), 'other point')} of the front cannot be distinguished from the "
        f"best by accuracy, and trial {fastest.number} is the fastest of them, at "
        f"{ms_text(fastest.latency_ms)} ms{spread}."
    )


def _time(run: RunRecord) -> str:
    where = run.environment
    text = f"The run took {duration_text(run.wall_s)} on {where.device}"
    return f"{text} ({plural(where.cores, 'core')})." if where.device_kind == "cpu" else f"{text}."
