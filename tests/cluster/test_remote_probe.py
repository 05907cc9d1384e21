"""Latency is measured on the node that says it is the target, while others train."""

import pytest
import ray
from ray.cluster_utils import Cluster

from archsearch.cluster.remote_probe import RESOURCE, RemoteProbe
from archsearch.errors import InputError, ProbeError
from archsearch.run import Budgets, Execution, LatencyTarget, Place, SearchConfig, run_search
from archsearch.space import load_space
from archsearch.train import Recipe

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster():
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    yield made
    ray.shutdown()
    made.shutdown()


def test_a_run_measures_on_the_target(cluster, tmp_path):
    with pytest.raises(InputError, match="must offer the resource latency_target"):
        RemoteProbe(cluster.address)
    node = cluster.add_node(num_cpus=1, resources={RESOURCE: 1})
    config = SearchConfig(
        space="tiny",
        limit=300,
        recipe=Recipe(epochs=1, warmup_epochs=0.5),
        budgets=Budgets(latency_ms=50),
        latency=LatencyTarget(device="cpu", elsewhere=True),
        execution=Execution(trials=3, workers=1, address=cluster.address, calibration_s=0),
    )
    record = run_search(config, Place("remote", str(tmp_path)))
    trained = [trial for trial in record.trials if trial.state == "complete"]
    assert len(trained) == 3
    assert all(trial.latency.environment == record.environment.fingerprint for trial in trained)
    assert record.front
    arch = load_space("tiny").arch(record_params())
    with RemoteProbe(cluster.address) as probe:
        assert probe.measure(arch).median_ms > 0
        cluster.remove_node(node)
        with pytest.raises(ProbeError, match="latency target was lost"):
            probe.measure(arch)


def record_params():
    space = load_space("tiny")
    return next(iter(space.enumerate()))


def test_the_target_needs_a_cluster():
    config = SearchConfig(space="tiny", latency=LatencyTarget(elsewhere=True))
    with pytest.raises(InputError, match="--target: needs a Ray cluster"):
        run_search(config)
