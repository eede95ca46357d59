"""The fitting of one network to pages: the CNN on their views, VGG16's head on its features of them."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import keras
import numpy as np

from edge.classifier import Outputs
from edge.contract import Contract
from training.data.folder import Loaded
from training.data.recipe import Recipe
from training.data.simulated_acquisitions import ASKED, LEARNED, Series, captured_pages
from training.fit.augmentation import view
from training.fit.cached_features import cached_features
from training.fit.loop import Batches, fit, read_history
from training.models.calibration import calibrated
from training.models.in_distribution import fit_typicality
from training.models.networks import build_cnn, build_vgg16, fit_standardise

HELD_VIEWS = 256  # in memory at once
LEARNING_RATES = {"cnn": 3e-4, "head": 1e-3, "block5": 1e-5}


def ask(network: keras.Model, pages: np.ndarray) -> Outputs:
    """Ask a network that is not calibrated yet about uint8 pages (n, height, width, 3)."""
    found = network.predict(pages, batch_size=16, verbose=0)
    return Outputs(found["logits"], calibrated(found["logits"], 1.0), found["typicality"])


@dataclass(frozen=True)
class Fitting:
    """Fit networks of one contract by one recipe; `weights` are VGG16's, `cache` keeps captures and features."""

    contract: Contract
    recipe: Recipe
    weights: Path | None
    cache: Path

    def network(self, learn: Loaded, choose: Loaded, folder: Path) -> keras.Model:
        """Return a network trained on `learn`, of the epoch that is best on `choose`; its typicality knows `learn`."""
        folder.mkdir(parents=True, exist_ok=True)
        keras.utils.set_random_seed(self.recipe.seed)
        taken = [self._captured(learn, Series(*LEARNED, number)) for number in range(self.recipe.captures)]
        fit_kind = self._fit_cnn if self.recipe.model == "cnn" else self._fit_vgg16
        network, features = fit_kind(learn, taken, choose, folder)
        fit_typicality(network, features)
        return network

    def asked(self, loaded: Loaded) -> list[np.ndarray]:
        """Return what a network is asked about: the pages, and phone photos of them where it learned from captures."""
        return [loaded.pixels, *([self._captured(loaded, ASKED)] if self.recipe.captures else [])]

    def _validation(self, choose: Loaded) -> tuple[np.ndarray, np.ndarray]:
        """Return what an epoch is chosen by, all that `asked` says of these pages, and the targets."""
        asked = self.asked(choose)
        return np.concatenate(asked), np.tile(self._targets(choose), (len(asked), 1))

    def _captured(self, loaded: Loaded, series: Series) -> np.ndarray:
        return captured_pages(loaded, series, self.contract, self.recipe.seed, self.cache)

    def _targets(self, loaded: Loaded) -> np.ndarray:
        """Return the labels one-hot, float32 (n, classes)."""
        return (loaded.labels[:, np.newaxis] == np.array(self.contract.labels)).astype(np.float32)

    def _views(self, learn: Loaded, taken: list[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield every page, then every page's next view, and so on, then the captures likewise."""
        for number in range(self.recipe.views):
            for page, digest in zip(learn.pixels, learn.digests, strict=True):
                yield view(page, digest, number, self.recipe.seed)
        for pictures in taken:
            yield from pictures

    def _fit_pages(
        self, network: keras.Model, learn: Loaded, taken: list[np.ndarray], choose: Loaded, folder: Path, stage: str
    ) -> None:
        """Train the network on the pages themselves, another view of each, or of a capture of it, in every epoch."""
        targets, sources = self._targets(learn), [learn.pixels, *taken]

        def view_of(index: int, epoch: int) -> np.ndarray:
            return view(sources[epoch % len(sources)][index], learn.digests[index], epoch, self.recipe.seed)

        fit(
            keras.Model(network.input, network.output["logits"]),
            lambda epoch: Batches(learn.pixels, targets, learn.worth, epoch, self.recipe.seed, view_of),
            self._validation(choose),
            self.recipe.epochs,
            LEARNING_RATES[stage],
            folder,
            stage,
        )

    def _features(self, network: keras.Model, learn: Loaded, taken: list[np.ndarray]) -> np.ndarray:
        """Return the features, float32 (views * n, width), of a network that was trained on its pages."""
        features = keras.Model(network.input, network.get_layer("features").output)
        views, parts = self._views(learn, taken), []
        while part := list(islice(views, HELD_VIEWS)):
            parts.append(features.predict(np.stack(part), batch_size=16, verbose=0))
        return np.concatenate(parts)

    def _fit_cnn(
        self, learn: Loaded, taken: list[np.ndarray], choose: Loaded, folder: Path
    ) -> tuple[keras.Model, np.ndarray]:
        """Return the CNN and the features of its views."""
        network = build_cnn(len(self.contract.labels), self.recipe.height, self.recipe.width)
        self._fit_pages(network, learn, taken, choose, folder, "cnn")
        features = self._features(network, learn, taken)
        fit_standardise(network, features)
        return network, features

    def _fit_vgg16(
        self, learn: Loaded, taken: list[np.ndarray], choose: Loaded, folder: Path
    ) -> tuple[keras.Model, np.ndarray]:
        """Train the head on the frozen base's features, then, if asked to, block 5 with it; return the features too."""
        network = build_vgg16(len(self.contract.labels), self.recipe.height, self.recipe.width, self.weights)
        base = keras.Model(network.input, network.get_layer("features").output)
        count = self.recipe.views + len(taken)
        learned = cached_features(base, self._views(learn, taken), count * len(learn), self.cache)  # (count * n, 1280)
        pages, truth = self._validation(choose)
        chosen = cached_features(base, iter(pages), len(pages), self.cache)
        targets, worth = np.tile(self._targets(learn), (count, 1)), np.tile(learn.worth, count)

        fit_standardise(network, learned)
        features = keras.Input(learned.shape[1:])
        fit(
            keras.Model(features, network.get_layer("logits")(network.get_layer("standardise")(features))),
            lambda epoch: Batches(learned, targets, worth, epoch, self.recipe.seed),
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
        self, network: keras.Model, learn: Loaded, taken: list[np.ndarray], choose: Loaded, folder: Path
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
