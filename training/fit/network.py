"""The training of one network: the CNN on the images themselves, VGG16's head on its features of them."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import keras
import numpy as np

from edge.contract import Contract
from edge.prediction import Outputs
from training.data.history import read_history
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
from training.fit.loop import Batches, Stage, train_epochs
from training.models.calibration import calibrated
from training.models.cnn import build_cnn
from training.models.heads import fit_standardise
from training.models.in_distribution import fit_in_distribution
from training.models.vgg16 import build_vgg16

log = logging.getLogger(__name__)

AT_ONCE = 256  # augmentations in memory
LEARNING_RATES = {"cnn": 3e-4, "head": 1e-3, "block5": 1e-5}


def raw_outputs(network: keras.Model, images: np.ndarray) -> Outputs:
    """Return the outputs of a network that is not calibrated yet, for uint8 images (n, height, width, 3)."""
    found = network.predict(images, batch_size=16, verbose=0)
    return Outputs(found["logits"], calibrated(found["logits"], 1.0), found["in_distribution"])


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """Hold what one network learns from."""

    learn: LoadedImages
    """The images that the weights are fitted to."""
    acquired: list[np.ndarray]
    """Simulated acquisitions of these images, uint8 (n, height, width, 3) each."""
    choose: LoadedImages
    """The validation images that the epoch is chosen by."""
    folder: Path
    """Where history and checkpoints lie."""


@dataclass(frozen=True, kw_only=True)
class NetworkTrainer:
    """Train networks of one contract by one recipe."""

    contract: Contract
    """Of the model to be made."""
    recipe: Recipe
    """Says how."""
    weights: Path | None
    """VGG16's without its top; None for the CNN."""
    cache: Path
    """Keeps acquisitions and features."""

    def train(self, learn: LoadedImages, choose: LoadedImages, folder: Path) -> keras.Model:
        """Return a network trained on `learn`, of the epoch that is best on `choose`.

        Its in-distribution score knows the images that it learned from.
        """
        folder.mkdir(parents=True, exist_ok=True)
        keras.utils.set_random_seed(self.recipe.seed)
        acquired = [self._acquired(learn, training_series(number)) for number in range(self.recipe.acquisitions)]
        train_kind = self._train_cnn if self.recipe.model == "cnn" else self._train_vgg16
        network, features = train_kind(Lesson(learn=learn, acquired=acquired, choose=choose, folder=folder))
        fit_in_distribution(network, features)
        return network

    def inputs(self, loaded: LoadedImages) -> list[np.ndarray]:
        """Return what a network is asked about: the images, and photos of them if it learned from acquisitions."""
        return [loaded.pixels, *([self._acquired(loaded, PHOTO_SERIES)] if self.recipe.acquisitions else [])]

    def _acquired(self, loaded: LoadedImages, series: AcquisitionSeries) -> np.ndarray:
        return simulated_acquisitions(loaded, series, self.contract.preprocessing, self.recipe.seed, self.cache)

    def _validation(self, choose: LoadedImages) -> tuple[np.ndarray, np.ndarray]:
        """Return what an epoch is chosen by, all that `inputs` says of these images, and the targets."""
        inputs = self.inputs(choose)
        return np.concatenate(inputs), np.tile(self._targets(choose), (len(inputs), 1))

    def _targets(self, loaded: LoadedImages) -> np.ndarray:
        """Return the labels one-hot, float32 (n, classes)."""
        return (loaded.labels[:, np.newaxis] == np.array(self.contract.labels)).astype(np.float32)

    def _augmented(self, lesson: Lesson) -> Iterator[np.ndarray]:
        """Yield every image, then every image's next augmentation, and so on, then the acquisitions likewise."""
        for number in range(self.recipe.augmentations):
            for image, digest in zip(lesson.learn.pixels, lesson.learn.digests, strict=True):
                yield augmented(image, digest, number, self.recipe.seed)
        for pictures in lesson.acquired:
            yield from pictures

    def _stage(self, name: str) -> Stage:
        return Stage(name=name, epochs=self.recipe.epochs, learning_rate=LEARNING_RATES[name])

    def _train_on_images(self, network: keras.Model, lesson: Lesson, stage: str) -> None:
        """Train on the images themselves: in every epoch another augmentation of each, or of an acquisition of it."""
        learn, seed = lesson.learn, self.recipe.seed
        targets, sources = self._targets(learn), [learn.pixels, *lesson.acquired]

        def change(index: int, epoch: int) -> np.ndarray:
            return augmented(sources[epoch % len(sources)][index], learn.digests[index], epoch, seed)

        train_epochs(
            keras.Model(network.input, network.output["logits"]),
            lambda epoch: Batches(learn.pixels, targets, learn.sample_weight, epoch, seed, change),
            self._validation(lesson.choose),
            self._stage(stage),
            lesson.folder,
        )

    def _features(self, network: keras.Model, lesson: Lesson) -> np.ndarray:
        """Return the features, float32 (augmentations * n, width), of a network that was trained on the images."""
        features = keras.Model(network.input, network.get_layer("features").output)
        images, parts = self._augmented(lesson), []
        while part := list(islice(images, AT_ONCE)):
            parts.append(features.predict(np.stack(part), batch_size=16, verbose=0))
        return np.concatenate(parts)

    def _train_cnn(self, lesson: Lesson) -> tuple[keras.Model, np.ndarray]:
        """Return the CNN and the features of its augmentations."""
        preprocessing = self.contract.preprocessing
        network = build_cnn(len(self.contract.labels), preprocessing.height, preprocessing.width)
        self._train_on_images(network, lesson, "cnn")
        features = self._features(network, lesson)
        fit_standardise(network, features)
        return network, features

    def _train_vgg16(self, lesson: Lesson) -> tuple[keras.Model, np.ndarray]:
        """Train the head on the frozen base's features, then, if asked to, block 5 with it; return the features too."""
        preprocessing = self.contract.preprocessing
        network = build_vgg16(len(self.contract.labels), preprocessing.height, preprocessing.width, self.weights)
        base = keras.Model(network.input, network.get_layer("features").output)
        learn, count = lesson.learn, self.recipe.augmentations + len(lesson.acquired)
        learned = cached_features(base, self._augmented(lesson), count * len(learn), self.cache)  # (count * n, 1280)
        images, truth = self._validation(lesson.choose)
        chosen = cached_features(base, iter(images), len(images), self.cache)
        targets, sample_weight = np.tile(self._targets(learn), (count, 1)), np.tile(learn.sample_weight, count)

        fit_standardise(network, learned)
        features = keras.Input(learned.shape[1:])
        train_epochs(
            keras.Model(features, network.get_layer("logits")(network.get_layer("standardise")(features))),
            lambda epoch: Batches(learned, targets, sample_weight, epoch, self.recipe.seed),
            (chosen, truth),
            self._stage("head"),
            lesson.folder,
        )
        if self.recipe.fine_tune == "block5":
            self._fine_tune(network, lesson)
            learned = self._features(network, lesson)
        return network, learned

    def _fine_tune(self, network: keras.Model, lesson: Lesson) -> None:
        """Train block 5 and the head together, and go back to the frozen base where that was no better."""
        before = network.get_weights()
        for layer in network.layers:
            layer.trainable = layer.name.startswith("block5_conv") or layer.name == "logits"
        self._train_on_images(network, lesson, "block5")
        lowest = {"head": np.inf, "block5": np.inf}
        for row in read_history(lesson.folder / "history.csv"):
            lowest[row.stage] = min(lowest[row.stage], row.val_loss)
        if lowest["head"] <= lowest["block5"]:
            network.set_weights(before)
            log.info("fine-tuning did not lower the validation loss: the frozen base is kept")
