"""The bridge to Ray Tune: define-by-run space, trainable, and both under `tune.Tuner`."""

import math
import pickle

import optuna
import pytest

import archsearch
from archsearch.errors import InputError, TrialError
from archsearch.record import LatencyResult
from archsearch.run import Budgets, Place, SearchConfig, prepare
from archsearch.run.latency.measurement import LatencyMeasurer
from archsearch.train import Recipe
from archsearch.tune import CandidateTrainable, tune_space, tune_study, tune_trainable

EPOCHS = 3
CONFIG = SearchConfig(
    space="tiny",
    data="digits",
    limit=300,
    recipe=Recipe(epochs=EPOCHS, batch_size=64, warmup_epochs=0.5, precision="float32"),
    latency={"device": "cpu"},
)
WINDOW = {
    "stages.0.attention": "window",
    "stages.0.attention.window.window_size": 2,
    "stages.1.depth": 1,
    "stages.1.width": 16,
    "stages.1.attention": "sparse_global",
}


@pytest.fixture(scope="module")
def study():
    return tune_study(CONFIG)


@pytest.fixture
def two_ms(monkeypatch):
    """Every network takes 2 ms, and no probe is started."""
    measured = []

    def measure(self, archs):
        measured.extend(archs)
        spread = {"p10_ms": 2.0, "p90_ms": 2.0, "interval_ms": (2.0, 2.0)}
        counts = {"num_inferences": 10, "num_warmup": 1}
        return [LatencyResult(median_ms=2.0, **spread, **counts) for _ in archs]

    monkeypatch.setattr(LatencyMeasurer, "measure", measure)
    monkeypatch.setattr("archsearch.cost.Probe.start", lambda self: None)
    return measured


def trial_of(study, params):
    """Return what Ray makes of `tune_trainable`, without a cluster."""

    class Bound(CandidateTrainable):
        def setup(self, config):
            super().setup(config, study=study)

    return Bound(config=params)


def test_only_active_parameters_are_suggested(study):
    space = study.space
    plain = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    # Tune keeps its searcher on disk
    define = pickle.loads(pickle.dumps(tune_space(study)))
    for _ in range(30):
        trial = plain.ask()
        define(trial)
        assert space.active(trial.params) == trial.params
        plain.tell(trial, 0.0)
    assert {"window", "sparse_global"} == {t.params["stages.0.attention"] for t in plain.trials}


def test_an_iteration_is_an_epoch_and_reports_what_it_costs(study, two_ms):
    candidate = trial_of(study, WINDOW)
    results = [candidate.train() for _ in range(EPOCHS)]
    assert [each["epoch"] for each in results] == [1, 2, 3]
    assert [each["done"] for each in results] == [False, False, True]
    arch = study.space.arch(WINDOW)
    assert results[0]["macs"] == archsearch.count_arch(arch).macs
    assert results[0]["latency_ms"] == 2.0
    assert two_ms == [arch], "measured once"


def test_a_trial_goes_on_in_another_process_with_equal_results(study, two_ms, tmp_path):
    whole = trial_of(study, WINDOW)
    shown = [whole.train()["val_loss"] for _ in range(EPOCHS)]
    first = trial_of(study, WINDOW)
    first.train()
    first.save_checkpoint(str(tmp_path))
    second = trial_of(study, WINDOW)
    second.load_checkpoint(str(tmp_path))
    assert [second.step()["val_loss"] for _ in range(EPOCHS - 1)] == shown[1:]
    assert len(two_ms) == 2, "the measured latency travels with the checkpoint"


def test_a_process_takes_on_another_candidate(study, two_ms):
    other = {**WINDOW, "stages.1.depth": 2}
    fresh = trial_of(study, other).step()
    used = trial_of(study, WINDOW)
    used.step()
    assert used.reset_config(other)
    again = used.step()
    assert (again["digest"], again["val_loss"]) == (fresh["digest"], fresh["val_loss"])


@pytest.mark.parametrize("budgets", [{"latency_ms": 1.5}, {"params": 100}, {"memory_bytes": 100}])
def test_what_is_over_budget_is_not_trained(two_ms, budgets):
    study = tune_study(CONFIG.model_copy(update={"budgets": Budgets(**budgets)}))
    candidate = trial_of(study, WINDOW)
    with pytest.raises(TrialError, match=f"over budget: {next(iter(budgets))} by"):
        candidate.step()


def test_a_budget_is_kept_with_the_confidence_of_the_study(two_ms, monkeypatch):
    wide = {"median_ms": 2.0, "p10_ms": 2.0, "p90_ms": 2.0, "interval_ms": (1.6, 2.5)}
    found = LatencyResult(**wide, num_inferences=10, num_warmup=1, verdict="noisy")
    monkeypatch.setattr(LatencyMeasurer, "measure", lambda self, archs: [found for _ in archs])
    budgets = Budgets(latency_ms=2.2)
    for confidence in (0.5, 0.95):
        update = {"budgets": budgets, "budget_confidence": confidence}
        candidate = trial_of(tune_study(CONFIG.model_copy(update=update)), WINDOW)
        if confidence == 0.5:
            candidate.step()
            continue
        with pytest.raises(TrialError, match="over budget: latency_ms by"):
            candidate.step()


def test_a_study_file_and_the_folder_of_a_run_name_a_study(study, tmp_path):
    assert tune_study("digits_5ms").budgets.latency_ms == 5
    prepared = prepare(CONFIG, Place("r", str(tmp_path)))
    prepared.folder.create(prepared.written)
    from_run = tune_study(prepared.folder.path)
    assert from_run.space == study.space
    assert from_run.recipe == study.recipe
    assert len(from_run.data.train) == len(study.data.train)


def test_latency_elsewhere_is_refused():
    latency = CONFIG.latency.model_copy(update={"elsewhere": True})
    with pytest.raises(InputError, match="cannot be measured on another machine"):
        tune_study(CONFIG.model_copy(update={"latency": latency}))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_asha_and_optuna_search_drive_our_trainable(study, tmp_path):
    ray = pytest.importorskip("ray")
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler
    from ray.tune.search import ConcurrencyLimiter
    from ray.tune.search.optuna import OptunaSearch

    searcher = OptunaSearch(
        tune_space(study), metric="accuracy", mode="max", sampler=optuna.samplers.TPESampler(seed=1)
    )
    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=2**28, log_to_driver=False)
    try:
        tuner = tune.Tuner(
            tune_trainable(study),
            tune_config=tune.TuneConfig(
                num_samples=6,
                reuse_actors=True,
                search_alg=ConcurrencyLimiter(searcher, max_concurrent=2),
                scheduler=ASHAScheduler(
                    metric="accuracy", mode="max", max_t=EPOCHS, grace_period=1, reduction_factor=2
                ),
            ),
            run_config=tune.RunConfig(storage_path=str(tmp_path), verbose=0),
        )
        results = tuner.fit()
    finally:
        ray.shutdown()
    assert not results.errors
    assert len(results) == 6
    for each in results:
        assert 0 < each.metrics["accuracy"] <= 1
        assert math.isfinite(each.metrics["latency_ms"])
        assert 1 <= each.metrics["training_iteration"] <= EPOCHS
        # a parameter that has no effect is not there
        assert study.space.active(each.config) == each.config
        assert each.metrics["digest"] == study.space.digest_of(each.config)
    assert min(each.metrics["training_iteration"] for each in results) < EPOCHS
    assert max(each.metrics["training_iteration"] for each in results) == EPOCHS
