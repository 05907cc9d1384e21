"""Do ratios of latencies hold in another session, and is the order that they tell right?

    python benchmarks/latency_ratios.py [--sessions 10] [--neighbours 0] [--quick]
    python benchmarks/latency_ratios.py --again benchmarks/results/latency_ratios-idle.json

Networks of about 0.5 to 40 ms, among them variants of three networks that differ by a block or a
width, are compared as ``archsearch profile --compare`` does it, in ``--sessions`` sessions of three
fresh processes each. Printed:

* coverage: the share of intervals that hold the ratio which another session finds, over all
  ordered pairs of sessions; for the session as it was, and as if only the two networks had been
  compared, which knows less of the spread;
* bias: deviation of a session's ratio from the pooled one (the mean log ratio of all sessions);
* for pairs that differ by about 3, 5 and 10 % in the pooled ratio: how often the order told is
  right, and how often "cannot be told apart";
* the spread of log ratios within a pass, between passes and between sessions, which is where
  the constants of ``archsearch/cost/ratios.py`` come from.

``--neighbours N`` keeps N processes busy beside it. Results go to benchmarks/results/ after every
session; ``--again`` counts anew from such a file.
"""

import argparse
import json
import math
import os
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import numpy as np
from latency_repeatability import neighbour

from archsearch.cost import COMPARE, Levels, Probe, compare_repeatedly, current_environment
from archsearch.cost.measured_network import Target
from archsearch.cost.ratios import PASSES, PairedLatencies
from archsearch.space import load_space

RESULTS = Path(__file__).parent / "results"
#: name: draw of the space ``lightweight`` (seed 3), and what is changed in it
VARIANTS: dict[str, tuple[int, dict[str, Any]]] = {
    "a": (5, {}),
    "a, a block less": (5, {"stages.2.depth": 4}),
    "a, wider FFN": (5, {"stages.2.ffn.locality.expansion": 4}),
    "b": (9, {}),
    "b, a block less": (9, {"stages.2.depth": 5}),
    "b, two blocks less": (9, {"stages.2.depth": 4}),
    "b, narrower FFN": (9, {"stages.2.ffn.mlp.expansion": 3}),
    "c": (6, {}),
    "c, a block more": (6, {"stages.2.depth": 4}),
}
TIMM = ("mobilenetv3_small_050", "mobilenetv3_small_075", "deit_tiny_patch16_224", "resnet10t")
#: pooled differences, in percent
BANDS = {"3 %": (2.0, 4.0), "5 %": (4.0, 7.0), "10 %": (7.0, 14.0)}
Passes = Sequence[Levels]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--neighbours", type=int, default=0)
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between sessions")
    parser.add_argument(
        "--append", action="store_true", help="go on from the results that there are"
    )
    parser.add_argument("--quick", action="store_true", help="three networks, to try it out")
    parser.add_argument("--again", type=Path, help="count from a file of results")
    options = parser.parse_args()
    if options.again:
        data = json.loads(options.again.read_text(encoding="utf-8"))
    else:
        with neighbour(options.neighbours) if options.neighbours else nullcontext():
            data = measured(options)
    report(data)


def networks(quick: bool) -> dict[str, Target]:
    """Return what is compared, by name."""
    tiny, space = load_space("tiny"), load_space("lightweight")
    rng = np.random.default_rng(3)
    draws = [space.sample(rng) for _ in range(10)]
    found: dict[str, Target] = {"tiny": tiny.arch(tiny.sample(np.random.default_rng(0)))}
    for name, (draw, changes) in VARIANTS.items():
        found[name] = space.arch({**draws[draw], **changes})
    found |= {name: f"timm:{name}" for name in TIMM}
    return dict(list(found.items())[:3]) if quick else found


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """Compare the networks in every session; write after each."""
    targets = networks(options.quick)
    name = f"neighbours-{options.neighbours}" if options.neighbours else "as-it-was"
    path = RESULTS / f"latency_ratios-{name}.json"
    data: dict[str, Any] = {
        "environment": current_environment("cpu").model_dump(mode="json"),
        "networks": list(targets),
        "neighbours": options.neighbours,
        "sessions": [],
    }
    if options.append and path.is_file():
        before = json.loads(path.read_text(encoding="utf-8"))
        if before["networks"] == data["networks"]:
            data["sessions"] = before["sessions"]
    for number in range(len(data["sessions"]), options.sessions):
        if number:
            time.sleep(options.pause)
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        with Probe() as probe:
            found = compare_repeatedly(probe, list(targets.values()), COMPARE, most=PASSES)
        passes = found.comparison.passes
        data["sessions"].append(
            {
                "at": time.time(),
                "load": load,
                "seconds": found.seconds,
                "latency_ms": [each.median_ms for each in found.comparison.results],
                "verdicts": [each.verdict for each in found.comparison.results],
                "passes": [
                    {"logs": each.logs, "errors": each.errors, "rounds": each.rounds}
                    for each in passes
                ],
            }
        )
        if not options.quick:
            path.write_text(json.dumps(data) + "\n", encoding="utf-8")
        print(f"session {number + 1}: {found.seconds:.0f} s, load {load}", flush=True)
    return data


