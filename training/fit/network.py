"""The training of one network: the whole of it on the images, or its head on the features of a frozen base."""

import logging
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import keras
import numpy as np

from edge.contract import Contract
from edge.prediction import Outputs
from training.data.loaded_images import LoadedImages
from training.data.recipe import Recipe
from training.data.simulated_acquisitions import (
    PHOTO_SERIES,
    AcquisitionSeries,
    simulated_acquisitions,
    training_series,
)
from training.fit.augmentation import augmented
from training.fit.cached_features import cached_features
from training.fit.fine_tuning import FineTuner
from training.fit.lesson import Lesson, targets_of
from training.fit.loop import Batches, Stage, train_epochs
from training.models.calibration import calibrated
from training.models.heads import fit_standardise
from training.models.in_distribution import fit_in_distribution
from training.models.networks import NETWORKS, build_network, is_trained

log = logging.getLogger(__name__)

AT_ONCE = 256  # augmentations in memory


def raw_outputs(network: keras.Model, images: np.ndarray) -> Outputs:
    """Return the outputs of a network that is not calibrated yet, for uint8 images (n, height, width, 3)."""
    found = network.predict(images, batch_size=16, verbose=0)
    return Outputs(found["logits"], calibrated(found["logits"], 1.0), found["in_distribution"])


class NetworkTrainer:
    """Train networks of one contract by one recipe."""

    def __init__(self, *, contract: Contract, recipe: Recipe, weights: Path | None, cache: Path) -> None:
        """Take the contract of the model to be made, the recipe, and the file of weights to start from, if any.

        `cache` keeps acquisitions and features from run to run.
        """
        self.contract, self.recipe, self._weights, self._cache = contract, recipe, weights, cache
        self._kind = NETWORKS[recipe.model]
        tuning = self._kind.fine_tuning.get(recipe.fine_tune)
        self._tuner = FineTuner(recipe, tuning) if tuning else None

    def train(self, learn: LoadedImages, choose: LoadedImages | None, folder: Path) -> keras.Model:
        """Return a network trained on `learn`, of the epoch that is best on `choose`, without it of the last one.

        Its in-distribution score knows the images that it learned from.
        """
        folder.mkdir(parents=True, exist_ok=True)
        recipe, preprocessing = self.recipe, self.contract.preprocessing
        keras.utils.set_random_seed(recipe.seed)
        acquired = [self._acquired(learn, training_series(number)) for number in range(recipe.acquisitions)]
        validation = choose and self._validation(choose)
        lesson = Lesson(
            learn=learn, acquired=acquired, validation=validation, labels=self.contract.labels, folder=folder
        )
        network = build_network(
            recipe.model, self.contract.labels, preprocessing.height, preprocessing.width, self._weights
        )
        if not self._kind.weights:
            self._train_whole(network, lesson)
            features = self._features(network, lesson)
            fit_standardise(network, features)
        elif not (self._tuner and is_trained(network)):
            features = self._train_head(network, lesson)
        if self._tuner:
            self._tuner.tune(network, lesson)
        else:
            fit_in_distribution(network, features)
        return network

    def inputs(self, loaded: LoadedImages) -> list[np.ndarray]:
        """Return what a network is asked about: the images, and photos of them if it learned from acquisitions."""
        return [loaded.pixels, *([self._acquired(loaded, PHOTO_SERIES)] if self.recipe.acquisitions else [])]

    def _acquired(self, loaded: LoadedImages, series: AcquisitionSeries) -> np.ndarray:
        return simulated_acquisitions(loaded, series, self.contract.preprocessing, self.recipe.seed, self._cache)

    def _validation(self, choose: LoadedImages) -> tuple[np.ndarray, np.ndarray]:
        """Return what an epoch is chosen by, all that `inputs` says of these images, and the targets."""
        inputs = self.inputs(choose)
        return np.concatenate(inputs), np.tile(targets_of(choose, self.contract.labels), (len(inputs), 1))

    def _augmented(self, lesson: Lesson) -> Iterator[np.ndarray]:
        """Yield every image, then every image's next augmentation, and so on, then the acquisitions likewise."""
        for number in range(self.recipe.augmentations):
            for image, digest in zip(lesson.learn.pixels, lesson.learn.digests, strict=True):
                yield augmented(image, digest, number, self.recipe.seed)
        for pictures in lesson.acquired:
            yield from pictures

    def _stage(self, name: str) -> Stage:
        chosen = None if self._tuner else self.recipe.learning_rate
        return Stage(name=name, epochs=self.recipe.epochs, learning_rate=chosen or self._kind.learning_rate)

    def _train_whole(self, network: keras.Model, lesson: Lesson) -> None:
        """Train on the images themselves: in every epoch another augmentation of each, or of an acquisition of it."""
        learn, seed = lesson.learn, self.recipe.seed
        sources = [learn.pixels, *lesson.acquired]

        def change(index: int, epoch: int) -> np.ndarray:
            return augmented(sources[epoch % len(sources)][index], learn.digests[index], epoch, seed)

        train_epochs(
            keras.Model(network.input, network.output["logits"]),
            lambda epoch: Batches(learn.pixels, lesson.targets, learn.sample_weight, epoch, seed, change),
            lesson.validation,
            self._stage(self.recipe.model),
            lesson.folder,
        )

    def _features(self, network: keras.Model, lesson: Lesson) -> np.ndarray:
        """Return the features, float32 (augmentations * n, width), of a network that was trained on the images."""
        features = keras.Model(network.input, network.get_layer("features").output)
        images, parts = self._augmented(lesson), []
        while part := list(islice(images, AT_ONCE)):
            parts.append(features.predict(np.stack(part), batch_size=16, verbose=0))
        return np.concatenate(parts)

    def _train_head(self, network: keras.Model, lesson: Lesson) -> np.ndarray:
        """Train the class layer on the frozen base's features, and return these."""
        base = keras.Model(network.input, network.get_layer("features").output)
        learn, count = lesson.learn, self.recipe.augmentations + len(lesson.acquired)
        learned = cached_features(base, self._augmented(lesson), count * len(learn), self._cache)
        validation = None
        if lesson.validation:
            images, truth = lesson.validation
            validation = cached_features(base, iter(images), len(images), self._cache), truth
        targets, sample_weight = np.tile(lesson.targets, (count, 1)), np.tile(learn.sample_weight, count)

        fit_standardise(network, learned)
        features = keras.Input(learned.shape[1:])
        train_epochs(
            keras.Model(features, network.get_layer("logits")(network.get_layer("standardise")(features))),
            lambda epoch: Batches(learned, targets, sample_weight, epoch, self.recipe.seed),
            validation,
            self._stage("head"),
            lesson.folder,
        )
        return learned
