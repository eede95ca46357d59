"""Fine-tuning: some blocks of a network and its class layer, on maps that the frozen blocks below give once."""

import hashlib
import logging
from dataclasses import replace

import keras
import numpy as np
from PIL import Image
from tqdm import tqdm

from edge.commands.terminal import hide_progress
from training.data.history import read_history
from training.data.loaded_images import LoadedImages
from training.data.recipe import Recipe
from training.fit.augmentation import augmented, from_elsewhere
from training.fit.lesson import Lesson, targets_of
from training.fit.loop import Batches, Stage, train_epochs
from training.inspection.trace_area import TraceArea
from training.models.heads import refit_standardise
from training.models.in_distribution import fit_in_distribution
from training.models.networks import FineTuning
from training.synthetic.other_pictures import other_pictures

log = logging.getLogger(__name__)

BATCH = 16
TRACELESS = 6
"""With `masked`, one in so many images of full weight is shown without its traces as well."""
TRACELESS_WEIGHT = 0.5
MOST_FEATURES = 1536
"""Versions of images that the in-distribution score is fitted to."""
ELSEWHERE = 768
"""ECG images as other places have them, at most, that it is fitted to as well."""
OTHER_PICTURES = 240
"""Pictures that are no ECG that it is fitted against: thirty of each kind."""
PIECES = 40
"""Enlarged pieces of ECG images among these: a single large lead is no 12-lead ECG."""


