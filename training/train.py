"""A run: from a data folder to an `.h5` with its contract, its history and its report."""

import dataclasses
import hashlib
import json
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import keras
import numpy as np

from edge.classifier import Outputs
from edge.contract import Contract, TrainedOn
from edge.files import replacing
from training.answers import Answers, write_out_of_fold
from training.augment import view
from training.calibration import calibrated, cross_calibrated, decide
from training.dataset import Loaded, first_contract, load_pages, read_folder
from training.errors import DataError, RunError
from training.evaluation_report import write_run_report
from training.features import cached_features
from training.fit import Batches, fit, forget, read_history
from training.leaks import leaks, one_of_each
from training.models import SavedModel, build_cnn, build_vgg16, finished, fit_standardise, save_model, short
from training.splits import are_test, folds, hold_out
from training.typicality import fit_typicality, least_typicality

HELD_VIEWS = 256  # in memory at once
LEARNING_RATES = {"cnn": 3e-4, "head": 1e-3, "block5": 1e-5}


@dataclass(frozen=True)
class Recipe:
    """Say how a model is trained: with the pages and the weights, all that its bytes depend on."""

    model: str
    epochs: int
    height: int
    width: int
    views: int
    fine_tune: str
    folds: int
    seed: int
    target_accuracy: float = 0.9
    drop_duplicates: bool = False
    allow_leaks: bool = False


def model_file(run: Path, model: str) -> Path:
    """Return the name of a run's `.h5`."""
    return run / f"ecg_{model}_model.h5"


def train(data: Path, recipe: Recipe, weights: Path | None, cache: Path, run: Path, skip_unreadable: bool) -> Path:
    """Train on the pages of `data`, write the run folder, and return its `.h5`.

    A run that was interrupted goes on after its last complete epoch; one that is complete is left
    as it is. Raises `DataError` for pages that cannot be used and `RunError` where `run` holds
    another configuration.
    """
    loaded, contract = _read_training_pages(data, recipe, skip_unreadable)
    validation = hold_out(loaded.labels, loaded.groups, recipe.seed)
    _claim(run, loaded, recipe, weights)
    target = model_file(run, recipe.model)
    if target.exists():
        print(f"{run}: is complete, nothing was trained", file=sys.stderr)
        return target

    fit_network = partial(_fit_network, contract=contract, recipe=recipe, weights=weights, cache=cache)
    out_of_fold = _cross_validate(loaded, contract, recipe, fit_network, data, run) if recipe.folds else None
    choose = loaded.select(validation)
    network = fit_network(loaded.select(~validation), choose, folder=run)
    unseen = out_of_fold or Answers.of(_run(network, choose.pixels), choose, contract.labels)
    contract = dataclasses.replace(
        contract,
        **decide(unseen.logits, unseen.truth, recipe.target_accuracy),
        least_typicality=least_typicality(unseen.typicality),
    )
    model = SavedModel(finished(network, contract.temperature), contract, frozenset(map(short, loaded.digests)))
    answers = Answers.of(model.run(choose.pixels), choose, contract.labels)
    write_run_report(run, contract, read_history(run / "history.csv"), answers, out_of_fold, recipe.target_accuracy)
    save_model(model, target)
    forget(run)
    shutil.rmtree(run / "folds", ignore_errors=True)
    return target


def _cross_validate(
    loaded: Loaded, contract: Contract, recipe: Recipe, fit_network: Callable[..., keras.Model], data: Path, run: Path
) -> Answers:
    """Return an answer for every page, of a network that has not seen its group, and write `out_of_fold.csv`."""
    fold = np.zeros(len(loaded), int)
    logits = np.zeros((len(loaded), len(contract.labels)), np.float32)
    typicality = np.zeros((len(loaded), 1), np.float32)
    for number, held_out in enumerate(folds(loaded.labels, loaded.groups, recipe.folds, recipe.seed), start=1):
        print(f"fold {number} of {recipe.folds}", file=sys.stderr)
        rest = loaded.select(~held_out)
        choose = hold_out(rest.labels, rest.groups, recipe.seed)
        network = fit_network(rest.select(~choose), rest.select(choose), folder=run / "folds" / str(number))
        found = _run(network, loaded.pixels[held_out])
        logits[held_out], typicality[held_out], fold[held_out] = found.logits, found.typicality, number
    uncalibrated = Answers.of(Outputs(logits, calibrated(logits, 1.0), typicality), loaded, contract.labels)
    answers = dataclasses.replace(uncalibrated, probabilities=cross_calibrated(logits, uncalibrated.truth, fold))
    write_out_of_fold(answers, fold, data, run / "out_of_fold.csv")
    print("the model itself", file=sys.stderr)
    return answers


