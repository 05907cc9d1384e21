"""The configuration of a search run, and what may change when it goes on."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from archsearch.arch import Spec
from archsearch.arch.spec import Count, Flag
from archsearch.cost.device import name_problem
from archsearch.cost.protocol import Runtime
from archsearch.duration import Duration
from archsearch.errors import nearest
from archsearch.option import BUDGET, DATA, MACHINE, OUTPUT, SEARCH, Option
from archsearch.record import FIRST_TARGET, Aims
from archsearch.search.evaluation import Direction
from archsearch.train import Recipe


def _device_name(value: str) -> str:
    if problem := name_problem(value, auto=True):
        raise PydanticCustomError("device", problem.rule)
    return value


def _epochs(value: Any) -> Any:
    """Read ``2,6``."""
    if not isinstance(value, str):
        return value
    try:
        return [int(each) for each in value.split(",")]
    except ValueError:
        rule = "must be numbers of epochs with commas between them"
        raise PydanticCustomError("epochs", rule, {"remedy": "e.g. 2,6"}) from None


def _names(value: Any) -> Any:
    """Read ``accuracy,params``."""
    return [each.strip() for each in value.split(",")] if isinstance(value, str) else value


def _target_name(value: str) -> str:
    if not _TARGET_NAME.fullmatch(value) or value == "latency":
        raise PydanticCustomError(
            "target", "must be a name of small letters, digits and _, other than latency"
        )
    return value


def _further(texts: list[Any]) -> dict[str, dict[str, Any]]:
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


_TARGET_NAME = re.compile(r"[a-z][a-z0-9_]*")
#: keys that a further target inherits from the first one
_SHARED = ("device", "batch_size", "threads", "dtype")
#: objectives of a run beside the latencies of further targets, with their directions
OBJECTIVES: dict[str, Direction] = {
    "accuracy": "max",
    FIRST_TARGET: "min",
    "params": "min",
    "macs": "min",
    "memory_bytes": "min",
}
DeviceName = Annotated[str, AfterValidator(_device_name)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Epochs = Annotated[tuple[Count, ...], BeforeValidator(_epochs)]


class Budgets(Spec):
    """Upper limits that every point of the front keeps.

    Attributes:
        latency_ms: median latency of one inference; None for no limit.
        params: number of parameters; None for no limit.
        macs: multiply-adds of one image; None for no limit.
        memory_bytes: weights and activations of one inference, as it is measured; None for no
            limit.
    """

    latency_ms: Annotated[
        Positive | None,
        Option("--budget-ms", "Latency limit in milliseconds for one inference.", BUDGET),
    ] = None
    params: Annotated[
        Positive | None,
        Option("--budget-params", "Limit on the number of parameters, e.g. 6e6.", BUDGET),
    ] = None
    macs: Annotated[
        Positive | None,
        Option("--budget-macs", "Limit on multiply-adds of one image.", BUDGET),
    ] = None
    memory_bytes: Annotated[
        Positive | None,
        Option(
            "--budget-memory",
            "Limit on bytes of weights and activations of one inference, e.g. 50e6.",
            BUDGET,
        ),
    ] = None

    @property
    def limits(self) -> dict[str, float]:
        """The limits there are, by name and in a fixed order."""
        return {name: value for name, value in self if value is not None}

    def violations(
        self,
        params: int | None,
        macs: int | None,
        latency_ms: float | None,
        memory_bytes: int | None = None,
    ) -> dict[str, float]:
        """Return, by name and in a fixed order, how far each limit is exceeded, as a share of it.

        Zero or less means that the limit is kept; what is not known yet counts as kept.
        """
        known = {
            "latency_ms": latency_ms,
            "params": params,
            "macs": macs,
            "memory_bytes": memory_bytes,
        }
        shares = {}
        for name, limit in self.limits.items():
            value = known[name]
            shares[name] = 0.0 if value is None else (value - limit) / limit
        return shares


class LatencyTarget(Spec):
    """Where and how latency is measured.

    Attributes:
        device: ``cpu``, ``cuda`` (the first one), ``cuda:N``, or ``auto`` for CUDA where there is
            one.
        batch_size: images per inference.
        threads: intra-op threads on a CPU.
        dtype: number type of weights and activations.
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
        Literal["float32", "bfloat16", "float16"],
        Option(
            "--dtype",
            "Number type of the measured inference: float32, bfloat16 or float16.",
            MACHINE,
        ),
    ] = "float32"
    runtime: Annotated[
        Runtime,
        Option(
            "--runtime",
            "What runs the measured inference: eager, compiled, cuda_graph, onnxruntime or "
            "openvino.",
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


class Execution(Spec):
    """How a run is carried out; may differ each time the run is resumed.

    Attributes:
        trials: candidates to train in all.
        time_limit_s: no new candidate is started after this many seconds; None for no limit.
        patience: no new candidate is started when the last so many that were trained have gained no
            hypervolume; None for no such limit.
        workers: candidates trained at the same time; None for one per core (or one on a GPU).
        threads_per_worker: intra-op threads of each worker.
        executor: Ray actors, or the calling process.
        address: Ray cluster to join; empty starts one on this machine.
        calibration_s: longest calibration of the latency table, when the table of this machine
            does not know the space yet; 0 does without a table.
        baselines: known networks to train and measure beside the candidates, ``timm:NAME`` or
            ``zoo:NAME``.
        front_seeds: other seeds that each member of the front is trained with after the search;
            0 for none.
        log: tools that trials and the front are logged to: ``tensorboard``, ``wandb``, ``mlflow``.
    """

    trials: Annotated[Count, Option("--trials", "Candidates to train in all.", SEARCH)] = 48
    time_limit_s: Annotated[
        Duration | None,
        Option(
            "--time-limit",
            "Start no new candidate after this long, e.g. 30m, 2h, 90s; measuring the front again "
            "and its other seeds come on top.",
            SEARCH,
            type=str,
        ),
    ] = None
    patience: Annotated[
        Count | None,
        Option(
            "--patience",
            "Start no new candidate after this many in a row without a gain in hypervolume.",
            SEARCH,
        ),
    ] = None
    workers: Annotated[
        Count | None,
        Option("--workers", "Networks trained at a time.", MACHINE, default="one per core"),
    ] = None
    threads_per_worker: Count = 1
    executor: Annotated[
        Literal["ray", "inline"],
        Option("--executor", "ray, or inline for this process.", MACHINE),
    ] = "ray"
    address: Annotated[str, Option("--address", "Ray cluster to join.", MACHINE)] = ""
    calibration_s: Annotated[
        float,
        Field(ge=0, allow_inf_nan=False),
        Option(
            "--calibration",
            "Longest calibration of the latency table in seconds, where it does not know the "
            "space yet; 0 measures every candidate instead.",
            MACHINE,
        ),
    ] = 30.0
    baselines: Annotated[
        tuple[str, ...],
        Option(
            "--baseline",
            "Train and measure this network too, timm:NAME or zoo:NAME; may be repeated.",
            SEARCH,
        ),
    ] = ()
    front_seeds: Annotated[
        int,
        Field(ge=0, strict=True),
        Option(
            "--front-seeds",
            "Train each member of the front with this many other seeds after the search, to tell "
            "better from not distinguishable; 0 for none.",
            SEARCH,
        ),
    ] = 3
    log: Annotated[
        tuple[Literal["tensorboard", "wandb", "mlflow"], ...],
        Option("--log", "Log to tensorboard, wandb or mlflow as well; may be repeated.", OUTPUT),
    ] = ()


class SearchConfig(Spec):
    """A search run, as a study file or the command line gives it.

    Attributes:
        space: path or name of a search space.
        space_overrides: dotted path in the space to a value or domain in place of the file's.
        data: ``digits``, ``fashion-mnist``, ``cifar10``, ``cifar100`` or ``folder:PATH``.
        data_root: folder of a torchvision data set; None for its default.
        image_size: side of the images in pixels; None takes the space's.
        limit: use at most this many images of the data set; None for all.
        recipe: how candidates are trained; None takes the data set's default.
        budgets: upper limits.
        latency: where and how latency is measured.
        targets: further latency targets by name, each an objective ``NAME_ms``; what one leaves
            open of device, batch size, threads and dtype is as at the first target.
        objectives: what the front trades off: ``accuracy``, ``latency_ms``, ``NAME_ms`` of a
            further target, ``params``, ``macs``, ``memory_bytes``; None for accuracy and every
            latency.
        execution: how the run is carried out.
        sampler: how candidates are proposed.
        early_stopping: stop candidates that are clearly dominated; rungs take its place.
        rungs: epochs after which candidates are paused until they are among the best there; None
            trains each to the end.
        promote: share of the candidates at a rung that go on; None for the ratio of its epochs to
            the next one's.
        seed: of proposals, initialisation and data order.
    """

    space: str
    space_overrides: Annotated[dict[str, Any], Field(default_factory=dict)]
    data: Annotated[
        str,
        Option(
            "--data",
            "digits, fashion-mnist, cifar10, cifar100, or folder:PATH with train/ and val/.",
            DATA,
        ),
    ] = "digits"
    data_root: Annotated[
        str | None, Option("--data-root", "Folder of a torchvision data set.", DATA, type=Path)
    ] = None
    image_size: Annotated[
        Count | None,
        Option("--image-size", "Side of the images in pixels.", DATA, default="the space's"),
    ] = None
    limit: Annotated[Count | None, Option("--limit", "Use at most this many images.", DATA)] = None
    recipe: Annotated[
        Recipe | None,
        Option(
            "--epochs",
            "Epochs of each candidate.",
            DATA,
            default="the recipe's",
            key="epochs",
            type=int,
        ),
        Option("--recipe", "YAML file with the training recipe.", DATA, type=Path),
    ] = None
    budgets: Budgets = Budgets()
    latency: LatencyTarget = LatencyTarget()
    targets: Annotated[
        dict[Annotated[str, AfterValidator(_target_name)], FurtherTarget],
        Field(default_factory=dict),
        Option(
            "--also",
            "Measure latency at one more target, with a budget of its own: a runtime and what "
            "differs from the first target, e.g. onnxruntime:budget_ms=3,threads=2; keys are "
            "budget_ms, name, device, threads, batch_size and dtype. May be repeated.",
            BUDGET,
            default="none",
            type=list[str],
        ),
    ]
    objectives: Annotated[
        tuple[str, ...] | None,
        BeforeValidator(_names),
        Option(
            "--objectives",
            "What the front trades off, with commas: accuracy, and of latency_ms, params, macs, "
            "memory_bytes and NAME_ms of a further target at least one.",
            BUDGET,
            default="accuracy and every latency",
            type=str,
        ),
    ] = None
    # before the sampler: --help has the options in this order
    execution: Execution = Execution()
    sampler: Annotated[
        str, Option("--sampler", "model, evolution, random, nsga2, tpe or gp.", SEARCH)
    ] = "model"
    early_stopping: Annotated[
        Flag, Option("--early-stopping", "Stop candidates that are clearly dominated.", SEARCH)
    ] = True
    rungs: Annotated[
        Epochs | None,
        Option(
            "--rungs",
            "Pause candidates after these epochs, e.g. 2,6; the best there go on, with what they "
            "have learnt. Takes the place of early stopping.",
            SEARCH,
            default="none",
            type=str,
        ),
    ] = None
    promote: Annotated[
        Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None,
        Option(
            "--promote",
            "Share of the candidates at a rung that go on.",
            SEARCH,
            default="its epochs over the next one's",
        ),
    ] = None
    seed: Annotated[
        int,
        Field(ge=0, strict=True),
        Option("--seed", "Of proposals, initialisation and data order.", SEARCH),
    ] = 0

    @field_validator("targets", mode="before")
    @classmethod
    def _as_first_target(cls, value: Any, info: ValidationInfo) -> Any:
        """Read texts, and fill what a target leaves open with what the first target says."""
        targets = _further(value) if isinstance(value, list) else value
        first = info.data.get("latency")
        if not isinstance(targets, Mapping) or not isinstance(first, LatencyTarget):
            return targets
        shared = {name: getattr(first, name) for name in _SHARED}
        return {
            name: {**shared, **target} if isinstance(target, Mapping) else target
            for name, target in targets.items()
        }

    @field_validator("objectives")
    @classmethod
    def _known_objectives(
        cls, names: tuple[str, ...] | None, info: ValidationInfo
    ) -> tuple[str, ...] | None:
        if names is None:
            return None
        known = (*OBJECTIVES, *(f"{name}_ms" for name in info.data.get("targets", {})))
        if set(names) - set(known):
            rule = f"must be of {', '.join(known)}"
            raise PydanticCustomError("objectives", rule)
        if "accuracy" not in names or len(names) < 2:
            raise PydanticCustomError("objectives", "must be accuracy and at least one more")
        if len(set(names)) < len(names):
            raise PydanticCustomError("objectives", "must differ from each other")
        return names

    @property
    def further(self) -> dict[str, FurtherTarget]:
        """The further targets, by the names of their objectives."""
        return {f"{name}_ms": target for name, target in self.targets.items()}

    @property
    def directions(self) -> dict[str, Direction]:
        """Direction of each objective by name, in the order of the study; accuracy first."""
        names = self.objectives or ("accuracy", FIRST_TARGET, *self.further)
        chosen = dict.fromkeys(("accuracy", *names))
        return {name: OBJECTIVES.get(name, "min") for name in chosen}

    @property
    def limits(self) -> dict[str, float]:
        """Every budget by name: the sizes, and the latency at each target."""
        more = {name: target.budget_ms for name, target in self.further.items()}
        return self.budgets.limits | {n: limit for n, limit in more.items() if limit is not None}

    @property
    def latency_names(self) -> tuple[str, ...]:
        """Names of all latencies, the first target's first."""
        return (FIRST_TARGET, *self.further)

    @property
    def aims(self) -> Aims:
        """What the front trades off, and the latencies it keeps."""
        limits = {name: ms for name, ms in self.limits.items() if name in self.latency_names}
        return Aims(objectives=tuple(self.directions), budgets_ms=limits)

    @property
    def other_seeds(self) -> range:
        """The seeds that the front is trained with after the search."""
        return range(self.seed + 1, self.seed + 1 + self.execution.front_seeds)

    def identity(self) -> dict[str, Any]:
        """Return the identity that a resumed run must share; defaults are written out."""
        return self.model_dump(mode="json", exclude={"execution"})


class StudyFile(Spec):
    """A file in ``studies/``: a question, what it costs, what is expected, and the search.

    Attributes:
        question: what the study answers.
        cost: what it takes to run.
        expected: outcome that would be no surprise.
        search: the search.
    """

    question: str
    cost: str
    expected: str
    search: SearchConfig
