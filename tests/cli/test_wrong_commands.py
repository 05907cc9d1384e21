"""Wrong commands: exit code 2, each problem one sentence by its flag, nothing written."""

import re
from pathlib import Path

import pytest

from archsearch.cli.app import main

TINY = "zoo:lightvit_tiny"
#: files that stand in the folder of every command
FILES = {
    "net.py": "from torch import nn\n"
    "def needs(width): return nn.Identity()\n"
    "def raises(): raise RuntimeError('checkpoint not found')\n"
    "def number(): return 3\n"
    "def shapeless(): return nn.Conv2d(1, 2, 1)\n",
    "broken.py": "def create_model(:\n",
    "leaves.py": "raise SystemExit('usage')\n",
    "notes.txt": "no model\n",
    "tab.yaml": "stages:\n\t- 1\n",
    "arch.yaml": "stages: 3\n",
    "folder/notes.txt": "",
}
#: command to the beginnings of what is said, one for each problem
COMMANDS: dict[str, list[str]] = {
    # numbers
    "run tiny --budget-ms five": ["--budget-ms: must be a number, but got 'five'"],
    "run tiny --budget-ms nan": ["--budget-ms: must be a finite number, but got nan"],
    "run tiny --budget-ms -3": ["--budget-ms: must be greater than 0, but got -3.0"],
    "run tiny --budget-ms": ["--budget-ms: needs a value"],
    "run tiny --budget-params 0": ["--budget-params: must be greater than 0, but got 0.0"],
    "run tiny --budget-macs inf": ["--budget-macs: must be a finite number, but got inf"],
    "run tiny --budget-memory 1GB": ["--budget-memory: must be a number, but got '1GB'"],
    "run tiny --trials 0": ["--trials: must be at least 1, but got 0"],
    "run tiny --trials 2.5": ["--trials: must be a whole number, but got 2.5"],
    "run tiny --epochs 0": ["--epochs: must be at least 1, but got 0"],
    "run tiny --seed -1": ["--seed: must be at least 0, but got -1"],
    "run tiny --image-size -8": ["--image-size: must be at least 1, but got -8"],
    "run tiny --limit 0": ["--limit: must be at least 1, but got 0"],
    "run tiny --workers 0": ["--workers: must be at least 1, but got 0"],
    "run tiny --threads 0": ["--threads: must be at least 1, but got 0"],
    "run tiny --calibration nan": ["--calibration: must be a finite number, but got nan"],
    "run tiny --rungs 0,2": ["--rungs: must be whole numbers of epochs, 1 or more, but got '0,2'"],
    "run tiny --rungs a,b": ["--rungs: must be numbers of epochs with commas between them, auto"],
    "run tiny --rungs 99": ["--rungs: must be below the 5 epochs of a whole training, but got 99"],
    "run tiny --rungs 2 --promote 2": ["--promote: must be at most 1, but got 2.0"],
    "profile zoo:lightvit_tiny --threads 0": ["--threads: must be at least 1, but got 0"],
    "profile zoo:lightvit_tiny --batch x": ["--batch: must be a whole number, but got 'x'"],
    "profile zoo:lightvit_tiny --image-size 0": ["--image-size: must be at least 1, but got 0"],
    "train zoo:lightvit_tiny --threads 0": ["--threads: must be at least 1, but got 0"],
    "train zoo:lightvit_tiny --seed -1": ["--seed: must be at least 0, but got -1"],
    "calibrate tiny --image-size 0": ["--image-size: must be at least 1, but got 0"],
    "space tiny --samples x": ["--samples: must be a whole number, but got 'x'"],
    "space tiny --samples 1": ["--samples: must be at least 3, but got 1"],
    "ablate sepvit_blocks --seeds 0": ["--seeds: must be at least 1, but got 0"],
    "dashboard nothing --port 99999": ["--port: must be at most 65535, but got 99999"],
    # durations
    "run tiny --time-limit soon": ["--time-limit: must be a duration above 0"],
    "run tiny --time-limit -5m": ["--time-limit: must be a duration above 0"],
    "run tiny --time-limit ''": ["--time-limit: must be a duration above 0"],
    "calibrate tiny --time-limit nan": ["--time-limit: must be a duration above 0"],
    # names
    "run tiny --sampler best": ["--sampler: must be a known sampler, but got 'best'; known: evo"],
    "run tiny --device tpu": ["--device: must be auto, cpu, cuda or cuda:N, but got 'tpu'"],
    "run tiny --dtype int8": [
        "--runtime: must be a runtime with int8 (onnxruntime, openvino, litert)"
    ],
    "run tiny --runtime quick": ["--runtime: must be one of 'eager'"],
    "run tiny --executor slurm": ["--executor: must be one of 'ray' or 'inline', but got 'slurm'"],
    "run tiny --data digit": ["--data: must be a known data set, but got 'digit'; did you mean"],
    "run tiny --baseline resnet18": [
        "--baseline: must be timm:NAME or zoo:NAME, but got 'resnet18'"
    ],
    "run tiny --baseline timm:resnet1": ["--baseline: timm has no model 'resnet1'; did you mean"],
    "run tiny --name a/b": ["--name: must be the name of one folder"],
    "run tiny --storage nonsense": ["--storage: must be an Optuna storage URL, but got 'nonsense'"],
    "run nothing": ["nothing: there is no such file; known: "],
    "train zoo:lightvit_tiny --device tpu": [
        "--device: must be cpu, cuda or cuda:N, but got 'tpu'"
    ],
    "train zoo:lightvit_tini": ["the zoo has no model 'lightvit_tini'; did you mean"],
    "export zoo:lightvit_tiny --format exe": ["--format: must be one of python, timm, yaml"],
    "importance nothing --format x": ["--format: must be one of"],
    "profile resnet18": ["resnet18: is no run, and neither zoo:NAME, timm:NAME nor a file"],
    "profile timm:resnet1": ["timm has no model 'resnet1'; did you mean 'resnet18'"],
    "zoo lightvit": ["the zoo has no model 'lightvit'"],
    "ablate nothing": ["nothing: there is no such file"],
    # files
    "front nothing": ["runs/nothing: is not the folder of a run"],
    "report nothing": ["runs/nothing: is not the folder of a run"],
    "run tab.yaml": ["tab.yaml:2: must be plain YAML: a tab cannot indent a line"],
    "run tiny --recipe nothing.yaml": ["nothing.yaml: there is no such file; check the path"],
    "run tiny --data folder:nowhere": ["nowhere: there is no such folder; check the path"],
    "train arch.yaml": ["arch.yaml:1: stages: must be a list, but got 3"],
    "train zoo:lightvit_tiny --recipe nothing": ["nothing: there is no such file; known: "],
    "export zoo:lightvit_tiny --format python --output notes.txt": ["notes.txt: already exists"],
    "export zoo:lightvit_tiny --format onnx --output a.onnx --weights no.pt": [
        "no.pt: there is no such file"
    ],
    # users' code
    "profile net.py:needs": ["net.py: needs() needs arguments: width; name a function"],
    "profile net.py:raises": ["net.py:3: raises() raises RuntimeError: checkpoint not found"],
    "profile net.py:number": ["net.py:number: must return a network (torch.nn.Module)"],
    "profile net.py:shapeless --no-latency": ["net.py:shapeless: does not say what input it takes"],
    "profile net.py:other": ["net.py has no function 'other'; name one of its own: net.py:needs"],
    "profile broken.py": ["broken.py:1: must be Python: invalid syntax"],
    "profile leaves.py": ["leaves.py:1: cannot be imported: it calls sys.exit('usage')"],
    "profile nothing.py": ["nothing.py: there is no such file"],
    "train net.py:shapeless": [
        "net.py:shapeless: must make a network that says what images it takes, (C, H, W)"
    ],
    # what does not go together
    "profile zoo:lightvit_tiny --json --csv": ["--csv: cannot go with --json; choose one"],
    "profile timm:resnet18 --fuse": ["--fuse: folds archsearch's own blocks"],
    "profile net.py:shapeless --input 1,1,8,8 --image-size 8": ["--image-size: cannot go with"],
    "run tiny --rungs none --promote 0.5": ["--promote: needs --rungs; e.g. --rungs 2,6"],
    "run tiny --target": ["--target: needs a Ray cluster"],
    "run tiny --runtime cuda_graph --device cpu": ["--runtime: cuda_graph needs a CUDA device"],
    "ablate sepvit_blocks --until-clear": ["--until-clear: needs a time limit"],
    # the command line itself
    "run": ["SPACE: is required; see archsearch run --help"],
    "run tiny tiny": ["'tiny' is one argument too many"],
    "run tiny --bugdet-ms 3": ["--bugdet-ms: is no option of archsearch run; did you mean"],
    "frobnicate": ["there is no command 'frobnicate'"],
    "--frobnicate": ["--frobnicate: is no option of archsearch"],
    # several at once
    "run tiny --trials many --epochs x --budget-ms -1 --executor slurm": [
        "--epochs: must be a whole number, but got 'x'",
        "--trials: must be a whole number, but got 'many'",
        "--budget-ms: must be greater than 0, but got -1.0",
        "--executor: must be one of 'ray' or 'inline', but got 'slurm'",
    ],
    "run tiny --trials 0 --rungs a --time-limit soon --recipe no.yaml": [
        "--rungs: must be numbers of epochs",
        "--time-limit: must be a duration above 0",
        "no.yaml: there is no such file",
        "--trials: must be at least 1, but got 0",
    ],
    "train zoo:lightvit_tiny --epochs 0 --batch 0 --device tpu": [
        "--batch: must be at least 1, but got 0",
        "--epochs: must be at least 1, but got 0",
        "--device: must be cpu",
    ],
    "ablate --format x --executor y --epochs 0": [
        "STUDY: is required",
        "--epochs: must be at least 1, but got 0",
        "--executor: must be one of 'ray' or 'inline', but got 'y'",
        "--format: must be one of",
    ],
}
#: keys of configurations, which nobody wrote on the command line
INTERNAL = re.compile(r"(latency|execution|budgets|recipe|search)\.")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place, cache = tmp_path / "place", tmp_path / "cache"
    for name, text in FILES.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    monkeypatch.chdir(place)
    monkeypatch.setenv("COLUMNS", "500")
    monkeypatch.setenv("ARCHSEARCH_CACHE", str(cache))
    return tmp_path


def words_of(command: str) -> list[str]:
    return [word.strip("'") for word in command.split()]


def test_there_are_enough() -> None:
    assert len(COMMANDS) >= 80


@pytest.mark.parametrize("command", COMMANDS)
def test_wrong_command(command: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(SystemExit) as ended:
        main(words_of(command))
    output = capsys.readouterr()
    assert ended.value.code == 2, output.err
    assert (output.out, "Traceback" in output.err) == ("", False)
    after = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    assert after == before, "wrong input must leave nothing behind"
    lines = [line for line in output.err.splitlines() if line.startswith("error: ")]
    said = sorted(line.removeprefix("error: ") for line in lines)
    expected = sorted(COMMANDS[command])
    assert len(said) == len(expected), said
    for sentence, beginning in zip(said, expected, strict=True):
        assert sentence.startswith(beginning)
        assert not INTERNAL.match(sentence), "a dotted key for a flag"