def _run(network: keras.Model, pages: np.ndarray) -> Outputs:
    """Ask a network that is not calibrated yet."""
    found = network.predict(pages, batch_size=16, verbose=0)
    return Outputs(found["logits"], calibrated(found["logits"], 1.0), found["typicality"])


def _read_training_pages(folder: Path, recipe: Recipe, skip_unreadable: bool) -> tuple[Loaded, Contract]:
    """Read the pages to learn from, and state the contract of the model that they make."""
    pages = read_folder(folder)
    contract = first_contract(folder, pages, recipe.height, recipe.width, recipe.model, recipe.seed)
    loaded, skipped = load_pages(pages, contract, skip_unreadable)
    for line in skipped:
        print(f"skipped {line}", file=sys.stderr)
    loaded = loaded.select(_usable(folder, loaded, recipe) & ~are_test(loaded, recipe.seed))
    lost = sorted(set(contract.labels) - set(loaded.labels.tolist()))
    if lost:
        raise DataError(f"{folder}: leaves no page of class {lost[0]!r} to learn from: add pages or remove the class")
    trained_on = TrainedOn(
        digest=hashlib.sha256("".join(sorted(map(short, loaded.digests))).encode()).hexdigest(),
        pages=len(loaded),
        seed=recipe.seed,
        drawn=any(page.drawn for page in loaded.pages),
    )
    return loaded, dataclasses.replace(contract, trained_on=trained_on)


def _usable(folder: Path, loaded: Loaded, recipe: Recipe) -> np.ndarray:
    """Return which pages to keep, bool (n,); raise `DataError` for leaks that nobody has allowed."""
    kept = np.ones(len(loaded), bool)
    if recipe.drop_duplicates:
        kept = one_of_each(loaded.pages, loaded.digests)
        print(f"left out: {(~kept).sum()} copies of other pages", file=sys.stderr)
    left = loaded.select(kept)
    found = leaks(left.pages, left.digests)
    if found and not recipe.allow_leaks:
        kinds = ", ".join(f"{number} x {kind}" for kind, number in Counter(leak.kind for leak in found).items())
        first = " and ".join(str(left.pages[index].path.relative_to(folder)) for index in found[0].pages[:2])
        raise DataError(
            f"{folder}: leaks ({kinds}; first {first}): see 'python -m training audit', then mend it, or give "
            "--drop-duplicates against copies, or --allow-leaks"
        )
    return kept


