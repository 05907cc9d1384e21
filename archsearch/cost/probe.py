"""The latency probe, as its client."""

import contextlib
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NoReturn

from archsearch.activity import doing
from archsearch.arch import Arch
from archsearch.cost.breakdown import Breakdown, MachineRates
from archsearch.cost.comparison import Comparison
from archsearch.cost.device import device_kind
from archsearch.cost.measured_network import Target, pack
from archsearch.cost.pipe_messages import receive, send
from archsearch.cost.protocol import FINAL, GATE, LatencyProtocol
from archsearch.cost.ratios import Levels
from archsearch.errors import ArchsearchError, InputError, ProbeError, Problem, TrialError
from archsearch.record import LatencyResult

#: bytes up to which glibc keeps freed memory: without these, mobilenetv2 spends a third of its
#: time in page faults, and a ranking of two networks can turn around
_ALLOCATOR_BYTES = "1000000000"
#: the module path of this process comes last: a ``random.py`` in the working directory shadows
#: nothing
_START = """\
import sys
sys.path += [path for path in sys.argv[1:] if path not in sys.path]
del sys.argv[1:]
from archsearch.cost.probe_process import main
main()
"""
_STARTUP_LIMIT_S = 180.0
_BUILD_LIMIT_S = {"eager": 60.0, "cuda_graph": 120.0}
_SLOW_BUILD_LIMIT_S = 600.0
_INFERENCE_ALLOWANCE = 20.0
_RATES_LIMIT_S = 60.0


