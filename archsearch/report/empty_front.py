"""Explains an empty front, with remedies."""

from collections import Counter

from archsearch.record import RunRecord, TrialRecord
from archsearch.report.number_format import ms_interval_text, ms_text


def empty_front_lines(run: RunRecord) -> list[str]:
    """Return why the front of a run is empty, and what to do: a line each."""
    complete = [trial for trial in run.trials if trial.state == "complete"]
    measured = [trial for trial in complete if trial.known_latency is not None]
    if measured and run.budget_ms is not None:
        return [_all_over(measured, run.budget_ms), _wider(run.budget_ms, measured)]
    count: Counter[str] = Counter(trial.state for trial in run.trials)
    lines = [
        (count["infeasible"], "over a budget and never trained"),
        (count["failed"], "failed"),
        (count["pruned"], "stopped before the last epoch"),
        (count["running"], "still in training"),
    ]
    causes = [f"{number:,} {what}" for number, what in lines if number]
    why = "no candidate has been trained to the end"
    why += f": {', '.join(causes)}" if causes else "; none has been proposed"
    return [f"The front is empty: {why}.", *_reasons(run), _way_on(run, count)]


def _all_over(trials: list[TrialRecord], budget_ms: float) -> str:
    """Describe ``trials``, which are complete and over the budget."""
    fastest = min(trials, key=lambda trial: trial.latency_ms or 0.0)
    latency = fastest.known_latency
    assert latency is not None, "a measured trial has a latency"
    number = "the only network" if len(trials) == 1 else f"each of the {len(trials):,} networks"
    return (
        f"The front is empty: {number} trained to the end takes longer than the budget of "
        f"{budget_ms:g} ms when measured on a quiet machine; the fastest is trial "
        f"{fastest.number}, "
        f"{ms_text(latency.median_ms)} ms ({ms_interval_text(latency.interval_ms)}, "
        f"{latency.verdict})."
    )


def _wider(budget_ms: float, trials: list[TrialRecord]) -> str:
    fastest = min(trial.latency_ms or 0.0 for trial in trials)
    return (
        "What to do: train more candidates (the same command with more --trials), or begin a run "
        f"under another --name with a budget above {ms_text(max(fastest, budget_ms))} ms or a "
        "space of smaller widths and depths."
    )


def _reasons(run: RunRecord) -> list[str]:
    """Return the last reason of a failure and of a rejection, the latter where nothing failed."""
    for state, word in (("failed", "failed"), ("infeasible", "was not trained")):
        lines = [trial for trial in run.trials if trial.state == state and trial.reason]
        if lines:
            return [f"The last one, trial {lines[-1].number}, {word}: {lines[-1].reason}"]
    return []


def _way_on(run: RunRecord, count: Counter[str]) -> str:
    trained = count["pruned"] + count["running"]
    if count["failed"] and not count["infeasible"] and not trained:
        return "What to do: see run.log in the run's folder, and run the same command again."
    if count["infeasible"] and not count["failed"] and not trained:
        return (
            "What to do: begin a run under another --name with a larger budget, or in a space of "
            "smaller widths and depths."
        )
    return "What to do: let it run longer; the same archsearch run command goes on."
