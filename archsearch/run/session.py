"""One session of a run: set up, search, confirm the front, test it."""

import functools
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from archsearch.activity import doing, resumable
from archsearch.analysis import pareto_front
from archsearch.cluster import (
    Driver,
    Job,
    OtherMachine,
    QuietLock,
    StopRule,
    TrainingStore,
    machine_lock,
    never_stop,
)
from archsearch.cluster.remote_probe import RemoteProbe
from archsearch.cost import Probe
from archsearch.data import describe_data
from archsearch.record import EpochMetrics, RunRecord, TrialRecord
from archsearch.run.config import RUN, SearchConfig
from archsearch.run.cost_plan import describe_cost, duration, kept_epoch_cost
from archsearch.run.early_stopping import DominanceRule
from archsearch.run.execution import log_to, num_workers, open_driver
from archsearch.run.final.baselines import run_baselines
from archsearch.run.final.final_front import add_notes, confirm_and_keep, keep_finals
from archsearch.run.final.front_evaluation import break_down, evaluate_front
from archsearch.run.final.front_seeds import train_front_again
from archsearch.run.final.front_weights import make_missing_weights
from archsearch.run.final.latency_confirmation import measure_to_publish
from archsearch.run.inheritance import Inheritance, kept_start, starts
from archsearch.run.int8_accuracy import Int8Accuracy, open_int8
from archsearch.run.latency.front_visits import FrontVisits
from archsearch.run.latency.further_targets import open_further
from archsearch.run.latency.latency_regression import LatencyRegression
from archsearch.run.latency.measurement import LatencyMeasurer
from archsearch.run.latency.run_table import keep_table, open_table, prepare_table
from archsearch.run.network_evaluator import NetworkEvaluator
from archsearch.run.network_sampler import build_sampler
from archsearch.run.network_search import describe_resumed, search_networks
from archsearch.run.preparation import Place, Prepared, prepare
from archsearch.run.run_reader import run_record, study_name
from archsearch.run.screening import NetworkScreening
from archsearch.run.space_widening import widen
from archsearch.run.status import Listener, LoggedListener, SilentListener
from archsearch.run.teaching.teaching import keep_outputs, with_outputs
from archsearch.run.tracking_entries import SearchEntries
from archsearch.search.rungs import epoch_rungs
from archsearch.search.study_store import StudyStore
from archsearch.space import space_from
from archsearch.tracking import open_tracker
from archsearch.train import Trainer, load_weights
from archsearch.yaml_source import YamlSource

logger = logging.getLogger(__name__)

#: attribute of the study: environment that its latency table was calibrated in
_CALIBRATED = "calibrated"
#: longest time for repetitions on a busy machine, as a share of the time spent so far
_PATIENCE = 0.1


def run_search(
    config: SearchConfig, place: Place | None = None, listener: Listener | None = None
) -> RunRecord:
    """Run or resume a search; return the run with its confirmed front.

    Args:
        config: what is searched, and how.
        place: where the run is kept; None for its default name in the folder ``runs``.
        listener: receives progress; None for none.

    Raises:
        InputError: the input is wrong; nothing was written.
        BudgetUnreachableError: no architecture of the space meets the latency budget.
        RunError: the run could not go on; what it has is kept, and it can be resumed.

    Examples:
        >>> from archsearch import SearchConfig, run_search
        >>> from archsearch.run import Budgets, Execution
        >>> config = SearchConfig(
        ...     space="tiny",
        ...     budgets=Budgets(latency_ms=50),
        ...     execution=Execution(trials=2, executor="inline", front_seeds=0, calibration_s=0),
        ... )
        >>> run = run_search(config)  # in runs/tiny-digits-50ms
        >>> run.name, len(run.trials)
        ('tiny-digits-50ms', 2)
    """
    listener = LoggedListener(listener or SilentListener())
    prepared = prepare(config, place or Place())
    folder = prepared.folder
    if not folder.exists():
        # ahead of the first file: a teacher may answer with what is not finite
        prepared = _taught(prepared, listener)
    storage_errors = prepared.storage.explain_errors("cannot be written")
    how = f"the same command goes on from here: {folder.path}"
    with folder.lock(), log_to(folder.log), resumable("run", how), storage_errors:
        for line in (*describe_data(prepared.data), *prepared.training_lines()):
            listener.line(line)
        if folder.exists():
            _go_on(prepared, listener)
        else:
            folder.create(prepared.written)
        prepared = _taught(prepared, listener)
        keep_outputs(prepared.data, prepared.teaching)
        with open_tracker(folder.path, config.execution.log, listener.line) as tracker:
            entries = SearchEntries(prepared)
            tracker.log(entries.search())
            record = _session(prepared, listener, lambda record: tracker.log(entries.trial(record)))
            for entry in entries.all(record):
                tracker.log(entry)
        members = ", ".join(str(number) for number in record.front) or "none"
        logger.info(
            "ended after %s in all; trials on the front: %s", duration(record.wall_s), members
        )
        return record


