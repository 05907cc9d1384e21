"""Study files: what they become, and every mistake in them with its line."""

from pathlib import Path
from typing import Any

import pytest

from archsearch import zoo
from archsearch.ablation import Networks, Study, open_study
from archsearch.cost import current_environment
from archsearch.errors import InputError
from archsearch.export.description import Origin, module_docstring
from archsearch.record import RunRecord, TrialRecord

HEAD = """\
question: what is it for?
cost: little
published: ""
base: {arch: zoo:edgevit_xxs, name: EdgeViT}
"""


def opened(folder: Path, text: str, scale: str = "full", **changes: Any) -> tuple[Study, Networks]:
    file = folder / "s.yaml"
    file.write_text(text if "question" in text else HEAD + text)
    return open_study(file, scale, changes, runs_dir=folder)


def refused(folder: Path, text: str, scale: str = "full", **changes: Any) -> str:
    with pytest.raises(InputError) as caught:
        opened(folder, text, scale, **changes)
    return str(caught.value).replace(str(folder / "s.yaml"), "s.yaml")


def test_variants_are_the_base_with_overrides(tmp_path: Path) -> None:
    _, networks = opened(
        tmp_path, "variants:\n  nearest: {overrides: {attention.propagation: nearest}}\n"
    )
    assert [each.name for each in networks.all] == ["EdgeViT", "nearest"]
    assert networks.base.arch.digest == zoo.arch("edgevit_xxs").digest
    assert networks.all[1].arch.digest == zoo.arch("edgevit_xxs", propagation="nearest").digest


def test_leave_one_out_names_what_is_gone(tmp_path: Path) -> None:
    _, networks = opened(
        tmp_path, "leave_one_out:\n  aggregation: {overrides: {local_aggregation: null}}\n"
    )
    assert networks.design == "leave_one_out"
    assert [each.name for each in networks.all] == ["EdgeViT", "without aggregation"]


def test_one_factor_finds_the_level_of_the_base(tmp_path: Path) -> None:
    text = "one_factor:\n  sampler: {path: sampler, levels: [max, top_left]}\n"
    _, networks = opened(tmp_path, text)
    assert networks.factors == {"sampler": ("top_left", "max")}
    assert [dict(each.levels) for each in networks.all] == [
        {"sampler": "top_left"},
        {"sampler": "max"},
    ]


FACTORIAL = """\
factorial:
  factors:
    sampler: {path: attention.sampler, levels: [top_left, max]}
    propagation: {path: attention.propagation, levels: [transposed_conv, none, nearest]}
    aggregation: {levels: {with: {}, without: {overrides: {local_aggregation: null}}}}
"""


def test_a_factorial_has_every_combination(tmp_path: Path) -> None:
    _, networks = opened(tmp_path, FACTORIAL)
    assert len({each.arch.digest for each in networks.all}) == len(networks.all) == 12
    assert networks.base.arch.digest == zoo.arch("edgevit_xxs").digest
    last = networks.all[-1]
    assert last.name == "sampler=max, propagation=nearest, aggregation=without"
    assert dict(last.levels) == {
        "sampler": "max",
        "propagation": "nearest",
        "aggregation": "without",
    }


def test_a_fraction_of_it_has_the_base(tmp_path: Path) -> None:
    _, networks = opened(tmp_path, FACTORIAL + "  fraction: 1/2\n")
    assert len(networks.all) == 6
    assert networks.base.arch.digest == zoo.arch("edgevit_xxs").digest


