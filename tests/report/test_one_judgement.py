"""Tables, lines, sentences and JSON say the same of which accuracies can be distinguished."""

import json
import math
import re

import numpy as np
import pytest

from archsearch.analysis import deciding_accuracies, front_trials
from archsearch.record import RunRecord, SeedResult
from archsearch.report import front_points, front_table, seed_lines
from archsearch.report.run_sentences import sentences
from archsearch.report.trial_remarks import remarks
from tests.report.synthetic_run import synthetic_run

_LINE = re.compile(r"  trial (\d+): (better than|worse than|not distinguishable from) trial (\d+)")


def random_run(seed: int) -> RunRecord:
    """Return a run whose front has between none and five other seeds, some of which failed."""
    rng = np.random.default_rng(seed)
    num_val = int(rng.choice([100, 360, 2000, 50_000]))
    run = synthetic_run(40, seed, num_val=num_val, budget_ms=float(rng.uniform(4, 9)))
    on_front = {trial.number for trial in front_trials(run)}
    num_seeds, noise = int(rng.integers(0, 6)), float(rng.choice([0.001, 0.005, 0.02]))
    trials = []
    for trial in run.trials:
        # one trial's own spread may be many times that of the others
        own = noise * float(rng.choice([1, 1, 1, 5]))
        found = tuple(
            SeedResult(seed=1 + k, accuracy=float(np.clip(trial.accuracy + z, 0, 1)))
            if rng.random() < 0.95
            else SeedResult(seed=1 + k, reason="NaN")
            for k, z in enumerate(rng.normal(-0.01, own, num_seeds))
            if trial.number in on_front
        )
        trials.append(trial.model_copy(update={"other_seeds": found}))
    return run.model_copy(update={"trials": tuple(trials)})


@pytest.mark.parametrize("seed", range(40))
def test_remarks_lines_and_sentences_agree(seed):
    run = random_run(seed)
    words = remarks(run)
    ties = {number for number, each in words.items() if "tie" in each}
    best = next(number for number, each in words.items() if "best" in each)
    accuracy = deciding_accuracies(front_trials(run))
    said = [_LINE.match(line).groups() for line in seed_lines(run)[2:]]
    verdicts = [(int(a), word.split()[0], int(b)) for a, word, b in said]
    # the same from the other side
    mirror = {"better": "worse", "worse": "better", "not": "not"}
    both = verdicts + [(b, mirror[word], a) for a, word, b in verdicts]
    for trial, word, other in both:
        if word == "worse" and accuracy.get(other, math.inf) <= accuracy[best]:
            assert trial not in ties
        elif other == best:
            assert (trial in ties) == (word == "not") or any(
                each[:2] == (trial, "worse") for each in both
            )
    (sentence,) = [each for each in sentences(run) if "validation images" in each] or [""]
    if len(words) > 1:
        count = re.search(r"(\d+) other points? of the front cannot", sentence)
        assert (int(count[1]) if count else 0) == len(ties)
    points = json.loads(json.dumps(front_points(run)))
    assert {point["trial"] for point in points if "tie" in point["remarks"]} == ties
    known = {point["trial"]: point["faster_verdict"] for point in points}
    assert {trial: word for trial, word, _ in verdicts} == {
        trial: verdict.split()[0] for trial, verdict in known.items() if verdict
    }
    table = front_table(run)
    column = table.headings.index("remarks")
    assert {int(row[0]) for row in table.rows if re.search(r"(?<!speed.)\btie\b", row[column])} == (
        ties
    )


def test_the_random_runs_have_every_case():
    runs = [random_run(seed) for seed in range(40)]
    text = "\n".join(line for run in runs for line in seed_lines(run))
    assert all(word in text for word in ("better than", "worse than", "not distinguishable from"))
    assert any("tie" in words for run in runs for words in remarks(run).values())
