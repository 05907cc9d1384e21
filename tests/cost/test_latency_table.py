"""The latency table: kept, corrected, refused elsewhere; calibrated on a machine of numbers."""

import copy
import zlib
from dataclasses import replace

import numpy as np
import pytest

from archsearch.cost import GATE, current_environment, profile_target
from archsearch.cost.breakdown import Breakdown
from archsearch.cost.calibration import calibrate_table, part_times
from archsearch.cost.latency_table import LatencyTable, TableKey, sizes_of, table_path
from archsearch.cost.network_parts import REST, count_parts, parts_of
from archsearch.errors import InputError, TrialError
from archsearch.record import LatencyResult
from archsearch.resources import cache_dir
from archsearch.space import load_space


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ARCHSEARCH_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def archs():
    space = load_space("lightweight")
    rng = np.random.default_rng(0)
    return [space.arch(space.sample(rng)) for _ in range(260)]


@pytest.fixture(scope="module")
def key():
    return TableKey.of(current_environment(), GATE, threads=1)


class MadeUpProbe:
    """Measures networks whose parts take times made from their keys."""

    def __init__(self, key, noise=0.01, drift=0.0, failing=()):
        self.key = key
        self.rng = np.random.default_rng(0)
        self.noise = noise
        self.drift = drift
        self.failing = failing
        self.calls = 0

    def slowdown(self):
        return 1.0

    def truth(self, part_key):
        seed = zlib.crc32(part_key.encode())
        return float(np.prod(sizes_of(part_key) ** 0.2)) * (0.01 + 0.02 * (seed % 1000) / 1000)

    def _noisy(self, ms):
        return ms * (1 + self.noise * self.rng.normal())

    def whole(self, arch):
        return sum(n * self.truth(key) for key, n in count_parts(arch).items())

    def breakdown(self, arch, names, protocol):
        self.calls += 1
        if arch in self.failing:
            raise TrialError("this one fails")
        spent = {}
        for part in parts_of(arch):
            own = self._noisy(self.truth(part.key))
            spent[part.name] = own + sum(spent[name] for name in part.inside)
        whole = self._noisy(self.whole(arch))
        slow = self.slowdown()
        units = {name: spent[name] * slow for name in names}
        drift = self.drift or slow - 1
        return Breakdown(whole * slow, whole * slow, units, 10, drift, slow)

    def measure(self, arch, protocol):
        self.calls += 1
        ms = self._noisy(self.whole(arch))
        return result_of(self.key, ms)


def result_of(key, ms, **changes):
    values = {
        "median_ms": ms,
        "p10_ms": ms,
        "p90_ms": ms,
        "interval_ms": (0.99 * ms, 1.01 * ms),
        "num_inferences": 9,
        "num_warmup": 4,
        "environment": key.environment,
        "device": key.device,
    }
    return LatencyResult(**(values | changes))


def test_parts_of_a_measurement_add_up(archs, key):
    probe = MadeUpProbe(key)
    arch = archs[0]
    names = [part.name for part in parts_of(arch)]
    measured = probe.breakdown(arch, names, GATE)
    times = part_times(arch, measured)
    counts = count_parts(arch)
    assert set(times) == set(counts)
    total = sum(times[each] * counts[each] for each in counts)
    assert total == pytest.approx(measured.whole_ms, rel=0.05)
    assert times[REST] >= 0


def test_calibrated_table_predicts_unseen_networks(archs, key):
    table, probe = LatencyTable(key), MadeUpProbe(key)
    progress = []
    coverage = calibrate_table(table, probe, archs[:220], on_progress=progress.append)
    assert coverage.known > 0.95 * coverage.parts
    assert progress[-1].networks == coverage.networks <= 220
    errors, inside = [], 0
    for arch in archs[220:]:
        predicted, truth = table.predict(arch), probe.whole(arch)
        errors.append(abs(predicted.ms / truth - 1))
        lower, upper = predicted.interval_ms
        inside += lower <= truth <= upper
    assert np.mean(errors) < 0.04
    assert inside >= 0.9 * len(errors)


def test_what_was_slowed_is_read_as_in_quiet(archs, key):
    class Disturbed(MadeUpProbe):
        def slowdown(self):
            return self.rng.uniform(1.05, 1.15)

        def breakdown(self, arch, names, protocol):
            # the reference feels only a part of what the network does
            felt = super().breakdown(arch, names, protocol)
            return replace(felt, slowdown=1 + (felt.slowdown - 1) / 3)

    table, probe = LatencyTable(key), Disturbed(key)
    calibrate_table(table, probe, archs[:120])
    ratios = [table.predict(arch).ms / probe.whole(arch) for arch in archs[220:]]
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.02)


def test_calibration_does_not_measure_what_is_known(archs, key):
    table, probe = LatencyTable(key), MadeUpProbe(key)
    calibrate_table(table, probe, archs[:100])
    first = probe.calls
    calibrate_table(table, probe, archs[:100])
    # what is left: parts of the networks that were held out
    assert probe.calls - first < 0.4 * first