class Probe:
    """Owns one probe process; a context manager.

    The process starts in the background. If it dies or hangs, the call that finds out raises
    `ProbeError`, and the next one starts a fresh process. It never outlives its parent.

    Args:
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        threads: intra-op threads, recorded with every result.
        hang_s: answer time that counts as a hang, beyond what the protocol allows itself; None
            leaves the defaults, which allow for building and compiling.

    Raises:
        InputError: there is no such device, or ``threads`` is not positive.

    Examples:
        >>> from archsearch import Probe, zoo
        >>> with Probe() as probe:
        ...     result = probe.measure(zoo.arch("lightvit_tiny", image_size=64))
        >>> result.median_ms > 0
        True
    """

    def __init__(self, device: str = "cpu", threads: int = 1, hang_s: float | None = None) -> None:
        device_kind(device)
        if threads < 1:
            raise InputError(Problem("threads", "must be at least 1", threads))
        self.device = device
        self.threads = threads
        self.starts = 0
        self._hang_s = hang_s
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._replies: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._log: IO[bytes] | None = None
        self._ready = False

    def __enter__(self) -> "Probe":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Process id; None before the start and after the end."""
        return self._process.pid if self._process is not None and self.alive else None

    @property
    def alive(self) -> bool:
        """Whether the process is running."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process unless it runs; return at once, while it is still importing."""
        with self._lock:
            if self.alive:
                return
            self.close()
            environment = os.environ | {
                "MALLOC_TRIM_THRESHOLD_": _ALLOCATOR_BYTES,
                "MALLOC_MMAP_THRESHOLD_": _ALLOCATOR_BYTES,
                "OMP_NUM_THREADS": str(self.threads),
                "MKL_NUM_THREADS": str(self.threads),
                # for child processes of the networks, such as a compiler's workers
                "PYTHONSAFEPATH": "1",
            }
            paths = (path or os.getcwd() for path in sys.path)
            try:
                self._log = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
                self._process = subprocess.Popen(
                    [
                        sys.executable,
                        "-P",
                        "-c",
                        _START,
                        *paths,
                    ],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._log,
                    env=environment,
                )
            except OSError as error:
                # no memory, no process or no disk left, on a busy machine
                raise ProbeError(f"the latency probe could not be started: {error}") from error
            self.starts += 1
            self._ready = False
            self._replies = queue.Queue()
            threading.Thread(
                target=_collect, args=(self._process.stdout, self._replies), daemon=True
            ).start()
            self._send({"device": self.device, "threads": self.threads})

    def close(self) -> None:
        """End the process."""
        with self._lock:
            process, self._process = self._process, None
            if process is not None:
                process.kill()
                process.wait()
                for stream in (process.stdin, process.stdout):
                    if stream is not None:
                        with contextlib.suppress(OSError):
                            stream.close()
            if self._log is not None:
                self._log.close()
                self._log = None

    def measure(
        self,
        target: Target,
        protocol: LatencyProtocol = GATE,
        *,
        input_shape: Sequence[int] | None = None,
    ) -> LatencyResult:
        """Measure one network.

        Args:
            target: an architecture, ``timm:NAME``, ``package.module:function`` or a module.
            protocol: how; its device and threads, where given, win over the probe's.
            input_shape: ``(C, H, W)``; None takes the network's own.

        Returns:
            latency in milliseconds of one inference of ``protocol.batch_size`` images, with its
            interval and verdict.

        Raises:
            InputError: the target or the protocol is wrong.
            TrialError: this network cannot be built or run.
            ProbeError: the process died or hangs.
        """
        return self.compare([target], protocol, input_shapes=[input_shape]).results[0]

    def prepare(
        self,
        target: Arch | str,
        protocol: LatencyProtocol = GATE,
        *,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        """Build a network ahead of `measure` with the same protocol, which then only measures.

        Building disturbs few numbers, and compiling takes long, so neither waits for quiet.

        Raises:
            InputError: the target or the protocol is wrong.
            TrialError: this network cannot be built or run.
            ProbeError: the process died or hangs.
        """
        self._check(protocol)
        request = {
            "operation": "prepare",
            "targets": [pack(target, input_shape, Path())],
            "protocol": protocol.model_dump(mode="json"),
        }
        with doing(f"the probe builds {_named([target])}", self._limit_s(protocol, 1)):
            self._ask(request, self._limit_s(protocol, 1))

    def compare(
        self,
        targets: Sequence[Target],
        protocol: LatencyProtocol = FINAL,
        *,
        input_shapes: Sequence[Sequence[int] | None] | None = None,
    ) -> Comparison:
        """Measure networks interleaved, so that what disturbs one disturbs all; see `measure`.

        This is one pass; `archsearch.cost.joined` joins several.

        Args:
            targets: at least one.
            protocol: how.
            input_shapes: ``(C, H, W)`` of each; None takes the networks' own.

        Returns:
            a `LatencyResult` for each network, in the order of ``targets``; ``ratio`` of it gives
            ratios of latencies.

        Raises:
            InputError: a target or the protocol is wrong, or there is no target.
            TrialError: a network cannot be built or run.
            ProbeError: the process died or hangs.
        """
        if not targets:
            raise InputError(Problem("", "there must be a network to measure"))
        shapes = input_shapes or [None] * len(targets)
        with tempfile.TemporaryDirectory(prefix="archsearch-") as folder:
            packed = [
                pack(target, shape, Path(folder))
                for target, shape in zip(targets, shapes, strict=True)
            ]
            return self._measure(packed, _named(targets), protocol)

    def measure_file(
        self,
        file: Path,
        input_shape: Sequence[int],
        protocol: LatencyProtocol = FINAL,
        *,
        units: Sequence[str] = (),
    ) -> LatencyResult:
        """Measure a file of the runtime (``.onnx``, ``.xml``, ``.tflite``); see `measure`.

        Args:
            file: as it is shipped.
            input_shape: ``(C, H, W)``.
            protocol: its runtime runs the file; its type is only noted.
            units: names of the network's blocks, which fallbacks are named by.
        """
        graph = {"graph": str(file.absolute()), "input_shape": list(input_shape)}
        packed = [graph | {"units": list(units)}]
        return self._measure(packed, file.name, protocol).results[0]

    def _measure(
        self, packed: list[dict[str, Any]], what: str, protocol: LatencyProtocol
    ) -> Comparison:
        self._check(protocol)
        request = {
            "operation": "measure",
            "targets": packed,
            "protocol": protocol.model_dump(mode="json"),
        }
        limit_s = self._limit_s(protocol, len(packed))
        with doing(f"the probe measures {what}", limit_s):
            reply = self._ask(request, limit_s)
        results = [LatencyResult.model_validate(result) for result in reply["results"]]
        levels = reply["levels"]
        found = Levels(tuple(levels["logs"]), tuple(levels["errors"]), levels["rounds"])
        return Comparison(tuple(results), (found,))

    def breakdown(
        self,
        target: Target,
        names: Sequence[str],
        protocol: LatencyProtocol = FINAL,
        *,
        input_shape: Sequence[int] | None = None,
    ) -> Breakdown:
        """Time the named submodules inside inferences; see `measure`.

        By ``cuda_graph`` they are timed inside the graph, by every other runtime in eager mode.

        Args:
            target: as in `measure`.
            names: dotted names of submodules.
            protocol: runtime, batch, type and time limit are used.
            input_shape: ``(C, H, W)``; None takes the network's own.
        """
        self._check(protocol)
        with tempfile.TemporaryDirectory(prefix="archsearch-") as folder:
            request = {
                "operation": "breakdown",
                "target": pack(target, input_shape, Path(folder)),
                "names": list(names),
                "protocol": protocol.model_dump(mode="json"),
            }
            with doing(f"the probe times parts of {_named([target])}", self._limit_s(protocol, 1)):
                return Breakdown(**self._ask(request, self._limit_s(protocol, 1)))

    def rates(self, protocol: LatencyProtocol, working_bytes: int) -> MachineRates:
        """Measure what the machine reaches with the protocol's type and threads.

        Args:
            protocol: type and threads are used.
            working_bytes: data of the network, at which the bandwidth is measured.
        """
        self._check(protocol)
        request = {
            "operation": "rates",
            "protocol": protocol.model_dump(mode="json"),
            "working_bytes": working_bytes,
        }
        with doing("the probe measures the machine's rates", self._hang_s or _RATES_LIMIT_S):
            return MachineRates(**self._ask(request, self._hang_s or _RATES_LIMIT_S))

    def calibrate(self) -> float:
        """Time the reference network afresh, in milliseconds; call it when the machine is quiet.

        The first measurement after a start does so by itself.
        """
        with doing("the probe times its reference network", self._hang_s or _RATES_LIMIT_S):
            reply = self._ask({"operation": "calibrate"}, self._hang_s or _RATES_LIMIT_S)
        return float(reply["reference_ms"])

    def _check(self, protocol: LatencyProtocol) -> None:
        if protocol.device not in (None, self.device):
            raise InputError(
                Problem("device", f"this probe measures on {self.device}", protocol.device)
            )

    def _limit_s(self, protocol: LatencyProtocol, networks: int) -> float:
        if self._hang_s is not None:
            build = self._hang_s
        else:
            build = _BUILD_LIMIT_S.get(protocol.runtime, _SLOW_BUILD_LIMIT_S)
        return networks * (build + _INFERENCE_ALLOWANCE * protocol.time_limit_s)

    def _ask(self, request: dict[str, Any], limit_s: float) -> dict[str, Any]:
        with self._lock:
            self.start()
            try:
                if not self._ready:
                    with doing("the probe process starts", _STARTUP_LIMIT_S):
                        self._receive(_STARTUP_LIMIT_S)
                    self._ready = True
                self._send(request)
                reply: dict[str, Any] = self._receive(limit_s)["reply"]
            except ArchsearchError:
                raise
            except BaseException:
                # interrupted: a late answer must not be taken for that of the next request
                self.close()
                raise
            return reply

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            send(self._process.stdin, message)
        except OSError:
            self._fail("ended")

    def _receive(self, limit_s: float) -> dict[str, Any]:
        try:
            message = self._replies.get(timeout=limit_s)
        except queue.Empty:
            self._fail(f"did not answer within {limit_s:.0f} s")
        if message is None:
            self._fail("ended")
        if "error" not in message:
            return message
        if message["error"] == "input":
            raise InputError([Problem(**problem) for problem in message["problems"]])
        if message.get("is_lost"):
            # the device answers that process no more; the next call starts a fresh one
            self.close()
        raise TrialError(f"the network could not be measured: {message['message']}")

    def _fail(self, what: str) -> NoReturn:
        """Drop the process and raise; the next call starts a fresh one."""
        process, log = self._process, self._log
        deadline = time.monotonic() + 1.0
        while what == "ended" and process is not None and process.poll() is None:
            if time.monotonic() > deadline:
                break
            time.sleep(0.01)
        code = process.poll() if process is not None else None
        text = _last_line(log) if log is not None else ""
        self.close()
        how = "" if code is None else f" (exit code {code})"
        raise ProbeError(f"the latency probe {what}{how}" + (f": {text}" if text else ""))


def _named(targets: Sequence[Target]) -> str:
    """Return a short description of the measured networks."""
    if len(targets) > 1:
        return f"{len(targets)} networks by turns"
    target = targets[0]
    if isinstance(target, Arch):
        return f"network {target.digest[:8]}"
    return target if isinstance(target, str) else type(target).__name__


def _collect(stream: Any, replies: "queue.Queue[dict[str, Any] | None]") -> None:
    """Move replies from the pipe into a queue, which can be waited on with a limit anywhere."""
    with contextlib.suppress(OSError, ValueError):
        while (message := receive(stream)) is not None:
            replies.put(message)
    replies.put(None)


def _last_line(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else ""
