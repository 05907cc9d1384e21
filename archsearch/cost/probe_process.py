"""The process that measures: started by `archsearch.cost.probe.Probe`, one for each device.

Its standard input carries requests and its standard output replies. When the input closes, the
parent is gone, and the process ends at once, whatever it is doing.
"""

import dataclasses
import gc
import hashlib
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import torch
from torch import nn

from archsearch.cost.breakdown import CLOCKED_RUNTIMES, measure_rates, measure_units
from archsearch.cost.device import is_device_lost, use_device
from archsearch.cost.environment import current_environment
from archsearch.cost.measured_network import BuiltTarget, unpack
from archsearch.cost.measurement import Measurement, Timer, measure, share_of_slowdown
from archsearch.cost.measurement_history import MeasurementHistory
from archsearch.cost.measurement_summary import summaries
from archsearch.cost.memory import computing_dtype
from archsearch.cost.neighbours import NeighbourWatch
from archsearch.cost.pipe_messages import receive, send
from archsearch.cost.protocol import LatencyProtocol
from archsearch.cost.quiet_reference import QuietReference, inferring
from archsearch.cost.runtimes import WAITING, load_graph, prepare, prepare_int8
from archsearch.cost.runtimes.inference import Inference, described
from archsearch.cost.runtimes.operator_place import block_names
from archsearch.cost.timers import Run, cuda_throughput_timer, cuda_timer, host_timer, launch_share
from archsearch.errors import InputError, Problem, TrialError

_PARENT_POLL_S = 2.0
#: networks built ahead of their measurement and not yet measured
_MAX_PREPARED = 32
#: an inference of which the host takes more than this share to start it waits for the host
_HOST_BOUND = 0.8
_UNSUPPORTED = "not implemented for"


@dataclass(frozen=True)
class ReadyNetwork:
    """A network that only has to be timed.

    Attributes:
        timer: runs and times it.
        is_host_bound: whether its time is the host's: always, but on another device.
        fallbacks: operators that the runtime runs by a fallback, with the block of each.
    """

    timer: Timer
    is_host_bound: bool = True
    fallbacks: tuple[str, ...] = ()


