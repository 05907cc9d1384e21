"""Do latency intervals hold what another measurement of the same network gives?

    python benchmarks/latency_coverage.py [--sessions 10] [--hours 2] [--busy] [--table FILE]
    python benchmarks/latency_coverage.py --report [--table FILE] [--against LATER]

Twenty networks (of the space `lightweight`, the zoo and timm; 0.3 to 150 ms) are measured in fresh
processes, spread over some hours: as the machine is, and with ``--busy`` beside a neighbour that
multiplies matrices on every core. Every measurement is one line of the table; the script may be
interrupted and run again. Printed for each condition: the share of intervals that hold the estimate
of a later session of the same network (of that session alone), with a bootstrap interval over
networks; the same session by session, as the machine's history grows; their width; the share of
each verdict; how far sessions lie apart. For the busy ones also the share that holds idle sessions,
and the bias against the idle median, network by network. ``--against`` counts how many intervals of
the table hold the idle measurements of another one, of another hour or day.
"""

import argparse
import json
import os
import random
import time
from collections import Counter, defaultdict
from pathlib import Path
from statistics import median

import numpy as np
import torch
from latency_repeatability import neighbour

from archsearch import load_space
from archsearch.arch import Arch
from archsearch.cost import FINAL, Probe, current_environment
from archsearch.record import LatencyResult
from archsearch.zoo import arch as zoo_arch

RESULTS = Path(__file__).parent / "results"
TIMM = (
    "mobilenetv3_small_050",
    "mobilenetv3_small_100",
    "mobilenetv2_100",
    "efficientnet_b0",
    "deit_tiny_patch16_224",
    "resnet18",
    "swin_tiny_patch4_window7_224",
)
ZOO = ("lightvit_tiny", "edgevit_xxs", "sepvit_lite")
OF_SPACE = {"lightweight": 7, "tiny": 3}
_SEED = 5
_RESAMPLES = 2000


def networks() -> dict[str, Arch | str]:
    """Return the networks by name."""
    found: dict[str, Arch | str] = {f"timm:{name}": f"timm:{name}" for name in TIMM}
    found |= {f"zoo:{name}": zoo_arch(name) for name in ZOO}
    rng = np.random.default_rng(_SEED)
    for space_name, count in OF_SPACE.items():
        space = load_space(space_name)
        found |= {f"{space_name} {n}": space.arch(space.sample(rng)) for n in range(count)}
    return found


def sit(table: Path, condition: str) -> None:
    """Measure every network once, in a fresh process and a random order."""
    targets = list(networks().items())
    random.shuffle(targets)
    with Probe() as probe:
        for name, target in targets:
            result = probe.measure(target, FINAL)
            line = {"network": name, "condition": condition, "at": time.time()}
            line["result"] = result.model_dump(mode="json")
            with table.open("a") as file:
                file.write(json.dumps(line) + "\n")


Sessions = dict[str, list[LatencyResult]]


def read(table: Path, condition: str) -> Sessions:
    """Return the results of one condition by network."""
    found: Sessions = defaultdict(list)
    for text in table.read_text().splitlines():
        line = json.loads(text)
        if line["condition"] == condition:
            found[line["network"]].append(LatencyResult.model_validate(line["result"]))
    return found


def held(result: LatencyResult, ms: float) -> bool:
    """Return whether an interval holds a latency; no interval holds none."""
    ends = result.interval_ms
    return ends is not None and ends[0] <= ms <= ends[1]


def shares(of: Sessions, others: Sessions, *, same: bool) -> dict[str, list[bool]]:
    """Return by network whether each interval holds each other session's estimate."""
    return {
        name: [
            held(one, other.alone_ms)
            for i, one in enumerate(results)
            for j, other in enumerate(others[name])
            if not same or j > i
        ]
        for name, results in of.items()
    }


def share_text(found: dict[str, list[bool]]) -> str:
    """Return the share that holds, with its 95 % bootstrap interval over networks."""
    rng = np.random.default_rng(0)
    by_network = [np.array(each) for each in found.values() if each]
    if not by_network:
        return "of none"
    total = np.concatenate(by_network)
    draws = [
        np.concatenate([by_network[i] for i in rng.integers(len(by_network), size=len(by_network))])
        for _ in range(_RESAMPLES)
    ]
    low, high = np.quantile([draw.mean() for draw in draws], [0.025, 0.975])
    return f"{total.mean():.1%} [{low:.1%}, {high:.1%}] of {len(total)}"


