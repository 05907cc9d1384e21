"""Networks in the runtimes that people deploy with: what converts, how exact and fast it is.

    python benchmarks/runtimes.py check [--networks 40] [--size 64]    # needs no quiet machine
    python benchmarks/runtimes.py time [--seconds 2]                   # needs one
    python benchmarks/runtimes.py report

``check`` converts networks of the zoo and the spaces for every runtime that is installed, in
float32 and int8, keeps the files in ``--files``, and compares their logits with those of PyTorch.
Printed: how many a runtime converts, what it runs by a fallback, how far float32 is off, and how
often int8 predicts the class of float32 (the networks are untrained: their logits lie close
together; `int8_accuracy.py` has trained ones).

``time`` measures these files, and PyTorch in eager mode. Printed: Spearman's rank correlation
between the forms, and what choosing by eager float32 costs: of networks with about the same
multiply-adds (a quarter more or less), the latency of the fastest by eager float32 minus that of
the fastest, both in the form that ships; the mean over all networks, with a bootstrap interval of
95 %.

Both go on from what ``benchmarks/results/runtimes-*.jsonl`` has; ``report`` prints it again. How
well the latency table predicts a form: ``latency_table.py --runtime openvino --dtype int8``.
"""

import argparse
import json
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr

from archsearch import load_data, zoo
from archsearch.arch import Arch
from archsearch.cost import FINAL, Probe, count_arch, current_environment
from archsearch.cost.runtimes import INT8_RUNTIMES, check_runtime
from archsearch.cost.runtimes.inference import described
from archsearch.cost.runtimes.operator_place import block_names
from archsearch.errors import InputError, ProbeError, TrialError
from archsearch.model import build_model
from archsearch.resources import cache_dir
from archsearch.space import adapted, load_space
from archsearch.train.inputs import Normalization

RESULTS = Path(__file__).parent / "results"
Form = tuple[str, str]
EAGER: Form = ("eager", "float32")
COMPILED: Form = ("compiled", "float32")
#: runtime and type
FORMS: tuple[Form, ...] = tuple(
    (runtime, dtype) for runtime in INT8_RUNTIMES for dtype in ("float32", "int8")
)
INT8 = tuple(form for form in FORMS if form[1] == "int8")
SPACES = ("lightweight", "tiny")
ZOO = (
    "lightvit_tiny",
    "lightvit_small",
    "edgevit_xxs",
    "edgevit_xs",
    "edgevit_s",
    "localvit_tnt",
    "localvit_pvt",
    "sepvit_lite",
    "sepvit_tiny",
)
#: networks with so many times the multiply-adds count as equally large
_ALIKE = 1.25
_RESAMPLES = 2000
#: images that give the ranges of activations, and images whose logits are compared
_CALIBRATED, _COMPARED = 32, 96
Row = dict[str, Any]
Vector = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("check", "time", "report"))
    parser.add_argument("--networks", type=int, default=40)
    parser.add_argument("--size", type=int, default=64, help="side of the images")
    parser.add_argument("--seconds", type=float, default=FINAL.time_limit_s, help="per latency")
    parser.add_argument("--compiled", action="store_true", help="time torch.compile too")
    parser.add_argument("--files", type=Path, default=cache_dir() / "runtimes")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    checks = options.results / "runtimes-checks.jsonl"
    latencies = options.results / "runtimes-latencies.jsonl"
    if options.what == "check":
        check(checks, options)
    elif options.what == "time":
        measure(latencies, read(checks), options)
    if rows := read(checks):
        print_checks(rows)
    if rows := read(latencies):
        print_latencies(rows)


def read(file: Path) -> list[Row]:
    if not file.is_file():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def append(file: Path, row: Row) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(row) + "\n")