def _taught(prepared: Prepared, listener: Listener) -> Prepared:
    """Return the run with its teacher's outputs among the data."""
    data = with_outputs(prepared.data, prepared.teaching, listener.line)
    return replace(prepared, data=data)


def _go_on(prepared: Prepared, listener: Listener) -> None:
    """Check that this is the run that was started, or one in a wider space.

    Raises:
        InputError: it is another run.
    """
    folder = prepared.folder
    written = folder.read_config()
    name = study_name(folder, written, prepared.storage)
    begun = written.get("identity", {}).get("space_digest")
    is_other_space = begun is not None and begun != prepared.space.digest
    images, recipe = prepared.written["data"], prepared.written["recipe"]
    folder.check_same(prepared.identity, is_other_space, images, recipe)
    # runs of earlier versions noted a path, or a password
    updated = {**written, "storage": prepared.storage.kept, "study": name}
    if is_other_space:
        old = space_from(YamlSource(str(folder.config), written["space"]), written["space_name"])
        widen(folder, prepared.storage, name, old, prepared.space)
        changed = ("identity", "space", "space_name")
        updated |= {key: prepared.written[key] for key in changed}
    if updated != written:
        folder.create(updated)
    if is_other_space:
        listener.line(f"going on in a wider space: {prepared.space.name}")


