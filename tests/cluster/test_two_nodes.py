"""Training on a cluster: a node is killed in the middle, another one joins late."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from ray.cluster_utils import Cluster

from archsearch.cluster import Driver, FailedEvent, PoolOptions, Trained, Trainings, TrainingStore
from archsearch.cluster.job import Event, Job
from archsearch.train import Recipe
from tests.cluster.drivers import few_digits, small_archs

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    yield made
    ray.shutdown()
    made.shutdown()


def test_no_job_is_lost_with_a_node(cluster: Cluster, tmp_path: Path) -> None:
    second = cluster.add_node(num_cpus=1)
    data = few_digits()
    recipe = Recipe(epochs=4, batch_size=20, warmup_epochs=0)
    jobs = [Job(number, arch, recipe, 0) for number, arch in enumerate(small_archs(6))]
    ended: list[Trained | FailedEvent] = []
    killed = joined = False

    def watch(event: Event | None) -> None:
        nonlocal killed, joined
        if ended and not killed:
            cluster.remove_node(second, allow_graceful=False)
            killed = True
        if len(ended) >= 2 and not joined:
            cluster.add_node(num_cpus=1)
            joined = True

    options = PoolOptions(num_workers=2, address=cluster.address)
    trainings = Trainings(TrainingStore(tmp_path / "run"), data)
    with Driver("ray", data, options, trainings) as driver:
        assert driver.train(jobs, ended.append, watch=watch) == 0
    assert killed
    assert joined
    assert sorted(each.job.trial for each in ended) == list(range(6))
    assert not [each.reason for each in ended if isinstance(each, FailedEvent)]
    assert all(len(each.training.curve) == 4 for each in ended if isinstance(each, Trained))
