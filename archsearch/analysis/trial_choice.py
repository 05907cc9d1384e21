"""Pick one trial of a run: the best, the knee, or one by its number."""

from collections.abc import Iterable

from archsearch.analysis.front import eligible, keeping, pareto_front
from archsearch.analysis.front_knee import knee
from archsearch.analysis.reported_accuracy import deciding_accuracies
from archsearch.errors import InputError, Problem, nearest
from archsearch.record import Aims, RunRecord, TrialRecord


def best(trials: Iterable[TrialRecord], aims: Aims | float | None = None) -> TrialRecord | None:
    """Return the most accurate complete trial within the budgets; the fastest among equals.

    Accuracy is that of `archsearch.analysis.deciding_accuracies`. A trial that is over a budget by
    its plain number, and stays because that is not certain, is best only where none keeps them.
    """
    known = eligible(trials, aims)
    accuracy = deciding_accuracies(known)
    return min(
        keeping((trial for trial in known if trial.number in accuracy), aims),
        key=lambda trial: (-accuracy[trial.number], trial.latency_ms, trial.number),
        default=None,
    )


def front_trials(run: RunRecord) -> tuple[TrialRecord, ...]:
    """Return the front as the run stored it; computed from its trials when it stored none."""
    if not run.front:
        return pareto_front(run.trials, run.aims)
    by_number = {trial.number: trial for trial in run.trials}
    return tuple(by_number[number] for number in run.front if number in by_number)


def _front_words(run: RunRecord) -> str:
    """Return the numbers of the front's trials as a remedy; empty for no front."""
    numbers = ", ".join(str(trial.number) for trial in front_trials(run))
    return f"on its front: {numbers}" if numbers else ""


def choose(run: RunRecord, which: str | int) -> TrialRecord:
    """Return the trial that ``which`` names: ``best`` or ``knee`` of the front, or a number.

    Args:
        run: the run, from `archsearch.load_run`.
        which: ``best``, ``knee``, or the number of a trial.

    Raises:
        InputError: the run has no such trial, or its front is empty.
    """
    word = str(which).strip()
    by_number = {trial.number: trial for trial in run.trials}
    if word.lstrip("-").isdigit():
        if int(word) in by_number:
            return by_number[int(word)]
        numbers = f"0 to {max(by_number)}" if by_number else "none yet"
        raise InputError(
            Problem(
                "trial",
                f"must be a trial of run '{run.name}' ({numbers})",
                int(word),
                _front_words(run),
            )
        )
    if word not in ("best", "knee"):
        raise InputError(
            Problem(
                "trial",
                "must be best, knee or a trial number",
                which,
                f"{nearest(word, ('best', 'knee'))}; {_front_words(run)}".rstrip("; "),
            )
        )
    front = front_trials(run)
    chosen = best(front, run.aims) if word == "best" else knee(front, run.aims)
    if chosen is None:
        raise InputError(
            Problem(
                "trial",
                f"run '{run.name}' has no complete trial within its budget",
                None,
                "let it run longer, or name a trial by its number",
            )
        )
    return chosen
