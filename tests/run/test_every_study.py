"""Every shipped study reads, says what it is for, and could be run."""

from pathlib import Path

import pytest

from archsearch.ablation import is_ablation
from archsearch.arch import value_from
from archsearch.errors import InputError
from archsearch.resources import resource_dir
from archsearch.run import Place, StudyFile, describe_plan, prepare
from archsearch.yaml_source import YamlSource, load_yaml

STUDIES = sorted(path for path in resource_dir("studies").glob("*.yaml") if not is_ablation(path))


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_study_could_be_run(path: Path, tmp_path: Path) -> None:
    study = value_from(StudyFile, load_yaml(path))
    for text in (study.question, study.cost, study.expected):
        assert len(text) > 20
    # its own data set may not be here: every other part is checked on the embedded one
    config = study.search.model_copy(update={"data": "digits", "data_root": None})
    lines = describe_plan(prepare(config, Place("dry", str(tmp_path))))
    assert any(line.startswith(f"search: {config.execution.trials} candidates") for line in lines)
    assert not list(tmp_path.iterdir()), "checking a study must write nothing"


def test_there_are_studies() -> None:
    assert STUDIES


def test_a_mistyped_key_is_refused_with_its_line() -> None:
    text = STUDIES[0].read_text().replace("budgets:", "budget:")
    data = load_yaml(STUDIES[0]).data
    data["search"]["budget"] = data["search"].pop("budgets")
    assert "budget:" in text
    with pytest.raises(InputError, match=r"budget: is an unknown key; did you mean 'budgets'"):
        value_from(StudyFile, YamlSource("s.yaml", data))