def _session(
    prepared: Prepared, listener: Listener, on_record: Callable[[TrialRecord], None]
) -> RunRecord:
    config, folder, data = prepared.config, prepared.folder, prepared.data
    began = time.perf_counter()
    guess = LatencyRegression(prepared.space)
    epochs = prepared.recipe.epochs
    fidelities = epoch_rungs(config.pauses(epochs), config.promote, epochs).fidelities
    pauses = fidelities[:-1]
    store = StudyStore(
        prepared.storage,
        str(folder.read_config()["study"]),
        prepared.space,
        build_sampler(config, prepared.space, guess, fidelities),
        constraints=tuple(config.limits),
        objectives=config.directions,
    )
    # printed already
    add_notes(store, prepared.fit.warnings(), SilentListener())
    before_s = store.attribute("wall_s", 0.0)
    rule = None
    if config.early_stopping and not pauses:
        rule = DominanceRule(len(data.val), prepared.recipe.epochs)
    quiet = machine_lock()
    num = num_workers(config.execution, prepared.device)
    rest_s = 0.0
    with (
        _open_probe(prepared) as probe,
        open_further(config.further, quiet, listener.line) as further,
        _open_driver(prepared, rule, quiet, listener) as driver,
        open_int8(config.latency, data, quiet, listener) as int8,
    ):
        limit_s = config.execution.calibration_s
        table = open_table(config.latency, prepared.environment) if limit_s > 0 else None
        resting = OtherMachine() if config.latency.elsewhere else quiet
        measurer = LatencyMeasurer(probe, resting, config.latency, table, listener.line)
        measurers = (measurer, *further.values())
        records = store.records()
        for each in measurers:
            each.visits = FrontVisits(config.aims, records)

        def recorded(record: TrialRecord) -> None:
            on_record(record)
            for each in measurers:
                if each.visits is not None:
                    each.visits.add(record)

        try:
            is_work_left = _work_left(store, config)
            if table is not None and is_work_left:
                here = prepared.environment.fingerprint
                known = store.attribute(_CALIBRATED) == here and len(table) > 0
                note = prepare_table(
                    table,
                    prepared.space,
                    measurer,
                    guess,
                    0.0 if known else limit_s,
                    config.seed,
                    listener,
                )
                add_notes(store, [note] if note else [], listener)
                if not note:
                    store.set_attribute(_CALIBRATED, here)

            def start() -> Driver:
                left = max(0, config.execution.trials - _num_trained(store))
                listener.line(describe_cost(prepared, kept_epoch_cost(prepared, store), num, left))
                return driver.start()

            if not is_work_left and not pauses:
                listener.line(describe_resumed(_num_trained(store), config.execution.trials))
            # with rungs, a candidate that was started may still have to go on
            if is_work_left or pauses:
                evaluator = NetworkEvaluator(
                    config,
                    prepared.recipe,
                    prepared.space,
                    store,
                    start,
                    num,
                    rule,
                    guess,
                    folder,
                    listener,
                    before_s,
                    recorded,
                    int8,
                    _inheritance(prepared, store, listener),
                )
                screening = NetworkScreening(
                    config, prepared.space, measurer, guess, listener, further
                )
                try:
                    search_networks(
                        config,
                        prepared.recipe,
                        prepared.space,
                        store,
                        screening,
                        evaluator,
                        folder,
                        listener,
                    )
                finally:
                    if table is not None:
                        keep_table(table, listener)
            if not config.other_seeds and not prepared.baselines:
                driver.close()
            rest_began = time.perf_counter()
            front = confirm_and_keep(
                store,
                measurer,
                config.aims,
                listener,
                further=further,
                patience_s=_PATIENCE * (before_s + rest_began - began),
            )
            rest_s = time.perf_counter() - rest_began
            train_front_again(
                store.records(),
                front,
                config.other_seeds,
                driver,
                prepared.recipe,
                store.add_seed,
                listener,
                config.aims,
                int8,
                functools.partial(kept_start, folder),
            )
        finally:
            wall_s = before_s + time.perf_counter() - began
            _add_times(store, driver, rest_s, measurers, wall_s)
        patience_s = _PATIENCE * (before_s + time.perf_counter() - began)
        _run_baselines(prepared, store, measurer, driver, listener, patience_s, int8)
        driver.close()
        # from here on the machine is the probe's alone
        return _finish(prepared, store, measurer, listener, before_s, began, int8)


def _inheritance(prepared: Prepared, store: StudyStore, listener: Listener) -> Inheritance | None:
    config = prepared.config
    if not config.inherits:
        return None
    whose = "a trained candidate of this run" if config.inherit == RUN else config.inherit
    listener.line(
        f"candidates begin with weights of {whose}, as far as they fit: their accuracies are not "
        "those of training from scratch"
    )
    names = prepared.data.class_names
    return Inheritance(prepared.folder, config.aims, names, prepared.donor, store.note)


def _open_probe(prepared: Prepared) -> Probe | RemoteProbe:
    latency = prepared.config.latency
    if latency.elsewhere:
        address = prepared.config.execution.address
        return RemoteProbe(address, latency.device, latency.threads)
    return Probe(prepared.device, latency.threads)


def _work_left(store: StudyStore, config: SearchConfig) -> bool:
    return _num_trained(store) < config.execution.trials


def _num_trained(store: StudyStore) -> int:
    return sum(record.state in ("complete", "pruned", "failed") for record in store.records())


