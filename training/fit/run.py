"""A run: from a training set to a trained model with its history, in a folder that goes on after an interrupt."""

import dataclasses
import hashlib
import json
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.contract import Contract
from edge.files import replacing
from edge.prediction import Outputs, widths
from training.data.folder import DataFolder
from training.data.history import read_history
from training.data.loaded_images import LoadedImages, short_digest
from training.data.recipe import Recipe
from training.data.splits import folds, hold_out
from training.data.training_set import TrainingSet, read_training_set
from training.errors import RunError
from training.evaluation.measure import measure
from training.evaluation.predictions import Predictions, UnseenPredictions, write_out_of_fold
from training.evaluation.result import TrainingEvaluation
from training.fit.loop import remove_checkpoints
from training.fit.network import NetworkTrainer, raw_outputs
from training.models.heads import with_probabilities
from training.models.heatmap_layers import mean_training_heatmap
from training.models.saved_model import SavedModel, save_model

log = logging.getLogger(__name__)

MEAN_HEATMAP_IMAGES = 64
"""Training images whose heatmaps' mean is taken off every heatmap: each costs a pass through the network."""


@dataclass(frozen=True, kw_only=True)
class RunInputs:
    """Name what a run reads and where it writes."""

    data: DataFolder
    """To learn from and to validate on."""
    out: Path
    """The run folder."""
    cache: Path
    """Keeps acquisitions and features from run to run."""
    auxiliary: tuple[tuple[DataFolder, float], ...] = ()
    """To learn from besides, each with its sample weight."""
    apart_from: DataFolder | None = None
    """Auxiliary images of a group that this folder has are left out."""
    weights: Path | None = None
    """ImageNet weights, or an `.h5` of this program to start from."""


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """Hold a trained model and what its run says of it; it is complete once it is saved."""

    folder: Path
    """The run folder."""
    model: SavedModel
    """The trained model."""
    evaluation: TrainingEvaluation
    """What the run says of the model."""

    def save(self) -> Path:
        """Write the `.h5`, which makes the run complete, remove what only an interrupted run needs; return the file."""
        target = model_file(self.folder, self.model.contract.architecture)
        save_model(self.model, target)
        remove_checkpoints(self.folder)
        shutil.rmtree(self.folder / "folds", ignore_errors=True)
        return target


def model_file(run: Path, model: str) -> Path:
    """Return the name of a run's `.h5`."""
    return run / f"ecg_{model}_model.h5"


def train(recipe: Recipe, inputs: RunInputs) -> TrainingRun | None:
    """Train by the recipe; return the run, or None where its folder holds the complete run already.

    Validation and cross-validation ask about images of `inputs.data` alone. A run that was interrupted goes
    on after its last complete epoch. Raises `DataError` for images that cannot be used and `RunError` where
    the folder holds another configuration.
    """
    training_set = read_training_set(inputs.data, inputs.auxiliary, recipe, inputs.apart_from)
    own, contract = training_set.own, training_set.contract
    # A tuned network is of its last epoch: where folds measure it, it needs no validation images.
    needed = recipe.fine_tune == "none" or not recipe.folds
    validation = hold_out(own.labels, own.groups, recipe.seed) if needed else None
    _claim(inputs, training_set.everything, recipe)
    if model_file(inputs.out, recipe.model).exists():
        log.info("%s: is complete, nothing was trained", inputs.out)
        return None

    trainer = NetworkTrainer(contract=contract, recipe=recipe, weights=inputs.weights, cache=inputs.cache)
    out_of_fold = _cross_validate(training_set, trainer, inputs) if recipe.folds else None
    choose, learn = (None, own) if validation is None else (own.select(validation), own.select(~validation))
    network = trainer.train(training_set.lesson(validation), choose, inputs.out)
    unseen = out_of_fold or UnseenPredictions.of(
        [raw_outputs(network, pixels) for pixels in trainer.inputs(choose)], choose, contract
    )
    contract = dataclasses.replace(contract, **unseen.fit_thresholds(recipe.target_accuracy))
    mean_heatmap = mean_training_heatmap(network, learn.select(np.argsort(learn.digests)[:MEAN_HEATMAP_IMAGES]).pixels)
    trained_on = frozenset(map(short_digest, training_set.everything.digests))
    model = SavedModel(with_probabilities(network, contract.temperature), contract, trained_on, mean_heatmap)
    predictions = choose and Predictions.of(model.run(choose.pixels), choose, contract.labels)
    evaluation = _evaluation(inputs.out, recipe, contract, predictions, out_of_fold)
    return TrainingRun(folder=inputs.out, model=model, evaluation=evaluation)


