"""The engine with networks: what ``archsearch run`` searches with."""

from archsearch.run.config import SearchConfig
from archsearch.run.network_evaluator import NetworkEvaluator
from archsearch.run.progress import RunProgress
from archsearch.run.run_folder import RunFolder
from archsearch.run.screening import NetworkScreening
from archsearch.run.status import Listener
from archsearch.search.engine import Engine
from archsearch.search.roles import Limits, Policy, Watch
from archsearch.search.rungs import epoch_rungs
from archsearch.search.study_store import NOTHING_UNFINISHED, StudyStore, Unfinished
from archsearch.space import SearchSpace
from archsearch.train import Recipe

#: results are used as they come: a worker that waits for another one trains nothing
POLICY = Policy(
    fill_first=False,
    reuse_results=True,
    look_after=40,
    give_up_after=400,
    finish_one=True,
    pause_when_idle=False,
)


def search_networks(
    config: SearchConfig,
    recipe: Recipe,
    space: SearchSpace,
    store: StudyStore,
    screening: NetworkScreening,
    evaluator: NetworkEvaluator,
    folder: RunFolder,
    listener: Listener,
) -> None:
    """Search, or go on with a search, until trials, time or space are used up.

    Args:
        config: what is asked for.
        recipe: how candidates are trained.
        space: what is searched.
        store: the study.
        screening: counts, predicts and measures.
        evaluator: trains.
        folder: of the run.
        listener: receives progress.

    Raises:
        BudgetUnreachableError: nothing in the space keeps the budgets.
        RunError: the first candidates all failed, or the machinery did.
    """
    execution = config.execution
    show = RunProgress(config, evaluator, listener).show
    rungs = epoch_rungs(
        config.pauses(recipe.epochs),
        config.promote,
        recipe.epochs,
        store.choose if store.chooses else None,
    )
    engine = Engine(
        space,
        store,
        screening,
        evaluator,
        rungs,
        Limits(execution.trials, execution.time_limit_s, execution.patience),
        POLICY,
        Watch(listener.line, show, f"; see {folder.log}"),
    )
    unfinished = engine.restore()
    if engine.log.trials or any(unfinished):
        paused = sum(
            each.is_evaluated and each.state == "pruned" and each.rung < len(rungs) - 1
            for each in engine.log.latest
        )
        begun = engine.log.evaluated
        listener.line(describe_resumed(begun, execution.trials, unfinished, paused))
    engine.run()


def describe_resumed(
    trained: int, trials: int, unfinished: Unfinished = NOTHING_UNFINISHED, paused: int = 0
) -> str:
    """Return what earlier sessions of a run left."""
    more = f", more than the {trials} wanted" if trained > trials else ""
    of = "" if more else f" of {trials}"
    parts = [f"resuming: {trained}{of} candidates are trained{more}"]
    if paused:
        parts[0] += f", {paused} of them in part"
    if (begun := unfinished.begun) > 0:
        words = (
            "was interrupted in training and starts"
            if begun == 1
            else ("were interrupted in training and start")
        )
        parts.append(f"{begun} {words} again")
    if (proposed := unfinished.proposed) > 0:
        word = "was" if proposed == 1 else "were"
        parts.append(f"{proposed} {word} proposed, but not begun")
    return "; ".join(parts)