def _run_baselines(
    prepared: Prepared,
    store: StudyStore,
    measurer: LatencyMeasurer,
    driver: Driver,
    listener: Listener,
    patience_s: float,
    int8: Int8Accuracy | None,
) -> None:
    if not prepared.baselines:
        return
    took = run_baselines(
        prepared.baselines,
        store.attribute("baselines", {}),
        prepared.data,
        prepared.recipe,
        seed=prepared.config.seed,
        other_seeds=prepared.config.other_seeds,
        budget_ms=prepared.config.budgets.latency_ms,
        device=prepared.device,
        driver=driver,
        measure=lambda targets: (
            measure_to_publish(measurer, targets, listener, patience_s).outcomes
        ),
        keep=lambda records: store.set_attribute("baselines", dict(records)),
        listener=listener,
        int8=int8,
    )
    times = store.attribute("time_by_cause", {})
    store.set_attribute("time_by_cause", {**times, "baselines": times.get("baselines", 0.0) + took})


def _finish(
    prepared: Prepared,
    store: StudyStore,
    measurer: LatencyMeasurer,
    listener: Listener,
    before_s: float,
    began: float,
    int8: Int8Accuracy | None,
) -> RunRecord:
    confirmed = pareto_front(store.records(), prepared.config.aims)
    make_missing_weights(
        confirmed,
        prepared.folder,
        prepared.recipe,
        prepared.config.seed,
        lambda: _open_driver(prepared, None, machine_lock(), listener),
        listener,
    )
    with doing("finding where the front's networks spend their time"):
        front = break_down(confirmed, measurer, listener)

    def test(record: TrialRecord, weights: Path) -> Mapping[str, object]:
        if int8 is not None:
            found = int8(record.arch, weights.read_bytes(), is_tested=True)
            return {"test_accuracy": found.test_accuracy, "quantization": found}
        trainer = Trainer(record.arch, prepared.data, prepared.recipe, device=prepared.device)
        load_weights(trainer.model, weights)
        return {"test_accuracy": trainer.evaluate("test").accuracy}

    is_tested = prepared.data.test is not None
    with doing("testing the front"):
        tested, notes = evaluate_front(front, prepared.folder, test if is_tested else None)
    if all(record.is_confirmed for record in front):
        # the others may leave the front when they are measured later, and new members join it
        prepared.folder.drop_weights_but({record.digest for record in front})
        paused = [record for record in store.records() if record.is_paused]
        prepared.folder.drop_donors_but(starts([*front, *paused]))
    keep_finals(store, tested)
    add_notes(store, notes, listener)
    store.set_attribute("wall_s", before_s + time.perf_counter() - began)
    config = prepared.folder.read_config()
    return run_record(prepared.folder, config, store.records(), store.study.user_attrs)


def _open_driver(
    prepared: Prepared, rule: DominanceRule | None, quiet: QuietLock, listener: Listener
) -> Driver:
    stop: StopRule = never_stop
    if rule is not None:
        chosen = rule

        def stop(job: Job, curve: tuple[EpochMetrics, ...]) -> str:
            return chosen.reason(job.trial, curve)

    return open_driver(
        prepared.config.execution,
        prepared.device,
        prepared.data,
        quiet,
        TrainingStore(prepared.folder.path),
        stop,
        listener.line,
    )


def _add_times(
    store: StudyStore,
    driver: Driver,
    rest_s: float,
    measurers: Sequence[LatencyMeasurer],
    wall_s: float,
) -> None:
    """Add where the time of a session went.

    While the front is measured again there is nothing to train: that counts as measuring alone,
    whether the workers are kept for the other seeds or not.
    """
    times = dict(store.attribute("time_by_cause", {}))
    spent = driver.time.as_dict() if driver.is_started else {}
    if spent:
        spent["idle"] = max(0.0, spent["idle"] - rest_s * driver.num_workers)
    spent["measuring"] = sum(measurer.time.measuring for measurer in measurers)
    spent["waiting_for_quiet"] = sum(measurer.time.waiting for measurer in measurers)
    for cause, seconds in spent.items():
        times[cause] = times.get(cause, 0.0) + seconds
    store.set_attribute("time_by_cause", times)
    store.set_attribute("wall_s", wall_s)
