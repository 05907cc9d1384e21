"""An ablation with its answers, and their description in words."""

from functools import cached_property
from typing import NamedTuple

from archsearch.ablation_record import AblationRecord, VariantRecord
from archsearch.analysis import Answers, Compared, Effects, answers
from archsearch.image_size import size_text
from archsearch.record.teacher_text import teacher_words
from archsearch.report.number_format import duration_text, plural, points_text

VERDICTS = ("better", "worse", "more seeds", "not distinguishable")


class AblationView:
    """What the tables, figures and the page of an ablation are made from.

    Args:
        record: the ablation.
        found: its answers; None to work them out.
    """

    def __init__(self, record: AblationRecord, found: Answers | None = None) -> None:
        self.record = record
        self.answers = found or answers(record)

    @cached_property
    def rows(self) -> tuple[tuple[VariantRecord, Compared | None], ...]:
        """Every variant but the base, with what is known about it."""
        return tuple((each, self.answers.compared(each.name)) for each in self.record.others)

    @property
    def mean_seeds(self) -> tuple[int, int]:
        """Fewest and most seeds of a network."""
        counts = [len(variant.accuracies) for variant in self.record.variants]
        return min(counts), max(counts)


class Agreement(NamedTuple):
    """Published directions of effects against those measured here.

    Attributes:
        same: variants that are better or worse here as published.
        opposite: variants with the opposite direction.
        open: variants whose direction cannot be determined here.
    """

    same: tuple[str, ...]
    opposite: tuple[str, ...]
    open: tuple[str, ...]


def published_change(view: AblationView, variant: VariantRecord) -> float | None:
    """Return the published change in points: as printed, or the difference of two top-1."""
    own, base = variant.published, view.record.base_variant.published
    if own is None:
        return None
    if own.change is not None:
        return own.change
    if own.top1 is None or base is None or base.top1 is None:
        return None
    return own.top1 - base.top1


def agreement(view: AblationView) -> Agreement:
    """Compare the clear verdicts with the published directions."""
    lines: dict[str, list[str]] = {"same": [], "opposite": [], "open": []}
    for variant, row in view.rows:
        change = published_change(view, variant)
        if not change or row is None:
            continue
        if row.verdict not in ("better", "worse"):
            lines["open"].append(variant.name)
        else:
            same = (change > 0) == (row.verdict == "better")
            lines["same" if same else "opposite"].append(variant.name)
    return Agreement(*(tuple(lines[key]) for key in ("same", "opposite", "open")))


def ablation_headline(view: AblationView) -> str:
    """Return the outcome in one sentence."""
    if view.answers.effects is not None:
        return _factors_headline(view.answers.effects)
    known = [row for _, row in view.rows if row is not None]
    if not known:
        return "Nothing can be compared yet."
    clear = [row for row in known if row.verdict in ("better", "worse")]
    if not clear:
        many = plural(len(known), "variant")
        return f"None of {many} can be distinguished from {view.record.base}."
    largest = max(clear, key=lambda row: abs(row.difference))
    low, high = (points_text(end) for end in largest.interval)
    lead = f"{len(clear)} of {plural(len(known), 'variant')}" if len(known) > 1 else "The variant"
    verb = "differ" if len(clear) > 1 else "differs"
    most = "; the most" if len(clear) > 1 else ""
    return (
        f"{lead} {verb} from {view.record.base}{most}: {largest.name}, "
        f"{points_text(largest.difference)} points ({low} to {high})."
    )


def _factors_headline(effects: Effects) -> str:
    clear = [each for each in effects.steps if each.p < 0.05]
    factors = {each.factors[0] for each in effects.steps}
    if not clear:
        return f"None of {plural(len(factors), 'factor')} has a significant main effect."
    largest = max(clear, key=lambda each: abs(each.estimate.value))
    low, high = (points_text(end) for end in largest.interval)
    moving = {each.factors[0] for each in clear}
    verb = "has a main effect" if len(moving) == 1 else "have main effects"
    return (
        f"{len(moving)} of {plural(len(factors), 'factor')} {verb}; the largest: "
        f"{largest.factors[0]} {largest.levels[0]}, {points_text(largest.estimate.value)} points "
        f"({low} to {high})."
    )


def ablation_sentences(view: AblationView) -> list[str]:
    """Return the question, the findings and the open points."""
    record = view.record
    lines = [record.question]
    lines += [_listed(view, verdict, words) for verdict, words in _WORDS]
    lines.append(_against_paper(view))
    lines.append(_images(view))
    fewest, most = view.mean_seeds
    seeds = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    lines.append(
        f"{plural(len(record.variants), 'network')}, {seeds} seeds each, trained on "
        f"{record.num_train:,} images of {record.data} at {size_text(record.image_size)} px and "
        f"judged on {record.num_images:,}, in {duration_text(record.wall_s)}."
    )
    if teacher := teacher_words(record.recipe):
        lines.append(f"All networks learned from the teacher {teacher}.")
    return [sentence for sentence in lines if sentence]


_WORDS = (
    ("better", "Better than the base"),
    ("worse", "Worse than the base"),
    ("more seeds", "A few more seeds would probably settle"),
    ("not distinguishable", "Not distinguishable from the base"),
)


def _listed(view: AblationView, verdict: str, words: str) -> str:
    rows = [row for _, row in view.rows if row is not None and row.verdict == verdict]
    if not rows:
        return ""
    if verdict == "more seeds":
        parts = [f"{row.name} (about {row.more_seeds})" for row in rows]
    elif verdict == "not distinguishable":
        parts = [row.name for row in rows]
        gap = points_text(max(row.power_gap for row in rows)).lstrip("+")
        return f"{words}: {'; '.join(parts)}. A true gap of {gap} points would have been found " + (
            "four times in five."
        )
    else:
        parts = [f"{row.name} ({points_text(row.difference)})" for row in rows]
    return f"{words}: {'; '.join(parts)}."


def _against_paper(view: AblationView) -> str:
    found = agreement(view)
    total = sum(map(len, found))
    if not total:
        return ""
    return (
        f"Of {plural(total, 'published direction')}, {len(found.same)} came out the same here, "
        f"{len(found.opposite)} opposite"
        + (f" ({', '.join(found.opposite)})" if found.opposite else "")
        + f", {len(found.open)} cannot be decided at this scale."
    )


def _images(view: AblationView) -> str:
    found = view.answers.comparison
    if found is None or found.image_half is None:
        return ""
    half = points_text(found.image_half).lstrip("+")
    return (
        f"The intervals are about seeds, on these {view.record.num_images:,} images; other images "
        f"could move a difference by up to {half} points, however many seeds there are."
    )