def _evaluation(
    run: Path,
    recipe: Recipe,
    contract: Contract,
    validation: Predictions | None,
    out_of_fold: UnseenPredictions | None,
) -> TrainingEvaluation:
    photos = out_of_fold and out_of_fold.photos
    return TrainingEvaluation(
        contract=contract,
        target_accuracy=recipe.target_accuracy,
        history=tuple(read_history(run / "history.csv")),
        validation=measure(validation, contract) if validation else None,
        out_of_fold=measure(out_of_fold.images, contract) if out_of_fold else None,
        out_of_fold_photos=measure(photos, contract) if photos else None,
    )


def _cross_validate(training_set: TrainingSet, trainer: NetworkTrainer, inputs: RunInputs) -> UnseenPredictions:
    """Return predictions for every image, by a network that has not seen its group; write `out_of_fold.csv`."""
    own, recipe, contract = training_set.own, trainer.recipe, trainer.contract
    fold, asked = np.zeros(len(own), int), trainer.inputs(own)
    shapes = [(len(own), width) for width in widths(contract).values()]
    found = [Outputs(*(np.zeros(shape, np.float32) for shape in shapes)) for _ in asked]
    for number, held_out in enumerate(folds(own.labels, own.groups, recipe.folds, recipe.seed), start=1):
        log.info("fold %d of %d", number, recipe.folds)
        choose, hidden = None, held_out.copy()
        if recipe.fine_tune == "none":
            rest = own.select(~held_out)
            chosen = hold_out(rest.labels, rest.groups, recipe.seed)
            choose = rest.select(chosen)
            hidden[np.flatnonzero(~held_out)[chosen]] = True
        network = trainer.train(training_set.lesson(hidden), choose, inputs.out / "folds" / str(number))
        fold[held_out] = number
        for outputs, pixels in zip(found, asked, strict=True):
            for whole, part in zip(outputs, raw_outputs(network, pixels[held_out]), strict=True):
                whole[held_out] = part
        named = np.array(contract.labels)[found[0].logits[held_out].argmax(axis=1)]
        right = int((named == own.labels[held_out]).sum())
        log.info("fold %d of %d: %d of %d unseen images are right", number, recipe.folds, right, held_out.sum())
    unseen = UnseenPredictions.of(found, own, contract).cross_calibrated(fold)
    write_out_of_fold(unseen.images, fold, inputs.data.path, inputs.out / "out_of_fold.csv")
    log.info("the model itself")
    return unseen


def _claim(inputs: RunInputs, everything: LoadedImages, recipe: Recipe) -> None:
    """Write the configuration into a new run folder, or check that it is the one already there."""
    run, weights = inputs.out, inputs.weights
    weight = everything.sample_weight.tolist()
    images = sorted(
        zip(everything.digests, everything.labels.tolist(), everything.groups.tolist(), weight, strict=True)
    )
    config = dataclasses.asdict(recipe) | {
        "images": hashlib.sha256(repr(images).encode()).hexdigest(),
        "weights": hashlib.sha256(weights.read_bytes()).hexdigest() if weights else None,
    }
    file = run / "config.json"
    if file.exists():
        try:
            earlier = json.loads(file.read_text())
        except ValueError as error:
            raise RunError(f"{file}: is damaged ({error}): give another --out") from error
        different = [name for name in config if earlier.get(name) != config[name]]
        if different:
            name = different[0]
            raise RunError(
                f"{run}: holds a run with other {name} ({earlier.get(name)}, now {config[name]}): give another --out"
            )
        return
    if run.is_dir() and any(run.iterdir()):
        raise RunError(f"{run}: is not empty and is no run: give another --out")
    run.mkdir(parents=True, exist_ok=True)
    with replacing(file) as unfinished:
        unfinished.write_text(json.dumps(config, indent=1) + "\n")