class ProbeServer:
    """Answers requests; owns the reference networks and the networks that are ready.

    Args:
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        threads: intra-op threads, unless a protocol asks for another number.
    """

    def __init__(self, device: str, threads: int) -> None:
        self.device = torch.device(device)
        self.threads = threads
        self.environment = current_environment(device)
        use_device(device)
        self._references = {True: self._new_reference(True)}
        self._prepared: dict[str, ReadyNetwork] = {}
        #: the network that was built last, and for what
        self._latest: tuple[str, nn.Module, torch.Tensor] | None = None
        gc.freeze()  # what was imported stays: collecting ahead of a measurement is then quick

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the reply to one request."""
        operation = request["operation"]
        if operation == "calibrate":
            threads = request.get("threads") or self.threads
            torch.set_num_threads(threads)
            return {"reference_ms": self._reference().calibrate(threads)}
        if operation == "prepare":
            return self._prepare(request)
        if operation == "measure":
            return self._measure(request)
        if operation == "breakdown":
            return self._breakdown(request)
        if operation == "rates":
            return self._rates(request)
        raise ValueError(f"unknown operation {operation!r}")

    def _prepare(self, request: dict[str, Any]) -> dict[str, Any]:
        """Build networks ahead of their measurement, while the machine may be busy."""
        protocol = LatencyProtocol.model_validate(request["protocol"])
        torch.set_num_threads(protocol.threads or self.threads)
        for target in request["targets"]:
            self._prepared[_key(target, protocol)] = self._ready(target, protocol)
        while len(self._prepared) > _MAX_PREPARED:
            self._prepared.pop(next(iter(self._prepared)))
        return {}

    def _measure(self, request: dict[str, Any]) -> dict[str, Any]:
        protocol = LatencyProtocol.model_validate(request["protocol"])
        threads = protocol.threads or self.threads
        torch.set_num_threads(threads)
        networks = [self._ready_or_built(target, protocol) for target in request["targets"]]
        reference = self._reference(any(each.is_host_bound for each in networks))
        gc.collect()
        gc.disable()
        watch = NeighbourWatch()
        try:
            timers = [each.timer for each in networks]
            result = _measure_quietly(timers, reference, protocol, threads)
        finally:
            gc.enable()
        others = watch.seen()
        fixed = {
            "batch_size": protocol.batch_size,
            "threads": threads,
            "dtype": protocol.dtype,
            "memory_format": protocol.memory_format,
            "runtime": protocol.runtime,
            "device": self.environment.device,
            "environment": self.environment.fingerprint,
            "others_cores": others and others.cores,
            "steal_share": others and others.steal_share,
        }
        keys = [_network_key(target, protocol) for target in request["targets"]]
        history = MeasurementHistory(reference.environment, threads, quiet=reference.quiet_spread)
        results = summaries(result, keys, history)
        own = [{"fallbacks": list(each.fallbacks)} for each in networks]
        return {
            "results": [each | fixed | more for each, more in zip(results, own, strict=True)],
            "levels": dataclasses.asdict(result.levels()),
        }

    def _ready_or_built(self, target: dict[str, Any], protocol: LatencyProtocol) -> ReadyNetwork:
        """Return what was prepared, or prepare it."""
        key = _key(target, protocol)
        if key in self._prepared:
            return self._prepared.pop(key)
        return self._ready(target, protocol)

    def _is_host_bound(self, run: Run) -> bool:
        """Return whether an inference takes as long as the host needs to start it."""
        return self.device.type != "cuda" or launch_share(run, self.device) > _HOST_BOUND

    def _reference(self, is_host_bound: bool = True) -> QuietReference:
        """Return the reference that is disturbed by what disturbs such a network."""
        if is_host_bound not in self._references:
            self._references[is_host_bound] = self._new_reference(is_host_bound)
        return self._references[is_host_bound]

    def _new_reference(self, is_host_bound: bool) -> QuietReference:
        return QuietReference(self.device, self.environment.fingerprint, is_host_bound)

    def _breakdown(self, request: dict[str, Any]) -> dict[str, Any]:
        protocol = LatencyProtocol.model_validate(request["protocol"])
        torch.set_num_threads(protocol.threads or self.threads)
        threads = protocol.threads or self.threads
        model, inputs = self._latest_placed(request["target"], protocol)
        runtime = protocol.runtime if protocol.runtime in CLOCKED_RUNTIMES else "eager"
        with torch.inference_mode():
            is_host_bound = runtime != "cuda_graph" and self._is_host_bound(lambda: model(inputs))
        reference = self._reference(is_host_bound)
        known = reference.quiet_ms(threads)
        with torch.inference_mode():
            before = reference.now_ms()
            result = measure_units(model, inputs, request["names"], protocol.time_limit_s, runtime)
            after = reference.now_ms()
        drift = max((before / known - 1, after / known - 1), key=abs)
        slowdown = share_of_slowdown((before + after) / (2 * known))
        return dataclasses.asdict(result) | {"drift": drift, "slowdown": slowdown}

    def _rates(self, request: dict[str, Any]) -> dict[str, Any]:
        protocol = LatencyProtocol.model_validate(request["protocol"])
        torch.set_num_threads(protocol.threads or self.threads)
        with torch.inference_mode():
            rates = measure_rates(
                self.device, computing_dtype(protocol.dtype), request["working_bytes"]
            )
        return dataclasses.asdict(rates)

    def _latest_placed(
        self, target: dict[str, Any], protocol: LatencyProtocol
    ) -> tuple[nn.Module, torch.Tensor]:
        """Return the network that was built last, if it is this one; else build it."""
        latest, self._latest = self._latest, None
        if latest is not None and latest[0] == _key(target, protocol):
            return latest[1:]
        return self._placed(unpack(target), protocol)

    def _placed(
        self, built: BuiltTarget, protocol: LatencyProtocol
    ) -> tuple[nn.Module, torch.Tensor]:
        """Put a network and an input on the device as the protocol says."""
        dtype = computing_dtype(protocol.dtype)
        layout = (
            torch.channels_last
            if protocol.memory_format == "channels_last"
            else torch.contiguous_format
        )
        model = built.model.eval().to(self.device, dtype).to(memory_format=layout)
        generator = torch.Generator().manual_seed(0)
        images = torch.randn(protocol.batch_size, *built.input_shape, generator=generator)
        return model, images.to(self.device, dtype).to(memory_format=layout)

    def _ready(self, target: dict[str, Any], protocol: LatencyProtocol) -> ReadyNetwork:
        """Build a network and put a clock around its inference."""
        self._latest = None  # one network less in memory
        if "graph" in target:
            return self._loaded(target, protocol)
        model, inputs = self._placed(unpack(target), protocol)
        if protocol.runtime == "eager":
            # what compiles a network may change it
            self._latest = (_key(target, protocol), model, inputs)
        try:
            with torch.inference_mode():
                model(inputs)
            units = block_names(model)  # of a runtime that takes the network apart
            making = prepare_int8 if protocol.dtype == "int8" else prepare
            run = making(protocol.runtime, model, inputs, torch.get_num_threads())
        except RuntimeError as error:
            if _UNSUPPORTED not in str(error):
                raise
            raise InputError(
                Problem(
                    "dtype", f"{protocol.dtype} is not supported on {self.device.type}: {error}"
                )
            ) from None
        if self.device.type == "cuda" and protocol.runtime not in WAITING:
            clock = cuda_throughput_timer if protocol.mode == "throughput" else cuda_timer
            return ReadyNetwork(
                inferring(clock(run.run, self.device)), self._is_host_bound(run.run)
            )
        return _timed_on_host(run, units)

    def _loaded(self, target: dict[str, Any], protocol: LatencyProtocol) -> ReadyNetwork:
        """Put a clock around the inference of a file of the runtime's own."""
        generator = torch.Generator().manual_seed(0)
        images = torch.randn(protocol.batch_size, *target["input_shape"], generator=generator)
        threads = torch.get_num_threads()
        run = load_graph(protocol.runtime, Path(target["graph"]), images.to(self.device), threads)
        return _timed_on_host(run, target["units"])


