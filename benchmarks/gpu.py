"""Everything that needs a graphics card, in one go of at most eight minutes.

    python benchmarks/gpu.py [--data cifar10.zip] [--limit 480] [--parts tests latency ...]
    python benchmarks/gpu.py --device cpu --quick        # rehearse it without a card

The parts run one after the other, each in a process of its own and within its share of the time;
one that fails or hangs is noted, and the next begins. What a part has measured is written at once,
so a part that was cut short keeps what it had. Results, versions, log and plots go to
benchmarks/results/gpu-NAME/, or to ``--output``.

Parts: ``tests`` (all marked ``cuda``) beside ``commands`` (the command line on the card), then,
timed: ``latency`` (repeatability and coverage), ``tables`` (how well a latency table predicts),
``zoo`` (beside the published ratios), ``training`` (beside a plain loop, several candidates at
once), ``search`` (32 and 224 px).
"""

import argparse
import json
import os
import platform
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

HERE = Path(__file__).parent
PACKAGES = ("archsearch", "torch", "timm", "optuna", "ray", "onnxruntime", "triton")
#: beyond its share a part may take so long to end by itself
GRACE_S = 15.0


@dataclass(frozen=True)
class Part:
    """A share of the whole, by its name in `gpu_parts`.

    Attributes:
        name: of the part.
        share: of the time.
    """

    name: str
    share: float


#: what is in one row runs side by side: it measures nothing
ROWS = (
    (Part("tests", 0.25), Part("commands", 0.25)),
    (Part("latency", 0.17),),
    (Part("tables", 0.2),),
    (Part("zoo", 0.1),),
    (Part("training", 0.12),),
    (Part("search", 0.16),),
)
NAMES = tuple(part.name for row in ROWS for part in row)


def main() -> int:
    """Run the parts; return 1 if one of them failed."""
    options = arguments()
    folder = options.output or HERE / "results" / f"gpu-{_short(device_name(options.device))}"
    folder.mkdir(parents=True, exist_ok=True)
    about = machine(options.device)
    print(json.dumps(about), flush=True)
    rows = [[part for part in row if part.name in options.parts] for row in ROWS]
    rows = [row for row in rows if row]
    whole = sum(row[0].share for row in rows)
    ended: dict[str, dict[str, Any]] = {}
    for row in rows:
        seconds = options.limit * row[0].share / whole
        ended |= run_row(row, seconds, folder, options)
        write(folder, about, ended, options)
    print(summary(folder, about, ended))
    return int(any(each["exit"] != 0 for each in ended.values()))


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", help="cuda, cuda:N, or cpu to rehearse")
    parser.add_argument("--data", type=Path, help="zip file with train/CLASS/IMAGE and val/")
    parser.add_argument("--limit", type=float, default=480.0, help="seconds in all")
    parser.add_argument("--parts", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--output", type=Path, help="folder of the results")
    parser.add_argument("--quick", action="store_true", help="small sizes")
    return parser.parse_args()


def run_row(
    row: list[Part], seconds: float, folder: Path, options: argparse.Namespace
) -> dict[str, dict[str, Any]]:
    """Run parts side by side; return how each ended."""
    begun = time.perf_counter()
    running = {part.name: start(part, seconds, folder, options) for part in row}
    ended = {}
    for name, process in running.items():
        left = seconds + GRACE_S - (time.perf_counter() - begun)
        try:
            code = process.wait(max(1.0, left))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            code = -signal.SIGKILL
        took = time.perf_counter() - begun
        ended[name] = {"exit": code, "seconds": round(took, 1), "limit_s": round(seconds, 1)}
        print(f"{name}: exit {code} after {took:.0f} s of {seconds:.0f}", flush=True)
        if code != 0:
            print((folder / f"{name}.log").read_text(errors="replace")[-2500:], flush=True)
    return ended


def start(
    part: Part, seconds: float, folder: Path, options: argparse.Namespace
) -> "subprocess.Popen[bytes]":
    """Start a part in a process group of its own."""
    command = [sys.executable, str(HERE / "gpu_parts.py"), part.name, str(folder.resolve())]
    command += ["--device", options.device, "--seconds", f"{seconds:.0f}"]
    command += ["--data", str(options.data.resolve())] if options.data else []
    command += ["--quick"] if options.quick else []
    paths = [str(HERE.parent), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    with (folder / f"{part.name}.log").open("w") as log:
        return subprocess.Popen(
            command, stdout=log, stderr=log, env=environment, start_new_session=True
        )


def write(
    folder: Path, about: dict[str, Any], ended: dict[str, Any], options: argparse.Namespace
) -> None:
    """Write what there is so far: one file of numbers, one of words."""
    found = {name: read(folder, name) for name in ended}
    whole = {
        "machine": about,
        "options": {"device": options.device, "limit_s": options.limit, "quick": options.quick},
        "parts": ended,
        "results": found,
    }
    (folder / "results.json").write_text(json.dumps(whole, indent=1) + "\n")
    (folder / "summary.md").write_text(summary(folder, about, ended) + "\n")


def read(folder: Path, name: str) -> Any:
    """Return what a part has written; None where it wrote nothing."""
    path = folder / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def summary(folder: Path, about: dict[str, Any], ended: dict[str, Any]) -> str:
    """Return the lines that each part has to say, in Markdown."""
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    lines = [f"# {about['device']}", "", f"{about['host']}; {versions}; {about['date']}", ""]
    for name, how in ended.items():
        lines += [f"## {name}", "", f"exit {how['exit']} after {how['seconds']} s", ""]
        lines += [*((read(folder, name) or {}).get("lines") or ["nothing was measured"]), ""]
    return "\n".join(lines)


def machine(device: str) -> dict[str, Any]:
    """Return device, host and versions."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except ModuleNotFoundError:
            versions[name] = "none"
    versions["torch"] = torch.__version__
    return {
        "device": device_name(device),
        "cuda": torch.version.cuda,
        "host": f"{os.cpu_count()} cores, {platform.machine()}, Python "
        f"{platform.python_version()}, {torch.backends.cpu.get_cpu_capability()}",
        "versions": versions,
        "date": time.strftime("%Y-%m-%d"),
    }


def device_name(device: str) -> str:
    """Return the product name of a card; ``cpu`` for none."""
    return torch.cuda.get_device_name(device) if device != "cpu" else "cpu"


def _short(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


if __name__ == "__main__":
    sys.exit(main())
