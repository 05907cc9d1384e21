"""For Ray Tune: a study's candidates trained by `ray.tune.Tuner`, under its own schedulers."""

from archsearch.tune.proposals import tune_space
from archsearch.tune.study import Study, TuneStudy, tune_study
from archsearch.tune.trainable import CandidateTrainable, tune_trainable

__all__ = [
    "CandidateTrainable",
    "Study",
    "TuneStudy",
    "tune_space",
    "tune_study",
    "tune_trainable",
]