def _timed_on_host(run: Inference, units: Sequence[str]) -> ReadyNetwork:
    return ReadyNetwork(inferring(host_timer(run.run)), fallbacks=described(run.fallbacks, units))


def _measure_quietly(
    timers: list[Timer], reference: QuietReference, protocol: LatencyProtocol, threads: int
) -> Measurement:
    """Measure, and let the day's reference learn from it."""
    quiet_ms = reference.quiet_ms(threads)
    result = measure(timers, reference.timer, quiet_ms, protocol, time.perf_counter)
    if result.ran_undisturbed:
        reference.add(threads, result.median_reference_ms)
    return result


def _key(target: dict[str, Any], protocol: LatencyProtocol) -> str:
    """Return the cache key of a built network."""
    return json.dumps([target, protocol.model_dump(mode="json")], sort_keys=True)


def _network_key(target: dict[str, Any], protocol: LatencyProtocol) -> str | None:
    """Return what two measurements of one network have in common.

    None for what may be another network next time: a module, or a function in a user's file.
    """
    if "arch" not in target and not str(target.get("name", "")).startswith("timm:"):
        return None
    how = protocol.model_dump(
        mode="json", include={"batch_size", "dtype", "memory_format", "runtime", "mode"}
    )
    text = json.dumps([target, how], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def main() -> None:
    """Serve requests until the parent closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    outbox = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # output of libraries must not mix with the messages
    requests: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_read, args=(sys.stdin.buffer, requests), daemon=True).start()
    threading.Thread(target=_watch_parent, args=(os.getppid(),), daemon=True).start()
    hello = requests.get()
    server = _try(outbox, lambda: ProbeServer(hello["device"], hello["threads"]))
    if server is None:
        return
    torch.set_num_interop_threads(1)
    torch.set_num_threads(hello["threads"])
    send(outbox, {"ready": True})
    while True:
        request = requests.get()
        reply = _try(outbox, lambda request=request: server.answer(request))
        if reply is not None:
            send(outbox, {"reply": reply})


def _try(outbox: IO[bytes], action: Any) -> Any:
    """Return the action's result; on an error send it to the parent and return None."""
    try:
        return action()
    except InputError as error:
        problems = [dataclasses.asdict(problem) for problem in error.problems]
        send(outbox, {"error": "input", "problems": json.loads(json.dumps(problems, default=repr))})
    except TrialError as error:
        send(outbox, {"error": "failed", "message": str(error)})
    except Exception as error:
        traceback.print_exc()
        text = f"{type(error).__name__}: {error}"
        is_lost = is_device_lost(error)
        send(outbox, {"error": "failed", "message": text, "is_lost": is_lost})
    return None


def _read(inbox: IO[bytes], requests: "queue.Queue[dict[str, Any]]") -> None:
    while (request := receive(inbox)) is not None:
        requests.put(request)
    os._exit(0)


def _watch_parent(parent: int) -> None:
    """End with the parent even if some other process inherited the write end of the pipe."""
    while os.getppid() == parent:
        time.sleep(_PARENT_POLL_S)
    os._exit(0)


if __name__ == "__main__":
    main()
