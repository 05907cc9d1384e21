"""Train a network to the end, in a folder that a killed training goes on from."""

import json
from collections.abc import Callable
from typing import Any

from archsearch.arch import Spec
from archsearch.data.label import data_label
from archsearch.model.transfer import Donor
from archsearch.record import EpochMetrics, Inherited
from archsearch.train.evaluation import Evaluation
from archsearch.train.trainer import Trainer
from archsearch.train.training_folder import CHECKPOINT_SECONDS, TrainingFolder


class TrainingResult(Spec):
    """The result of a full training.

    Attributes:
        val: on the images held out of training.
        test: on the test split; None where there is none.
        epochs: what each epoch showed.
    """

    val: Evaluation
    test: Evaluation | None
    epochs: tuple[EpochMetrics, ...]


def train_fully(
    trainer: Trainer,
    folder: TrainingFolder,
    show: Callable[[EpochMetrics], None] = lambda metrics: None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> TrainingResult:
    """Train to the last epoch and write weights and result; a folder that stands further goes on.

    However often the training is killed, on a CPU the weights are those of one that was not, bit
    for bit. A checkpoint is written at the end of each epoch. Of several processes (`Ranks`), the
    first writes.

    Args:
        trainer: new, with the arguments that the folder's training was started with.
        folder: opened.
        show: called at the end of each epoch.
        checkpoint_seconds: longest time between two checkpoints, about.

    Raises:
        DivergedError: a loss became NaN or infinite.
    """
    epochs = folder.resume(trainer)
    while not trainer.done:
        metrics = trainer.run(checkpoint_seconds)
        if metrics is not None:
            epochs.append(metrics)
            # before the checkpoint: an epoch that is trained again after a kill is shown again,
            # and none is ever left out
            show(metrics)
        if trainer.ranks.first:
            folder.save(trainer, epochs)
    test = trainer.evaluate("test") if trainer.data.test is not None else None
    result = TrainingResult(val=trainer.evaluate("val"), test=test, epochs=tuple(epochs))
    if trainer.ranks.first:
        trainer.save_weights(folder.weights)
        text = json.dumps({**_about(trainer), **result.to_dict()}, indent=2)
        folder.write(folder.result, text + "\n")
    return result


def _about(trainer: Trainer) -> dict[str, Any]:
    """Return the facts of a training that an export documents."""
    data = trainer.data
    return {
        "data": {
            "name": data_label(data.name),
            "train": len(data.train),
            "mean": data.mean,
            "std": data.std,
            "class_names": data.class_names,
            "scale": data.scale.to_dict(),
        },
        "recipe": trainer.recipe.to_dict(),
        "seed": trainer.seed,
        **({} if trainer.start is None else {"inherited": _inherited(trainer, trainer.start)}),
    }


def _inherited(trainer: Trainer, start: Donor) -> dict[str, Any]:
    assert trainer.inherited is not None, "it began with them"
    share = trainer.inherited.share
    return Inherited(source=start.label, digest=start.digest, share=share).to_dict()
