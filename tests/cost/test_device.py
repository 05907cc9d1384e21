"""Device names: spelling, which devices there are, and that each place passes the number on."""

import functools
import os
from collections.abc import Iterator

import pytest
import torch

from archsearch.cli.app import main
from archsearch.cost import current_environment
from archsearch.cost.device import (
    choose_device,
    cuda_devices,
    device_kind,
    is_device_lost,
    name_problem,
    use_device,
)
from archsearch.cost.runtimes.onnx import provider_for
from archsearch.errors import InputError
from archsearch.run import LatencyTarget, Place, SearchConfig, prepare
from archsearch.run.execution import num_workers
from archsearch.run.execution_options import Execution

CARDS = ("Tesla T4", "NVIDIA L4")


@pytest.fixture
def two_cards(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make torch say that it sees two CUDA devices; return what is made the current one."""
    current: list[str] = []

    def name(device: object = None) -> str:
        return CARDS[torch.device(device if device is not None else 0).index or 0]  # type: ignore[arg-type]

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(CARDS))
    monkeypatch.setattr(torch.cuda, "get_device_name", name)
    monkeypatch.setattr(
        torch.cuda,
        "get_device_capability",
        lambda device: (7, 5) if "T4" in name(device) else (8, 9),
    )
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    return current


@pytest.fixture
def no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


NAMES = ("cpu", "cuda", "cuda:0", "cuda:1", "cuda:12")
NO_NAMES = (
    "",
    "gpu",
    "tpu",
    "mps",
    "CUDA",
    "cpu:0",
    "cuda:",
    "cuda:x",
    "cuda:-1",
    "cuda:01",
    "cuda:1:0",
    "cuda 1",
    "cuda:\u0661",
)


@pytest.mark.parametrize("name", NAMES)
def test_names(name: str) -> None:
    assert name_problem(name) is None
    assert LatencyTarget(device=name).device == name


@pytest.mark.parametrize("name", NO_NAMES)
def test_no_names(name: str) -> None:
    problem = name_problem(name, "--device")
    assert problem is not None
    assert problem.rule == "must be cpu, cuda or cuda:N"
    assert problem.remedy
    with pytest.raises(ValueError, match="must be auto, cpu, cuda or cuda:N"):
        LatencyTarget(device=name)


def test_auto_is_a_name_where_it_is_asked_for() -> None:
    assert name_problem("auto", auto=True) is None
    assert name_problem("auto") is not None


@pytest.mark.usefixtures("two_cards")
def test_a_device_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(InputError) as caught:
        device_kind("cuda:2", "--device")
    assert str(caught.value) == (
        "--device: must be a CUDA device that this process sees, but got 'cuda:2'; "
        "there is cuda:0 (Tesla T4), cuda:1 (NVIDIA L4)"
    )


@pytest.mark.usefixtures("no_card")
@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:7"])
def test_without_cuda(name: str) -> None:
    assert cuda_devices() == []
    assert choose_device("auto") == "cpu"
    with pytest.raises(InputError, match=r"no CUDA device can be used here.*use --device cpu"):
        choose_device(name, "--device")


def test_the_environment_is_that_of_the_numbered_card(two_cards: list[str]) -> None:
    assert [current_environment(f"cuda:{index}").device for index in (0, 1)] == list(CARDS)
    assert "sm 7.5" in current_environment("cuda:0").cuda
    assert "sm 8.9" in current_environment("cuda:1").cuda
    prints = {current_environment(f"cuda:{index}").fingerprint for index in (0, 1)}
    assert len(prints) == 2, "two kinds of card never share a front"


def test_the_current_device(two_cards: list[str]) -> None:
    for name in ("cpu", "cuda", "cuda:1"):
        use_device(name)
    assert two_cards == ["cuda:1"]


@pytest.mark.usefixtures("two_cards")
def test_a_run_keeps_the_number(tmp_path: object) -> None:
    config = SearchConfig(space="tiny", latency=LatencyTarget(device="cuda:1"))
    prepared = prepare(config, Place(runs_dir=str(tmp_path)))
    assert prepared.device == prepared.written["device"] == "cuda:1"
    assert prepared.written["environment"]["device"] == "NVIDIA L4"
    assert prepared.identity["latency"]["device"] == "cuda:1"
    assert num_workers(Execution(), "cuda:1") == 1, "as on cuda"


def test_onnxruntime_gets_the_number() -> None:
    assert provider_for(torch.device("cuda:1")) == ("CUDAExecutionProvider", {"device_id": 1})
    assert provider_for(torch.device("cuda"))[1] == {"device_id": 0}
    assert provider_for(torch.device("cpu")) == ("CPUExecutionProvider", {})


@pytest.mark.usefixtures("no_card")
@pytest.mark.parametrize(
    "command",
    [
        "run tiny",
        "ablate localvit_placement --data digits",
        "train zoo:lightvit_tiny",
        "profile zoo:lightvit_tiny",
        "calibrate tiny",
        "zoo --compare",
    ],
)
@pytest.mark.parametrize("device", ["cuda:3", "gpu"])
def test_every_command_refuses_a_wrong_device(
    command: str, device: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "500")
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--device", device])
    assert ended.value.code == 2
    output = capsys.readouterr().err
    assert "Traceback" not in output
    expected = "no CUDA device can be used here" if device.startswith("cuda") else "cuda:N"
    assert expected in output
    assert "device: " in output


@pytest.fixture
def ray_with_two_gpus(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let `start_ray` start a Ray that believes in two GPUs."""
    import ray

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("RAY_EXPERIMENTAL_NOSET_CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(ray, "init", functools.partial(ray.init, num_gpus=2))
    yield
    ray.shutdown()
    os.environ.pop("RAY_EXPERIMENTAL_NOSET_CUDA_VISIBLE_DEVICES", None)


class _Seen:
    def visible(self) -> str | None:
        return os.environ.get("CUDA_VISIBLE_DEVICES")

    def niceness(self) -> int:
        return os.nice(0)


@pytest.mark.usefixtures("ray_with_two_gpus")
def test_a_worker_of_our_own_ray_numbers_cards_as_we_do() -> None:
    import ray

    from archsearch.cluster.executor import PoolOptions
    from archsearch.cluster.ray_start import start_ray, worker_device

    assert start_ray(PoolOptions(num_workers=1, device="cuda:1"), 0)
    actor = ray.remote(_Seen).options(num_cpus=0, num_gpus=0.5).remote()
    # Ray would let it see card 0 alone, which is cuda:0 there
    assert ray.get(actor.visible.remote()) is None
    # nor would it run beside a busy neighbour
    assert ray.get(actor.niceness.remote()) == os.nice(0)
    assert worker_device("cuda:1", is_own_ray=True) == "cuda:1"


def test_a_worker_of_another_ray_takes_the_card_that_it_is_given() -> None:
    from archsearch.cluster.ray_start import worker_device

    assert worker_device("cuda:1", is_own_ray=False) == "cuda"
    assert worker_device("cpu", is_own_ray=False) == "cpu"


@pytest.mark.parametrize(
    ("error", "is_lost"),
    [
        (RuntimeError("CUDA error: device-side assert triggered"), True),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), True),
        (torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), False),
        (RuntimeError("shape '[3]' is invalid for input of size 4"), False),
        (ValueError("CUDA error: no"), False),
    ],
)
def test_a_failed_kernel_ends_all_use_of_the_device(error, is_lost):
    assert is_device_lost(error) is is_lost
