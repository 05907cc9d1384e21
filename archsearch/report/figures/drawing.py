"""A figure together with the words that belong to it."""

from typing import Any, NamedTuple

import plotly.graph_objects as go


class Drawing(NamedTuple):
    """A plotly figure that is ready to be shown.

    Attributes:
        key: short name, unique on a page.
        title: what the figure shows, as a sentence without full stop.
        figure: the plotly figure; it carries the same title.
        description: text alternative: what a reader who cannot see the figure needs to know.
        note: what to keep in mind while reading it; empty for nothing.
        height: on a page, in pixels; 0 for the page's own.
    """

    key: str
    title: str
    figure: Any
    description: str
    note: str = ""
    height: int = 0


def plain(text: str) -> str:
    """Return ``text`` safe to show in a figure, where plotly would read tags."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def new_figure(title: str, x: str, y: str) -> Any:
    """Return an empty figure with the house style.

    Args:
        title: of the figure.
        x: label of the x axis, with its unit.
        y: label of the y axis, with its unit.
    """
    return style(go.Figure(), title, x, y)


def style(figure: Any, title: str, x: str, y: str) -> Any:
    """Give a figure the house style: transparent ground, quiet axes, labels with units."""
    axis = {
        "showline": True,
        "linecolor": LINE,
        "gridcolor": GRID,
        "zeroline": False,
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": LINE,
        "title_standoff": 8,
        "title_font_size": 13,
        "automargin": True,
    }
    figure.update_layout(
        # the house style is all of the style: a template would bring colours that the page does
        # not know how to darken
        template="none",
        title={"text": plain(title), "x": 0, "xanchor": "left", "font_size": 15},
        font={"family": FONT, "size": 12.5, "color": TEXT},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 56, "r": 16, "t": 44, "b": 48},
        hoverlabel={"font_family": FONT, "font_size": 12.5, "align": "left"},
        hovermode="closest",
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        xaxis={**axis, "title_text": x},
        yaxis={**axis, "title_text": y},
    )
    return figure


#: every colour of the figures for a light page, and what stands for it on a dark one; the first
#: four and the last are of Okabe and Ito's palette, which colour-blind readers can distinguish
DARK = {
    "#0072b2": "#5ab4ec",
    "#d55e00": "#ff8f4d",
    "#009e73": "#3ccfa0",
    "#cc79a7": "#e39bc4",
    "#6e7781": "#98a2ad",
    "#a9b1ba": "#6a737d",
    "#1f2328": "#e6e9ec",
    "#b4bac1": "#4a525b",
    "#e9ebee": "#2a2f36",
    "#e69f00": "#ffc24d",
}
FRONT, BUDGET, SECOND, THIRD, OTHER, FAINT, TEXT, LINE, GRID, FOURTH = DARK


def pale(color: str) -> str:
    """Return a colour for bars of uncertainty beside a line of ``color``."""
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 0.3)"


DARK |= {pale(light): pale(dark) for light, dark in DARK.items()}
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
