"""A run: from a training set to a trained model with its history, in a folder that goes on after an interrupt."""

import dataclasses
import hashlib
import json
import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract import Contract
from edge.files import UNFINISHED, is_empty, locked, replacing
from training.data.folder import DataFolder
from training.data.history import read_history
from training.data.loaded_images import LoadedImages, short_digest
from training.data.recipe import Recipe
from training.data.splits import hold_out
from training.data.training_set import TrainingSet, read_training_set
from training.errors import RunError
from training.evaluation.measure import measure
from training.evaluation.predictions import Predictions, UnseenPredictions, write_out_of_fold
from training.evaluation.result import TrainingEvaluation
from training.fit.cross_validation import cross_validate
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
    with claimed(inputs.out, configuration(inputs, training_set.everything, recipe)):
        return _trained(recipe, inputs, training_set)


def _trained(recipe: Recipe, inputs: RunInputs, training_set: TrainingSet) -> TrainingRun | None:
    """Train in a folder that is this process' own."""
    own, contract = training_set.own, training_set.contract
    # A tuned network is of its last epoch: where folds measure it, it needs no validation images.
    needed = recipe.fine_tune == "none" or not recipe.folds
    validation = hold_out(own.labels, own.groups, recipe.seed) if needed else None
    if model_file(inputs.out, recipe.model).exists():
        log.info("%s: is complete, nothing was trained", inputs.out)
        return None

    trainer = NetworkTrainer(contract=contract, recipe=recipe, weights=inputs.weights, cache=inputs.cache)
    out_of_fold = None
    if recipe.folds:
        out_of_fold, fold = cross_validate(training_set, trainer, inputs.out / "folds")
        write_out_of_fold(out_of_fold.images, fold, inputs.data.path, inputs.out / "out_of_fold.csv")
        log.info("the model itself")
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


def configuration(inputs: RunInputs, everything: LoadedImages, recipe: Recipe) -> dict[str, Any]:
    """Return all that a run depends on, as `config.json` holds it."""
    weight = everything.sample_weight.tolist()
    images = sorted(
        zip(everything.digests, everything.labels.tolist(), everything.groups.tolist(), weight, strict=True)
    )
    return dataclasses.asdict(recipe) | {
        "images": hashlib.sha256(repr(images).encode()).hexdigest(),
        "weights": hashlib.sha256(inputs.weights.read_bytes()).hexdigest() if inputs.weights else None,
    }


@contextmanager
def claimed(run: Path, config: Mapping[str, Any]) -> Iterator[None]:
    """Have a run folder for this process alone: a new one, or that of an interrupted run.

    Raises `RunError` where it holds another configuration, or where another process works there.
    """
    _claim(run, config)
    with (run / "config.json").open("rb") as file:
        if not locked(file):
            raise RunError(f"{run}: another process works there: wait for it, or give another --out")
        for left in run.rglob(f"{UNFINISHED}*"):
            left.unlink()
        yield


def _claim(run: Path, config: Mapping[str, Any]) -> None:
    """Write the configuration into a new run folder, or check that it is the one already there."""
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
    if run.is_dir() and not is_empty(run):
        raise RunError(f"{run}: is not empty and is no run: give another --out")
    run.mkdir(parents=True, exist_ok=True)
    with replacing(file) as unfinished:
        unfinished.write_text(json.dumps(config, indent=1) + "\n")
