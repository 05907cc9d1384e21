"""What a search run is asked to do, and where it may be changed later."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from archsearch.arch import Spec
from archsearch.arch.spec import Count, Flag
from archsearch.cost.device import name_problem
from archsearch.cost.protocol import Runtime
from archsearch.train import Recipe


def _device_name(value: str) -> str:
    if problem := name_problem(value, auto=True):
        raise PydanticCustomError("device", problem.rule)
    return value


DeviceName = Annotated[str, AfterValidator(_device_name)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Budgets(Spec):
    """Upper limits that every point of the front keeps.

    Attributes:
        latency_ms: median latency of one inference; None for no limit.
        params: number of parameters; None for no limit.
        macs: multiply-adds of one image; None for no limit.
        memory_bytes: weights and activations of one inference, as it is measured; None for no
            limit.
    """

    latency_ms: Positive | None = None
    params: Positive | None = None
    macs: Positive | None = None
    memory_bytes: Positive | None = None

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

    device: DeviceName = "auto"
    batch_size: Count = 1
    threads: Count = 1
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    runtime: Runtime = "eager"
    elsewhere: Flag = False

    def protocol_fields(self) -> dict[str, Any]:
        """Return what a `LatencyProtocol` takes from here."""
        names = ("batch_size", "threads", "dtype", "runtime")
        return {name: getattr(self, name) for name in names}


class Execution(Spec):
    """How a run is carried out; may differ each time the run is resumed.

    Attributes:
        trials: candidates to train in all.
        time_limit_s: no new candidate is begun after this many seconds; None for no limit.
        patience: no new candidate is begun when the last so many that were trained have gained no
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

    trials: Count = 48
    time_limit_s: Positive | None = None
    patience: Count | None = None
    workers: Count | None = None
    threads_per_worker: Count = 1
    executor: Literal["ray", "inline"] = "ray"
    address: str = ""
    calibration_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 30.0
    baselines: tuple[str, ...] = ()
    front_seeds: Annotated[int, Field(ge=0, strict=True)] = 3
    log: tuple[Literal["tensorboard", "wandb", "mlflow"], ...] = ()


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
        sampler: how candidates are proposed.
        early_stopping: stop candidates that are clearly dominated; rungs take its place.
        rungs: epochs after which candidates are paused until they are among the best there; None
            trains each to the end.
        promote: share of the candidates at a rung that go on; None for the ratio of its epochs to
            the next one's.
        seed: of proposals, initialisation and data order.
        execution: how the run is carried out.
    """

    space: str
    space_overrides: Annotated[dict[str, Any], Field(default_factory=dict)]
    data: str = "digits"
    data_root: str | None = None
    image_size: Count | None = None
    limit: Count | None = None
    recipe: Recipe | None = None
    budgets: Budgets = Budgets()
    latency: LatencyTarget = LatencyTarget()
    sampler: str = "model"
    early_stopping: Flag = True
    rungs: tuple[Count, ...] | None = None
    promote: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = None
    seed: Annotated[int, Field(ge=0, strict=True)] = 0
    execution: Execution = Execution()

    @property
    def other_seeds(self) -> range:
        """The seeds that the front is trained with after the search."""
        return range(self.seed + 1, self.seed + 1 + self.execution.front_seeds)

    def identity(self) -> dict[str, Any]:
        """Return what a resumed run must share, every default written out."""
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
