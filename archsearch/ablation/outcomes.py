"""The trainings of an ablation's networks by seed: done, open and failed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from archsearch.ablation.network_builder import Network, Networks
from archsearch.ablation_record import VariantRecord
from archsearch.cluster import FailedEvent, Job, Trained, Training, TrainingKey
from archsearch.cost import count_arch
from archsearch.record import LatencyResult
from archsearch.train import Recipe


class Outcomes:
    """The networks of an ablation, their seeds, and the outcome of each training.

    Args:
        networks: of the study.
        recipe: of every training.
        seeds: that each network is wanted with, in the order in which they are wanted.
        key_of: returns what identifies the training of a job.
        failures: digest of a training to why it failed in an earlier session.

    Attributes:
        failures: digest of a training to why it failed.
        reused: trainings taken from the store.
    """

    def __init__(
        self,
        networks: Networks,
        recipe: Recipe,
        seeds: tuple[int, ...],
        key_of: Callable[[Job], TrainingKey],
        failures: Mapping[str, str],
    ) -> None:
        self._networks = networks
        self._recipe = recipe
        self._seeds = {each.name: list(seeds) for each in networks.all}
        self._key_of = key_of
        #: name of a network to what identifies its training with seed 0
        self._keys = {each.name: key_of(self._job(each, 0)) for each in networks.all}
        self._trained: dict[TrainingKey, Training] = {}
        self.failures = dict(failures)
        self.reused = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing was trained yet."""
        return not self._trained

    @property
    def seeds(self) -> tuple[int, ...]:
        """Every seed of any network."""
        return tuple(dict.fromkeys(seed for each in self._seeds.values() for seed in each))

    @property
    def counts(self) -> tuple[int, int, int]:
        """Numbers of trainings: requested, ended, failed."""
        wanted = {
            self._key(network, seed)
            for network in self._networks.all
            for seed in self._seeds[network.name]
        }
        failed = sum(key.digest in self.failures for key in wanted)
        return len(wanted), sum(key in self._trained for key in wanted) + failed, failed

    def open_jobs(self) -> Iterator[Job]:
        """Yield what has not ended, seed by seed, so that pairs are complete early."""
        for index in range(max(map(len, self._seeds.values()))):
            for network in self._networks.all:
                for seed in self._seeds[network.name][index : index + 1]:
                    key = self._key(network, seed)
                    if key not in self._trained and key.digest not in self.failures:
                        yield self._job(network, seed)

    def take(self, outcome: Trained | FailedEvent) -> None:
        """Record the outcome of a job."""
        key = self._key_of(outcome.job)
        if isinstance(outcome, FailedEvent):
            self.failures[key.digest] = outcome.reason
            return
        self._trained[key] = outcome.training
        self.reused += outcome.event is None

    def name_of(self, job: Job) -> str:
        """Return the name of the network that a job trains."""
        return next(name for name, key in self._keys.items() if key.arch == job.arch.digest)

    def add_seeds(self, wanted: Mapping[str, int]) -> None:
        """Give variants further seeds; the base gets each of them too, to make pairs."""
        base = self._networks.base.name
        for name, count in wanted.items():
            for _ in range(count):
                self._seeds[name].append(max(self._seeds[name]) + 1)
        known = set(self._seeds[base])
        others = {seed for each in self._seeds.values() for seed in each}
        self._seeds[base] += sorted(others - known)

    def variants(self, latencies: Mapping[str, LatencyResult]) -> tuple[VariantRecord, ...]:
        """Return the record of each network; ``latencies`` are by digest."""
        return tuple(self._variant(network, latencies) for network in self._networks.all)

    def _variant(self, network: Network, latencies: Mapping[str, LatencyResult]) -> VariantRecord:
        counts = count_arch(network.arch)
        keys = {seed: self._key(network, seed) for seed in self._seeds[network.name]}
        trained = {s: self._trained[k] for s, k in keys.items() if k in self._trained}
        failed = {
            seed: self.failures[key.digest]
            for seed, key in keys.items()
            if seed not in trained and key.digest in self.failures
        }
        digest = self._keys[network.name].arch
        return VariantRecord(
            name=network.name,
            description=network.description,
            overrides=dict(network.overrides),
            levels=dict(network.levels),
            published=network.published,
            digest=digest,
            arch=network.arch,
            params=counts.params,
            macs=counts.macs,
            latency=latencies.get(digest),
            accuracies={seed: training.accuracy for seed, training in trained.items()},
            curves={seed: training.curve for seed, training in trained.items()},
            failures=failed,
        )

    def _key(self, network: Network, seed: int) -> TrainingKey:
        return replace(self._keys[network.name], seed=seed)

    def _job(self, network: Network, seed: int) -> Job:
        label = f"{network.name}, seed {seed}"
        return Job(0, network.arch, self._recipe, seed, label=label)
