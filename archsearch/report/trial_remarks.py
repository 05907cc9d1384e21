"""Short remarks on the trials of a front."""

from archsearch.analysis import (
    best,
    decided_by_others,
    dominated_by,
    front_trials,
    knee,
    latency_neighbours,
    num_images,
    run_judgement,
)
from archsearch.record import RunRecord
from archsearch.report.latency_verdicts import latency_words

#: a latency that cannot be told from the next faster trial's
SPEED_TIE = "speed tie"
#: a member that loses more than half a point of accuracy by int8
INT8_DROP = "int8 drop"
#: a member that another dominates by plain values; its number follows
MAY_BE_DOMINATED = "may be dominated by trial"


def remarks(run: RunRecord) -> dict[int, tuple[str, ...]]:
    """Return the remarks on each trial of the front, by trial number.

    ``best``: highest accuracy; ``knee``: see `archsearch.analysis.front_knee`; ``tie``: accuracy
    that cannot be distinguished from the best's (`archsearch.analysis.judge_front`);
    ``speed tie``: latency that cannot be distinguished from the next faster trial's, by their
    paired ratio; ``may be dominated by trial N``: N is better by plain values, and the trial stays
    because its latency is not known well enough to drop it; ``int8 drop``: int8 costs more than
    half a point of accuracy; then how well its latency is known,
    see `archsearch.report.latency_verdicts.latency_words`.
    """
    front = front_trials(run)
    top, bend = best(front, run.aims), knee(front, run.aims)
    tied = run_judgement(run).ties
    alike = {
        each.trial for each in latency_neighbours(front) if each.verdict == "not distinguishable"
    }
    beaten = dominated_by(front, run.aims)
    found = {}
    for trial in front:
        holds = {
            "best": top is not None and trial.number == top.number,
            "knee": bend is not None and trial.number == bend.number,
            "tie": trial.number in tied,
            SPEED_TIE: trial.number in alike,
            INT8_DROP: trial.loses_by_int8,
        }
        words = tuple(word for word, true in holds.items() if true)
        if trial.number in beaten:
            words = (*words, f"{MAY_BE_DOMINATED} {beaten[trial.number]}")
        found[trial.number] = (*words, *latency_words(trial, run.aims))
    return found


def tie_note(run: RunRecord) -> str:
    """Return what ``tie`` means, or an empty string when no trial of the front has that remark."""
    if not any("tie" in words for words in remarks(run).values()):
        return ""
    images = f"{num_images(run) or 0:,} validation images"
    seeds = "over seeds and " if decided_by_others(front_trials(run)) else "on "
    return f"tie: accuracy not distinguishable from the best {seeds}{images}"
