"""Candidates that are paused are not called stopped: nobody was better."""

import pytest

from archsearch.report.run_sentences import sentences
from tests.report.synthetic_run import synthetic_run


@pytest.mark.parametrize("share", [0, 1, 2])
def test_paused_and_stopped_candidates_are_told_apart(share: int) -> None:
    run = synthetic_run(40)
    pruned = [trial for trial in run.trials if trial.state == "pruned"]
    assert len(pruned) > 2
    paused = {trial.number for trial in pruned[: len(pruned) * share // 2]}
    trials = tuple(
        trial.model_copy(update={"reason": "paused after epoch 1 of 4"})
        if trial.number in paused
        else trial
        for trial in run.trials
    )
    said = sentences(run.model_copy(update={"trials": trials}))[0]
    assert (f"{len(paused)} trained in part and paused" in said) == bool(paused)
    stopped = len(pruned) - len(paused)
    assert (f"{stopped} stopped early because" in said) == bool(stopped)
