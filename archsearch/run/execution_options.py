"""How a run is carried out; may differ each time it goes on."""

from typing import Annotated, Literal

from pydantic import (
    Field,
)

from archsearch.arch import Spec
from archsearch.arch.spec import Count
from archsearch.duration import Duration
from archsearch.option import MACHINE, OUTPUT, SEARCH, Option


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
        gpus_per_trial: share of a GPU that each worker takes; None divides one among all workers.
        worker_timeout_s: a worker that reports no epoch for so long is replaced; None for twenty
            times the longest epoch so far, at least ten minutes.
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
            "Begin no new training after this long, e.g. 30m, 2h, 90s. In a run, measuring the "
            "front again and training it with other seeds come after that.",
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
    gpus_per_trial: Annotated[
        float | None,
        Field(gt=0, le=1, allow_inf_nan=False),
        Option(
            "--gpus-per-trial",
            "Share of a GPU for each worker, e.g. 0.25 for four on each GPU.",
            MACHINE,
            default="one GPU among all workers",
        ),
    ] = None
    worker_timeout_s: Annotated[
        Duration | None,
        Option(
            "--worker-timeout",
            "Replace a worker that reports no epoch for so long, e.g. 20m.",
            MACHINE,
            type=str,
            default="20 epochs, at least 10m",
        ),
    ] = None
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
            "Train and measure this network too, timm:NAME or zoo:NAME; zoo:edgevit, lightvit, "
            "localvit or sepvit stands for six sizes of that design; may be repeated.",
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
