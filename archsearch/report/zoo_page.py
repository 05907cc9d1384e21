"""A self-contained page of the zoo: published accuracy against latency measured here."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from archsearch.files import write_text
from archsearch.record import Environment
from archsearch.report.figures.zoo import draw_zoo
from archsearch.zoo.published_comparison import Row

_STYLE = (
    "body{font-family:system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;"
    "color:#1f2328;background:#fff}figure{margin:0}figcaption{color:#57606a;font-size:.9rem}"
)


def write_zoo_page(rows: Sequence[Row], environment: Environment, path: str | Path) -> Path:
    """Write the page; it needs no network and no other file.

    Args:
        rows: what `archsearch.zoo.published_comparison.compare` returned.
        environment: where the latencies were measured.
        path: file to write.

    Raises:
        ValueError: no row has both an accuracy and a latency.
    """
    drawing = draw_zoo(rows)
    if drawing is None:
        raise ValueError("no row has both a published accuracy and a measured latency")
    drawing.figure.update_layout(height=640)
    figure = drawing.figure.to_html(full_html=False, include_plotlyjs=True)
    facts = f"{environment.device}, PyTorch {environment.torch}, {environment.cores} cores"
    page = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>archsearch zoo</title><style>{_STYLE}</style></head><body>"
        f"<h1>The zoo on this machine</h1><p>{escape(facts)}</p>"
        f'<figure role="img" aria-label="{escape(drawing.description)}">{figure}'
        f"<figcaption>{escape(drawing.note)}<details><summary>This figure in words</summary>"
        f"<p>{escape(drawing.description)}</p></details></figcaption></figure></body></html>\n"
    )
    return write_text(path, page)
