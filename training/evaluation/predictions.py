"""A model's predictions for labelled images, as arrays."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge.contract import Contract
from edge.files import replacing
from edge.prediction import Outputs
from training.data.loaded_images import EcgImage, LoadedImages
from training.evaluation.intervals import Sample
from training.models.calibration import calibrated, cross_calibrated, fit_thresholds
from training.models.in_distribution import choose_in_distribution_threshold


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """Hold what a model predicts for images whose labels are known."""

    labels: tuple[str, ...]
    """The classes in the order of the model's outputs."""
    images: tuple[EcgImage, ...]
    """The images, n of them."""
    groups: np.ndarray
    """str (n,)."""
    logits: np.ndarray
    """float (n, classes)."""
    probabilities: np.ndarray
    """float (n, classes)."""
    in_distribution: np.ndarray
    """float (n, 1)."""
    seen: np.ndarray
    """bool (n,): images that the model was trained on, whose predictions prove nothing."""

    @classmethod
    def of(
        cls, outputs: Outputs, loaded: LoadedImages, labels: tuple[str, ...], seen: np.ndarray | None = None
    ) -> "Predictions":
        """Join a model's outputs for images with the images; `seen` is none of them unless it is given."""
        seen = np.zeros(len(loaded), bool) if seen is None else seen
        return cls(labels=labels, images=loaded.images, groups=loaded.groups, seen=seen, **outputs._asdict())

    @property
    def truth(self) -> np.ndarray:
        """Return the index of each image's label, int (n,)."""
        return np.array([self.labels.index(image.label) for image in self.images])

    @property
    def sample(self) -> Sample:
        """Return the predictions as what metrics are computed from."""
        return Sample(self.labels, self.truth, self.probabilities, self.groups)

    @property
    def uncalibrated(self) -> Sample:
        """Return the predictions that a temperature of 1 gives."""
        return Sample(self.labels, self.truth, calibrated(self.logits, 1.0), self.groups)

    @property
    def predicted(self) -> np.ndarray:
        """Return the index of the most probable class of each image, int (n,)."""
        return self.probabilities.argmax(axis=1)

    @property
    def confusion(self) -> np.ndarray:
        """Return the counts, int (true class, predicted class)."""
        counts = np.zeros((len(self.labels),) * 2, int)
        np.add.at(counts, (self.truth, self.predicted), 1)
        return counts


@dataclass(frozen=True)
class UnseenPredictions:
    """Hold the predictions for images that a network has not learned from, and for photos of them if it was asked."""

    images: Predictions
    """For the images themselves."""
    photos: Predictions | None = None
    """For a simulated phone photo of each."""

    @classmethod
    def of(cls, outputs: Sequence[Outputs], loaded: LoadedImages, contract: Contract) -> "UnseenPredictions":
        """Join the outputs for images, and for photos if there are, with the images."""
        return cls(*(Predictions.of(found, loaded, contract.labels) for found in outputs))

    @property
    def logits(self) -> np.ndarray:
        """Return the logits of both, images first."""
        return np.concatenate([one.logits for one in self._both])

    @property
    def truth(self) -> np.ndarray:
        """Return the indices of the labels of both."""
        return np.concatenate([one.truth for one in self._both])

    @property
    def _both(self) -> list[Predictions]:
        return [one for one in (self.images, self.photos) if one]

    def cross_calibrated(self, fold: np.ndarray) -> "UnseenPredictions":
        """Return the same predictions with the probabilities that the other folds, int (n,), calibrate."""
        folds = np.tile(fold, len(self._both))
        parts = np.split(cross_calibrated(self.logits, self.truth, folds), len(self._both))
        return UnseenPredictions(
            *(replace(one, probabilities=part) for one, part in zip(self._both, parts, strict=True))
        )

    def fit_thresholds(self, target: float) -> dict[str, float]:
        """Return the contract's temperature and thresholds; above them `target` of the answers here are right."""
        scores = np.concatenate([one.in_distribution for one in self._both])
        found = fit_thresholds(self.logits, self.truth, target)
        return found | {"in_distribution_threshold": choose_in_distribution_threshold(scores)}


def write_out_of_fold(predictions: Predictions, fold: np.ndarray, folder: Path, path: Path) -> None:
    """Write one row an image: path below the data folder, label, fold, probabilities, in-distribution score."""
    with replacing(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "fold", *predictions.labels, "in_distribution"])
        numbers = np.hstack([predictions.probabilities, predictions.in_distribution])
        for image, number, row in zip(predictions.images, fold, numbers, strict=True):
            writer.writerow([image.path.relative_to(folder).as_posix(), image.label, number, *map(float, row)])
