"""Every problem reads as one English sentence: a requirement, or a finding, each with its value."""

import ast
import re
from pathlib import Path

import pytest

from archsearch.errors import InputError, Problem, ProblemList, nearest

PACKAGE = Path(__file__).parent.parent / "archsearch"
#: calls that make a problem, and where in them the rule stands
MAKERS = {"Problem": 1, "problem": 1, "report": 1, "BrokenRule": 1}
#: rules that are put together of others, and the line that counts what is not listed
COMPOSED = ("{}: {}", "and {} more {}", "each part of the path {}")
#: words that can be the verb of a rule
VERBS = [
    *("must", "is", "are", "was", "has", "have", "had", "needs", "need", "cannot", "can", "may"),
    *("does", "do", "stands", "names", "holds", "raises", "calls", "contradict", "changes"),
    *(
        "knows",
        "measures",
        "says",
        "folds",
        "takes",
        "exists",
        "failed",
        "builds",
        "belongs",
        "came",
    ),
]
#: rules that begin so say it of the key or the file before them
PREDICATES = tuple(f"{verb} " for verb in VERBS)


def rules() -> list[tuple[str, str, bool]]:
    """Return place, text and whether something stands before it, of every rule in the code."""
    # every worker collects: what makes no problem is not parsed
    makes = re.compile(rf"\b({'|'.join(MAKERS)})\(")
    files = ((path, path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py")))
    return [
        rule
        for path, text in files
        if makes.search(text)
        for scope in scopes(ast.parse(text))
        for call in ast.walk(scope)
        if isinstance(call, ast.Call)
        for rule in rules_of(call, scope, str(path.relative_to(PACKAGE)))
    ]


def scopes(tree: ast.Module) -> list[ast.AST]:
    """Return the outermost functions and methods."""
    classes = [each for each in tree.body if isinstance(each, ast.ClassDef)]
    bodies = [*tree.body, *(inner for each in classes for inner in each.body)]
    return [each for each in bodies if isinstance(each, ast.FunctionDef)]


def rules_of(call: ast.Call, scope: ast.AST, file: str) -> list[tuple[str, str, bool]]:
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    position = MAKERS.get(name)
    if position is None or len(call.args) <= position:
        return []
    key = call.args[0]
    empty = isinstance(key, ast.Constant) and key.value == ""
    has_file = any(word.arg == "file" for word in call.keywords) or len(call.args) > 4
    place = f"{file}:{call.lineno}"
    found = texts(call.args[position], scope)
    return [(place, text, not empty or has_file) for text in found if text not in COMPOSED]


def texts(node: ast.expr, tree: ast.AST) -> list[str]:
    """Return what an expression may say, with ``{}`` for what is not known before it runs."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        parts = [v.value if isinstance(v, ast.Constant) else "{}" for v in node.values]
        return ["".join(map(str, parts))]
    if isinstance(node, ast.IfExp):
        return [*texts(node.body, tree), *texts(node.orelse, tree)]
    if isinstance(node, ast.Name):
        return [
            text
            for each in ast.walk(tree)
            if isinstance(each, ast.Assign)
            and any(isinstance(t, ast.Name) and t.id == node.id for t in each.targets)
            and not isinstance(each.value, ast.Name)
            for text in texts(each.value, tree)
        ]
    return []


RULES = rules()


def test_there_are_rules_to_look_at() -> None:
    assert len(RULES) > 150


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule[0])
def test_every_rule_is_a_clause_with_a_verb(rule: tuple[str, str, bool]) -> None:
    place, text, has_subject = rule
    words = re.findall(r"[a-z]+", text)
    assert set(words) & set(VERBS), f"{place}: a rule needs a verb: {text!r}"
    assert not text.endswith((".", ";", ",")), f"{place}: the sentence goes on: {text!r}"
    assert ", but got" not in text, f"{place}: give the value as the value: {text!r}"
    if text.startswith(PREDICATES):
        assert has_subject, f"{place}: nothing stands before {text!r}"


SENTENCES = [
    (Problem("--trials", "must be at least 1", 0), "--trials: must be at least 1, but got 0"),
    (
        Problem("--device", "no CUDA device can be used here", "cuda", "use cpu"),
        "--device: no CUDA device can be used here (got 'cuda'); use cpu",
    ),
    (
        Problem("", "timm has no model 'resnet'", remedy="did you mean 'resnet18'?"),
        "timm has no model 'resnet'; did you mean 'resnet18'?",
    ),
    (
        Problem("stages.0.widht", "is an unknown key", file="s.yaml", line=4),
        "s.yaml:4: stages.0.widht: is an unknown key",
    ),
    (Problem("", "there is no such folder", file="a/b"), "a/b: there is no such folder"),
    (
        Problem("choice", "options must differ from each other", 1),
        "choice: options must differ from each other, but got 1",
    ),
    (Problem("--promote", "needs --rungs"), "--promote: needs --rungs"),
    (
        Problem("seeds", "an interval needs at least 2", 1),
        "seeds: an interval needs at least 2, but got 1",
    ),
    (Problem("seeds", "must be at least 2"), "seeds: must be at least 2"),
]


@pytest.mark.parametrize(("problem", "sentence"), SENTENCES)
def test_sentences(problem: Problem, sentence: str) -> None:
    assert str(problem) == sentence


def test_a_long_value_is_cut() -> None:
    assert len(str(Problem("a", "must be short", "x" * 1000))) < 250


def test_a_long_list_of_names_is_cut() -> None:
    remedy = nearest("zzz", [f"name_{i}" for i in range(1000)])
    assert remedy.endswith("and 960 more")
    assert nearest("zzz", ["a", "b"]) == "known: a, b"
    assert nearest("mdoel", ["model", "a"]) == "did you mean 'model'?"


def test_problems_of_several_checks_are_raised_together() -> None:
    found = ProblemList()
    with found.gathered():
        raise InputError(Problem("a", "must be 1", 2))
    with found.gathered():
        pass
    with found.gathered():
        raise InputError([Problem("b", "must be 1", 2), Problem("a", "must be 1", 2)])
    assert [each.key for each in found.problems] == ["a", "b"]
    with pytest.raises(InputError) as caught:
        found.check()
    assert [each.key for each in caught.value.problems] == ["a", "b"]
