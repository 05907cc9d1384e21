"""What int8 costs trained networks: accuracy beside float32, runtime by runtime.

    python benchmarks/int8_accuracy.py [--data fashion-mnist] [--data-root DIR] [--limit 6000]

Trains one network of each paper's family and four drawn from the space ``lightweight``, quantises
each in every runtime with int8 that is installed, calibrated on 128 training images, and evaluates
both forms on the validation and test splits. A drop of more than half a point on the validation
split is flagged, and the network is quantised again with the blocks in float32 that `export` would
keep there.

It goes on from where it was stopped: trainings from their last checkpoint in ``--trainings``,
comparisons from the rows of ``benchmarks/results/int8_accuracy-DATA.jsonl``. ``--report`` prints
these rows alone.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from runtimes import INT8, RESULTS, Row, append, installed, read

from archsearch import Recipe, Trainer, load_data, zoo
from archsearch.arch import Arch
from archsearch.cost import current_environment
from archsearch.data import ArraySplit, DataSplits, Split
from archsearch.deployment import Int8Judge
from archsearch.errors import TrialError
from archsearch.record import MAX_DROP
from archsearch.resources import cache_dir
from archsearch.space import adapted, load_space
from archsearch.train import TrainingFolder, train_fully

#: the fastest to train first
FAMILIES = ("sepvit_lite", "edgevit_xxs", "lightvit_tiny", "localvit_pvt")
SPACE = "lightweight"
SEARCHED = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--size", type=int, default=32, help="side of the images")
    parser.add_argument("--limit", type=int, default=6000, help="images of the training split")
    parser.add_argument("--test-images", type=int, default=2000, help="of the test split")
    parser.add_argument("--threads", type=int, default=1, help="of a training")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--networks", type=int, default=len(FAMILIES) + SEARCHED)
    parser.add_argument("--trainings", type=Path, default=cache_dir() / "int8_accuracy")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--report", action="store_true", help="print what is there")
    options = parser.parse_args()
    file = options.results / f"int8_accuracy-{options.data}.jsonl"
    if not options.report:
        compare(file, options)
    print_accuracies(read(file))


def networks(data: DataSplits, size: int, count: int) -> dict[str, Arch]:
    """Return draws of the space, and a model of each family."""
    fit = {"image_size": size, "in_channels": data.in_channels, "num_classes": data.num_classes}
    space = adapted(load_space(SPACE), **fit)
    rng = np.random.default_rng(11)
    found = {f"{SPACE}:{number}": space.arch(space.sample(rng)) for number in range(SEARCHED)}
    found |= {f"zoo:{name}": zoo.arch(name, **fit) for name in FAMILIES}
    return dict(islice(found.items(), count))


def compare(file: Path, options: argparse.Namespace) -> None:
    """Train, quantise and compare what the file does not have yet."""
    data = load_data(
        options.data, image_size=options.size, root=options.data_root, limit=options.limit
    )
    data = replace(data, test=first_images(data.test, options.test_images))
    torch.set_num_threads(options.threads)
    runtimes = [runtime for runtime, _ in installed(INT8)]
    known = {(row["network"], row["runtime"]) for row in read(file)}
    about = {"data": data.name, "images": len(data.train), "size": options.size}
    about |= {"epochs": options.epochs, "test_images": len(data.split("test"))}
    about |= {"environment": current_environment("cpu").model_dump(mode="json")}
    chosen = networks(data, options.size, options.networks)
    for number, (name, arch) in enumerate(chosen.items(), 1):
        missing = [runtime for runtime in runtimes if (name, runtime) not in known]
        if not missing:
            continue
        counter = f"{number}/{len(chosen)} {name}"
        weights = trained(counter, name, arch, data, options)
        for runtime in missing:
            began = time.perf_counter()
            row: Row = {"network": name, "runtime": runtime, **about}
            row |= judged(runtime, arch, weights, data)
            append(file, row)
            took = time.perf_counter() - began
            print(f"{counter} {runtime}: {sentence(row)}; {took:.0f} s", flush=True)


def first_images(split: Split | None, count: int) -> ArraySplit:
    """Return the first images of a split: in the published sets, classes are mixed."""
    assert split is not None, "the data set has a test split"
    chosen = np.arange(min(count, len(split)))
    return ArraySplit(split.batch(chosen), split.labels[chosen])


def trained(
    counter: str, name: str, arch: Arch, data: DataSplits, options: argparse.Namespace
) -> bytes:
    """Return the trained weights; a training that was stopped goes on."""
    recipe = Recipe(epochs=options.epochs, batch_size=64, warmup_epochs=0.5)
    of_data = {"name": data.name, "images": len(data.train)}
    config = {"arch": arch.digest, "recipe": recipe.to_dict(), "data": of_data}
    place = options.trainings / f"{options.data}-{options.size}-{name.replace(':', '-')}"
    folder = TrainingFolder(place)
    folder.open(config)
    if not folder.result.is_file():
        train_fully(
            Trainer(arch, data, recipe),
            folder,
            lambda each: print(
                f"{counter} epoch {each.epoch}/{options.epochs}: {100 * each.accuracy:.1f} %, "
                f"{each.seconds:.0f} s",
                flush=True,
            ),
        )
    return folder.weights.read_bytes()


def judged(runtime: str, arch: Arch, weights: bytes, data: DataSplits) -> Row:
    """Return int8 beside float32; where it loses too much, also with blocks in float32."""
    try:
        with Int8Judge(runtime, data) as judge:
            found = judge.judge(arch, weights, is_tested=True)
            row: Row = {**found.result.to_dict(), "fallbacks": list(found.fallbacks)}
            if found.result.is_large:
                kept = judge.judge(arch, weights, is_tested=True, keeps_accuracy=True).result
                row |= {"kept": kept.to_dict()}
    except TrialError as error:
        return {"failure": str(error)[:300]}
    return row


def print_accuracies(rows: Sequence[Row]) -> None:
    if not rows:
        print("no results yet")
        return
    first = rows[0]
    print(
        f"\nint8 of trained networks: {first['data']} at {first['size']} px, {first['images']} "
        f"training and {first['test_images']} test images, {first['epochs']} "
        "epochs; a drop of more than half a point is flagged"
    )
    width = max(len(row["network"]) for row in rows)
    for row in rows:
        print(f"  {row['network']:{width}} {row['runtime']:11} {sentence(row)}")
    for runtime in dict.fromkeys(row["runtime"] for row in rows):
        done = [row for row in rows if row["runtime"] == runtime and "failure" not in row]
        if not done:
            continue
        drops = np.array([row["float_accuracy"] - row["accuracy"] for row in done])
        tests = np.array([row["float_test_accuracy"] - row["test_accuracy"] for row in done])
        flagged = int(np.sum(drops > MAX_DROP + 1e-9))
        print(
            f"{runtime}: {len(done)} networks, {flagged} flagged; drop on the test split "
            f"{100 * tests.mean():.2f} points in the mean, {100 * tests.max():.2f} at most"
        )


def sentence(row: Row) -> str:
    if "failure" in row:
        return str(row["failure"])
    parts = [
        f"validation {100 * row['float_accuracy']:.2f} -> {100 * row['accuracy']:.2f} %",
        f"test {100 * row['float_test_accuracy']:.2f} -> {100 * row['test_accuracy']:.2f} %",
        f"same class for {100 * row['agreement']:.1f} %",
    ]
    if row["float_accuracy"] - row["accuracy"] > MAX_DROP + 1e-9:
        parts.append("FLAGGED")
    if kept := row.get("kept"):
        blocks = "all blocks" if kept["is_float"] else ", ".join(kept["float_blocks"])
        parts.append(
            f"validation {100 * kept['accuracy']:.2f} %, test {100 * kept['test_accuracy']:.2f} % "
            f"with {blocks} in float32"
        )
    if row["fallbacks"]:
        parts.append(f"{len(row['fallbacks'])} kinds of fallback")
    return ", ".join(parts)


if __name__ == "__main__":
    main()
