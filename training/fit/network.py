"""The fitting of one network to images: the CNN on their views, VGG16's head on its features of them."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import keras
import numpy as np

from edge.contract import Contract
from edge.prediction import Outputs
from training.data.folder import LoadedImages
from training.data.recipe import Recipe
from training.data.simulated_acquisitions import ASKED, LEARNED, AcquisitionSeries, simulated_acquisitions
from training.fit.augmentation import view
from training.fit.cached_features import cached_features
from training.fit.loop import Batches, fit, read_history
from training.models.calibration import calibrated
from training.models.cnn import build_cnn
from training.models.heads import fit_standardise
from training.models.in_distribution import fit_in_distribution
from training.models.vgg16 import build_vgg16

HELD_VIEWS = 256  # in memory at once
LEARNING_RATES = {"cnn": 3e-4, "head": 1e-3, "block5": 1e-5}


def ask(network: keras.Model, images: np.ndarray) -> Outputs:
    """Ask a network that is not calibrated yet about uint8 images (n, height, width, 3)."""
    found = network.predict(images, batch_size=16, verbose=0)
    return Outputs(found["logits"], calibrated(found["logits"], 1.0), found["in_distribution"])


@dataclass(frozen=True)
class Fitting:
    """Fit networks of one contract by one recipe; `weights` are VGG16's, `cache` keeps acquisitions and features."""

    contract: Contract
    recipe: Recipe
    weights: Path | None
    cache: Path

    def network(self, learn: LoadedImages, choose: LoadedImages, folder: Path) -> keras.Model:
        """Return a network trained on `learn`, of the epoch that is best on `choose`; its in-distribution score knows `learn`."""
        folder.mkdir(parents=True, exist_ok=True)
        keras.utils.set_random_seed(self.recipe.seed)
        taken = [
            self._captured(learn, AcquisitionSeries(*LEARNED, number)) for number in range(self.recipe.acquisitions)
        ]
        fit_kind = self._fit_cnn if self.recipe.model == "cnn" else self._fit_vgg16
        network, features = fit_kind(learn, taken, choose, folder)
        fit_in_distribution(network, features)
        return network

    def asked(self, loaded: LoadedImages) -> list[np.ndarray]:
        """Return what a network is asked about: the images, and phone photos of them where it learned from acquisitions."""
        return [loaded.pixels, *([self._captured(loaded, ASKED)] if self.recipe.acquisitions else [])]

    def _validation(self, choose: LoadedImages) -> tuple[np.ndarray, np.ndarray]:
        """Return what an epoch is chosen by, all that `asked` says of these images, and the targets."""
        asked = self.asked(choose)
        return np.concatenate(asked), np.tile(self._targets(choose), (len(asked), 1))

    def _captured(self, loaded: LoadedImages, series: AcquisitionSeries) -> np.ndarray:
        return simulated_acquisitions(loaded, series, self.contract, self.recipe.seed, self.cache)

    def _targets(self, loaded: LoadedImages) -> np.ndarray:
        """Return the labels one-hot, float32 (n, classes)."""
        return (loaded.labels[:, np.newaxis] == np.array(self.contract.labels)).astype(np.float32)

    def _views(self, learn: LoadedImages, taken: list[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield every image, then every image's next view, and so on, then the acquisitions likewise."""
        for number in range(self.recipe.augmentations):
            for image, digest in zip(learn.pixels, learn.digests, strict=True):
                yield view(image, digest, number, self.recipe.seed)
        for pictures in taken:
            yield from pictures

    def _fit_pages(
        self,
        network: keras.Model,
        learn: LoadedImages,
        taken: list[np.ndarray],
        choose: LoadedImages,
        folder: Path,
        stage: str,
    ) -> None:
        """Train the network on the images themselves, another view of each, or of a acquisition of it, in every epoch."""
        targets, sources = self._targets(learn), [learn.pixels, *taken]

        def view_of(index: int, epoch: int) -> np.ndarray:
            return view(sources[epoch % len(sources)][index], learn.digests[index], epoch, self.recipe.seed)

        fit(
            keras.Model(network.input, network.output["logits"]),
            lambda epoch: Batches(learn.pixels, targets, learn.sample_weight, epoch, self.recipe.seed, view_of),
            self._validation(choose),
            self.recipe.epochs,
            LEARNING_RATES[stage],
            folder,
            stage,
        )

    def _features(self, network: keras.Model, learn: LoadedImages, taken: list[np.ndarray]) -> np.ndarray:
        """Return the features, float32 (views * n, width), of a network that was trained on its images."""
        features = keras.Model(network.input, network.get_layer("features").output)
        views, parts = self._views(learn, taken), []
        while part := list(islice(views, HELD_VIEWS)):
            parts.append(features.predict(np.stack(part), batch_size=16, verbose=0))
        return np.concatenate(parts)

    def _fit_cnn(
        self, learn: LoadedImages, taken: list[np.ndarray], choose: LoadedImages, folder: Path
    ) -> tuple[keras.Model, np.ndarray]:
        """Return the CNN and the features of its views."""
        network = build_cnn(len(self.contract.labels), self.recipe.height, self.recipe.width)
        self._fit_pages(network, learn, taken, choose, folder, "cnn")
        features = self._features(network, learn, taken)
        fit_standardise(network, features)
        return network, features

    def _fit_vgg16(
        self, learn: LoadedImages, taken: list[np.ndarray], choose: LoadedImages, folder: Path
    ) -> tuple[keras.Model, np.ndarray]:
        """Train the head on the frozen base's features, then, if asked to, block 5 with it; return the features too."""
        network = build_vgg16(len(self.contract.labels), self.recipe.height, self.recipe.width, self.weights)
        base = keras.Model(network.input, network.get_layer("features").output)
        count = self.recipe.augmentations + len(taken)
        learned = cached_features(base, self._views(learn, taken), count * len(learn), self.cache)  # (count * n, 1280)
        images, truth = self._validation(choose)
        chosen = cached_features(base, iter(images), len(images), self.cache)
        targets, sample_weight = np.tile(self._targets(learn), (count, 1)), np.tile(learn.sample_weight, count)

        fit_standardise(network, learned)
        features = keras.Input(learned.shape[1:])
        fit(
            keras.Model(features, network.get_layer("logits")(network.get_layer("standardise")(features))),
            lambda epoch: Batches(learned, targets, sample_weight, epoch, self.recipe.seed),
            (chosen, truth),
            self.recipe.epochs,
            LEARNING_RATES["head"],
            folder,
            "head",
        )
        if self.recipe.fine_tune == "block5":
            self._fine_tune(network, learn, taken, choose, folder)
            learned = self._features(network, learn, taken)
        return network, learned

    def _fine_tune(
        self, network: keras.Model, learn: LoadedImages, taken: list[np.ndarray], choose: LoadedImages, folder: Path
    ) -> None:
        """Train block 5 and the head together, and go back to the frozen base where that was no better."""
        before = network.get_weights()
        for layer in network.layers:
            layer.trainable = layer.name.startswith("block5_conv") or layer.name == "logits"
        self._fit_pages(network, learn, taken, choose, folder, "block5")
        lowest = {"head": np.inf, "block5": np.inf}
        for row in read_history(folder / "history.csv"):
            lowest[row["stage"]] = min(lowest[row["stage"]], row["val_loss"])
        if lowest["head"] <= lowest["block5"]:
            network.set_weights(before)
            print("fine-tuning did not lower the validation loss: the frozen base is kept", file=sys.stderr)
