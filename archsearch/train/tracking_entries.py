"""The tracking entry of a full training."""

from archsearch.record import EpochMetrics
from archsearch.tracking.entry import Entry, Scalar, curve_points, flat, known
from archsearch.train.full_training import TrainingResult
from archsearch.train.optimization import epoch_rates
from archsearch.train.trainer import Trainer

TRAINING = "training"


def running_entry(trainer: Trainer, metrics: EpochMetrics) -> Entry:
    """Return the training after one more epoch."""
    points = curve_points((metrics,), _rates(trainer))
    return Entry(TRAINING, config=_config(trainer), points=points, is_open=True)


def result_entry(trainer: Trainer, result: TrainingResult) -> Entry:
    """Return the training at its end."""
    return Entry(
        TRAINING,
        config=_config(trainer),
        points=curve_points(result.epochs, _rates(trainer)),
        results=known(
            {
                "val_accuracy": result.val.accuracy,
                "test_accuracy": result.test.accuracy if result.test is not None else None,
                "params": sum(each.numel() for each in trainer.model.parameters()),
            }
        ),
    )


def _config(trainer: Trainer) -> dict[str, Scalar]:
    return {
        **flat({"recipe": trainer.recipe.to_dict()}),
        "data": trainer.data.name,
        "seed": trainer.seed,
    }


def _rates(trainer: Trainer) -> list[float]:
    return epoch_rates(trainer.recipe, len(trainer.data.train))
