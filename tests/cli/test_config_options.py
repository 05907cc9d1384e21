"""Options that a configuration declares: what they read, where they stand, what they are called."""

import inspect
from typing import Annotated, Any

import pytest
import typer
from pydantic import Field

from archsearch.ablation import Study
from archsearch.arch import Spec
from archsearch.arch.spec import Count, Flag
from archsearch.cli.ablate import command as ablate
from archsearch.cli.config_options import given_values, options_of
from archsearch.cli.run import command as run
from archsearch.option import BUDGET, SEARCH, Option, options_in
from archsearch.run import Execution, SearchConfig
from archsearch.settings import nested


class Inner(Spec):
    limit: Annotated[float | None, Field(gt=0), Option("--most-ms", "At most.", BUDGET)] = None
    silent: int = 3


class Outer(Spec):
    inner: Inner = Inner()
    trials: Annotated[Count, Option("--trials", "How many.", SEARCH)] = 48
    careful: Annotated[Flag, Option("--careful", "Look twice.", SEARCH)] = True
    names: Annotated[tuple[str, ...], Option("--name", "Of each.", SEARCH)] = ()
    steps: Annotated[
        tuple[int, ...] | None, Option("--steps", "E.g. 2,6.", SEARCH, default="none", type=str)
    ] = None


def test_what_options_follow_from_a_configuration() -> None:
    found = {each.key: (each.flags, each.type, each.help) for each in options_in(Outer)}
    assert found == {
        "inner.limit": ("--most-ms", float, "At most."),
        "trials": ("--trials", int, "How many. [default: 48]"),
        "careful": ("--careful/--no-careful", bool, "Look twice. [default: on]"),
        "names": ("--name", list[str], "Of each."),
        "steps": ("--steps", str, "E.g. 2,6. [default: none]"),
    }


def test_a_command_has_them_between_its_own_parameters() -> None:
    @options_of(Outer, keys=("trials", "names", "inner.limit"))
    def command(
        first: Annotated[str, typer.Option(rich_help_panel=SEARCH)] = "",
        *,
        last: Annotated[str, typer.Option(rich_help_panel=SEARCH)] = "",
        **given: Any,
    ) -> dict[str, Any]:
        return given

    names = list(inspect.signature(command).parameters)
    assert names == ["most_ms", "first", "trials", "name", "last"]
    assert command.flags == {
        "inner.limit": "--most-ms",
        "trials": "--trials",
        "names": "--name",
    }
    given = command(first="x", trials=3, most_ms=2.0, name=[])
    assert nested(given_values(Outer, given)) == {"trials": 3, "inner": {"limit": 2.0}}


@pytest.mark.parametrize(
    ("command", "models"), [(run, [SearchConfig]), (ablate, [Study, Execution])]
)
def test_flags_are_declared_once(command: Any, models: list[type[Spec]]) -> None:
    flags = list(command.flags.values())
    assert len(flags) == len(set(flags)) >= 10
    declared = {each.key: each.option.flag for model in models for each in options_in(model)}
    assert command.flags.items() <= declared.items()
