"""``--weights`` and ``--inherit``: what is taken is listed, and what gives nothing is refused."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from archsearch import zoo
from archsearch.arch import Arch
from archsearch.cli.app import main
from archsearch.cli.console import out
from archsearch.model import build_model
from archsearch.model.transfer import Donor, weights_file
from tests.zoo.official_weights import official_state

SMALL = zoo.arch(
    "lightvit_tiny", image_size=32, num_classes=10, in_channels=1, depth=1, width=[32, 32, 64]
)
WIDER = zoo.arch(
    "lightvit_tiny", image_size=32, num_classes=10, in_channels=1, depth=1, width=[32, 64, 64]
)
BRIEF = ("--limit", "100", "--epochs", "1")


def run(words, code=0):
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    assert (ended.value.code or 0) == code, words


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(out, "width", 200)
    SMALL.save("small.yaml")
    WIDER.save("wider.yaml")
    return tmp_path


def test_train_begins_with_a_training_and_lists_what_it_took(place, capsys):
    run(["train", "small.yaml", *BRIEF, "-o", "first"])
    capsys.readouterr()
    run(["train", "wider.yaml", *BRIEF, "--weights", "first", "-o", "second"])
    said = capsys.readouterr().out
    assert "Weights of first" in said
    assert "32 of 64 channels, the rest new" in flat(said)
    listed = json.loads((place / "second" / "inherited.json").read_text())
    donor = Donor.read((place / "first" / "model.safetensors").read_bytes())
    assert listed["source"] == "first"
    assert listed["digest"] == donor.digest
    model = build_model(WIDER)
    assert [each["name"] for each in listed["tensors"]] == [
        each.name for each in donor.gives(model, [str(digit) for digit in range(10)]).tensors
    ]
    assert sorted(each["name"] for each in listed["tensors"]) == sorted(model.state_dict())
    classifier = next(e for e in listed["tensors"] if e["name"] == "head.classifier.bias")
    assert classifier["how"] == "taken"
    config = json.loads((place / "second" / "config.json").read_text())
    assert config["weights"] == donor.digest
    assert "weights" not in json.loads((place / "first" / "config.json").read_text())
    # the card tells; the same command without them is another training
    run(["export", "second", "-o", "out.py", "--no-latency"])
    assert "weights of first for" in flat((place / "out.md").read_text())
    assert "not trained from scratch" in flat((place / "out.py").read_text())
    capsys.readouterr()
    run(["train", "wider.yaml", *BRIEF, "-o", "second"], code=2)
    assert "weights: must be" in flat(capsys.readouterr().err)


@pytest.mark.slow
def test_sources_of_the_same_weights_are_one(place):
    model = build_model(SMALL, seed=3)
    (place / "own.safetensors").write_bytes(weights_file(model))
    save_file(model.state_dict(), place / "small.safetensors")  # beside small.yaml
    torch.save({"model": model.state_dict()}, place / "small.pth")
    run(["export", "small.yaml", "-o", "exported.py", "--no-latency"])
    assert (place / "exported.safetensors").is_file()
    sources = ["own.safetensors", "small.safetensors", "small.pth", "small.yaml", "exported.py"]
    shares, digests = set(), set()
    for number, source in enumerate([*sources, "exported.py:create_model"]):
        run(["train", "wider.yaml", *BRIEF, "--weights", source, "-o", f"t{number}"])
        found = json.loads((place / f"t{number}" / "inherited.json").read_text())
        shares.add(found["share"])
        digests.add(found["digest"])
    assert len(shares) == len(digests) == 1


def test_a_papers_checkpoint_gives_what_fits(place, capsys):
    torch.save(official_state("lightvit_tiny"), place / "paper.pth")
    run(["train", "small.yaml", *BRIEF, "--weights", "zoo:lightvit_tiny@paper.pth", "-o", "t"])
    found = json.loads((place / "t" / "inherited.json").read_text())
    how = {each["name"]: each["how"] for each in found["tensors"]}
    assert (
        how["stem.layers.0.weight"]
        == "first 16 of 32 hidden channels, 3 input image channels added up"
    )
    assert how["head.classifier.weight"].startswith("new: ")
    assert 0.5 < found["share"] < 1
    capsys.readouterr()
    run(["train", "small.yaml", "--weights", "zoo:edgevit_xxs@paper.pth", "-o", "u"], code=2)
    assert "paper.pth" in capsys.readouterr().err
    assert not (place / "u").exists()


def other_family() -> Arch:
    """Return a network of which no stem, attention or FFN is like those of `SMALL`."""
    return zoo.arch("localvit_pvt", image_size=32, num_classes=10, in_channels=1, depth=1)


def prepared(place: Path) -> None:
    (place / "text.safetensors").write_text("no weights")
    (place / "text.pth").write_text("no weights")
    torch.save({"weights": [1, 2]}, place / "list.pth")
    save_file(build_model(SMALL).state_dict(), place / "bare.safetensors")
    save_file(build_model(WIDER).state_dict(), place / "small.safetensors")
    (place / "other.safetensors").write_bytes(weights_file(build_model(other_family())))
    (place / "alone.py").write_text("def create_model(num_classes=10): ...\n")


WRONG = {
    "nothing": "names no weights that are there",
    "nothing.pth": "there is no such file",
    "nothing.py": "there is no such file",
    "text.safetensors": "no whole safetensors file",
    "text.pth": "is no whole checkpoint",
    "list.pth": "must be a tensor",
    "bare.safetensors": "does not say what network its weights are of",
    "small.safetensors": "holds the weights of another network than the one beside it",
    "other.safetensors": "no part fits",
    "alone.py": "has no weights beside it",
    "timm:resnet18": "network of timm",
    "zoo:lightvit_tiny": "names no weights",
    "zoo:lightvitt@x.pth": "lightvitt",
}


@pytest.mark.parametrize("source", WRONG)
def test_weights_that_give_nothing_are_refused(place, capsys, source):
    prepared(place)
    run(["train", "small.yaml", *BRIEF, "--weights", source, "-o", "t"], code=2)
    assert WRONG[source] in flat(capsys.readouterr().err)
    assert not (place / "t").exists()


def test_a_run_says_what_is_wrong_with_weights_beside_the_rest(place, capsys):
    prepared(place)
    words = ["run", "tiny", "--trials", "2", "--inherit", "bare.safetensors", "--name", "a"]
    run([*words, "--sampler", "tpee"], code=2)
    said = flat(capsys.readouterr().err)
    assert "does not say what network its weights are of" in said
    assert "tpee" in said
    assert not (place / "runs").exists()


@pytest.mark.slow
def test_a_run_begins_with_the_weights_of_a_file(place, capsys):
    from archsearch.run import load_run
    from archsearch.space import load_space

    space = load_space("tiny")
    donor = space.arch(next(iter(space.enumerate())))
    (place / "donor.safetensors").write_bytes(weights_file(build_model(donor, seed=3)))
    words = [
        *("run", "tiny", "--trials", "2", "--epochs", "1", "--limit", "200", "--rungs", "none"),
        *("--calibration", "0", "--front-seeds", "0", "--executor", "inline", "--name", "a"),
    ]
    run([*words, "--inherit", "donor.safetensors"])
    trials = load_run("a").trials
    assert {each.inherited.source for each in trials if each.curve} == {"donor.safetensors"}
    capsys.readouterr()
    # the weights are part of the run, wherever they lie
    (place / "moved").mkdir()
    (place / "donor.safetensors").rename(place / "moved" / "d.safetensors")
    run([*words, "--inherit", "moved/d.safetensors"])
    (place / "moved" / "d.safetensors").write_bytes(weights_file(build_model(donor, seed=4)))
    run([*words, "--inherit", "moved/d.safetensors"], code=2)
    assert "inherit_digest" in flat(capsys.readouterr().err)
    for words in (("--trials", "1"), ("--path",)):
        run(["explain", "a", "--against", trials[0].number, *words], code=2)
        assert "began with inherited weights" in flat(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("run", "inherit: candidates begin with weights of trained candidates of the run"),
        ("none", ""),
    ],
)
def test_the_plan_says_what_candidates_begin_with(place, capsys, source, said):
    run(["run", "tiny", "--limit", "100", "--inherit", source, "--dry-run"])
    printed = flat(capsys.readouterr().out)
    assert (said in printed) if said else ("inherit:" not in printed)
