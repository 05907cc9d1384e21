"""Ablations: study files, the runner, results on disk.

The values that runner, analysis and report share are in `archsearch.ablation_record`, so that the
analysis need not import the runner.
"""

from archsearch.ablation.ablation_folder import has_ablation, load_ablation
from archsearch.ablation.cost_plan import describe_ablation_plan
from archsearch.ablation.network_builder import Network, Networks
from archsearch.ablation.preparation import AblationPlace, PreparedAblation, prepare_ablation
from archsearch.ablation.session import MoreSeeds, run_ablation
from archsearch.ablation.status import AblationListener, AblationStatus, SilentAblationListener
from archsearch.ablation.study import Study
from archsearch.ablation.study_file import FULL, is_ablation, scale_names, study_texts
from archsearch.ablation.study_networks import open_study

__all__ = [
    "FULL",
    "AblationListener",
    "AblationPlace",
    "AblationStatus",
    "MoreSeeds",
    "Network",
    "Networks",
    "PreparedAblation",
    "SilentAblationListener",
    "Study",
    "describe_ablation_plan",
    "has_ablation",
    "is_ablation",
    "load_ablation",
    "open_study",
    "prepare_ablation",
    "run_ablation",
    "scale_names",
    "study_texts",
]
