"""The probe process: plausible numbers, clear errors, and no way to lose or orphan it."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import psutil
import pytest
import torch
from torch import nn

from archsearch import zoo
from archsearch.cost import GATE, LatencyProtocol, Probe, current_environment, profile_target
from archsearch.errors import InputError, ProbeError, TrialError

BRIEF = LatencyProtocol(min_blocks=6, time_limit_s=0.1, warmup_limit_s=0.1, block_ms=2.0)


def test_start_returns_before_the_process_is_ready():
    begun = time.monotonic()
    with Probe() as each:
        assert time.monotonic() - begun < 1.0
        assert each.alive
        pid = each.pid
        assert psutil.pid_exists(pid)
    assert not each.alive
    assert each.pid is None
    assert not psutil.pid_exists(pid)


def test_result_carries_its_protocol(probe):
    result = probe.measure("tests.cost.probe_models:small", BRIEF)
    assert 0 < result.p10_ms <= result.p90_ms
    if result.interval_ms is None:
        assert result.verdict != "steady", "too few blocks were quiet to know the spread"
    else:
        lower, upper = result.interval_ms
        assert lower <= result.median_ms <= upper
    assert result.num_inferences > 0
    assert result.num_warmup >= 4
    environment = current_environment()
    assert result.device == environment.device
    assert result.environment == environment.fingerprint
    assert (result.batch_size, result.threads, result.dtype) == (1, 1, "float32")
    assert (result.runtime, result.memory_format) == ("eager", "channels_last")
    assert result.reference_ratio > 0
    assert result.verdict in ("steady", "noisy", "rejected")


def test_more_work_takes_longer(probe):
    small = probe.measure("timm:mobilenetv3_small_050", BRIEF, input_shape=(3, 32, 32))
    # some hundred times the work: no noise turns that around
    large = probe.measure("timm:resnet50", BRIEF, input_shape=(3, 224, 224))
    assert large.median_ms > small.median_ms


def test_a_module_is_sent_as_it_is(probe):
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
    assert probe.measure(model, BRIEF, input_shape=(3, 16, 16)).median_ms > 0


def test_options_reach_the_process(probe):
    protocol = BRIEF.model_copy(update={"batch_size": 3, "threads": 2, "dtype": "bfloat16"})
    result = probe.measure("tests.cost.probe_models:small", protocol)
    assert (result.batch_size, result.threads, result.dtype) == (3, 2, "bfloat16")


def test_comparison_is_paired(probe):
    compared = probe.compare(
        ["tests.cost.probe_models:small", "tests.cost.probe_models:small"], BRIEF
    )
    assert len(compared.results) == 2
    assert compared.ratio(0).value == 1.0
    assert compared.ratio(1).value == pytest.approx(1.0, rel=0.5)
    assert compared.ratio(1).value == pytest.approx(1 / compared.ratio(0, 1).value)


def test_printing_networks_do_not_disturb_the_messages(probe):
    assert probe.measure("tests.cost.probe_models:printing", BRIEF).median_ms > 0


def test_an_interrupted_request_does_not_answer_the_next(monkeypatch):
    with Probe() as probe:

        def interrupted(limit_s):
            raise KeyboardInterrupt

        monkeypatch.setattr(probe, "_receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            probe.measure("tests.cost.probe_models:small", BRIEF)
        assert not probe.alive


def test_calibration(probe):
    assert 0.01 < probe.calibrate() < 1000


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("timm:mobilenetv9", "timm has no model.*did you mean"),
        ("resnet", "must be model.py, model.py:FUNCTION or package.module:FUNCTION"),
        ("no_such_module:build", "there is no module 'no_such_module'"),
        ("tests.cost.probe_models:smal", "has no function 'smal'; did you mean 'small'"),
        ("tests.cost.probe_models:not_a_module", "must return a network"),
        ("tests.cost.probe_models:shapeless", "does not say what input it takes"),
    ],
)
def test_wrong_target(probe, target, message):
    with pytest.raises(InputError, match=message):
        probe.measure(target, BRIEF)
    assert probe.alive


def test_network_that_cannot_run_is_said(probe):
    with pytest.raises(InputError, match=r"does not run on an input of 1 x 3 x 16 x 16.*channels"):
        probe.measure("tests.cost.probe_models:wrong_channels", BRIEF)
    assert probe.measure("tests.cost.probe_models:small", BRIEF).median_ms > 0


def test_dtype_without_kernels(probe):
    protocol = BRIEF.model_copy(update={"dtype": "float16"})
    with pytest.raises(InputError, match="dtype: float16 is not supported on cpu"):
        probe.measure("tests.cost.probe_models:half_hearted", protocol)


def test_module_that_cannot_be_pickled(probe):
    model = nn.ReLU()
    model.function = lambda x: x
    with pytest.raises(InputError, match="cannot be sent to the probe process"):
        probe.measure(model, BRIEF, input_shape=(3, 4, 4))


def test_other_device_than_the_probes(probe):
    with pytest.raises(InputError, match="this probe measures on cpu"):
        probe.measure("tests.cost.probe_models:small", GATE.model_copy(update={"device": "cuda"}))


def test_no_network(probe):
    with pytest.raises(InputError, match="there must be a network"):
        probe.compare([], BRIEF)


def test_threads_must_be_positive():
    with pytest.raises(InputError, match="threads: must be at least 1, but got 0"):
        Probe(threads=0)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_no_cuda():
    with pytest.raises(InputError, match="no CUDA device"):
        Probe("cuda")


def test_killed_process_is_replaced():
    with Probe() as probe:
        assert probe.measure("tests.cost.probe_models:small", BRIEF).median_ms > 0
        first = probe.pid
        os.kill(first, signal.SIGKILL)
        # whether the death is seen before or after the request is sent, the next call heals
        try:
            probe.measure("tests.cost.probe_models:small", BRIEF)
        except ProbeError as error:
            assert "latency probe ended" in str(error)  # noqa: PT017  either way is right
        assert probe.measure("tests.cost.probe_models:small", BRIEF).median_ms > 0
        assert probe.pid != first
        assert probe.starts == 2

        with pytest.raises(ProbeError, match=r"ended.*exit code 17"):
            probe.measure("tests.cost.probe_models:deadly", BRIEF)
        assert not probe.alive


def test_hanging_process_is_killed():
    with Probe(hang_s=1.0) as probe:
        pid = probe.pid
        with pytest.raises(ProbeError, match="did not answer within 3 s"):
            probe.measure("tests.cost.probe_models:sleepy", BRIEF)
        assert not probe.alive
        assert not psutil.pid_exists(pid)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_no_orphan_when_the_parent_is_killed():
    code = """
        import subprocess, sys, time
        process = subprocess.Popen(
            [sys.executable, "-m", "archsearch.cost.probe_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        print(process.pid, flush=True)
        time.sleep(60)
    """  # what `Probe.start` does, without the time that its imports take
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    )
    with parent.stdout:
        child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    child.wait(timeout=30)


def test_after_a_failed_kernel_the_next_network_gets_a_fresh_process():
    with Probe() as probe:
        with pytest.raises(TrialError, match="device-side assert"):
            probe.measure("tests.cost.probe_models:lost", BRIEF)
        assert not probe.alive
        assert probe.measure("tests.cost.probe_models:small", BRIEF).median_ms > 0
        assert probe.starts == 2


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("runtime", ["eager", "cuda_graph"])
@pytest.mark.parametrize("mode", ["latency", "throughput"])
def test_cuda(runtime, mode):
    protocol = BRIEF.model_copy(update={"runtime": runtime, "mode": mode, "dtype": "float16"})
    with Probe("cuda") as probe:
        result = probe.measure("timm:mobilenetv3_small_050", protocol)
    assert result.median_ms > 0
    assert result.device == torch.cuda.get_device_name()


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("runtime", ["eager", "cuda_graph"])
def test_networks_with_indices_one_after_the_other_on_cuda(runtime):
    """A graph reads the memory of its network, which nothing else may get meanwhile."""
    protocol = BRIEF.model_copy(update={"runtime": runtime})
    with Probe("cuda") as probe:
        archs = [zoo.arch(name) for name in ("lightvit_tiny", "localvit_swin", "sepvit_lite")]
        found = probe.compare(archs, protocol)
        assert all(each.median_ms > 0 for each in found.results)
        profile = profile_target(archs[0], probe, protocol)
        assert profile.units_ms == pytest.approx(profile.units_of_ms, rel=0.3)
        assert profile.units_runtime == runtime
        rates = probe.rates(protocol, 2**26)
        assert rates.macs_per_s > 1e12
        assert rates.bytes_per_s > 1e10
