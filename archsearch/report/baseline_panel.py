"""Known networks against the front, as a table of the page."""

from collections.abc import Iterator
from html import escape

from archsearch.analysis import accuracy_interval, num_images
from archsearch.record import BaselineRecord, RunRecord
from archsearch.report.baseline_table import verdict
from archsearch.report.layout import Panel
from archsearch.report.units import (
    count_text,
    ms_interval_text,
    ms_text,
    percent_interval_text,
    percent_text,
)

_NUMBERS = ("Accuracy %", "Test %", "Latency ms", "Params", "MACs")
_LABELS = ("Baseline", *_NUMBERS, "The front's best that is no slower")


def baseline_panel(run: RunRecord) -> Panel | None:
    """Return the baselines as a table of the page; None when there are none."""
    if not run.baselines:
        return None
    heads = "".join(
        f'<th scope="col" data-kind="{"number" if label in _NUMBERS else "text"}">'
        f'<button type="button">{escape(label)}</button></th>'
        for label in _LABELS
    )
    rows = "".join(f"<tr>{_row(run, each)}</tr>" for each in run.baselines)
    return Panel(
        "baselines",
        "",
        '<div class="tools"><button type="button" data-copy-table="baseline-rows">Copy table'
        '</button></div><table class="rows" id="baseline-rows"><caption class="unseen">Known '
        f"networks, trained and measured as the candidates were</caption><thead><tr>{heads}</tr>"
        f"</thead><tbody>{rows}</tbody></table>"
        '<p class="note">Same recipe, data, input and probe as the candidates, from new weights: '
        "what their own papers' recipes reach is another question.</p>",
    )


def _row(run: RunRecord, each: BaselineRecord) -> str:
    cells = zip(_LABELS, _cells(run, each), strict=True)
    return "".join(
        f'<td data-label="{escape(label)}" data-value="{"" if value is None else value}">'
        f"{html}</td>"
        if label in _NUMBERS
        else f'<td class="words" data-label="{escape(label)}">{html}</td>'
        for label, (value, html) in cells
    )


def _cells(run: RunRecord, each: BaselineRecord) -> Iterator[tuple[float | int | None, str]]:
    n, latency = num_images(run), each.latency
    accuracy = percent_text(each.accuracy)
    if n and each.accuracy is not None:
        spread = percent_interval_text(*accuracy_interval(each.accuracy, n))
        accuracy += f" <small>({spread})</small>"
    spread = f" <small>({ms_interval_text(*latency.interval_ms)})</small>" if latency else ""
    median = latency.median_ms if latency else None
    yield None, f"<code>{escape(each.name)}</code>"
    yield each.accuracy, accuracy
    yield each.test_accuracy, percent_text(each.test_accuracy)
    yield median, ms_text(median) + spread
    yield each.params, count_text(each.params)
    yield each.macs, count_text(each.macs)
    yield None, escape(verdict(run, each))
