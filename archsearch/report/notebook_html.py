"""Runs, searches and ablations as a notebook shows them: small, escaped HTML without scripts."""

from html import escape
from typing import TYPE_CHECKING, Any

from archsearch.ablation_record import AblationRecord
from archsearch.record import RunRecord
from archsearch.report.ablation_view import AblationView, ablation_headline
from archsearch.report.number_format import plural
from archsearch.report.plain_table import PlainTable
from archsearch.report.run_sentences import headline
from archsearch.report.run_tables import front_table
from archsearch.report.table_column import Column, tabulate
from archsearch.report.variant_tables import ablation_table

if TYPE_CHECKING:
    # its origin loads optuna, which a table does not need
    from archsearch.search.evaluation import Evaluation
    from archsearch.search.result import SearchResult


def run_html(run: RunRecord) -> str:
    """Return the outcome of a run in a sentence, and its front."""
    return _with_headline(run.name, headline(run), front_table(run)._replace(title=""))


def ablation_html(record: AblationRecord) -> str:
    """Return the outcome of an ablation in a sentence, and its variants."""
    view = AblationView(record)
    table = ablation_table(record, view.answers)
    return _with_headline(record.name, ablation_headline(view), table)


def search_html(result: "SearchResult") -> str:
    """Return how a search ended, and its front."""
    counted = plural(len(result.trials), "trial")
    outcome = f"{counted}, {len(result.front)} on the front; {result.stopped}"
    return _with_headline("search", outcome, search_table(result))


def search_table(result: "SearchResult") -> PlainTable:
    """Return the front of a search: objectives first, then the parameters."""
    front = result.front
    columns: list[Column[Evaluation]] = [Column("trial", lambda each: each.number, "trial")]
    columns += [_value(name, direction) for name, direction in result.objectives.items()]
    params = dict.fromkeys(name for each in front for name in each.params)
    columns += [_param(name) for name in params]
    return tabulate("", columns, front, nothing="The front is empty: no feasible trial.")


def _value(name: str, direction: str) -> "Column[Evaluation]":
    def value(each: "Evaluation") -> Any:
        return each.values.get(name)

    return Column(name, value, f"{name} ({direction})", lambda each: f"{value(each):.4g}")


def _param(name: str) -> "Column[Evaluation]":
    return Column(f"param.{name}", lambda each: each.params.get(name), name, words=True)


def _with_headline(name: str, outcome: str, table: PlainTable) -> str:
    return f"<div><p><b>{escape(name)}</b>: {escape(outcome)}</p>{table._repr_html_()}</div>"