def test_a_loaded_machine_teaches_nothing(archs, key):
    table = LatencyTable(key)
    coverage = calibrate_table(table, MadeUpProbe(key, drift=0.4), archs[:10])
    assert coverage.known == 0
    with pytest.raises(InputError, match=r"latency table is empty; calibrate it first"):
        table.predict(archs[0])


def test_a_failing_network_is_left_out(archs, key):
    table = LatencyTable(key)
    calibrate_table(table, MadeUpProbe(key, failing=[archs[0].canonical()]), archs[:3])
    assert len(table) > 0


def test_calibration_keeps_to_its_time(archs, key):
    coverage = calibrate_table(LatencyTable(key), MadeUpProbe(key), archs, time_limit_s=0.0)
    assert coverage.networks == 0


def test_unknown_parts_widen_the_interval(archs, key):
    table = LatencyTable(key)
    calibrate_table(table, MadeUpProbe(key), archs[:4])
    predictions = [table.predict(arch) for arch in archs]
    known = [p for p in predictions if p.unknown_parts <= 2]
    unknown = [p for p in predictions if p.unknown_parts > 8]

    def width(prediction):
        return (prediction.interval_ms[1] - prediction.interval_ms[0]) / prediction.ms

    assert np.median([width(p) for p in unknown]) > np.median([width(p) for p in known])


def test_a_measurement_corrects(archs, key):
    table, probe = LatencyTable(key), MadeUpProbe(key)
    calibrate_table(table, probe, archs[:60])
    arch = archs[200]
    slower = 1.3 * table.predict(arch).ms
    before = table.predict(arch).ms
    rejected = copy.deepcopy(table)
    rejected.observe(arch, result_of(key, slower, verdict="rejected"))
    noisy = copy.deepcopy(table)
    noisy.observe(arch, result_of(key, slower, verdict="noisy"))
    once = copy.deepcopy(table)
    once.observe(arch, result_of(key, slower))
    # a guess of which not even the spread is known corrects nothing
    alone = copy.deepcopy(table)
    guess = result_of(key, 40 * slower, verdict="rejected").model_copy(update={"interval_ms": None})
    alone.observe(arch, guess)
    assert alone.predict(arch).ms == before
    # the steadier a measurement, the more it corrects
    corrected = [each.predict(arch).ms for each in (rejected, noisy, once)]
    assert before < corrected[0] < corrected[1] < corrected[2]
    for _ in range(3):
        table.observe(arch, result_of(key, slower))
    assert before < table.predict(arch).ms <= slower
    assert table.predict(arch).ms - before > 0.5 * (slower - before)


def test_measurements_of_elsewhere_are_refused(archs, key):
    table = LatencyTable(key)
    with pytest.raises(InputError) as caught:
        table.observe(archs[0], result_of(key, 1.0, environment="elsewhere", threads=4))
    keys = {problem.key for problem in caught.value.problems}
    assert keys == {"environment", "threads"}


def test_kept_and_read_again(archs, key):
    table = LatencyTable(key)
    calibrate_table(table, MadeUpProbe(key), archs[:20])
    path = table.save()
    assert path == table_path(key)
    assert path.is_relative_to(cache_dir())
    again = LatencyTable.load(key)
    assert again.known == table.known
    assert again.num_networks == table.num_networks
    assert again.predict(archs[30]) == table.predict(archs[30])
    assert not list(path.parent.glob("*.part"))


def test_profile_shows_predictions(archs, key):
    table = LatencyTable(key)
    arch = archs[5]
    assert profile_target(arch, table=table).predicted_ms is None
    calibrate_table(table, MadeUpProbe(key), archs[:10])
    profile = profile_target(arch, table=table)
    assert profile.predicted_ms == table.predict(arch).ms
    known = [unit for unit in profile.units if unit.predicted_ms is not None]
    assert {"stem", "stages.0.blocks.0", "stages.0.blocks.0.attention", "head"} <= {
        unit.name for unit in known
    }
    whole = sum(unit.predicted_ms for unit in known if not unit.parent)
    assert whole == pytest.approx(profile.predicted_ms, rel=0.2)


def test_no_table_yet_is_an_empty_one(key):
    assert len(LatencyTable.load(key)) == 0


def test_table_of_another_environment(archs, key, tmp_path):
    table = LatencyTable(key.model_copy(update={"environment": "elsewhere", "threads": 8}))
    path = table.save(tmp_path / "other.json")
    with pytest.raises(InputError, match="measured elsewhere or otherwise") as caught:
        LatencyTable.load(key, path)
    assert {problem.key for problem in caught.value.problems} == {"environment", "threads"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', "\x00"])
def test_broken_file(text, key, tmp_path):
    path = tmp_path / "table.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"table\.json: is no latency table"):
        LatencyTable.load(key, path)
    with pytest.raises(InputError, match="there is no such file"):
        LatencyTable.load(key, tmp_path / "missing.json")


def test_tables_of_two_protocols_have_two_files(key):
    other = key.model_copy(update={"batch_size": 64, "runtime": "compiled"})
    assert table_path(other) != table_path(key)


def test_cache_folder_is_the_users_unless_named(monkeypatch):
    monkeypatch.delenv("ARCHSEARCH_CACHE")
    assert cache_dir().name == "archsearch"
