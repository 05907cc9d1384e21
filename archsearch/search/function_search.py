"""The search as a library: any discrete space, any function, one fidelity or several.

`search` runs the same engine as `archsearch run`, with a function in place of networks.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from archsearch.search.argument_checks import Evaluate, check_arguments, check_evaluator
from archsearch.search.engine import Engine
from archsearch.search.evaluation import Direction, Evaluation
from archsearch.search.evaluation_threads import EvaluationThreads
from archsearch.search.function_evaluator import FunctionEvaluator
from archsearch.search.result import SearchResult
from archsearch.search.roles import Limits, Note, Policy
from archsearch.search.rungs import ModelRungs, Rungs, automatic_rungs
from archsearch.search.samplers.registry import SAMPLERS, SamplerOptions
from archsearch.search.samplers.surrogate.model_sampler import observe_complete
from archsearch.search.search_task import KnownValue, Task
from archsearch.search.study_store import StudyStore
from archsearch.search.trial_log import TrialLog
from archsearch.space import SearchSpace

#: proposals in a row without a new configuration after which the search ends
_MAX_REPEATS = 500
_FIRST_FAILURES = 5
#: the same seed and results give the same trials, however fast the workers are
_POLICY = Policy(
    fill_first=True,
    reuse_results=False,
    look_after=_MAX_REPEATS,
    give_up_after=_MAX_REPEATS,
    finish_one=False,
    pause_when_idle=True,
)


def search(
    space: SearchSpace,
    evaluate: Evaluate,
    *,
    objectives: Mapping[str, Direction],
    constraints: Mapping[str, float] | None = None,
    known: Mapping[str, KnownValue] | None = None,
    fidelities: Sequence[float] = (),
    promote: float | None = None,
    trials: int = 100,
    workers: int = 1,
    sampler: str = "model",
    seed: int = 0,
    time_limit_s: float | None = None,
    patience: int | None = None,
    storage: str | None = None,
    name: str = "search",
    listener: Callable[[Evaluation], object] | None = None,
) -> SearchResult:
    """Search ``space`` for the configurations that trade the objectives off best.

    No configuration is evaluated twice at one fidelity, and none that a known constraint forbids.
    The same seed and the same results give the same trials, however fast the workers are: a
    proposal knows the results of all trials but those that would still be running if the workers
    were equally fast and a unit of fidelity took each of them the same time.

    With ``fidelities``, a configuration is first evaluated at the lowest and then paused. A model
    learns from all values, early and late ones: half of the effort goes into new configurations,
    half into those whose expected gain in hypervolume is highest, and in the end what is expected
    on the front is finished. The front and the hypervolume are those of the last fidelity alone.
    With other samplers, or with ``promote``, the best at a fidelity, by non-dominated rank and
    hypervolume contribution, continue at the next (successive halving).

    Args:
        space: what is searched.
        evaluate: called with an `Arch`, or with the parameters of a flat space; returns objectives
            (and what constraints need) by name. With ``fidelities`` it is called as
            ``evaluate(configuration, fidelity, state)`` and may return a pair, values and a state;
            it gets the state back when the configuration continues, and None the first time. Where
            these are epochs it may return a sequence for a value, one number for each epoch since
            the pause. With several workers it is called from threads.
        objectives: direction by name; the first is the one that `SearchResult.best` looks at.
        constraints: upper limits by name, on objectives or on other values.
        known: functions for values that need no evaluation, by name, called with a configuration.
        fidelities: the rungs, increasing, e.g. ``(1, 3, 9)``; or a range of epochs from 1,
            ``range(1, 28)``, with a pause after a fifth of them; empty for one fidelity.
        promote: share of the configurations at a rung that continue at the next; None leaves it to
            the model, and to other samplers the ratio of the fidelities.
        trials: configurations in all, those of earlier sessions in ``storage`` included.
        workers: evaluations at a time.
        sampler: a key of `archsearch.search.samplers.registry.SAMPLERS`; ``model`` is the default.
            All but ``model`` and ``random`` learn from the last rung alone.
        seed: of all proposals.
        time_limit_s: start nothing new after this many seconds.
        patience: stop after this many configurations without a gain in hypervolume.
        storage: Optuna storage URL, to be resumed or looked at; None keeps the study in memory. A
            state is kept there if it is plain JSON data, such as the path of a checkpoint;
            otherwise a paused configuration is given None again after a restart.
        name: of the study.
        listener: called with each trial when its result is recorded.

    Returns:
        all trials, with their front over the objectives, the best one and the Optuna study.

    Raises:
        InputError: the arguments do not fit together, or the evaluator does not return what it
            should.
        RunError: the first evaluations all failed.

    Examples:
        >>> import archsearch
        >>> space = archsearch.flat_space({"kernel": [3, 5, 7], "depth": {"int": [1, 6]}})
        >>> result = archsearch.search(
        ...     space,
        ...     lambda params: {"error": 1 / (params["depth"] * params["kernel"])},
        ...     objectives={"error": "min", "cost": "min"},
        ...     known={"cost": lambda params: params["depth"] * params["kernel"] ** 2},
        ...     constraints={"cost": 50},
        ...     trials=10,
        ... )
        >>> all(point.values["cost"] <= 50 for point in result.front)
        True
    """
    check_arguments(
        objectives=objectives,
        constraints=constraints or {},
        fidelities=fidelities,
        share=promote,
        counts={"trials": trials, "workers": workers, "patience": patience},
        sampler=sampler,
        samplers=SAMPLERS,
    )
    check_evaluator(evaluate, bool(fidelities))
    has_epochs = isinstance(fidelities, range)
    if has_epochs:
        fidelities = (*automatic_rungs(len(fidelities)), len(fidelities))
    task = Task(space, dict(objectives), dict(constraints or {}), dict(known or {}))
    options = SamplerOptions(
        known={
            index: functools.partial(task.known_value, objective)
            for index, objective in enumerate(objectives)
            if objective in task.known
        },
        accept=task.meets_known,
        limits={key: limit for key, limit in task.constraints.items() if key not in task.known},
        worst={
            index: task.constraints[objective]
            for index, (objective, direction) in enumerate(objectives.items())
            if objective in task.constraints and direction == "min"
        },
        observe=task.observe if fidelities else observe_complete,
        fidelities=tuple(fidelities),
        observe_curve=task.observe_curve if has_epochs else None,
        settings={"tpe": {"multivariate": True}},
    )
    store = StudyStore(
        storage,
        name,
        space,
        SAMPLERS[sampler](space, seed, options),
        constraints=tuple(task.constraints),
        objectives=task.objectives,
    )
    rungs = Rungs(fidelities or (1.0,), promote)
    if len(fidelities) > 1 and promote is None and store.chooses:
        rungs = ModelRungs(fidelities, store.choose)
    with EvaluationThreads(workers) as pool:
        evaluator = FunctionEvaluator(
            task,
            evaluate,
            store,
            rungs if fidelities else None,
            pool,
            workers,
            listener,
            has_epochs,
        )
        evaluator.check_fidelities()
        limits = Limits(trials, time_limit_s, patience, min(_FIRST_FAILURES, trials))
        engine = Engine(space, store, _KnownValues(task), evaluator, rungs, limits, _POLICY)
        engine.restore()
        try:
            stopped = engine.run()
        except BaseException:
            evaluator.cancel()
            raise
    return SearchResult(
        task.objectives,
        tuple(trial for trial in engine.log.trials if trial.state != "infeasible"),
        stopped,
        store.study,
        tuple(fidelities),
    )


class _KnownValues:
    """Screens by the known values.

    Args:
        task: what is searched for.

    Attributes:
        ended: nothing but the space ends the proposals.
        remark: nothing to add.
    """

    ended = ""
    remark = ""

    def __init__(self, task: Task) -> None:
        self._task = task

    def screen(self, proposed: Evaluation) -> Evaluation:
        """Compute the known values; a configuration that breaks a limit by them is infeasible."""
        values = self._task.known_values(proposed.params)
        over = self._task.violations(values)
        feasible = self._task.meets_known(proposed.params)
        return replace(
            proposed,
            values=values,
            violations=over,
            feasible=feasible,
            state="running" if feasible else "infeasible",
        )

    def is_enough(self, batch: Sequence[Evaluation], wanted: int, feasible_share: float) -> bool:
        """Propose one at a time, so that each proposal depends on all earlier ones."""
        return bool(batch)

    def measure(
        self, batch: Sequence[Evaluation], settle: Callable[[Evaluation], None], note: Note
    ) -> list[Evaluation]:
        """Return the batch: nothing is measured before an evaluation."""
        return list(batch)

    def rescue(self, search: Engine) -> list[Evaluation]:
        """Return nothing: proposals go on until they are exhausted."""
        return []

    def check_reachable(self, log: TrialLog) -> None:
        """Refuse a search in which nothing keeps the known constraints.

        Raises:
            InputError: nothing does.
        """
        if not log.evaluated and self._task.known_limits:
            raise self._task.unreachable()
