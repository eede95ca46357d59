"""A model's answers for labelled pages."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge.classifier import Outputs
from edge.contract import Contract
from edge.files import replacing
from training.data.folder import Loaded, Page
from training.evaluation.intervals import Sample
from training.models.calibration import calibrated, cross_calibrated, decide
from training.models.in_distribution import least_typicality


@dataclass(frozen=True)
class Answers:
    """Hold what a model answers for pages whose labels are known.

    `logits` and `probabilities` are float (n, classes) in the order of `labels`, `typicality` is float
    (n, 1), `groups` is str (n,); `seen`, bool (n,), marks pages that the model was trained on, whose
    answers prove nothing.
    """

    labels: tuple[str, ...]
    pages: tuple[Page, ...]
    groups: np.ndarray
    logits: np.ndarray
    probabilities: np.ndarray
    typicality: np.ndarray
    seen: np.ndarray

    @classmethod
    def of(cls, outputs: Outputs, loaded: Loaded, labels: tuple[str, ...], seen: np.ndarray | None = None) -> "Answers":
        """Join a model's outputs for pages with the pages; `seen` is none of them unless it is given."""
        return cls(
            labels, loaded.pages, loaded.groups, *outputs, seen=np.zeros(len(loaded), bool) if seen is None else seen
        )

    @property
    def truth(self) -> np.ndarray:
        """Return the index of each page's label, int (n,)."""
        return np.array([self.labels.index(page.label) for page in self.pages])

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
        """Return the index of the most probable class of each page, int (n,)."""
        return self.probabilities.argmax(axis=1)

    @property
    def confusion(self) -> np.ndarray:
        """Return the counts, int (true class, predicted class)."""
        counts = np.zeros((len(self.labels),) * 2, int)
        np.add.at(counts, (self.truth, self.predicted), 1)
        return counts


@dataclass(frozen=True)
class Unseen:
    """Hold the answers for pages that a network has not learned from, and for phone photos of them if it was asked."""

    pages: Answers
    photos: Answers | None = None

    @classmethod
    def of(cls, outputs: Sequence[Outputs], loaded: Loaded, contract: Contract) -> "Unseen":
        """Join the outputs for pages, and for photos if there are, with the pages."""
        return cls(*(Answers.of(found, loaded, contract.labels) for found in outputs))

    @property
    def logits(self) -> np.ndarray:
        """Return the logits of both, pages first."""
        return np.concatenate([answers.logits for answers in self._both])

    @property
    def truth(self) -> np.ndarray:
        """Return the indices of the labels of both."""
        return np.concatenate([answers.truth for answers in self._both])

    @property
    def _both(self) -> list[Answers]:
        return [answers for answers in (self.pages, self.photos) if answers]

    def cross_calibrated(self, fold: np.ndarray) -> "Unseen":
        """Return the same answers with the probabilities that the other folds, int (n,), calibrate."""
        folds = np.tile(fold, len(self._both))
        parts = np.split(cross_calibrated(self.logits, self.truth, folds), len(self._both))
        return Unseen(*(replace(answers, probabilities=part) for answers, part in zip(self._both, parts, strict=True)))

    def decisions(self, target: float) -> dict[str, float]:
        """Return the contract's temperature and thresholds; above them `target` of the answers here are right."""
        typicality = np.concatenate([answers.typicality for answers in self._both])
        return decide(self.logits, self.truth, target) | {"least_typicality": least_typicality(typicality)}


def write_out_of_fold(answers: Answers, fold: np.ndarray, folder: Path, path: Path) -> None:
    """Write one row a page: path below the data folder, label, fold, each class's probability, typicality."""
    with replacing(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "fold", *answers.labels, "typicality"])
        numbers = np.hstack([answers.probabilities, answers.typicality])
        for page, number, row in zip(answers.pages, fold, numbers, strict=True):
            writer.writerow([page.path.relative_to(folder).as_posix(), page.label, number, *map(float, row)])
