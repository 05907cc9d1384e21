"""Measure the front of a run again, after it has ended."""

from collections.abc import Iterator
from pathlib import Path

from archsearch.analysis import pareto_front
from archsearch.cluster import OtherMachine, machine_lock
from archsearch.cluster.remote_probe import RemoteProbe
from archsearch.cost import Probe, current_environment
from archsearch.errors import InputError, Problem
from archsearch.record import Environment, RunRecord
from archsearch.run.execution import log_to
from archsearch.run.final.baselines import measure_again
from archsearch.run.final.final_front import confirm_and_keep, keep_finals
from archsearch.run.final.front_evaluation import break_down
from archsearch.run.final.latency_confirmation import measure_to_publish
from archsearch.run.latency.further_targets import open_further
from archsearch.run.latency.latency_target import FurtherTarget, LatencyTarget
from archsearch.run.latency.measurement import LatencyMeasurer
from archsearch.run.run_folder import find_run
from archsearch.run.run_reader import load_run, run_record, study_name
from archsearch.run.status import Listener
from archsearch.search.study_store import StudyStore
from archsearch.space import space_from
from archsearch.yaml_source import YamlSource

#: what a latency depends on, as `Environment` names it
_GROUNDS = ("device", "cpu", "cores", "system", "torch", "cuda")


def measure_front(
    run: str | Path,
    runs_dir: str | Path = "runs",
    *,
    every: bool = False,
    address: str = "",
    listener: Listener,
) -> RunRecord:
    """Measure the members of a front that are not confirmed on a quiet machine, and return the run.

    What is measured is kept at once: an interrupted call goes on where it was. Baselines without
    a latency, or with a rejected one, are measured too.

    Args:
        run: folder of a run, or its name inside ``runs_dir``.
        runs_dir: where runs are kept.
        every: measure those again too that were confirmed, or left the front when measured.
        address: Ray cluster of a run that measures on another node.
        listener: receives progress.

    Raises:
        InputError: there is no such run, it is going on, or its latencies belong to another
            environment.
    """
    folder = find_run(run, runs_dir)
    record = load_run(folder)
    config = folder.read_config()
    target = LatencyTarget.model_validate(config["identity"]["latency"])
    device = str(config["device"])
    if target.elsewhere and not address:
        raise InputError(
            Problem(
                "--address",
                f"run '{record.name}' measures on a node of a Ray cluster",
                remedy="say which, e.g. --address auto",
            )
        )
    if not target.elsewhere:
        check_environment(record, _here(device))
    quiet = OtherMachine() if target.elsewhere else machine_lock()
    targets = {
        f"{name}_ms": FurtherTarget.model_validate(each)
        for name, each in (config["identity"].get("targets") or {}).items()
    }
    with (
        folder.lock(),
        log_to(folder.log),
        _open_probe(target, device, address) as probe,
        open_further(targets, machine_lock(), listener.line) as further,
    ):
        if isinstance(probe, RemoteProbe):
            check_environment(record, probe.environment())
        space = space_from(YamlSource(str(folder.config), config["space"]), config["space_name"])
        storage = folder.storage_in(config)
        store = StudyStore(
            storage,
            study_name(folder, config, storage),
            space,
            objectives={
                name: "max" if name == "accuracy" else "min" for name in record.aims.objectives
            },
        )
        measurer = LatencyMeasurer(probe, quiet, target, say=listener.line)
        front = pareto_front(store.records(), record.aims)
        if front and not every and all(member.is_confirmed for member in front):
            listener.line("every front member is measured; --all measures all again")
        try:
            front = confirm_and_keep(
                store, measurer, record.aims, listener, further=further, every=every
            )
            keep_finals(store, break_down(front, measurer, listener))
            measure_again(
                store.attribute("baselines", {}),
                config["data"],
                lambda targets: measure_to_publish(measurer, targets, listener).outcomes,
                lambda records: store.set_attribute("baselines", dict(records)),
                listener,
                every=every,
            )
        finally:
            times = dict(store.attribute("time_by_cause", {}))
            spent = sum(each.time.measuring for each in (measurer, *further.values()))
            times["measuring"] = times.get("measuring", 0.0) + spent
            store.set_attribute("time_by_cause", times)
        return run_record(folder, config, store.records(), store.study.user_attrs)


def check_environment(run: RunRecord, here: Environment) -> None:
    """Refuse to measure where the latencies of ``run`` were not measured.

    Raises:
        InputError: a problem for each thing that differs.
    """
    there = run.environment
    by_number = {trial.number: trial for trial in run.trials}
    known = [by_number[number].known_latency for number in run.front]
    known_at = {each.environment for each in known if each is not None} - {""}
    if here.fingerprint in (known_at or {there.fingerprint}):
        return
    differing = list(_differing(there, here))
    if not differing:
        differing = [("fingerprint", ", ".join(sorted(known_at)), here.fingerprint)]
    listed = "; ".join(f"{name}: {before} there, {now} here" for name, before, now in differing)
    raise InputError(
        Problem(
            "--measure",
            f"must run where the run's latencies were measured: {listed}; results of different "
            "environments never share a front",
            remedy="measure it there, or search here under another --name",
        )
    )


def _differing(there: Environment, here: Environment) -> Iterator[tuple[str, str, str]]:
    for name in _GROUNDS:
        before, now = str(getattr(there, name)), str(getattr(here, name))
        if before != now:
            yield name, before or "none", now or "none"


def _here(device: str) -> Environment:
    """Return the environment of this machine; that of its processor where the device is missing.

    That differs from the environment of the run, which is what the message says.
    """
    try:
        return current_environment(device)
    except InputError:
        return current_environment("cpu")


def _open_probe(target: LatencyTarget, device: str, address: str) -> Probe | RemoteProbe:
    if target.elsewhere:
        return RemoteProbe(address, target.device, target.threads)
    return Probe(device, target.threads)
