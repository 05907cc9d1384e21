"""Errors of the command line as problems: all at once, each by its flag."""

import inspect
import math
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, get_args, get_origin

import typer
from rich.markup import escape
from typer.core import TyperArgument, TyperCommand, TyperOption

from archsearch.cli.interruption import Interrupted
from archsearch.errors import InputError, Problem, nearest

#: click's error for a command line that it cannot read; Typer has its own copy of click
UsageError: type[Exception] = typer.BadParameter.__mro__[1]

#: keys of values whose flag is not called like them, of commands that no configuration declares
_FLAGS = {
    "batch_size": "--batch",
    "input_shape": "--input",
    "recipe.epochs": "--epochs",
    "recipe.batch_size": "--batch",
}
#: keys of which a path says everything
_PATHS = ("data", "download", "output", "weights")


class Command(TyperCommand):
    """A command whose problems are `InputError`s; its help is plain text, not rich's markup.

    The module of a command may have a function ``check(values) -> list[Problem]``, which looks at
    the values by themselves: what it finds stands in one list with what could not be read.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for each in self.params:
            if isinstance(each, TyperOption | TyperArgument) and each.help:
                # ``[default: 48]`` is no tag
                each.help = escape(each.help)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line.

        Raises:
            InputError: with everything that is wrong with it.
        """
        unread: list[Problem] = []
        try:
            rest: list[str] = super().parse_args(ctx, list(args))
        except (UsageError, InputError) as error:
            if ctx.resilient_parsing or _shows_help(error):
                raise
            rest = []
            unread = self._unread(ctx, args) or [usage_problem(error, self._called())]
        unread += self._not_finite(ctx)
        check = getattr(sys.modules.get(getattr(self.callback, "__module__", "")), "check", None)
        if check is not None and not ctx.resilient_parsing:
            values = {each.name: ctx.params.get(each.name) for each in self.params}
            known = {each.key for each in unread}
            found = [self._by_flag(each, ctx) for each in check(values)]
            unread += [each for each in found if each.key not in known]
        if unread:
            raise InputError(unread)
        return rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command; name each problem by its flag."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            # click would not report it
            passing = Interrupted()
            for note in getattr(error, "__notes__", []):
                passing.add_note(note)
            raise passing from None
        except InputError as error:
            raise InputError([self._by_flag(each, ctx) for each in error.problems]) from error

    def _unread(self, ctx: Any, args: list[str]) -> list[Problem]:
        """Return every option and argument that cannot be read, one by one."""
        ctx.ignore_unknown_options = True
        try:
            given, rest, _ = self.make_parser(ctx).parse_args(args=list(args))
        except UsageError as error:
            return [usage_problem(error, self._called())]
        unknown = [each.partition("=")[0] for each in rest if re.match(r"--?[A-Za-z]", each)]
        rest = [each for each in rest if not each.startswith("-")]
        problems = [self._unknown(each) for each in unknown]
        for each in self.params:
            try:
                _, rest = each.handle_parse_result(ctx, given, rest)
            except UsageError:
                problems.append(self._refused(each, given.get(each.name)))
            except InputError as error:
                problems += error.problems
        if rest and not unknown:
            rule = f"'{rest[0]}' is one argument too many"
            problems.append(Problem("", rule, remedy="put an argument with blanks in quotes"))
        return problems

    def _unknown(self, option: str) -> Problem:
        called = self._called()
        remedy = nearest(option, self._options())
        remedy = remedy if remedy.startswith("did") else f"{called} --help lists them"
        return Problem(option, f"is no option of {called}", remedy=remedy)

    def _refused(self, param: Any, value: Any) -> Problem:
        """Return the problem of one value, in words that follow from its declaration."""
        if value is None or value in ((), []):
            return Problem(_name(param), "is required", remedy=f"see {self._called()} --help")
        number = _number(value)
        rule = _requirement(self._declared(param.name), number)
        return Problem(_name(param), rule, value if number is None else number)

    def _not_finite(self, ctx: Any) -> list[Problem]:
        values = ((each, ctx.params.get(each.name)) for each in self.params)
        return [
            Problem(_name(param), "must be a finite number", value)
            for param, value in values
            if isinstance(value, float) and not math.isfinite(value)
        ]

    def _declared(self, name: str) -> Any:
        return inspect.get_annotations(self.callback or str, eval_str=True).get(name, str)

    def _options(self) -> dict[str, Any]:
        return {option: each for each in self.params for option in each.opts}

    def _called(self) -> str:
        return f"archsearch {self.name}"

    def _by_flag(self, problem: Problem, ctx: Any) -> Problem:
        """Name a value of the command line by its flag, one of a folder by its path alone."""
        if problem.line or not problem.key:
            return problem
        flag = flag_of(problem.key, getattr(self.callback, "flags", {}))
        param = self._options().get(flag)
        if param is None:
            return problem
        source = ctx.get_parameter_source(param.name)
        given = source is not None and source.name == "COMMANDLINE"
        if problem.file and problem.key in _PATHS:
            return replace(problem, key="")
        if problem.file and given:
            return replace(problem, key=flag, file="")
        return problem if problem.file else replace(problem, key=flag)


def flag_of(key: str, declared: Mapping[str, str]) -> str:
    """Return the flag that sets the value at a dotted key, should there be one.

    Args:
        key: of the value, or of an item of it.
        declared: key to flag, of the command's configurations.
    """
    if key.startswith("-"):
        return key
    parts = key.split(".")
    while parts[-1].isdigit():
        parts.pop()
    dotted = ".".join(parts)
    return {**_FLAGS, **declared}.get(dotted, "--" + "-".join(parts).replace("_", "-"))


def usage_problem(error: Exception, called: str) -> Problem:
    """Return click's error about a whole command line as a problem."""
    option = getattr(error, "option_name", None)
    if option is not None and getattr(error, "possibilities", None) is not None:
        return Problem(option, f"is no option of {called}", remedy=f"see {called} --help")
    if option is not None:
        name = option if option.startswith("-") else f"--{option}"
        return Problem(name, "needs a value", remedy=f"see {called} --help")
    message = str(getattr(error, "message", error)).rstrip(".")
    return Problem("", message[:1].lower() + message[1:], remedy=f"see {called} --help")


def _shows_help(error: Exception) -> bool:
    return type(error).__name__ == "NoArgsIsHelpError"


def _name(param: Any) -> str:
    return str(param.name).upper() if isinstance(param, TyperArgument) else str(param.opts[0])


def _number(value: object) -> int | float | None:
    for kind in (int, float):
        try:
            return kind(str(value))
        except ValueError:
            continue
    return None


def _requirement(declared: Any, number: int | float | None) -> str:
    """Return what a value must be, from its annotation and the range of its option."""
    bounds: tuple[Any, Any] = (None, None)
    if get_origin(declared) is Annotated:
        declared, *rest = get_args(declared)
        for each in rest:
            bounds = (getattr(each, "min", None), getattr(each, "max", None))
    kinds = {each for each in get_args(declared) if each is not type(None)} or {declared}
    if int in kinds or float in kinds:
        low, high = bounds
        if number is not None and not math.isfinite(number):
            return "must be a finite number"
        if float not in kinds and not isinstance(number, int):
            return "must be a whole number"
        if low is not None and number is not None and number < low:
            return f"must be at least {low:g}"
        if high is not None and number is not None and number > high:
            return f"must be at most {high:g}"
        return "must be a number"
    for kind in kinds:
        if hasattr(kind, "__members__"):
            return f"must be one of {', '.join(str(each.value) for each in kind)}"
    return "must be a text" if str in kinds else "must be a path"