class FineTuner:
    """Train the part of a network that a `FineTuning` names, in one run or in all folds of it.

    Below the cut, all networks of a run are the same: maps of an image are computed once and kept in memory, as
    float16. A version of an image is one of its augmentations, or one of its simulated acquisitions.
    """

    def __init__(self, recipe: Recipe, tuning: FineTuning) -> None:
        """Begin without maps."""
        self._recipe, self._tuning = recipe, tuning
        self._maps: dict[tuple[str, int], np.ndarray] = {}
        self._areas: dict[str, TraceArea] = {}

    def tune(self, network: keras.Model, lesson: Lesson) -> None:
        """Train, and fit the in-distribution score; where that is no better, go back to the head's network."""
        tuning, recipe = self._tuning, self._recipe
        before, cut = network.get_weights(), network.get_layer(tuning.cut).input
        self._below = keras.Model(network.input, cut)
        for layer in network.layers:
            chosen = layer.name.startswith(tuning.trained) and not isinstance(layer, keras.layers.BatchNormalization)
            layer.trainable = chosen or layer.name == "logits"
        learn, traceless = lesson.learn, self._traceless(lesson.learn) if recipe.masked else None
        shown = learn.together(traceless)
        versions = self._versions(learn, lesson.acquired)
        if traceless:
            bare = self._versions(traceless, [])
            versions = [own + bare[number % len(bare)] for number, own in enumerate(versions)]
        order = [0, *range(len(versions))]  # the image itself, which is most like what will be asked, twice as often
        places = [int(digest[:8], 16) for digest in shown.digests]

        def change(index: int, epoch: int) -> np.ndarray:
            return versions[order[(places[index] + epoch) % len(order)]][index]

        targets, numbers = targets_of(shown, lesson.labels), np.arange(len(shown))
        train_epochs(
            keras.Model(cut, network.output["logits"]),
            lambda epoch: Batches(numbers, targets, shown.sample_weight, epoch, recipe.seed, change, thin=True),
            lesson.validation and (self._below.predict(lesson.validation[0], BATCH, verbose=0), lesson.validation[1]),
            Stage(
                name=recipe.fine_tune,
                epochs=recipe.epochs,
                learning_rate=recipe.learning_rate or tuning.learning_rate,
                decay=True,
            ),
            lesson.folder,
        )
        if self._was_no_better(lesson):
            network.set_weights(before)
            log.info("fine-tuning did not lower the validation loss: the frozen base is kept")
        chosen = [maps for own in versions for maps in own[: len(learn)]]
        chosen = chosen[:: -(-len(chosen) // MOST_FEATURES)]
        upper = keras.Model(cut, network.get_layer("features").output)
        features = np.concatenate(
            [upper.predict(np.stack(chosen[k : k + 256]), BATCH, verbose=0) for k in range(0, len(chosen), 256)]
        )
        refit_standardise(network, features)
        whole = keras.Model(network.input, network.get_layer("features").output)
        elsewhere = whole.predict(self._from_elsewhere(learn), BATCH, verbose=0)
        others = whole.predict(self._no_ecgs(learn, traceless), BATCH, verbose=0)
        fit_in_distribution(network, np.concatenate([features, elsewhere]), others)

    def _was_no_better(self, lesson: Lesson) -> bool:
        """Return whether the head alone had a lower validation loss."""
        lowest: dict[str, float] = {}
        for row in read_history(lesson.folder / "history.csv"):
            lowest[row.stage] = min(lowest.get(row.stage, np.inf), row.val_loss)
        return lowest.get("head", np.inf) <= lowest[self._recipe.fine_tune] if lesson.validation else False

    def _versions(self, loaded: LoadedImages, acquired: list[np.ndarray]) -> list[list[np.ndarray]]:
        """Return the maps of each version of each image, float16; those that are not known are computed."""
        found = []
        count = self._recipe.augmentations + len(acquired)
        for number in range(count):
            missing = [index for index, digest in enumerate(loaded.digests) if (digest, number) not in self._maps]
            steps = range(0, len(missing), BATCH)
            for begin in tqdm(steps, f"version {number + 1} of {count}", unit="batch", disable=hide_progress()):
                part = missing[begin : begin + BATCH]
                pixels = np.stack([self._version(loaded, acquired, index, number) for index in part])
                maps = self._below.predict_on_batch(pixels).astype(np.float16)
                self._maps |= {(loaded.digests[index], number): one for index, one in zip(part, maps, strict=True)}
            found.append([self._maps[digest, number] for digest in loaded.digests])
        return found

    def _version(self, loaded: LoadedImages, acquired: list[np.ndarray], index: int, number: int) -> np.ndarray:
        """Return a version of an image, uint8 (height, width, 3); of the augmentations, each other one is masked."""
        if number >= self._recipe.augmentations:
            return acquired[number - self._recipe.augmentations][index]
        image, digest = loaded.pixels[index], loaded.digests[index]
        if self._recipe.masked and number % 2 and loaded.images[index].classes:
            image = self._area(loaded, index).without_header(image)
        return augmented(image, digest, number, self._recipe.seed)

    def _area(self, loaded: LoadedImages, index: int) -> TraceArea:
        digest = loaded.digests[index]
        if digest not in self._areas:
            height, width = loaded.pixels.shape[1:3]
            self._areas[digest] = TraceArea.of(loaded.images[index].path, height, width)
        return self._areas[digest]

    def _traceless(self, learn: LoadedImages) -> LoadedImages:
        """Return some of the images without their traces: they show no class."""
        own = np.flatnonzero(learn.sample_weight >= 1)
        own = own[np.argsort(np.array(learn.digests)[own])][::TRACELESS]
        chosen = learn.select(own)
        pixels = [self._area(chosen, index).without_traces(image) for index, image in enumerate(chosen.pixels)]
        images = [replace(image, label="", sample_weight=TRACELESS_WEIGHT) for image in chosen.images]
        digests = [hashlib.sha256(f"traceless {digest}".encode()).hexdigest() for digest in chosen.digests]
        return replace(chosen, images=tuple(images), pixels=np.stack(pixels), digests=tuple(digests))

    def _from_elsewhere(self, learn: LoadedImages) -> np.ndarray:
        """Return ECG images as other places have them, uint8 (n, height, width, 3)."""
        chosen = range(0, len(learn), -(-len(learn) // ELSEWHERE))
        return np.stack([from_elsewhere(learn.pixels[k], learn.digests[k], self._recipe.seed) for k in chosen])

    def _no_ecgs(self, learn: LoadedImages, traceless: LoadedImages | None) -> np.ndarray:
        """Return pictures that are no 12-lead ECG, uint8 (n, height, width, 3)."""
        height, width = learn.pixels.shape[1:3]
        rng = np.random.default_rng([self._recipe.seed, 78])
        pieces = []
        for index in rng.integers(0, len(learn), PIECES):
            share = rng.uniform(0.1, 0.2)
            left, top = rng.uniform(0, 1 - share, 2) * (width, height)
            box = (left, top, left + share * width, top + share * height)
            piece = Image.fromarray(learn.pixels[index]).resize((width, height), Image.Resampling.BICUBIC, box)
            pieces.append(np.asarray(piece))
        made = other_pictures(OTHER_PICTURES, height, width, self._recipe.seed)
        return np.concatenate([made, np.stack(pieces), *([traceless.pixels] if traceless else [])])