def test_a_scale_replaces_what_it_names(tmp_path: Path) -> None:
    text = (
        "variants:\n  a: {overrides: {sampler: max}}\n  b: {overrides: {sampler: average}}\n"
        "recipe: edgevit\n"
        "scales: {small: {image_size: 64, recipe: {epochs: 3}, variants: {b: null},\n"
        "  base: {overrides: {width: [8, 16, 24, 32], head_dim: 8}}}}\n"
    )
    full, many = opened(tmp_path, text)
    small, few = opened(tmp_path, text, "small")
    assert (len(many.all), len(few.all)) == (3, 2)
    assert full.recipe is not None
    assert small.recipe is not None
    assert (full.recipe.epochs, small.recipe.epochs) == (300, 3)
    assert {each.arch.image_size for each in few.all} == {64}
    assert [stage.width for stage in few.base.arch.stages] == [8, 16, 24, 32]


def test_changes_come_last(tmp_path: Path) -> None:
    text = "variants: {a: {overrides: {sampler: max}}}\nrecipe: edgevit\nseeds: [5, 7]\n"
    assert opened(tmp_path, text)[0].seeds == (5, 7)
    study, _ = opened(tmp_path, text, seeds=4, epochs=2)
    assert study.seeds == (0, 1, 2, 3)
    assert study.recipe is not None
    assert (study.recipe.epochs, study.recipe.warmup_epochs) == (2, 0.5)


@pytest.mark.parametrize("function", ["", ":create_model"])
def test_the_base_may_be_an_exported_file(tmp_path: Path, function: str) -> None:
    arch = zoo.arch("edgevit_xxs", image_size=64, width=[8, 16, 24, 32], head_dim=8)
    # the base is read from what the file says about itself, not from its code
    (tmp_path / "model.py").write_text(f'"""{module_docstring(arch, Origin())}\n"""\n')
    arch.save(tmp_path / "model.yaml")
    text = HEAD.replace("zoo:edgevit_xxs", f"'model.py{function}'")
    _, networks = opened(tmp_path, text + "variants: {a: {overrides: {sampler: max}}}\n")
    assert networks.base.arch.digest == arch.digest


def test_the_base_may_be_a_trial_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arch = zoo.arch("edgevit_xxs", image_size=64)
    trial = TrialRecord(number=7, digest=arch.digest, arch=arch, state="complete")
    found = RunRecord(name="r", config={}, environment=current_environment(), trials=(trial,))
    (tmp_path / "r").mkdir()
    monkeypatch.setattr("archsearch.ablation.base_architecture.load_run", lambda folder: found)
    text = HEAD.replace("zoo:edgevit_xxs", "run:r#7")
    _, networks = opened(tmp_path, text + "variants: {a: {overrides: {sampler: max}}}\n")
    assert networks.base.arch.digest == arch.digest
    message = refused(tmp_path, text.replace("#7", "#8") + "variants: {a: {}}\n")
    assert "s.yaml:4: base.arch: must be a trial of run 'r' (0 to 7), but got 8" in message


def test_a_variant_may_have_an_architecture_of_its_own(tmp_path: Path) -> None:
    text = "variants: {s: {arch: 'zoo:edgevit_s', overrides: {sampler: max}}}\n"
    _, networks = opened(tmp_path, text)
    assert networks.all[1].arch.digest == zoo.arch("edgevit_s", sampler="max").digest