def networks(count: int, size: int, channels: int, classes: int) -> dict[str, Arch]:
    """Return the models of the zoo that take this size, then draws of the spaces by turns."""
    found: dict[str, Arch] = {}
    for name in ZOO:
        try:
            found[f"zoo:{name}"] = zoo.arch(
                name, image_size=size, in_channels=channels, num_classes=classes
            )
        except InputError as error:
            print(f"left out: {name}: {error}")
    found = dict(islice(found.items(), max(1, count // 4)))
    rng = np.random.default_rng(7)
    spaces = [
        adapted(load_space(name), image_size=size, in_channels=channels, num_classes=classes)
        for name in SPACES
    ]
    number = 0
    while len(found) < count:
        space = spaces[0 if number % 4 else 1]
        arch = space.arch(space.sample(rng))
        if arch.digest not in {each.digest for each in found.values()}:
            found[f"{space.name}:{number}"] = arch
        number += 1
    return found


def installed(forms: Sequence[Form]) -> list[Form]:
    usable = []
    for runtime, dtype in forms:
        try:
            check_runtime(runtime, "cpu", dtype)
            usable.append((runtime, dtype))
        except InputError as error:
            print(f"left out: {runtime} {dtype}: {error}")
    return usable


def check(file: Path, options: argparse.Namespace) -> None:
    """Convert and compare what the file does not have yet, each in a process of its own."""
    runtimes = [runtime for runtime, _ in installed(INT8)]
    known = {(row["network"], row["runtime"]) for row in read(file)}
    chosen = networks(options.networks, options.size, 3, 10)
    options.files.mkdir(parents=True, exist_ok=True)
    for number, (name, arch) in enumerate(chosen.items(), 1):
        for runtime in runtimes:
            if (name, runtime) in known:
                continue
            began = time.perf_counter()
            places = {dtype: place(options.files, name, runtime, dtype) for _, dtype in FORMS}
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
                try:
                    found = process.submit(compared, arch, runtime, places).result()
                except BrokenProcessPool as error:
                    found = {"float32": {"failure": f"the process ended: {error}"}}
            about: Row = {"network": name, "runtime": runtime, "size": options.size}
            about |= {"macs": count_arch(arch).macs}
            for dtype, row in found.items():
                append(file, {**about, "dtype": dtype, **row})
                took = time.perf_counter() - began
                shown = f"{number}/{len(chosen)} {name} {runtime} {dtype}"
                print(f"{shown}: {sentence(row)}; {took:.0f} s", flush=True)


def place(folder: Path, name: str, runtime: str, dtype: str) -> Path:
    ending = INT8_RUNTIMES[runtime].ending
    return folder / f"{name.replace(':', '-')}-{runtime}-{dtype}{ending}"


def compared(arch: Arch, runtime: str, places: dict[str, Path]) -> dict[str, Row]:
    """Write a network's files, and compare their logits with PyTorch's; a row for each type."""
    torch.set_num_threads(1)
    chosen, model = INT8_RUNTIMES[runtime], build_model(arch, seed=0).eval()
    data = load_data("digits", image_size=arch.image_size, channels=3, limit=320)
    pixels = torch.from_numpy(data.train.batch(np.arange(_CALIBRATED + _COMPARED)))
    images = Normalization(data, torch.device("cpu"))(pixels).contiguous()
    singles = [each[None].numpy() for each in images]
    units = block_names(model)
    found: dict[str, Row] = {}
    try:
        with torch.no_grad():
            ours = model(images[_CALIBRATED:]).numpy()
            chosen.convert(model, images[:1], places["float32"], any_batch=False)
        for dtype in ("float32", "int8"):
            if dtype == "int8":
                chosen.quantize(places["float32"], singles[:_CALIBRATED], places["int8"])
            loaded = chosen.load(places[dtype], 1)
            theirs = np.concatenate([loaded.predict(x).copy() for x in singles[_CALIBRATED:]])
            found[dtype] = {
                "error": float(np.abs(theirs - ours).max() / max(1.0, np.abs(ours).max())),
                "same_class": float(np.mean(theirs.argmax(1) == ours.argmax(1))),
                "fallbacks": list(described(loaded.fallbacks, units)),
            }
    except (TrialError, InputError) as error:
        return {**found, "float32" if not found else "int8": {"failure": str(error)[:300]}}
    return found


def sentence(row: Row) -> str:
    if "failure" in row:
        return str(row["failure"])
    text = f"logits off by {row['error']:.1e}, same class for {100 * row['same_class']:.0f} %"
    return text + (f", {len(row['fallbacks'])} kinds of fallback" if row["fallbacks"] else "")


def measure(file: Path, checks: Sequence[Row], options: argparse.Namespace) -> None:
    """Measure what the file does not have yet, network by network."""
    known = {(row["network"], row["runtime"], row["dtype"]) for row in read(file)}
    environment = current_environment("cpu").model_dump(mode="json")
    archs = networks(options.networks, options.size, 3, 10)
    shape = (3, options.size, options.size)
    by_torch = (EAGER, COMPILED) if options.compiled else (EAGER,)
    wanted = [(name, *form) for name in archs for form in by_torch]
    wanted += [
        (row["network"], row["runtime"], row["dtype"]) for row in checks if "failure" not in row
    ]
    left = [each for each in sorted(wanted) if each not in known and each[0] in archs]
    with Probe() as probe:
        for number, (name, runtime, dtype) in enumerate(left, 1):
            update = {"runtime": runtime, "dtype": dtype, "time_limit_s": options.seconds}
            protocol = FINAL.model_copy(update=update)
            row: Row = {"network": name, "runtime": runtime, "dtype": dtype, "size": options.size}
            row |= {"macs": count_arch(archs[name]).macs, "environment": environment}
            try:
                if (runtime, dtype) in by_torch:
                    found = probe.measure(archs[name], protocol)
                else:
                    graph = place(options.files, name, runtime, dtype)
                    found = probe.measure_file(graph, shape, protocol)
                row |= {"ms": found.median_ms, "interval_ms": found.interval_ms}
                row |= {"verdict": found.verdict}
            except (TrialError, ProbeError, InputError) as error:
                row |= {"failure": str(error)[:300]}
            append(file, row)
            shown = f"{row['ms']:.3f} ms ({row['verdict']})" if "ms" in row else row["failure"]
            print(f"{number}/{len(left)} {name} {runtime} {dtype}: {shown}", flush=True)


def print_checks(rows: Sequence[Row]) -> None:
    names = dict.fromkeys(row["network"] for row in rows)
    print(f"\n{len(names)} networks at {rows[0]['size']} px, untrained")
    for form in dict.fromkeys((row["runtime"], row["dtype"]) for row in rows):
        mine = [row for row in rows if (row["runtime"], row["dtype"]) == form]
        done = [row for row in mine if "failure" not in row]
        text = f"{len(done)} of {len(mine)} convert and run"
        if done:
            fallen = sum(bool(row["fallbacks"]) for row in done)
            worst, same = max(row["error"] for row in done), [row["same_class"] for row in done]
            text += (
                f", {fallen} with fallbacks, logits off by {worst:.1e} at most, same class for "
                f"{100 * np.mean(same):.1f} % ({100 * min(same):.0f} at least)"
            )
        print(f"  {' '.join(form):20} {text}")
        for row in mine:
            if "failure" in row:
                print(f"    {row['network']}: {row['failure']}")
        kinds: dict[str, int] = {}
        for row in done:
            for each in row["fallbacks"]:
                words = each.split(" in ")[0].split()[-1] + ": " + each.partition(": ")[2]
                kinds[words] = kinds.get(words, 0) + 1
        for words, count in sorted(kinds.items()):
            print(f"    {words}, in {count} blocks")


def print_latencies(rows: Sequence[Row]) -> None:
    names = list(dict.fromkeys(row["network"] for row in rows))
    forms = [
        EAGER,
        *(f for f in (*FORMS, COMPILED) if f in {(r["runtime"], r["dtype"]) for r in rows}),
    ]
    by_form: dict[tuple[str, str], dict[str, Row]] = {form: {} for form in forms}
    for row in rows:
        by_form[row["runtime"], row["dtype"]][row["network"]] = row
        if "failure" in row:
            print(f"{row['network']} {row['runtime']} {row['dtype']}: {row['failure']}")
    print(f"\n{len(names)} networks on {rows[0]['environment'].get('device', '?')}, batch 1")
    common = [name for name in names if all("ms" in by_form[f].get(name, {}) for f in forms)]
    if len(common) < 3:
        print("too few networks run in every form for a rank correlation")
        return
    ms = {form: np.array([by_form[form][name]["ms"] for name in common]) for form in forms}
    macs = np.array([by_form[forms[0]][name]["macs"] for name in common], dtype=np.float64)
    print(f"Spearman's rank correlation over {len(common)} networks")
    for first in forms:
        cells = "  ".join(f"{spearmanr(ms[first], ms[other]).statistic:6.3f}" for other in forms)
        print(f"  {' '.join(first):24} {cells}")
    print("cost of choosing by eager float32 among networks of about the same multiply-adds")
    for form in forms[1:]:
        loss, share = regret(ms[forms[0]], ms[form], macs)
        print(f"  {' '.join(form):24} {interval(loss)} ms, {interval(100 * share)} %")


def regret(chosen_by: Vector, ships: Vector, macs: Vector) -> tuple[Vector, Vector]:
    """Return what the choice costs beside each network, in ms and as a share of the best."""
    losses, shares = [], []
    for size in macs:
        alike = np.flatnonzero((macs >= size / _ALIKE) & (macs <= size * _ALIKE))
        if len(alike) < 2:
            continue
        best = ships[alike].min()
        taken = ships[alike[np.argmin(chosen_by[alike])]]
        losses.append(taken - best)
        shares.append(taken / best - 1)
    return np.array(losses), np.array(shares)


def interval(values: Vector) -> str:
    if not len(values):
        return "-"
    rng = np.random.default_rng(0)
    means = rng.choice(values, (_RESAMPLES, len(values))).mean(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return f"{values.mean():.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main()
