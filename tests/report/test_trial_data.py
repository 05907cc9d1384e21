import json
import re
from importlib.resources import files as resource_files

import numpy as np
import pytest

from archsearch.arch import (
    AttentionSpec,
    Block,
    LocalAggregation,
    Mlp,
    SelfAttention,
    SeparableAttention,
    SparseGlobalAttention,
    SpatialReductionAttention,
    WindowAttention,
    WindowGlobalAttention,
    summary,
)
from archsearch.percent import percent_text
from archsearch.report.front_columns import FRONT_COLUMNS
from archsearch.report.network_view import block_view, head_words, stage_words, stem_words
from archsearch.report.number_format import count_text, ms_text
from archsearch.report.trial_data import compact, script_json, trial_columns
from tests.report.synthetic_run import random_arch


def test_columns_hold_every_trial(any_run):
    data = trial_columns(any_run)
    assert data["columns"]["number"] == [trial.number for trial in any_run.trials]
    assert {len(column) for column in data["columns"].values()} == {len(any_run.trials)}
    json.dumps(compact(data), allow_nan=False)


def test_tables_lead_back_to_the_trials(usual):
    data = trial_columns(usual)
    columns, words = data["columns"], data["words"]
    for place, trial in enumerate(usual.trials):
        assert words[columns["state"][place]] == trial.state
        assert words[columns["reason"][place]] == trial.reason
        line = " | ".join(data["parts"][part] for part in columns["line"][place])
        assert line == summary(trial.arch)
        size, stem, head, *stages = columns["net"][place]
        plain = trial.arch.canonical()
        assert size == plain.image_size
        assert words[stem] == stem_words(plain)
        assert words[head] == head_words(plain)
        for row, stage, side in zip(stages, plain.stages, plain.map_sizes, strict=True):
            depth, width, heads, map_side, down, position, blocks = row
            assert (depth, width, heads) == (stage.depth, stage.width, stage.heads)
            assert map_side == side
            assert (words[down], words[position]) == stage_words(stage)
            views = [block_view(block) for block in stage.blocks[: stage.depth]]
            assert [data["blocks"][block] for block in blocks] == views


@pytest.mark.parametrize(
    ("attention", "pattern", "size"),
    [
        (SelfAttention(), "all", 1),
        (WindowAttention(window_size=4, shift=True), "windows", 4),
        (WindowGlobalAttention(window_size=8, global_tokens=4), "windows", 8),
        (SparseGlobalAttention(sample_rate=2), "samples", 2),
        (SeparableAttention(window_size=2, group_count=2), "windows", 4),
        (SpatialReductionAttention(reduction=4), "reduced", 4),
    ],
    ids=lambda value: getattr(value, "type", str(value)),
)
def test_every_attention_is_drawn(attention, pattern, size):
    view = block_view(Block(attention=attention, ffn=Mlp(), local_aggregation=LocalAggregation()))
    assert (view["pattern"], view["size"]) == (pattern, size)
    assert view["attention"] == attention.type.replace("_", " ")
    assert view["ffn"] == "MLP x4"
    assert view["before"] == "local aggregation"


def test_no_attention_type_is_forgotten():
    rng = np.random.default_rng(0)
    seen = {
        type(block.attention)
        for _ in range(300)
        for stage in random_arch(rng).stages
        for block in stage.blocks
    }
    shipped = {
        kind for kind in AttentionSpec.__subclasses__() if kind.__module__.startswith("archsearch.")
    }
    assert seen == shipped


def test_numbers_are_rounded_and_unknown_ones_empty():
    plain = compact({"a": (1.23456789, np.float64(2.0), float("nan")), "b": np.arange(2)})
    assert plain == {"a": [1.23457, 2, None], "b": [0, 1]}
    assert compact([True, "x", None, 12345678]) == [True, "x", None, 12345678]


def test_json_cannot_end_its_script():
    value = {"name": "</script><!--&\u2028\u2029", "n": [1.5]}
    text = script_json(value)
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == value


def test_the_table_of_all_trials_has_data_and_a_form_for_each_column(usual):
    data = trial_columns(usual)
    script = (resource_files("archsearch.report") / "assets" / "tables.js").read_text()
    for each in data["table"]:
        assert each["key"] in data["columns"]
        assert re.search(rf"^    {each['form']}: \(", script, re.MULTILINE)
    headers = {each["key"]: each["header"] for each in data["table"]}
    front = {each.key: each.header for each in FRONT_COLUMNS}
    assert headers["accuracy"] == front["selected_accuracy"]
    assert headers["latency"] == front["latency_ms"]


def test_numbers_of_the_table_are_formatted_as_in_every_table(usual):
    data = trial_columns(usual)
    shown = {each["key"]: each for each in data["table"] if "texts" in each}
    texts = {key: [data["texts"][place] for place in each["texts"]] for key, each in shown.items()}
    assert set(texts) == {"accuracy", "latency", "params", "macs"}
    for place, trial in enumerate(usual.trials):
        latency = trial.known_latency
        assert texts["accuracy"][place] == percent_text(trial.accuracy)
        assert texts["latency"][place] == ms_text(latency.median_ms if latency else None)
        assert texts["params"][place] == count_text(trial.params)
