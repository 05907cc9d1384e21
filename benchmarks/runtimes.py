"""Networks in the runtimes that people deploy with: latency, agreement, and accuracy in int8.

    python benchmarks/runtimes.py latency [--networks 40] [--size 64] [--compiled]
    python benchmarks/runtimes.py accuracy [--data cifar10] [--data-root DIR] [--epochs 15]
    python benchmarks/runtimes.py report

``latency`` takes networks of the spaces and the zoo, and measures each in every runtime and type
that is installed. Printed: how many a runtime converts, what it runs by a fallback, how often int8
and float32 predict the same class (untrained networks, whose logits lie close together), Spearman's
rank correlation between the forms, and what choosing by eager float32 costs: of networks with about
the same multiply-adds (a quarter more or less), the latency of the fastest by eager float32 minus
that of the fastest, both in the form that ships; the mean over all networks, with a bootstrap
interval of 95 %.

``accuracy`` trains one network of each paper's family and four of the space ``lightweight``, and
compares int8 with float32 on the validation and test splits.

Both go on from what ``benchmarks/results/runtimes-*.jsonl`` has; ``report`` prints it again. How
well the latency table predicts a form: ``latency_table.py --runtime openvino --dtype int8``.
"""

import argparse
import json
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from archsearch import Recipe, Trainer, load_data, zoo
from archsearch.arch import Arch
from archsearch.cost import FINAL, Probe, count_arch, current_environment
from archsearch.cost.runtimes import check_runtime
from archsearch.data import DataSplits
from archsearch.deployment import Int8Judge
from archsearch.errors import InputError, ProbeError, TrialError
from archsearch.model.transfer import weights_file
from archsearch.record import MAX_DROP
from archsearch.space import adapted, load_space

RESULTS = Path(__file__).parent / "results"
#: runtime and type, the one that others are compared with first
FORMS = (
    ("eager", "float32"),
    ("onnxruntime", "float32"),
    ("onnxruntime", "int8"),
    ("openvino", "float32"),
    ("openvino", "int8"),
)
COMPILED = ("compiled", "float32")
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
FAMILIES = ("lightvit_tiny", "edgevit_xxs", "localvit_pvt", "sepvit_lite")
#: networks with so many times the multiply-adds count as equally large
_ALIKE = 1.25
_RESAMPLES = 2000
Row = dict[str, Any]
Vector = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("latency", "accuracy", "report"))
    parser.add_argument("--networks", type=int, default=40)
    parser.add_argument("--size", type=int, default=64, help="side of the images")
    parser.add_argument("--compiled", action="store_true", help="torch.compile too")
    parser.add_argument("--seconds", type=float, default=FINAL.time_limit_s, help="per latency")
    parser.add_argument("--data", default="cifar10")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--limit", type=int, default=12_000, help="images of the data set")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--trained", type=int, default=8, help="networks of accuracy")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    latency = options.results / "runtimes-latency.jsonl"
    accuracy = options.results / "runtimes-accuracy.jsonl"
    if options.what == "latency":
        measure(latency, options)
    elif options.what == "accuracy":
        train(accuracy, options)
    if latency.is_file():
        print_latencies(read(latency))
    if accuracy.is_file():
        print_accuracies(read(accuracy))


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


