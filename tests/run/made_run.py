"""The folder of a run that was never searched: trials with planted accuracy and latency."""

import numpy as np
import optuna
import yaml

from archsearch.search.study_store import RECORD
from archsearch.space import load_space
from tests.report.synthetic_run import ENVIRONMENT, synthetic_run

SPACE = load_space("tiny")


def planted_accuracy(params):
    """Return the accuracy of a configuration of the space ``tiny``, without noise."""
    value = 0.6 + 0.10 * (params["stages.1.attention"] == "sparse_global")
    return value + 0.04 * (params["stages.1.width"] == 32)


def planted_log_ms(params):
    """Return the logarithm of its latency, without noise."""
    return 0.3 * (params["stages.1.depth"] == 2) + 0.1 * (params["stages.1.width"] == 32)


def made_tiny_run(folder, count=60, *, latencies=True, noise=0.005, config=None):
    """Write the folder of a run in the space ``tiny``; an architecture occurs once.

    ``config`` is its configuration, None for one that names neither images nor recipe.
    """
    rng = np.random.default_rng(0)
    record = next(t for t in synthetic_run(40).trials if t.accuracy is not None)
    folder.mkdir(parents=True)
    storage = f"sqlite:///{folder / 'study.db'}"
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=storage, study_name=folder.name, directions=["maximize", "minimize"]
    )
    every = list(SPACE.enumerate())
    rng.shuffle(every)
    trials = []
    for number, params in enumerate(every[:count]):
        arch = SPACE.arch(params)
        accuracy = planted_accuracy(params) + noise * float(rng.standard_normal())
        ms = float(np.exp(planted_log_ms(params) + 0.02 * rng.standard_normal()))
        latency = record.latency.model_copy(update={"median_ms": ms}) if latencies else None
        own = record.model_copy(
            update={
                "number": number,
                "digest": arch.digest,
                "arch": arch,
                "state": "complete",
                "accuracy": accuracy,
                "latency": latency,
                "final_latency": None,
                "other_seeds": (),
            }
        )
        trials.append(
            optuna.trial.create_trial(
                params=params,
                distributions={
                    name: optuna.distributions.CategoricalDistribution(
                        SPACE.parameters[name].values
                    )
                    for name in params
                },
                values=[accuracy, ms],
                user_attrs={RECORD: own.to_dict()},
            )
        )
    study.add_trials(trials)
    config = config or {
        "storage": storage,
        "environment": ENVIRONMENT.to_dict(),
        "identity": {"budgets": {"latency_ms": None}},
        "space_name": "tiny",
        "space": SPACE.to_dict(),
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder
