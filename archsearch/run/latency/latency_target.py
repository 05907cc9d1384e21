"""Latency targets: where and how the latency of candidates is measured."""

import re
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from archsearch.arch import Spec
from archsearch.arch.spec import Count, Flag
from archsearch.cost.device import name_problem
from archsearch.cost.protocol import Dtype, Runtime
from archsearch.errors import nearest
from archsearch.option import MACHINE, Option
from archsearch.run.budgets import Positive

_TARGET_NAME = re.compile(r"[a-z][a-z0-9_]*")


def _device_name(value: str) -> str:
    if problem := name_problem(value, auto=True):
        raise PydanticCustomError("device", problem.rule)
    return value


DeviceName = Annotated[str, AfterValidator(_device_name)]


class LatencyTarget(Spec):
    """Where and how latency is measured.

    Attributes:
        device: ``cpu``, ``cuda`` (the first one), ``cuda:N``, or ``auto`` for CUDA where there is
            one.
        batch_size: images per inference.
        threads: intra-op threads on a CPU.
        dtype: number type of weights and activations; with ``int8`` the accuracy of a trained
            candidate is that of the network in int8.
        runtime: what executes the network.
        elsewhere: on the node of the Ray cluster that offers the resource ``latency_target``;
            ``device`` is then that node's.
    """

    device: Annotated[DeviceName, Option("--device", "cpu, cuda, cuda:N or auto.", MACHINE)] = (
        "auto"
    )
    batch_size: Annotated[
        Count, Option("--batch", "Images of the measured inference.", MACHINE)
    ] = 1
    threads: Annotated[
        Count, Option("--threads", "Threads of the measured inference.", MACHINE)
    ] = 1
    dtype: Annotated[
        Dtype,
        Option(
            "--dtype",
            "Number type of the measured inference: float32, bfloat16, float16, or int8 (of "
            "onnxruntime, openvino and litert).",
            MACHINE,
        ),
    ] = "float32"
    runtime: Annotated[
        Runtime,
        Option(
            "--runtime",
            "What runs the measured inference: eager, compiled, cuda_graph, onnxruntime, "
            "openvino or litert.",
            MACHINE,
        ),
    ] = "eager"
    elsewhere: Annotated[
        Flag,
        Option(
            "--target",
            "Measure latency on the node of the cluster (--address) that offers the resource "
            "latency_target.",
            MACHINE,
            default="here",
        ),
    ] = False

    def protocol_fields(self) -> dict[str, Any]:
        """Return what a `LatencyProtocol` takes from here."""
        names = ("batch_size", "threads", "dtype", "runtime")
        return {name: getattr(self, name) for name in names}


class FurtherTarget(LatencyTarget):
    """One more latency target: measured on this machine, with a budget of its own.

    Attributes:
        budget_ms: upper limit of its latency; None for no limit.
    """

    budget_ms: Positive | None = None

    @model_validator(mode="after")
    def _here(self) -> "FurtherTarget":
        if self.elsewhere:
            raise PydanticCustomError("elsewhere", "must be false: only the first target may be")
        return self


def _target_name(value: str) -> str:
    if not _TARGET_NAME.fullmatch(value) or value == "latency":
        raise PydanticCustomError(
            "target", "must be a name of small letters, digits and _, other than latency"
        )
    return value


def targets_of_texts(texts: list[Any]) -> dict[str, dict[str, Any]]:
    """Read targets ``RUNTIME:KEY=VALUE,...`` by their names."""
    targets: dict[str, dict[str, Any]] = {}
    for text in texts:
        runtime, _, rest = str(text).partition(":")
        fields: dict[str, Any] = {"runtime": runtime}
        for part in filter(None, rest.split(",")):
            key, _, value = part.partition("=")
            if not value:
                rule = "must be a runtime, a colon, and KEY=VALUE with commas"
                raise PydanticCustomError("also", rule, {"remedy": "e.g. onnxruntime:budget_ms=3"})
            known = {"name", *FurtherTarget.model_fields} - {"elsewhere", "runtime"}
            if key.strip() not in known:
                rule = f"has a key that a target has not, {key.strip()}"
                found = nearest(key.strip(), sorted(known))
                raise PydanticCustomError("also", rule, {"remedy": found})
            fields[key.strip()] = _number(value.strip())
        name = str(fields.pop("name", runtime))
        if name in targets:
            remedy = f"e.g. {runtime}:name={name}_2"
            raise PydanticCustomError("also", "must each have another name", {"remedy": remedy})
        targets[name] = fields
    return targets


def _number(text: str) -> int | float | str:
    """Return a number where a text is one."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


TargetName = Annotated[str, AfterValidator(_target_name)]