def report(data: dict[str, Any]) -> None:
    sessions = [
        [Levels(tuple(p["logs"]), tuple(p["errors"]), p["rounds"]) for p in each["passes"]]
        for each in data["sessions"]
    ]
    loads = [each["load"] for each in data["sessions"] if each["load"] is not None]
    print(
        f"{data['environment']['device']}, {len(data['networks'])} networks, {len(sessions)} "
        f"sessions, {data['neighbours']} neighbours of ours, load {min(loads):.1f} to "
        f"{max(loads):.1f}"
    )
    spreads(sessions)
    names = data["networks"]
    pairs = list(combinations(range(len(names)), 2))
    pooled = {pair: statistics.mean(gap(each, *pair) for each in sessions) for pair in pairs}
    near = [pair for pair in pairs if abs(math.expm1(pooled[pair])) <= 0.25]
    ways: dict[str, Callable[[Passes, int, int], Passes]] = {
        "as compared": lambda passes, index, base: passes,
        "the two alone": alone,
    }
    for way, view in ways.items():
        print(f"{way}:")
        for what, among in {"all pairs": pairs, "pairs within 25 %": near}.items():
            print(f"  {what:18s} {coverage(sessions, among, view)}")
        for band, (low, high) in BANDS.items():
            among = [p for p in pairs if low <= 100 * abs(math.expm1(pooled[p])) < high]
            print(f"  differ by {band:4s}    {orders(sessions, among, pooled, view)}")
    off = [gap(each, *pair) - pooled[pair] for each in sessions for pair in near]
    print(
        f"deviation of one session's ratio from the pooled one, pairs within 25 %: "
        f"sd {100 * np.std(off):.2f} %, largest {100 * max(map(abs, off)):.1f} %"
    )


def gap(passes: Passes, index: int, base: int) -> float:
    """Return the log ratio that a session finds."""
    return math.log(PairedLatencies(passes).ratio(index, base).value)


def alone(passes: Passes, index: int, base: int) -> Passes:
    """Return the passes as they were with two networks only, at places 0 and 1."""

    def two(each: Levels) -> Levels:
        middle = (each.logs[index] + each.logs[base]) / 2
        logs = (each.logs[index] - middle, each.logs[base] - middle)
        return Levels(logs, (each.errors[index], each.errors[base]), each.rounds)

    return [two(each) for each in passes]


def intervals(
    sessions: Sequence[Passes], pair: tuple[int, int], view: Callable[[Passes, int, int], Passes]
) -> list[tuple[float, float]]:
    """Return the interval of the log ratio that each session tells."""
    found = []
    for each in sessions:
        seen = view(each, *pair)
        ratio = PairedLatencies(seen).ratio(*((0, 1) if seen is not each else pair))
        assert ratio.interval is not None, "there were rounds enough"
        found.append((math.log(ratio.interval[0]), math.log(ratio.interval[1])))
    return found


def coverage(
    sessions: Sequence[Passes],
    pairs: Sequence[tuple[int, int]],
    view: Callable[[Passes, int, int], Passes],
) -> str:
    held, widths = [], []
    for pair in pairs:
        ends = intervals(sessions, pair, view)
        gaps = [gap(each, *pair) for each in sessions]
        held += [
            ends[one][0] <= gaps[other] <= ends[one][1]
            for one, other in permutations(range(len(sessions)), 2)
        ]
        widths += [(high - low) / 2 for low, high in ends]
    return (
        f"{len(pairs)} pairs: {np.mean(held):.1%} of {len(held):,} cases hold, half width "
        f"{100 * np.median(widths):.1f} % in the median"
    )


def orders(
    sessions: Sequence[Passes],
    pairs: Sequence[tuple[int, int]],
    pooled: dict[tuple[int, int], float],
    view: Callable[[Passes, int, int], Passes],
) -> str:
    right = wrong = untold = by_value = 0
    for pair in pairs:
        sign = math.copysign(1.0, pooled[pair])
        ends = intervals(sessions, pair, view)
        for each, (low, high) in zip(sessions, ends, strict=True):
            by_value += gap(each, *pair) * sign > 0
            if low <= 0 <= high:
                untold += 1
            elif (low > 0) == (sign > 0):
                right += 1
            else:
                wrong += 1
    count = right + wrong + untold
    if not count:
        return "no such pair"
    return (
        f"{len(pairs)} pairs: right {right / count:.0%}, wrong {wrong / count:.0%}, cannot be told "
        f"{untold / count:.0%} of {count}; the values alone in right order {by_value / count:.0%}"
    )


def spreads(sessions: Sequence[Passes]) -> None:
    """Print standard deviations of one network's log level, pooled over the networks."""
    logs = np.array([[each.logs for each in passes] for passes in sessions])  # (S, K, N)
    errors = np.array([[each.errors for each in passes] for passes in sessions])
    count, passes, nets = logs.shape
    shrink = math.sqrt(nets / (nets - 1))
    within = shrink * math.sqrt(float(np.mean(errors**2)))
    between = shrink * math.sqrt(float(logs.var(axis=1, ddof=1).mean()))
    print(f"rounds of a pass: {np.median([p.rounds for s in sessions for p in s]):.0f}")
    print(f"sd within a pass {within:.2%}, of passes of a session {between:.2%}", end="")
    if count > 1:
        means = shrink * math.sqrt(float(logs.mean(axis=1).var(axis=0, ddof=1).mean()))
        extra = math.sqrt(max(0.0, means**2 - between**2 / passes))
        print(f", of sessions {means:.2%} (beyond their passes {extra:.2%})")


if __name__ == "__main__":
    main()
