"""Train one candidate, in slices of time, to the same result however it is sliced."""

import copy
import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from timm.utils import ModelEmaV3
from torch import Tensor, nn

from archsearch.arch import Arch
from archsearch.data import DataSplits
from archsearch.errors import DivergedError, InputError, Problem
from archsearch.record import EpochMetrics
from archsearch.train.defaults import resolved
from archsearch.train.evaluation import Evaluation, Tally, evaluate_batch
from archsearch.train.feed import Feed, cut, open_feed
from archsearch.train.inputs import (
    EpochPlan,
    Normalization,
    augmented,
    build_mixing,
    plan_epoch,
)
from archsearch.train.optimization import build_optimizer, build_schedule
from archsearch.train.precision import PrecisionChoice, arithmetic, choose_precision
from archsearch.train.recipe import Recipe, recipe_problems
from archsearch.train.seeding import derive_seed, isolated_rng, limited_threads
from archsearch.train.weights import save_weights, weights_of

# timing a step of each precision costs about as much as ten steps: at most 1 % of this many
_STEPS_WORTH_TIMING = 1000
# on CUDA, reading the loss waits for the device; every so many steps that is no matter
_CHECK_EVERY = 50
_EVALUATION_BATCH = 256

Build = Callable[..., nn.Module]
