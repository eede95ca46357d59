"""A run: from a data folder to an `.h5` with its contract, its history and its report."""

import dataclasses
import hashlib
import json
import shutil
import sys
from pathlib import Path

import numpy as np

from edge.files import replacing
from edge.prediction import Outputs, widths
from training.data.folder import LoadedImages, short_digest
from training.data.recipe import Recipe
from training.data.splits import folds, hold_out
from training.data.training_set import read_training_pages, together
from training.errors import RunError
from training.evaluation.predictions import Predictions, UnseenPredictions, write_out_of_fold
from training.fit.loop import forget, read_history
from training.fit.network import Fitting, ask
from training.models.heads import with_probabilities
from training.models.heatmap_layers import mean_training_heatmap
from training.models.saved_model import SavedModel, save_model
from training.reports.evaluation import write_run_report

MEAN_HEATMAP_IMAGES = 64
"""Training images whose heatmaps' mean is taken off every heatmap: each costs a pass through the network."""


def model_file(run: Path, model: str) -> Path:
    """Return the name of a run's `.h5`."""
    return run / f"ecg_{model}_model.h5"


def train(
    data: Path,
    recipe: Recipe,
    weights: Path | None,
    cache: Path,
    run: Path,
    skip_unreadable: bool,
    auxiliary_images: Path | None = None,
) -> Path:
    """Train on the images of `data` and of `auxiliary_images`, write the run folder, and return its `.h5`.

    Validation and cross-validation ask about images of `data` alone. A run that was interrupted goes
    on after its last complete epoch; one that is complete is left as it is. Raises `DataError` for
    images that cannot be used and `RunError` where `run` holds another configuration.
    """
    loaded, auxiliary, contract = read_training_pages(data, recipe, auxiliary_images, skip_unreadable)
    validation = hold_out(loaded.labels, loaded.groups, recipe.seed)
    _claim(run, together(loaded, auxiliary), recipe, weights)
    target = model_file(run, recipe.model)
    if target.exists():
        print(f"{run}: is complete, nothing was trained", file=sys.stderr)
        return target

    fitting = Fitting(contract, recipe, weights, cache)
    out_of_fold = _cross_validate(loaded, auxiliary, fitting, data, run) if recipe.folds else None
    choose, learn = loaded.select(validation), loaded.select(~validation)
    network = fitting.network(together(learn, auxiliary), choose, run)
    unseen = out_of_fold or UnseenPredictions.of(
        [ask(network, pixels) for pixels in fitting.asked(choose)], choose, contract
    )
    contract = dataclasses.replace(contract, **unseen.decisions(recipe.target_accuracy))
    learned = frozenset(map(short_digest, together(loaded, auxiliary).digests))
    usual = mean_training_heatmap(network, learn.select(np.argsort(learn.digests)[:MEAN_HEATMAP_IMAGES]).pixels)
    model = SavedModel(with_probabilities(network, contract.temperature), contract, learned, usual)
    answers = Predictions.of(model.run(choose.pixels), choose, contract.labels)
    write_run_report(run, contract, read_history(run / "history.csv"), answers, out_of_fold, recipe.target_accuracy)
    save_model(model, target)
    forget(run)
    shutil.rmtree(run / "folds", ignore_errors=True)
    return target


def _cross_validate(
    loaded: LoadedImages, auxiliary: LoadedImages | None, fitting: Fitting, data: Path, run: Path
) -> UnseenPredictions:
    """Return an answer for every image, of a network that has not seen its group, and write `out_of_fold.csv`."""
    fold = np.zeros(len(loaded), int)
    asked = fitting.asked(loaded)
    shapes = [(len(loaded), width) for width in widths(fitting.contract).values()]
    answered = [Outputs(*(np.zeros(shape, np.float32) for shape in shapes)) for _ in asked]
    recipe = fitting.recipe
    for number, held_out in enumerate(folds(loaded.labels, loaded.groups, recipe.folds, recipe.seed), start=1):
        print(f"fold {number} of {recipe.folds}", file=sys.stderr)
        rest = loaded.select(~held_out)
        choose = hold_out(rest.labels, rest.groups, recipe.seed)
        learn = together(rest.select(~choose), auxiliary)
        network = fitting.network(learn, rest.select(choose), run / "folds" / str(number))
        fold[held_out] = number
        for outputs, pixels in zip(answered, asked, strict=True):
            for whole, part in zip(outputs, ask(network, pixels[held_out]), strict=True):
                whole[held_out] = part
    unseen = UnseenPredictions.of(answered, loaded, fitting.contract).cross_calibrated(fold)
    write_out_of_fold(unseen.images, fold, data, run / "out_of_fold.csv")
    print("the model itself", file=sys.stderr)
    return unseen


def _claim(run: Path, loaded: LoadedImages, recipe: Recipe, weights: Path | None) -> None:
    """Write the configuration into a new run folder, or check that it is the one already there."""
    images = sorted(zip(loaded.digests, loaded.labels.tolist(), loaded.groups.tolist(), strict=True))
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
