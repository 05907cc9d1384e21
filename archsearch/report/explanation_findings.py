"""An explanation in sentences: which choices made the difference, or that none can be told."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from archsearch.analysis import holm
from archsearch.analysis.regression import Estimate
from archsearch.percent import percent_text
from archsearch.report.number_format import factor_text, ms_text, plural, points_text

if TYPE_CHECKING:
    # its origin loads torch, which sentences do not need
    from archsearch.run.explanation import Explanation, Split

#: chance that any of the choices that a sentence names has no effect
LEVEL = 0.05
#: groups of choices that a sentence names
_MOST = 3
_STAGES = "stages"


class ChoiceGroup(NamedTuple):
    """Choices of the same meaning in several stages, or a single choice.

    Attributes:
        label: for people, e.g. ``local_aggregation in stages 0 and 1``.
        names: of the parameters.
        value: sum of their Shapley values.
        p: that it is 0, with Holm's correction over all groups.
    """

    label: str
    names: tuple[str, ...]
    value: Estimate
    p: float

    @property
    def is_clear(self) -> bool:
        """Whether the value differs from 0 beyond chance."""
        return self.p < LEVEL


def choice_groups(split: "Split") -> tuple[ChoiceGroup, ...]:
    """Return the choices of one measure by their meaning, those with the largest value first."""
    found: dict[str, list[str]] = {}
    for name in split.attribution.choices:
        found.setdefault(_meaning(name), []).append(name)
    values = [split.attribution.of(names) for names in found.values()]
    adjusted = holm([value.p for value in values])
    groups = [
        ChoiceGroup(_label(meaning, names), tuple(names), value, p)
        for (meaning, names), value, p in zip(found.items(), values, adjusted, strict=True)
    ]
    return tuple(sorted(groups, key=lambda group: -abs(group.value.value)))


def _meaning(name: str) -> str:
    first, _, rest = name.partition(".")
    number, _, last = rest.partition(".")
    return last if first == _STAGES and number.isdigit() and last else name


def _label(meaning: str, names: Sequence[str]) -> str:
    if meaning in names:
        return meaning
    stages = [name.split(".")[1] for name in names]
    listed = f"{', '.join(stages[:-1])} and {stages[-1]}" if len(stages) > 1 else stages[0]
    return f"{meaning} in stage{'s' if len(stages) > 1 else ''} {listed}"


def explanation_sentences(found: "Explanation") -> list[str]:
    """Return what the difference comes from: in accuracy, then in latency."""
    lines = [explanation_headline(found)]
    lines += found.remarks
    if found.latency is None:
        return [*lines, "Too few trials have a latency to say what makes the difference in it."]
    after, before = (
        "one that was not measured" if log is None else f"{ms_text(math.exp(log))} ms"
        for log in (found.latency.after, found.latency.before)
    )
    return [*lines, f"Latency, {after} against {before}: {latency_sentence(found.latency)}"]


def explanation_headline(found: "Explanation") -> str:
    """Return the difference in accuracy and what it comes from, in one sentence."""
    after, before = (
        "not trained" if share is None else f"{percent_text(share)} %"
        for share in (found.accuracy.after, found.accuracy.before)
    )
    ends = f"Trial {found.target} ({after}) against {found.baseline} ({before})"
    return f"{ends}: {accuracy_sentence(found.accuracy)}"


def accuracy_sentence(split: "Split") -> str:
    """Return what the difference in accuracy comes from, as the end of a sentence."""
    of, rest = f"{_points(split.attribution.total)} modelled points", ""
    if split.observed is not None:
        of = f"{points_text(split.observed, 1)} points"
        rest = f"{points_text(split.unexplained, 1)} is not explained"
    return _sentence(split, of, _points, rest)


def latency_sentence(split: "Split") -> str:
    """Return what the difference in latency comes from; its parts are factors."""
    of, rest = f"{_factor(split.attribution.total)} by the model", ""
    if split.observed is not None:
        of = factor_text(split.observed)
        rest = f"{factor_text(split.unexplained or 0.0)} is not explained"
    return _sentence(split, of, _factor, rest)


def _sentence(split: "Split", of: str, text: Callable[[Estimate], str], unexplained: str) -> str:
    groups = choice_groups(split)
    clear = [group for group in groups if group.is_clear]
    count = plural(len(split.attribution.choices), "choice")
    if not clear:
        whole = text(split.attribution.total)
        return f"of {of}, no choice is distinguishable; {count} differ and make {whole} together."
    named = clear[:_MOST]
    parts = [f"{text(group.value)} is {group.label}" for group in named]
    left = [name for group in groups if group not in named for name in group.names]
    if left:
        more = len(clear) - len(named)
        others = f"the other {plural(len(left), 'choice')}" if len(left) > 1 else "the other choice"
        which = f" ({more} of them distinguishable)" if more else ""
        verb = "make" if len(left) > 1 else "makes"
        parts.append(f"{others}{which} {verb} {text(split.attribution.of(left))}")
    parts += [unexplained] if unexplained else []
    return f"of {of}, {', '.join(parts[:-1])}{' and ' if parts[:-1] else ''}{parts[-1]}."


def _points(value: Estimate) -> str:
    low, high = value.interval()
    return f"{points_text(value.value, 1)} \u00b1 {100 * (high - low) / 2:.1f}"


def _factor(value: Estimate) -> str:
    low, high = (factor_text(end) for end in value.interval())
    return f"{factor_text(value.value)} ({low} to {high})"