def installed(forms: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    usable = []
    for runtime, dtype in forms:
        try:
            check_runtime(runtime, "cpu", dtype)
            usable.append((runtime, dtype))
        except InputError as error:
            print(f"left out: {runtime} {dtype}: {error}")
    return usable


def measure(file: Path, options: argparse.Namespace) -> None:
    """Measure what the file does not have yet, network by network."""
    data = load_data("digits", image_size=options.size, channels=3, limit=320)
    known = {(row["network"], row["runtime"], row["dtype"]) for row in read(file)}
    forms = installed((*FORMS, COMPILED) if options.compiled else FORMS)
    environment = current_environment("cpu").model_dump(mode="json")
    chosen = networks(options.networks, options.size, 3, 10)
    with Probe() as probe:
        for number, (name, arch) in enumerate(chosen.items(), 1):
            for runtime, dtype in forms:
                if (name, runtime, dtype) in known:
                    continue
                row: Row = {"network": name, "runtime": runtime, "dtype": dtype}
                row |= {"size": options.size, "macs": count_arch(arch).macs}
                row |= {"environment": environment, **measured(probe, arch, row, options.seconds)}
                if dtype == "int8" and "ms" in row:
                    row |= agreement(arch, runtime, data)
                append(file, row)
                shown = f"{row['ms']:.3f} ms" if "ms" in row else row["failure"]
                print(f"{number}/{len(chosen)} {name} {runtime} {dtype}: {shown}", flush=True)


def measured(probe: Probe, arch: Arch, row: Row, seconds: float) -> Row:
    wanted = {"runtime": row["runtime"], "dtype": row["dtype"], "time_limit_s": seconds}
    protocol = FINAL.model_copy(update=wanted)
    began = time.perf_counter()
    try:
        probe.prepare(arch, protocol)
        built_s = time.perf_counter() - began
        found = probe.measure(arch, protocol)
    except (TrialError, ProbeError) as error:
        return {"failure": str(error)[:300]}
    return {
        "ms": found.median_ms,
        "interval_ms": found.interval_ms,
        "verdict": found.verdict,
        "fallbacks": found.fallbacks,
        "build_s": round(built_s, 1),
    }


def agreement(arch: Arch, runtime: str, data: DataSplits) -> Row:
    try:
        with Int8Judge(runtime, data) as judge:
            return {"agreement": judge.judge(arch).result.agreement}
    except TrialError as error:
        return {"failure": str(error)[:300]}


def train(file: Path, options: argparse.Namespace) -> None:
    """Train, quantise and compare what the file does not have yet."""
    data = load_data(
        options.data, image_size=options.size, root=options.data_root, limit=options.limit
    )
    known = {(row["network"], row["runtime"]) for row in read(file)}
    fit = {"image_size": options.size, "in_channels": data.in_channels}
    fit["num_classes"] = data.num_classes
    space = adapted(load_space("lightweight"), **fit)
    rng = np.random.default_rng(11)
    chosen = {f"zoo:{name}": zoo.arch(name, **fit) for name in FAMILIES}
    chosen |= {f"lightweight:{n}": space.arch(space.sample(rng)) for n in range(4)}
    runtimes = [runtime for runtime, dtype in installed(FORMS) if dtype == "int8"]
    for name, arch in islice(chosen.items(), options.trained):
        if all((name, runtime) in known for runtime in runtimes):
            continue
        recipe = Recipe(epochs=options.epochs, warmup_epochs=min(2, options.epochs - 1))
        trainer = Trainer(arch, data, recipe)
        while not trainer.done:
            trainer.run()
        weights = weights_file(trainer.model)
        for runtime in runtimes:
            row: Row = {"network": name, "runtime": runtime, "data": data.name}
            row |= {"epochs": options.epochs, "images": len(data.train), "size": options.size}
            try:
                with Int8Judge(runtime, data) as judge:
                    found = judge.judge(arch, weights, is_tested=True).result
                    row |= found.to_dict()
                    if found.is_large:
                        kept = judge.judge(arch, weights, keeps_accuracy=True).result
                        row |= {"kept": kept.to_dict()}
            except TrialError as error:
                row |= {"failure": str(error)[:300]}
            append(file, row)
            print(name, runtime, row.get("float_accuracy"), row.get("accuracy"), flush=True)


def print_latencies(rows: Sequence[Row]) -> None:
    names = list(dict.fromkeys(row["network"] for row in rows))
    forms = list(dict.fromkeys((row["runtime"], row["dtype"]) for row in rows))
    by_form: dict[tuple[str, str], dict[str, Row]] = {form: {} for form in forms}
    for row in rows:
        by_form[row["runtime"], row["dtype"]][row["network"]] = row
    print(f"\n{len(names)} networks on {rows[0]['environment'].get('device', '?')}, batch 1")
    for form in forms:
        all_rows = by_form[form].values()
        done = [row for row in all_rows if "ms" in row]
        fallen = sum(bool(row.get("fallbacks")) for row in done)
        same = [row["agreement"] for row in done if "agreement" in row]
        text = f"{len(done)} of {len(all_rows)} run, {fallen} with fallbacks"
        if same:
            text += f", same class as float32 for {100 * np.mean(same):.1f} % (untrained)"
        print(f"  {' '.join(form):24} {text}")
        for row in all_rows:
            if "failure" in row:
                print(f"    {row['network']}: {row['failure']}")
        kinds: dict[str, int] = {}
        for row in done:
            for each in row.get("fallbacks") or ():
                words = each.split(" in ")[0].split()[-1] + ": " + each.partition(": ")[2]
                kinds[words] = kinds.get(words, 0) + 1
        for words, count in sorted(kinds.items()):
            print(f"    {words}, in {count} blocks")
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


def print_accuracies(rows: Sequence[Row]) -> None:
    print(f"\nint8 of trained networks, {rows[0]['data']}; a drop of over 0.5 points is flagged")
    for row in rows:
        if "failure" in row:
            print(f"  {row['network']:20} {row['runtime']:12} {row['failure']}")
            continue
        drop = row["float_accuracy"] - row["accuracy"]
        flag = " FLAGGED" if drop > MAX_DROP + 1e-9 else ""
        text = (
            f"validation {100 * row['float_accuracy']:.2f} -> {100 * row['accuracy']:.2f} %, "
            f"agreement {100 * row['agreement']:.1f} %"
        )
        if row.get("test_accuracy") is not None:
            floats = 100 * row["float_test_accuracy"]
            text += f", test {floats:.2f} -> {100 * row['test_accuracy']:.2f} %"
        if kept := row.get("kept"):
            blocks = ", ".join(kept["float_blocks"])
            text += f"; {100 * kept['accuracy']:.2f} % with {blocks} in float32"
        print(f"  {row['network']:20} {row['runtime']:12} {text}{flag}")


if __name__ == "__main__":
    main()
