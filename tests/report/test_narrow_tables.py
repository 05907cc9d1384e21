"""In a narrow terminal the columns that matter least go below the rows, in a fixed order."""

import io
import re
from functools import cache

import pytest
from rich.console import Console

from archsearch import zoo
from archsearch.analysis import Marginal
from archsearch.analysis.regression import Estimate
from archsearch.cli.profile import parts_table
from archsearch.cost.profile import UnitProfile
from archsearch.report import importance_table, marginals_table
from archsearch.report.table_column import Column, tabulate
from archsearch.report.zoo_tables import comparison_tables, zoo_table
from archsearch.run import ParameterImportance, RunImportance
from archsearch.zoo.published_comparison import Measured, Row
from archsearch.zoo.published_figures import published
from tests.report.synthetic_run import ENVIRONMENT, synthetic_run

#: table to the columns that stay in its rows at any width from 60 on
KEPT = {
    "zoo": ("params", "MACs"),
    "published": ("top-1", "ms", "ms here"),
    "parts": ("ms", "share"),
    "importance": ("accuracy: PED-ANOVA %", "latency: PED-ANOVA %"),
    "choices": ("at equal latency",),
}
WIDTHS = (60, 70, 80, 90, 100, 120, 160)
#: as long as those of the space ``lightweight``
PARAMETERS = (
    "stages.2.attention",
    "stages.3.attention.window_global.global_tokens",
    "stages.3.attention.spatial_reduction.reduction",
)


def made_importance():
    shares = [(1.0, 0.5), (None, 0.375), (None, 0.125)]
    parameters = [
        ParameterImportance(name, 1000 + at, fanova, ped, fanova, ped / 2)
        for at, (name, (fanova, ped)) in enumerate(zip(PARAMETERS, shares, strict=True))
    ]
    values = ("spatial_reduction", 4, 8)
    marginals = [
        Marginal(
            name,
            value,
            200 + at,
            0.7 + 0.01 * at,
            Estimate(0.02 * at, 0.01, 50),
            Estimate(0.03 * at - 0.01, 0.01, 50),
            Estimate(0.2 * at, 0.1, 50),
            0.04 * at,
        )
        for at, (name, value) in enumerate(zip(PARAMETERS, values, strict=True))
    ]
    return RunImportance("a run", ENVIRONMENT, 1200, 1400, tuple(parameters), tuple(marginals))


def made_parts(timed=True):
    names = ("", "local_position", "local_aggregation", "attention", "ffn")
    return [
        UnitProfile(
            name=f"stages.0.blocks.0.{name}".strip("."),
            kind="TransformerBlock" if not name else "ConditionalPosition",
            parent="stages.0.blocks.0" if name else "",
            params=1_234_567 + at,
            macs=85_716_288 + at,
            moved_bytes=1000,
            time_ms=10.5 + at if timed else None,
            share=0.11 * (at + 1) if timed else None,
            bound_ms=7.25 + at if timed else None,
        )
        for at, name in enumerate(names)
    ]


def made_comparison():
    latency = next(each.latency for each in synthetic_run(20).trials if each.latency)
    rows = []
    for at, model in enumerate(published()):
        found = latency.model_copy(update={"median_ms": 10.125 + at})
        measured = Measured(
            params=5_000_000 + 10_000 * at,
            macs=1_250_000_000 + 1_000_000 * at,
            latency=found,
            throughput=found,
        )
        rows.append(Row(published=model, measured=measured if model.zoo or model.timm else None))
    return rows


@cache
def tables():
    """The tables of ``archsearch zoo``, ``profile`` and ``importance``."""
    models = [("localvit_tiny_relu6_g6", zoo.arch("localvit_tiny"), 7_660_000, 1_620_000_000)]
    found = made_importance()
    return {
        "zoo": zoo_table(models),
        "published": comparison_tables(made_comparison())[0],
        "parts": parts_table(made_parts()),
        "importance": importance_table(found),
        "choices": marginals_table(found),
    }