def _claim(run: Path, loaded: Loaded, recipe: Recipe, weights: Path | None) -> None:
    """Write the configuration into a new run folder, or check that it is the one already there."""
    pages = sorted(zip(loaded.digests, loaded.labels.tolist(), loaded.groups.tolist(), strict=True))
    config = dataclasses.asdict(recipe) | {
        "pages": hashlib.sha256(repr(pages).encode()).hexdigest(),
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


def _targets(loaded: Loaded, contract: Contract) -> np.ndarray:
    """Return the labels one-hot, float32 (n, classes)."""
    return (loaded.labels[:, np.newaxis] == np.array(contract.labels)).astype(np.float32)


def _fit_network(
    learn: Loaded,
    choose: Loaded,
    folder: Path,
    contract: Contract,
    recipe: Recipe,
    weights: Path | None,
    cache: Path,
) -> keras.Model:
    """Return a network trained on `learn`, of the epoch that is best on `choose`; its typicality knows `learn`."""
    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(recipe.seed)
    if recipe.model == "cnn":
        network, features = _fit_cnn(learn, choose, contract, recipe, folder)
    else:
        network, features = _fit_vgg16(learn, choose, contract, recipe, folder, weights, cache)
    fit_typicality(network, features)
    return network


def _views(learn: Loaded, recipe: Recipe) -> Iterator[np.ndarray]:
    """Yield every page, then every page's next view, and so on: `recipe.views` of each."""
    for number in range(recipe.views):
        for page, digest in zip(learn.pixels, learn.digests, strict=True):
            yield view(page, digest, number, recipe.seed)


def _fit_pages(
    network: keras.Model, learn: Loaded, choose: Loaded, contract: Contract, recipe: Recipe, folder: Path, stage: str
) -> None:
    """Train the network on the pages themselves, another view of each in every epoch."""
    targets = _targets(learn, contract)

    def view_of(index: int, epoch: int) -> np.ndarray:
        return view(learn.pixels[index], learn.digests[index], epoch, recipe.seed)

    fit(
        keras.Model(network.input, network.output["logits"]),
        lambda epoch: Batches(learn.pixels, targets, epoch, recipe.seed, view_of),
        (choose.pixels, _targets(choose, contract)),
        recipe.epochs,
        LEARNING_RATES[stage],
        folder,
        stage,
    )


def _fit_cnn(
    learn: Loaded, choose: Loaded, contract: Contract, recipe: Recipe, folder: Path
) -> tuple[keras.Model, np.ndarray]:
    """Return the CNN and the features of its views."""
    network = build_cnn(len(contract.labels), recipe.height, recipe.width)
    _fit_pages(network, learn, choose, contract, recipe, folder, "cnn")
    features = _features(network, learn, recipe)
    fit_standardise(network, features)
    return network, features


def _features(network: keras.Model, learn: Loaded, recipe: Recipe) -> np.ndarray:
    """Return the features, float32 (views * n, width), of a network that was trained on its pages."""
    features = keras.Model(network.input, network.get_layer("features").output)
    views, parts = _views(learn, recipe), []
    while part := list(islice(views, HELD_VIEWS)):
        parts.append(features.predict(np.stack(part), batch_size=16, verbose=0))
    return np.concatenate(parts)


def _fit_vgg16(
    learn: Loaded, choose: Loaded, contract: Contract, recipe: Recipe, folder: Path, weights: Path, cache: Path
) -> tuple[keras.Model, np.ndarray]:
    """Train the head on features of the frozen base, then, if asked to, block 5 with it; return the features too."""
    network = build_vgg16(len(contract.labels), recipe.height, recipe.width, weights)
    base = keras.Model(network.input, network.get_layer("features").output)
    learned = cached_features(base, _views(learn, recipe), recipe.views * len(learn), cache)  # (views * n, 1280)
    chosen = cached_features(base, iter(choose.pixels), len(choose), cache)
    targets = np.tile(_targets(learn, contract), (recipe.views, 1))

    fit_standardise(network, learned)
    features = keras.Input(learned.shape[1:])
    fit(
        keras.Model(features, network.get_layer("logits")(network.get_layer("standardise")(features))),
        lambda epoch: Batches(learned, targets, epoch, recipe.seed),
        (chosen, _targets(choose, contract)),
        recipe.epochs,
        LEARNING_RATES["head"],
        folder,
        "head",
    )
    if recipe.fine_tune == "block5":
        _fine_tune(network, learn, choose, contract, recipe, folder)
        learned = _features(network, learn, recipe)
    return network, learned


def _fine_tune(
    network: keras.Model, learn: Loaded, choose: Loaded, contract: Contract, recipe: Recipe, folder: Path
) -> None:
    """Train block 5 and the head together, and go back to the frozen base where that was no better."""
    before = network.get_weights()
    for layer in network.layers:
        layer.trainable = layer.name.startswith("block5_conv") or layer.name == "logits"
    _fit_pages(network, learn, choose, contract, recipe, folder, "block5")
    lowest = {"head": np.inf, "block5": np.inf}
    for row in read_history(folder / "history.csv"):
        lowest[row["stage"]] = min(lowest[row["stage"]], row["val_loss"])
    if lowest["head"] <= lowest["block5"]:
        network.set_weights(before)
        print("fine-tuning did not lower the validation loss: the frozen base is kept", file=sys.stderr)
