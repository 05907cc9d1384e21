"""The parts of `gpu.py`: each measures one thing until its time is over, and writes as it goes."""

import argparse
import importlib.util
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from latency_table import score

from archsearch import zoo as zoo_models
from archsearch.cost import (
    FINAL,
    GATE,
    LatencyProtocol,
    LatencyTable,
    Probe,
    TableKey,
    calibrate_table,
    count_arch,
    current_environment,
)
from archsearch.errors import ArchsearchError
from archsearch.record import LatencyResult
from archsearch.space import load_space

HERE = Path(__file__).parent
#: below so many seconds there is no time to search at 224 px too
_BOTH_S = 70.0
#: and with less time than that for each there is one latency table less
_TABLE_S = 45.0
#: published throughput on a V100 over that of the rival beside it: LightViT table 3 (batch 1024),
#: SepViT README (batch 192)
PUBLISHED = (
    ("zoo:lightvit_tiny", "timm:pvt_v2_b0", 2578 / 2324),
    ("zoo:sepvit_tiny", "timm:swin_tiny_patch4_window7_224", 729 / 705),
)
ZOO = (
    *("lightvit_tiny", "edgevit_xxs", "edgevit_xs", "sepvit_lite", "sepvit_tiny"),
    *("localvit_tiny", "localvit_pvt", "localvit_swin", "localvit_t2t", "localvit_tnt"),
)
RIVALS = (
    *("deit_tiny_patch16_224", "pvt_v2_b0", "swin_tiny_patch4_window7_224"),
    *("mobilenetv3_large_100", "efficientformerv2_s0"),
)


@dataclass
class Notes:
    """What a part has found: lines for people, values for programs, written at every change."""

    path: Path
    deadline: float
    lines: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)

    def say(self, line: str) -> None:
        """Add a line."""
        print(line, flush=True)
        self.lines.append(f"* {line}")
        self.write()

    def write(self) -> None:
        """Write what there is."""
        self.path.write_text(json.dumps({"lines": self.lines, "values": self.values}, indent=1))

    @property
    def left_s(self) -> float:
        """Seconds that are left."""
        return self.deadline - time.monotonic()


def main() -> int:
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=list(PARTS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--data", type=Path, help="zip file with train/CLASS/IMAGE")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    deadline = time.monotonic() + options.seconds
    notes = Notes(options.folder / f"{options.part}.json", deadline)
    notes.write()
    return PARTS[options.part](options, notes) or 0


# ---- does it work ----


def tests(options: argparse.Namespace, notes: Notes) -> int:
    """Run what is marked ``cuda``."""
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "-m", "cuda"]
    command += ["-o", "addopts=--import-mode=importlib", "-o", "filterwarnings=default"]
    files = [path for path in (HERE.parent / "tests").rglob("test_*.py") if "mark.cuda" in
             path.read_text(encoding="utf-8")]  # fmt: skip
    command += ["--durations=8", "-rfEs", *map(str, sorted(files))]
    command += ["-n", "4"] if importlib.util.find_spec("xdist") else []
    code, output = _output(command, notes.left_s, HERE.parent, {"OMP_NUM_THREADS": "2"})
    print(output[-15_000:], flush=True)
    last = output.strip().splitlines() or ["no output"]
    notes.say(last[-1].strip("= "))
    for line in output.splitlines():
        if line.startswith(("FAILED", "ERROR")):
            notes.say(line[:300])
    return code


