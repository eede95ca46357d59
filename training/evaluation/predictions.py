"""A model's answers for labelled images."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge.contract import Contract
from edge.files import replacing
from edge.prediction import Outputs
from training.data.folder import EcgImage, LoadedImages
from training.evaluation.intervals import Sample
from training.models.calibration import calibrated, cross_calibrated, decide
from training.models.in_distribution import choose_in_distribution_threshold


@dataclass(frozen=True)
class Predictions:
    """Hold what a model answers for images whose labels are known.

    `logits` and `probabilities` are float (n, classes) in the order of `labels`, `in_distribution` is float
    (n, 1), `groups` is str (n,); `seen`, bool (n,), marks images that the model was trained on, whose
    answers prove nothing.
    """

    labels: tuple[str, ...]
    images: tuple[EcgImage, ...]
    groups: np.ndarray
    logits: np.ndarray
    probabilities: np.ndarray
    in_distribution: np.ndarray
    seen: np.ndarray

    @classmethod
    def of(
        cls, outputs: Outputs, loaded: LoadedImages, labels: tuple[str, ...], seen: np.ndarray | None = None
    ) -> "Predictions":
        """Join a model's outputs for images with the images; `seen` is none of them unless it is given."""
        return cls(
            labels, loaded.images, loaded.groups, *outputs, seen=np.zeros(len(loaded), bool) if seen is None else seen
        )

    @property
    def truth(self) -> np.ndarray:
        """Return the index of each image's label, int (n,)."""
        return np.array([self.labels.index(image.label) for image in self.images])

    @property
    def sample(self) -> Sample:
        """Return the answers as what figures are computed from."""
        return Sample(self.labels, self.truth, self.probabilities, self.groups)

    @property
    def uncalibrated(self) -> Sample:
        """Return the answers that a temperature of 1 gives."""
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
    """Hold the answers for images that a network has not learned from, and for phone photos of them if it was asked."""

    images: Predictions
    photos: Predictions | None = None

    @classmethod
    def of(cls, outputs: Sequence[Outputs], loaded: LoadedImages, contract: Contract) -> "UnseenPredictions":
        """Join the outputs for images, and for photos if there are, with the images."""
        return cls(*(Predictions.of(found, loaded, contract.labels) for found in outputs))

    @property
    def logits(self) -> np.ndarray:
        """Return the logits of both, images first."""
        return np.concatenate([answers.logits for answers in self._both])

    @property
    def truth(self) -> np.ndarray:
        """Return the indices of the labels of both."""
        return np.concatenate([answers.truth for answers in self._both])

    @property
    def _both(self) -> list[Predictions]:
        return [answers for answers in (self.images, self.photos) if answers]

    def cross_calibrated(self, fold: np.ndarray) -> "UnseenPredictions":
        """Return the same answers with the probabilities that the other folds, int (n,), calibrate."""
        folds = np.tile(fold, len(self._both))
        parts = np.split(cross_calibrated(self.logits, self.truth, folds), len(self._both))
        return UnseenPredictions(
            *(replace(answers, probabilities=part) for answers, part in zip(self._both, parts, strict=True))
        )

    def decisions(self, target: float) -> dict[str, float]:
        """Return the contract's temperature and thresholds; above them `target` of the answers here are right."""
        in_distribution = np.concatenate([answers.in_distribution for answers in self._both])
        return decide(self.logits, self.truth, target) | {
            "in_distribution_threshold": choose_in_distribution_threshold(in_distribution)
        }


def write_out_of_fold(answers: Predictions, fold: np.ndarray, folder: Path, path: Path) -> None:
    """Write one row an image: path below the data folder, label, fold, each class's probability, in_distribution."""
    with replacing(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "fold", *answers.labels, "in_distribution"])
        numbers = np.hstack([answers.probabilities, answers.in_distribution])
        for image, number, row in zip(answers.images, fold, numbers, strict=True):
            writer.writerow([image.path.relative_to(folder).as_posix(), image.label, number, *map(float, row)])
