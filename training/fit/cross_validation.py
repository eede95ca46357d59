"""Cross-validation: a prediction for every image, by a network that has not seen its group."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np

from edge.prediction import Outputs, widths
from training.data.splits import folds, hold_out
from training.data.training_set import TrainingSet
from training.evaluation.predictions import UnseenPredictions
from training.fit.network import NetworkTrainer, raw_outputs

log = logging.getLogger(__name__)


def cross_validate(
    training_set: TrainingSet,
    trainer: NetworkTrainer,
    folder: Path,
    after_fold: Callable[[int, np.ndarray, np.ndarray], None] = lambda *_: None,
) -> tuple[UnseenPredictions, np.ndarray]:
    """Return predictions for the images of `training_set.own`, n of them, and the fold of each, int (n,), from 1.

    Test images among them are neither learned from nor asked about: they are not of the n.
    What an interrupt leaves in `folder` the same call goes on with. `after_fold(number, truth, named)` is told the
    classes, str (m,), of the images of a fold and those that its network names; it may raise to end it all.
    """
    recipe, contract = trainer.recipe, trainer.contract
    own, places = training_set.own.select(~training_set.test), np.flatnonzero(~training_set.test)
    fold, asked = np.zeros(len(own), int), trainer.inputs(own)
    shapes = [(len(own), width) for width in widths(contract).values()]
    found = [Outputs(*(np.zeros(shape, np.float32) for shape in shapes)) for _ in asked]
    for number, held_out in enumerate(folds(own.labels, own.groups, recipe.folds, recipe.seed), start=1):
        log.info("fold %d of %d", number, recipe.folds)
        choose, hidden = None, training_set.test.copy()
        hidden[places[held_out]] = True
        if recipe.fine_tune == "none":
            rest = own.select(~held_out)
            chosen = hold_out(rest.labels, rest.groups, recipe.seed)
            choose = rest.select(chosen)
            hidden[places[~held_out][chosen]] = True
        network = trainer.train(training_set.lesson(hidden), choose, folder / str(number))
        fold[held_out] = number
        for outputs, pixels in zip(found, asked, strict=True):
            for whole, part in zip(outputs, raw_outputs(network, pixels[held_out]), strict=True):
                whole[held_out] = part
        truth, named = own.labels[held_out], np.array(contract.labels)[found[0].logits[held_out].argmax(axis=1)]
        right = int((named == truth).sum())
        log.info("fold %d of %d: %d of %d unseen images are right", number, recipe.folds, right, held_out.sum())
        after_fold(number, truth, named)
    return UnseenPredictions.of(found, own, contract).cross_calibrated(fold), fold