def commands(options: argparse.Namespace, notes: Notes) -> int:
    """Run the command line on the device; what depends on nothing runs side by side."""
    on_cuda = options.device != "cpu"
    graph = "cuda_graph" if on_cuda else "eager"
    tiny = "run tiny {device} --epochs 2 --limit 600 --runs-dir runs --calibration 5 --quiet"
    begun = f"{tiny} --executor inline --front-seeds 1 --name R"
    short = "{device} --epochs 1 --limit 300"
    # by turns on a line: each after the one before it; a number is the exit code that is right
    chains: list[list[str | tuple[str, int]]] = [
        ["doctor"],
        ["profile zoo:lightvit_tiny {device} --batch 64"],
        [f"profile zoo:edgevit_xxs {{device}} --runtime {graph}"],
        ["profile zoo:sepvit_lite {device} --dtype bfloat16 --batch 64"],
        ["profile timm:mobilenetv3_small_100 {device} --runtime compiled"],
        # the package for processors has no provider for cards: an error in words
        [("profile zoo:edgevit_xxs {device} --runtime onnxruntime", 2 * on_cuda)],
        ["calibrate tiny {device} --time-limit 10s"],
        [
            f"{begun} --trials 6",
            f"{begun} --trials 8",  # goes on
            "front runs/R --measure",
            f"train runs/R --trial best {short} --output T",
            "export T --format python --output T.py",
            "export T --format pt2 --output T.pt2",
            "export T --format onnx --output T.onnx",
        ],
        [
            f"{tiny} --trials 8 --workers 3 --name W --runtime {graph} "
            "--set recipe.precision=bfloat16"
        ],
        [f"{tiny} --trials 6 --rungs 1 --name G --workers 2"],
        [
            f"ablate lightvit_components --scale small {short} --seeds 2 --workers 2 --name A "
            "--runs-dir runs --quiet"
        ],
    ]
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        at_once = max(1, (os.cpu_count() or 1) // 2)
        with ThreadPoolExecutor(at_once) as pool:
            for at, chain in enumerate(chains):
                # a temporary folder of its own: the lock of who measures lies there
                place = Path(folder) / str(at)
                (place / "tmp").mkdir(parents=True)
                pool.submit(_chain, chain, place, options.device, notes, failed)
    return int(bool(failed))


def _chain(
    chain: list[str | tuple[str, int]], folder: Path, device: str, notes: Notes, failed: list[str]
) -> None:
    own = {"TMPDIR": str(folder / "tmp"), "ARCHSEARCH_CACHE": str(folder / "cache")}
    own["OMP_NUM_THREADS"] = "2"
    for each in chain:
        template, expected = (each, 0) if isinstance(each, str) else each
        command = template.format(device=f"--device {device}")
        begun = time.monotonic()
        code, output = _output(
            [sys.executable, "-m", "archsearch", *command.split()], notes.left_s, folder, own
        )
        is_good = code == expected and "Traceback" not in output
        verdict = "ok" if is_good else "FAILED"
        took = time.monotonic() - begun
        notes.say(f"{verdict}: `archsearch {command}` exit {code}, {took:.0f} s")
        print(output[-3000:], flush=True)
        if not is_good:
            failed.append(command)
            return


# ---- latency ----


def latency(options: argparse.Namespace, notes: Notes) -> None:
    """Measure the same networks in several sessions, each a process of its own."""
    names: tuple[str, ...] = ("timm:mobilenetv3_small_100", "zoo:lightvit_tiny")
    settings = [("eager", 1, "float32"), ("eager", 64, "float32")]
    if options.device != "cpu":
        settings += [("cuda_graph", 1, "float32"), ("cuda_graph", 64, "bfloat16")]
    if options.quick:
        names, settings = names[:1], settings[::2]
    found: dict[str, list[LatencyResult]] = defaultdict(list)
    took, sessions = 0.0, 0
    while sessions < 2 or notes.left_s > 1.2 * took:
        begun = time.monotonic()
        with Probe(options.device) as probe:
            probe.calibrate()
            for runtime, batch, dtype in settings:
                for name in names:
                    protocol = _final(runtime=runtime, batch_size=batch, dtype=dtype)
                    result = _measured(probe, name, protocol, notes)
                    if result is not None:
                        found[f"{name} {runtime} b{batch} {dtype}"].append(result)
        sessions += 1
        took = time.monotonic() - begun
        notes.values["sessions"] = {
            key: [each.model_dump(mode="json") for each in results]
            for key, results in found.items()
        }
        notes.write()
        if options.quick and sessions == 2:
            break
    held = total = 0
    for key, results in found.items():
        times = [each.alone_ms for each in results]
        verdicts = [each.verdict for each in results]
        drifts = [each.reference_drift or 0.0 for each in results]
        inside = [
            each.interval_ms[0] <= other.alone_ms <= each.interval_ms[1]
            for at, each in enumerate(results)
            for to, other in enumerate(results)
            if at != to and each.interval_ms is not None
        ]
        held, total = held + sum(inside), total + len(inside)
        spread = statistics.stdev(times) / statistics.mean(times) if len(times) > 1 else 0.0
        notes.say(
            f"{key}: {statistics.median(times):.3f} ms, CV {spread:.2%} over {len(times)} "
            f"sessions, {verdicts.count('steady')} steady, drift of the reference "
            f"{min(drifts):+.0%} to {max(drifts):+.0%}; holds another session's median "
            f"{sum(inside)}/{len(inside)}"
        )
    if total:
        notes.say(f"intervals that hold another session's median: {held / total:.0%} of {total}")
    if options.device != "cpu" and notes.left_s > 20:
        with Probe(options.device) as probe:
            for batch in (1, 64):
                protocol = _final(runtime="compiled", batch_size=batch)
                result = _measured(probe, names[0], protocol, notes)
                if result is not None:
                    notes.say(f"{names[0]} compiled b{batch}: {_shown(result)}")


def tables(options: argparse.Namespace, notes: Notes) -> None:
    """Predict networks that took no part in calibrating the table."""
    on_cuda = options.device != "cpu"
    graph = "cuda_graph" if on_cuda else "eager"
    settings = [
        *(("lightweight", graph, 1), ("imagenet", graph, 1)),
        *(("imagenet", "eager", 64), ("lightweight", "eager", 1)),
    ]
    settings = settings[: 1 if options.quick else max(1, int(notes.left_s // _TABLE_S))]
    for at, (name, runtime, batch) in enumerate(settings):
        seconds = 20.0 if options.quick else notes.left_s / (len(settings) - at)
        try:
            _table(options, notes, name, runtime, batch, seconds)
        except ArchsearchError as error:
            notes.say(f"{name} {runtime} b{batch}: FAILED: {error}")


def _table(
    options: argparse.Namespace, notes: Notes, name: str, runtime: str, batch: int, seconds: float
) -> None:
    begun = time.monotonic()
    space, rng = load_space(name), np.random.default_rng(0)
    pool = [space.arch(space.sample(rng)) for _ in range(150 if options.quick else 400)]
    known = {arch.digest for arch in pool}
    environment = current_environment(options.device)
    gate = GATE.model_copy(update={"batch_size": batch, "runtime": runtime})
    final = _final(runtime=runtime, batch_size=batch)
    measured: list[float] = []
    predicted: list[float] = []
    macs: list[float] = []
    inside: list[bool] = []
    steady = 0
    with Probe(options.device) as probe:
        table = LatencyTable(TableKey.of(environment, gate, 1))
        probe.calibrate()
        coverage = calibrate_table(table, probe, pool, protocol=gate, time_limit_s=0.5 * seconds)
        while len(measured) < 40 and time.monotonic() - begun < seconds - 3:
            arch = space.arch(space.sample(rng))
            if arch.digest in known:
                continue
            result = _measured(probe, arch, final, notes)
            if result is None:
                continue
            guess = table.predict(arch)
            measured.append(result.alone_ms)
            predicted.append(guess.ms)
            macs.append(float(count_arch(arch).macs))
            inside.append(guess.interval_ms[0] <= result.alone_ms <= guess.interval_ms[1])
            steady += result.verdict == "steady"
    key = f"{name} {runtime} b{batch}"
    notes.values[key] = {
        "measured_ms": measured,
        "predicted_ms": predicted,
        "macs": macs,
        "coverage": vars(coverage),
    }
    notes.write()
    if len(measured) < 4:
        notes.say(f"{key}: only {len(measured)} networks measured in time")
        return
    rho, error, bias = score(np.array(predicted), np.array(measured))
    by_macs, *_ = score(np.array(macs), np.array(measured))
    notes.say(
        f"{key}: {len(measured)} held-out networks of {min(measured):.2f} to "
        f"{max(measured):.2f} ms ({steady} steady): Spearman {rho:.3f} (MACs "
        f"{by_macs:.3f}), mean error {error:.1%}, "
        f"bias {bias:+.1%}, {np.mean(inside):.0%} within the interval; {coverage.known} of "
        f"{coverage.parts} parts from {coverage.networks} networks in {coverage.seconds:.0f} s"
    )


def zoo(options: argparse.Namespace, notes: Notes) -> None:
    """Measure the zoo and its rivals by turns: one image, and images per second of a batch."""
    on_cuda = options.device != "cpu"
    small = 2 if options.quick else 64
    settings = [
        (_final(runtime="cuda_graph" if on_cuda else "eager"), "one image"),
        (_final(batch_size=small, mode="throughput"), f"batch {small}"),
        (_final(batch_size=small, mode="throughput", dtype="bfloat16"), f"batch {small}, bfloat16"),
    ]
    targets = [*(f"timm:{name}" for name in RIVALS), *(f"zoo:{name}" for name in ZOO)]
    if options.quick:
        settings, targets = settings[:2], [targets[0], targets[5]]
    rows: dict[str, dict[str, float]] = {}
    with Probe(options.device) as probe:
        probe.calibrate()
        for protocol, title in settings:
            for target in targets:
                if notes.left_s < 3:
                    break
                result = _measured(probe, target, protocol, notes)
                if result is not None:
                    rows.setdefault(target, {})[title] = result.median_ms
                    notes.values["median_ms"] = rows
                    notes.write()
    first = rows.get(targets[0], {})
    for target, row in rows.items():
        shown = []
        for title, ms in row.items():
            batch = small if "batch" in title else 1
            ratio = f"{ms / first[title]:.2f} of deit_tiny" if title in first else ""
            rate = f", {1000 * batch / ms:.0f} images/s" if batch > 1 else ""
            shown.append(f"{title} {ms:.3f} ms ({ratio}{rate})")
        notes.say(f"{target}: {'; '.join(shown)}")
    title = settings[1][1]
    for ours, rival, published in PUBLISHED:
        if {ours, rival} <= set(rows) and title in rows[ours] and title in rows[rival]:
            here = rows[rival][title] / rows[ours][title]
            notes.say(
                f"{ours} over {rival}, images/s: {here:.2f}; published (V100) {published:.2f}"
            )


def _final(**changes: Any) -> LatencyProtocol:
    return FINAL.model_copy(update={"min_blocks": 12, "time_limit_s": 2.0} | changes)


def _measured(
    probe: Probe, target: Any, protocol: LatencyProtocol, notes: Notes
) -> LatencyResult | None:
    """Measure; say what fails and go on."""
    try:
        if isinstance(target, str) and target.startswith("zoo:"):
            return probe.measure(zoo_models.arch(target.removeprefix("zoo:")), protocol)
        return probe.measure(target, protocol)
    except ArchsearchError as error:
        named = target if isinstance(target, str) else target.digest[:8]
        how = f"{protocol.runtime} b{protocol.batch_size} {protocol.dtype}"
        notes.say(f"FAILED: {named}, {how}: {str(error)[:300]}")
        return None


def _shown(result: LatencyResult) -> str:
    return f"{result.median_ms:.3f} ms ({result.interval_ms}), {result.verdict}"


# ---- training and search ----


def training(options: argparse.Namespace, notes: Notes) -> None:
    """Images per second of the search's training beside a plain loop, several at once."""
    counts = (1,) if options.quick else (1, 4)
    images, repeats = (256, 1) if options.quick else (4096, 3)
    for at, processes in enumerate(counts):
        command = [sys.executable, str(HERE / "training.py"), "--device", options.device]
        command += ["--processes", str(processes), "--images", str(images)]
        command += ["--repeats", str(repeats), "--networks", "light", "--batch-size", "128"]
        command += [
            "--pipelines",
            "v2",
            "--loader-workers",
            "4" if (os.cpu_count() or 1) >= 8 else "0",
        ]
        command += ["--threads", str(max(1, (os.cpu_count() or 1) // processes))]
        command += ["--data", str(options.data)] if options.data else []
        if options.device != "cpu":
            command += ["--precision", "bfloat16"]
        limit = notes.left_s / (len(counts) - at)
        _, output = _output(command, limit, HERE)
        print(output, flush=True)
        rows = [line.strip() for line in output.splitlines() if " - " in line]
        for row in rows or [f"FAILED: {output[-400:]}"]:
            notes.say(f"{processes} at once: {' '.join(row.split())}")


def search(options: argparse.Namespace, notes: Notes) -> int:
    """Search at 32 and at 224 pixels."""
    data = ["--data", "folder:images"] if options.data else ["--limit", "1500"]
    device = ["--device", options.device, "--runs-dir", "runs", "--quiet"]
    workers = max(1, min(4, (os.cpu_count() or 1) // 2))
    graph = "cuda_graph" if options.device != "cpu" else "eager"
    small = ["run", "lightweight", *data, *device, "--image-size", "32", "--workers", str(workers)]
    small += ["--trials", "4" if options.quick else "60", "--epochs", "1" if options.quick else "5"]
    small += ["--budget-ms", "6", "--front-seeds", "0", "--name", "small", "--calibration", "5"]
    large = ["run", "imagenet", *data, *device, "--image-size", "224", "--workers", "2"]
    large += ["--trials", "2" if options.quick else "6", "--epochs", "1", "--front-seeds", "0"]
    large += ["--budget-ms", "2000" if options.quick else "8", "--runtime", graph]
    large += ["--name", "large", "--calibration", "0", "--batch", "1"]
    large += ["--limit", "120" if options.quick else "2000"]
    code = 0
    with tempfile.TemporaryDirectory() as folder:
        if options.data:
            with zipfile.ZipFile(options.data) as archive:
                archive.extractall(Path(folder) / "images")
        searches = [("large", large, 0.5), ("small", small, 0.9)]
        for name, command, share in searches if notes.left_s > _BOTH_S else searches[1:]:
            seconds = share * notes.left_s
            limits = ["--time-limit", f"{max(5, round(0.4 * seconds))}s"]
            begun = time.monotonic()
            full = [sys.executable, "-m", "archsearch", *command, *limits]
            _, output = _output(full, seconds, Path(folder))
            print(output, flush=True)
            took = time.monotonic() - begun
            file = Path(folder) / "runs" / name / "front.json"
            if not file.exists():
                notes.say(f"FAILED: {name}: no front after {took:.0f} s: {output[-400:]}")
                code = 1
                continue
            front = json.loads(file.read_text())
            notes.values[name] = front
            notes.say(f"`archsearch {' '.join(command)}`: {took:.0f} s")
            for member in front.get("front", front if isinstance(front, list) else []):
                notes.say(f"{name}: {json.dumps(member)[:220]}")
    return code


def _output(
    command: list[str], seconds: float, folder: Path, own: dict[str, str] | None = None
) -> tuple[int, str]:
    """Return exit code and output of a command, cut short after some seconds."""
    with tempfile.TemporaryFile("w+") as file:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=file,
            stderr=file,
            env=os.environ | {"COLUMNS": "160"} | (own or {}),
        )
        try:
            code = process.wait(max(5.0, seconds))
        except subprocess.TimeoutExpired:
            # by a first signal a run ends well and keeps what it has
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            code = -signal.SIGINT
        file.seek(0)
        return code, file.read()


Run = Callable[[argparse.Namespace, Notes], int | None]
PARTS: dict[str, Run] = {
    "tests": tests,
    "commands": commands,
    "latency": latency,
    "tables": tables,
    "zoo": zoo,
    "training": training,
    "search": search,
}


if __name__ == "__main__":
    sys.exit(main())