MISTAKES = {
    "does not differ": (
        "variants:\n  same: {overrides: {sampler: top_left}}\n",
        "s.yaml:6: variants.same: is the same network as the base, 'EdgeViT'; change something",
    ),
    "has no effect": (
        "variants:\n  same: {overrides: {stages.3.blocks.*.attention.sampler: max}}\n",
        "s.yaml:6: variants.same: is the same network as the base",
    ),
    "the same twice": (
        "variants:\n  a: {overrides: {sampler: max}}\n  b: {overrides: {sampler: max}}\n",
        "s.yaml:7: variants.b: is the same network as 'a'",
    ),
    "no parameter": (
        "variants:\n  a:\n    overrides:\n      propagaton: none\n",
        "s.yaml:8: variants.a.overrides.propagaton: names no parameter of the base; did you mean "
        "'propagation'",
    ),
    "one level": (
        "one_factor:\n  sampler: {path: sampler, levels: [max]}\n",
        "s.yaml:6: one_factor.sampler: a factor needs at least 2 levels, but got 'max'",
    ),
    "one factor": (
        "factorial: {factors: {sampler: {path: sampler, levels: [max, average]}}}\n",
        "s.yaml:5: factorial.factors: a factorial needs at least 2 factors, but got 1; with one "
        "factor, use one_factor",
    ),
    "levels of nothing": (
        "one_factor:\n  sampler: {levels: [max, average]}\n",
        "s.yaml:6: one_factor.sampler.levels: a list of levels needs the path",
    ),
    "too small a fraction": (
        FACTORIAL + "  fraction: 1/4\n",
        "s.yaml:10: factorial.fraction: must leave at least 5 of 12 combinations",
    ),
    "two factors for one value": (
        FACTORIAL + "    again: {path: attention.sampler, levels: [top_left, center]}\n",
        "factorial.factors.again: changes 'attention.sampler', which factor 'sampler' changes too",
    ),
    "one seed": (
        "variants: {a: {overrides: {sampler: max}}}\nseeds: 1\n",
        "s.yaml:6: seeds: an interval needs at least 2 seeds, but got 1; use 3 or more seeds",
    ),
    "a seed twice": (
        "variants: {a: {overrides: {sampler: max}}}\nseeds: [1, 1]\n",
        "s.yaml:6: seeds: must not hold a seed twice",
    ),
    "no design": ("seeds: 3\n", "must have one of variants, leave_one_out, one_factor, factorial"),
    "a mistyped key": (
        "variant: {a: {overrides: {sampler: max}}}\n",
        "s.yaml:5: variant: is an unknown key; did you mean 'variants'?",
    ),
    "no such model": (
        HEAD.replace("edgevit_xxs", "edgevit_xxl") + "variants: {a: {}}\n",
        "s.yaml:4: base.arch: the zoo has no model 'edgevit_xxl'; did you mean",
    ),
    "no such file": (
        HEAD.replace("zoo:edgevit_xxs", "nowhere.yaml") + "variants: {a: {}}\n",
        "nowhere.yaml: there is no such file",
    ),
    "no such recipe": (
        "variants: {a: {overrides: {sampler: max}}}\nrecipe: lightvi\n",
        "s.yaml:6: recipe: lightvi: there is no such file; did you mean 'lightvit'?",
    ),
    "a broken rule": (
        "variants:\n  a: {overrides: {head_dim: 5}}\n",
        "s.yaml:6: variants.a.overrides: stages.0.head_dim: must divide the width 36",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_reported_with_its_line(tmp_path: Path, mistake: str) -> None:
    text, message = MISTAKES[mistake]
    assert message in refused(tmp_path, text)


def test_every_mistake_is_reported_at_once(tmp_path: Path) -> None:
    text = (
        "variants:\n  a: {overrides: {sampler: top_left}}\n  b: {overrides: {smpler: max}}\n"
        "seeds: 1\nrecipe: lightvi\n"
    )
    message = refused(tmp_path, text)
    for part in ("variants.a:", "variants.b.overrides", "seeds:", "recipe:"):
        assert part in message


def test_one_seed_is_enough_without_intervals(tmp_path: Path) -> None:
    text = "variants: {a: {overrides: {sampler: max}}}\nseeds: 1\nintervals: false\n"
    assert opened(tmp_path, text)[0].seeds == (0,)


def test_an_unknown_scale_is_refused(tmp_path: Path) -> None:
    text = "variants: {a: {overrides: {sampler: max}}}\nscales: {small: {image_size: 32}}\n"
    message = refused(tmp_path, text, "smal")
    assert message == "--scale: the study has no scale 'smal'; did you mean 'small'?"


def test_a_search_is_sent_to_its_command() -> None:
    with pytest.raises(InputError, match="is a search, not an ablation; use archsearch run digits"):
        open_study("digits_5ms")