def printed(table, width):
    """Return head, rows, and what is listed below them."""
    out = io.StringIO()
    Console(file=out, width=width).print(table, crop=False)
    text = out.getvalue()
    assert all(len(line.rstrip()) <= width for line in text.splitlines())
    body, _, below = text.partition("\n\n")
    head, rows = re.split(r"\n─+\s*\n", body)
    return head, rows, below


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", KEPT)
def test_what_matters_most_stays_in_the_rows(name, width):
    table = tables()[name]
    head, rows, _ = printed(table, width)
    kept = [table.headings.index(heading) for heading in KEPT[name]]
    for at in kept:
        assert all(word in head for word in table.headings[at].split())
    lines = iter(rows.splitlines())
    for row in table.rows:
        # intervals stand beside their numbers or below them
        numbers = [re.escape(row[at].partition(" (")[0]) for at in kept]
        wanted = re.compile(r"(?<!\S)" + r"(?!\S).*(?<!\S)".join(filter(None, numbers)) + r"(?!\S)")
        assert any(wanted.search(line) for line in lines), row
        for at in kept:
            _, bracket, rest = row[at].partition(" (")
            assert not bracket or f"({rest}" in rows


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", KEPT)
def test_the_other_columns_go_below_in_the_order_declared(name, width):
    table = tables()[name]
    head, rows, below = printed(table, width)
    listed = {
        heading
        for heading in table.minor
        for row in table.rows
        if (cell := row[table.headings.index(heading)]) and f"{heading} {cell}" in below
    }
    assert listed == set(table.minor[: len(listed)])
    assert listed or width > 60 or name == "zoo"
    for heading in table.minor:
        at = table.headings.index(heading)
        for row in table.rows:
            if heading in listed:
                assert not row[at] or f"{heading} {row[at]}" in below
            else:
                assert all(word in head for word in heading.split())
                assert row[at].partition(" (")[0] in rows


def test_the_zoo_needs_less_than_60():
    _, rows, below = printed(tables()["zoo"], 36)
    assert "7.66 M" in rows
    assert "MACs 1.62 G" in below


@pytest.mark.parametrize("name", KEPT)
def test_all_numbers_are_in_the_rows_where_there_is_room(name):
    assert not re.search("|".join(tables()[name].minor), printed(tables()[name], 160)[2])


@pytest.mark.parametrize("name", ["published", "parts", "importance", "choices"])
def test_headings_tell_columns_apart(name):
    headings = tables()[name].headings
    assert len(set(headings)) == len(headings)


@pytest.mark.parametrize("width", WIDTHS)
def test_names_of_parts_are_whole(width):
    _, rows, _ = printed(tables()["parts"], width)
    for unit, line in zip(made_parts(), rows.splitlines(), strict=True):
        indent = "  " if unit.parent else ""
        assert line.startswith(f"{indent}{unit.name} ")


def test_long_names_are_broken_after_dots_only():
    _, rows, below = printed(tables()["importance"], 60)
    pieces = [line.split()[0] for line in rows.splitlines() if not line[:1].isupper()]
    assert "stages.3.attention." in pieces
    assert "global_tokens" in pieces
    # whole again where they tell what belongs to which row
    assert all(name in below for name in PARAMETERS)


def test_rows_of_one_parameter_are_told_apart_below():
    _, _, below = printed(tables()["choices"], 60)
    assert "stages.2.attention spatial_reduction\n" in re.sub(" +\n", "\n", below)


def test_an_indented_name_counts_with_its_indent():
    columns = [
        Column("name", lambda row: row, "name", words=True),
        Column("number", lambda row: 123456, "number"),
        Column("other", lambda row: 654321, "other", minor=1),
    ]
    table = tabulate("", columns, ["name", "  name_of_a_part"])
    for width in range(27, 60):
        out = io.StringIO()
        Console(file=out, width=width).print(table)
        assert "  name_of_a_part" in out.getvalue()


@pytest.mark.parametrize("width", [20, 40, 60, 80])
@pytest.mark.parametrize("name", KEPT)
def test_a_table_without_rows_prints_its_head(name, width):
    table = tables()[name]._replace(rows=(), values=())
    out = io.StringIO()
    Console(file=out, width=width).print(table)
    assert "…" not in out.getvalue()


def test_times_that_nobody_measured_take_no_room():
    table = parts_table(made_parts(timed=False))
    assert table.headings == ("part", "kind", "params", "MACs")
    assert "time_ms" in table.values[0]