def by_session(found: Sessions) -> str:
    """Return for each session the share of its intervals that hold a later one, and their width."""
    texts = []
    for at in range(max(map(len, found.values())) - 1):
        several = [each for each in found.values() if len(each) > at + 1]
        holds = [held(each[at], later.alone_ms) for each in several for later in each[at + 1 :]]
        halves = [
            (result.interval_ms[1] - result.interval_ms[0]) / (2 * result.median_ms)
            for result in (each[at] for each in several)
            if result.interval_ms
        ]
        texts.append(f"{np.mean(holds):.0%} ({100 * median(halves):.0f} %)")
    return ", ".join(texts)


def against(table: Path, other: Path) -> None:
    """Print how many intervals of a table hold the idle measurements of another."""
    later = read(other, "idle")
    for condition in ("idle", "busy"):
        found = shares(read(table, condition), later, same=False)
        print(f"{condition} intervals hold an idle one of {other.name}: {share_text(found)}")


def report(table: Path) -> None:
    """Print what the table says."""
    idle, busy = read(table, "idle"), read(table, "busy")
    for condition, found in (("idle", idle), ("busy", busy)):
        results = [each for several in found.values() for each in several]
        if not results:
            continue
        widths = [
            100 * (each.interval_ms[1] - each.interval_ms[0]) / (2 * each.median_ms)
            for each in results
            if each.interval_ms
        ]
        spread = [
            float(np.std(np.log([each.alone_ms for each in several]), ddof=1))
            for several in found.values()
            if len(several) > 1
        ]
        verdicts = Counter(each.verdict for each in results)
        print(f"\n{condition}: {len(found)} networks, {len(results)} measurements")
        print(f"  intervals hold a later session: {share_text(shares(found, found, same=True))}")
        print(f"  by the number of the session: {by_session(found)}")
        print(f"  half width: median {median(widths):.1f} %, largest {max(widths):.1f} %")
        if spread:
            print(f"  spread between sessions: median {median(spread):.1%}, most {max(spread):.1%}")
        print("  " + ", ".join(f"{n} {verdict}" for verdict, n in verdicts.most_common()))
    if not idle or not busy:
        return
    print(f"\nbusy intervals hold an idle session: {share_text(shares(busy, idle, same=False))}")
    print(f"{'network':32}    idle ms    busy ms     bias")
    biases = []
    for name in sorted(idle, key=lambda name: median(each.alone_ms for each in idle[name])):
        quiet = median(each.alone_ms for each in idle[name])
        loaded = median(each.alone_ms for each in busy[name]) if busy[name] else float("nan")
        biases.append(loaded / quiet - 1)
        print(f"{name:32} {quiet:10.3f} {loaded:10.3f}   {biases[-1]:+6.1%}")
    print(f"bias: median {median(biases):+.1%}, {min(biases):+.1%} to {max(biases):+.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--hours", type=float, default=2.0, help="that the sessions spread over")
    parser.add_argument("--busy", action="store_true", help="beside a neighbour on every core")
    parser.add_argument("--table", type=Path, default=RESULTS / "latency_coverage.jsonl")
    parser.add_argument("--report", action="store_true", help="print what the table says")
    parser.add_argument("--against", type=Path, help="with --report: another table, of later")
    options = parser.parse_args()
    if not options.report:
        environment = current_environment("cpu")
        print(f"{environment.device}, {environment.cores} cores, torch {environment.torch}")
        print(f"instructions: {torch.backends.cpu.get_cpu_capability()}")
        began = time.time()
        for number in range(options.sessions):
            due = began + number * options.hours * 3600 / max(1, options.sessions)
            time.sleep(max(0.0, due - time.time()))
            if options.busy:
                with neighbour(os.cpu_count() or 1):
                    sit(options.table, "busy")
            else:
                sit(options.table, "idle")
            print(f"{number + 1} of {options.sessions} sessions", flush=True)
    report(options.table)
    if options.against:
        against(options.table, options.against)


if __name__ == "__main__":
    main()
