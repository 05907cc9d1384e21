"""Several processes train one network as one process does."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from archsearch.errors import InputError
from archsearch.train import Ranks, Recipe, Trainer

#: nothing that is drawn for each part of a batch, and no batch norm
RECIPE = """
epochs: 2
batch_size: 50
warmup_epochs: 0.5
drop_path: 0.0
precision: float32
augmentation: {translate: 1, mixup: 0.0, cutmix: 0.0}
"""
ARCH = """
image_size: 8
in_channels: 1
num_classes: 10
stem: {type: patch, patch_size: 2}
stages:
- depth: 1
  width: 16
  num_heads: 2
  blocks: [{attention: self_attention, ffn: {type: mlp, expansion: 2}}]
"""


@pytest.mark.parametrize("count", [2, 3, 7, 50, 128])
@pytest.mark.parametrize("world", [1, 2, 3])
def test_parts_make_up_the_batch(count, world):
    batch = np.arange(count)
    parts = [Ranks(rank, world).share(batch) for rank in range(world)]
    assert np.array_equal(np.concatenate(parts), batch)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_batch_too_small_for_the_processes_is_refused(arch, data):
    with pytest.raises(InputError, match="two images a step to each of 9 processes"):
        Trainer(arch, data, Recipe(epochs=1, batch_size=16, warmup_epochs=0.5), ranks=Ranks(0, 9))


def command(folder, output, processes):
    start = [sys.executable, "-m"]
    if processes > 1:
        start += ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m"]
    named = ["--data", "digits", "--limit", "300", "--recipe", str(folder / "recipe.yaml")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*start, "archsearch", "train", str(folder / "arch.yaml"), *named, "--output", str(output)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
        check=False,
    )


@pytest.mark.slow
def test_two_processes_train_as_one_does(tmp_path):
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "arch.yaml").write_text(ARCH)
    for processes in (1, 2):
        done = command(tmp_path, tmp_path / str(processes), processes)
        assert done.returncode == 0, done.stderr
        # one of them prints
        assert done.stdout.count("test accuracy") == 1
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in "12")
    for name, weight in one.items():
        torch.testing.assert_close(two[name], weight, rtol=1e-3, atol=1e-4)
    results = [json.loads((tmp_path / name / "result.json").read_text()) for name in "12"]
    losses = [[epoch["train_loss"] for epoch in each["epochs"]] for each in results]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    # the same command goes on, here with nothing left to do
    again = command(tmp_path, tmp_path / "2", 2)
    assert again.returncode == 0, again.stderr
    refused = command(tmp_path, tmp_path / "2", 1)
    assert refused.returncode == 2
    assert "processes: must be 2" in refused.stderr
