"""Figures that the papers publish about their models and their baselines."""

from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from archsearch.arch import Spec, value_from
from archsearch.yaml_source import YamlSource, load_yaml

#: mark -> where a figure was found
SOURCES = {
    "O": "official repository",
    "D": "database that transcribes the paper",
    "S": "published review of the paper",
    "F": "read off a figure of the official repository",
    "T": "another paper, README or blog",
    "C": "counted from the official code, not published",
}


class Figure(Spec):
    """One published number.

    Attributes:
        value: the number as printed.
        sources: marks of where it was found, keys of `SOURCES`.
    """

    value: float
    sources: tuple[str, ...]


def _figure(written: Any) -> Any:
    """Read ``[9.4, O D]``."""
    if isinstance(written, list) and len(written) == 2:
        return {"value": written[0], "sources": str(written[1]).split()}
    return written


Written = Annotated[Figure | None, BeforeValidator(_figure)]


class PublishedModel(Spec):
    """One row of a paper's table; None where nothing was found.

    Attributes:
        label: the model's name as the paper prints it.
        paper: whose table.
        zoo: our model of it.
        timm: timm's model of it.
        params_m: parameters, millions.
        gmacs: multiply-adds, G, by the paper's own counter.
        images_per_s: throughput on one V100.
        latency_ms: latency on the paper's device.
        top1: ImageNet-1k top-1 accuracy, %.
        code_params_m: parameters of the official code, millions.
        code_gmacs: multiply-adds of the official code by fvcore, G.
        note: what to know about the row.
    """

    label: str
    paper: str
    zoo: str | None = None
    timm: str | None = None
    params_m: Written = None
    gmacs: Written = None
    images_per_s: Written = None
    latency_ms: Written = None
    top1: Written = None
    code_params_m: Written = None
    code_gmacs: Written = None
    note: str = ""


@cache
def published() -> tuple[PublishedModel, ...]:
    """Return every published row, paper by paper."""
    source = load_yaml(Path(__file__).parent / "published.yaml")
    return tuple(
        value_from(PublishedModel, YamlSource(source.name, {"paper": paper, **row}))
        for paper, rows in source.data.items()
        for row in rows
    )
