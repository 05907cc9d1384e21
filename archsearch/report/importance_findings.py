"""Findings about a run's choices: the distinguishable ones, or that there are none."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from archsearch.analysis import Marginal, choice_marginals, holm
from archsearch.record import RunRecord
from archsearch.report.number_format import factor_text, plural, points_text

if TYPE_CHECKING:
    from archsearch.analysis.regression import Estimate

#: chance that any of the choices that are named differs by luck alone
LEVEL = 0.05
#: fewer trained trials say nothing about twenty choices
FEWEST_TRIALS = 12
#: choices that a sentence names
_MOST = 3

NOTHING = "No choice is distinguishable here"

#: measure to what it is, in one line; the first leads, since it alone says how sure it is
MEASURES = {
    "accuracy at equal latency": (
        "regression on a choice's values and on latency, in points, with intervals; p-values are "
        "corrected for all values of all parameters (Holm)"
    ),
    "fANOVA": "share of the variance in a random forest's model; over parameters of every trial",
    "PED-ANOVA": "share of what sets the best tenth of the trials apart from all",
}


def measure_line(name: str) -> str:
    """Return what a measure is, in one line."""
    return f"{name}: {MEASURES[name]}."


def run_marginals(run: RunRecord) -> tuple[Marginal, ...]:
    """Return the marginals of the choices that a run's records hold."""
    known = [trial for trial in run.trials if trial.choices and trial.accuracy and trial.latency_ms]
    return choice_marginals(
        [trial.choices for trial in known],
        [trial.accuracy or 0.0 for trial in known],
        [trial.latency_ms or 1.0 for trial in known],
    )


def informative_parameters(run: RunRecord) -> list[str]:
    """Return the parameters that vary, those first whose values differ most clearly.

    By the smaller p-value of accuracy at equal latency and of latency; a parameter that nothing is
    known of comes last. None with fewer than `FEWEST_TRIALS` trials whose choices are known.
    """
    trained = [trial for trial in run.trials if trial.choices and trial.accuracy is not None]
    if len(trained) < FEWEST_TRIALS:
        return []
    values: dict[str, set[object]] = {}
    for trial in trained:
        for name, value in trial.choices.items():
            values.setdefault(name, set()).add(value)
    clearest = {name: 1.0 for name, found in values.items() if len(found) > 1}
    for row in run_marginals(run):
        p = min(row.at_latency.p, row.latency.p)
        clearest[row.parameter] = min(clearest.get(row.parameter, 1.0), p)
    return sorted(clearest, key=lambda name: clearest[name])


def clear_choices(marginals: Sequence[Marginal]) -> tuple[Marginal, ...]:
    """Return the values that are more accurate at equal latency than chance allows, best first."""
    found = [row for row in marginals if row.at_latency.df > 0 and row.p < LEVEL]
    better = [row for row in found if row.at_latency.value > 0]
    return tuple(sorted(better, key=lambda row: -row.at_latency.value))


def clear_latencies(marginals: Sequence[Marginal]) -> tuple[Marginal, ...]:
    """Return the values that are faster than chance allows, the fastest first."""
    adjusted = holm([row.latency.p for row in marginals])
    found = [
        row
        for row, p in zip(marginals, adjusted, strict=True)
        if row.latency.df > 0 and p < LEVEL and row.latency.value < 0
    ]
    return tuple(sorted(found, key=lambda row: row.latency.value))


def accuracy_verdict(marginals: Sequence[Marginal]) -> str:
    """Return which choices can be distinguished by accuracy at equal latency, with intervals."""
    known = [row for row in marginals if row.at_latency.df > 0]
    if not known:
        return "Too few trials to tell any choice apart at equal latency"
    clear = clear_choices(known)
    parameters = len({row.parameter for row in known})
    if not clear:
        return f"{NOTHING}: at equal latency, none of {plural(parameters, 'parameter')} matters"
    named = [f"{_name(row)} ({_points(row.at_latency)})" for row in clear[:_MOST]]
    return f"More accurate at equal latency: {_listed(named, len(clear))}"


def latency_verdict(marginals: Sequence[Marginal]) -> str:
    """Return which choices can be distinguished by latency, with intervals."""
    if not marginals:
        return "Too few trials to tell any choice apart by latency"
    clear = clear_latencies(marginals)
    if not clear:
        return f"{NOTHING} by latency"
    named = [f"{_name(row)} ({_factors(row.latency)})" for row in clear[:_MOST]]
    return f"Faster: {_listed(named, len(clear))}"


def verdicts(marginals: Sequence[Marginal]) -> list[str]:
    """Return the findings on accuracy, then on latency, each as a sentence."""
    return [f"{accuracy_verdict(marginals)}.", f"{latency_verdict(marginals)}."]


def _name(row: Marginal) -> str:
    return f"{row.parameter} = {row.value}"


def _listed(named: Sequence[str], total: int) -> str:
    more = f" and {total - len(named)} more" if total > len(named) else ""
    return "; ".join(named) + more


def _points(estimate: "Estimate") -> str:
    low, high = estimate.interval()
    value = points_text(estimate.value, 1)
    return f"{value} points, {points_text(low, 1)} to {points_text(high, 1)}"


def _factors(estimate: "Estimate") -> str:
    low, high = estimate.interval()
    return f"{factor_text(estimate.value)}, {factor_text(low)} to {factor_text(high)}"
