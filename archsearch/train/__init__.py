"""Train candidates: the recipe, the trainer, and what they are made of."""

from archsearch.train.distributed import Ranks, open_ranks
from archsearch.train.evaluation import Evaluation
from archsearch.train.full_training import TrainingResult, train_fully
from archsearch.train.model_file import ModelFile, open_model_file
from archsearch.train.precision import PrecisionChoice, choose_precision
from archsearch.train.recipe import (
    Augmentation,
    Recipe,
    changed_recipe,
    load_recipe,
    recipe_from,
    recipe_problems,
)
from archsearch.train.recipe_defaults import default_augmentation, default_recipe
from archsearch.train.recipe_fit import RecipeFit, fit_recipe, most_epochs
from archsearch.train.recipe_settings import set_keys, with_settings
from archsearch.train.seeding import derive_seed
from archsearch.train.teacher import Teacher
from archsearch.train.trainer import Trainer
from archsearch.train.training_folder import TrainingFolder
from archsearch.train.weight_files import load_weights, save_weights

__all__ = [
    "Augmentation",
    "Evaluation",
    "ModelFile",
    "PrecisionChoice",
    "Ranks",
    "Recipe",
    "RecipeFit",
    "Teacher",
    "Trainer",
    "TrainingFolder",
    "TrainingResult",
    "changed_recipe",
    "choose_precision",
    "default_augmentation",
    "default_recipe",
    "derive_seed",
    "fit_recipe",
    "load_recipe",
    "load_weights",
    "most_epochs",
    "open_model_file",
    "open_ranks",
    "recipe_from",
    "recipe_problems",
    "save_weights",
    "set_keys",
    "train_fully",
    "with_settings",
]
