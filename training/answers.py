"""A model's answers for labelled pages, and what they are worth."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.files import replacing
from training.dataset import Loaded, Page

RESAMPLES = 2000


@dataclass(frozen=True)
class Answers:
    """Hold what a model answers for pages whose labels are known.

    `probabilities` is float (n, classes) in the order of `labels`; `groups` is str (n,); `seen`,
    bool (n,), marks pages that the model was trained on, whose answers prove nothing.
    """

    labels: tuple[str, ...]
    pages: tuple[Page, ...]
    groups: np.ndarray
    probabilities: np.ndarray
    seen: np.ndarray

    @classmethod
    def of(
        cls,
        run: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
        loaded: Loaded,
        labels: tuple[str, ...],
        seen: np.ndarray,
    ) -> "Answers":
        """Ask a model, whose `run` turns uint8 pages into logits and probabilities."""
        return cls(labels, loaded.pages, loaded.groups, run(loaded.pixels)[1], seen)

    @property
    def truth(self) -> np.ndarray:
        """Return the index of each page's label, int (n,)."""
        return np.array([self.labels.index(page.label) for page in self.pages])

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


def scores(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Return precision, recall and F1 of each class, and accuracy and macro-F1, of (..., classes, classes) counts.

    A class that no page has is NaN and left out of the macro-F1; a class that no page is taken for
    has a precision of 0, as in scikit-learn.
    """
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)  # (..., classes)
    pages, taken = confusion.sum(-1), confusion.sum(-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = hits / pages
        precision = np.where(taken > 0, hits / taken, 0.0)
        f1 = np.where(pages > 0, 2 * hits / (pages + taken), np.nan)
        accuracy = hits.sum(-1) / confusion.sum((-2, -1))
    return {
        "precision": precision, "recall": recall, "f1": f1,
        "accuracy": accuracy, "macro_f1": np.nanmean(f1, axis=-1),
    }  # fmt: skip


def intervals(answers: Answers, seed: int = 0) -> dict[str, tuple[float, float]]:
    """Return 95 % intervals of accuracy and macro-F1 by the percentile bootstrap over groups.

    Whole groups are drawn with replacement, 2,000 times: pages of one group are no independent
    witnesses (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapters 8 and 13).
    """
    _, group = np.unique(answers.groups, return_inverse=True)
    counts = np.zeros((group.max() + 1, *(len(answers.labels),) * 2))
    np.add.at(counts, (group, answers.truth, answers.predicted), 1)  # (groups, classes, classes)
    draws = np.random.default_rng(seed).multinomial(len(counts), np.full(len(counts), 1 / len(counts)), RESAMPLES)
    resampled = scores(np.tensordot(draws, counts, axes=1))  # of (resamples, classes, classes)
    return {
        name: tuple(float(edge) for edge in np.percentile(resampled[name], [2.5, 97.5]))
        for name in ("accuracy", "macro_f1")
    }


def summary(answers: Answers) -> dict:
    """Return every number of a report: scores, intervals, confusion and the answer for each page."""
    result = scores(answers.confusion)
    return {
        "pages": len(answers.pages),
        "pages_seen_in_training": int(answers.seen.sum()),
        "drawn": any(page.drawn for page in answers.pages),
        "accuracy": float(result["accuracy"]),
        "macro_f1": float(result["macro_f1"]),
        "interval_95": intervals(answers),
        "classes": {
            label: {
                "pages": int(answers.confusion[index].sum()),
                **{name: _number(result[name][index]) for name in ("precision", "recall", "f1")},
            }
            for index, label in enumerate(answers.labels)
        },
        "confusion": answers.confusion.tolist(),
        "answers": [
            {
                "image": str(page.path),
                "label": page.label,
                "predicted": answers.labels[predicted],
                "probabilities": dict(zip(answers.labels, map(float, row), strict=True)),
                "seen_in_training": bool(seen),
            }
            for page, predicted, row, seen in zip(
                answers.pages, answers.predicted, answers.probabilities, answers.seen, strict=True
            )
        ],
    }


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def write_out_of_fold(answers: Answers, fold: np.ndarray, folder: Path, path: Path) -> None:
    """Write one row a page: path below the data folder, label, fold and the probability of each class."""
    with replacing(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "fold", *answers.labels])
        for page, number, row in zip(answers.pages, fold, answers.probabilities, strict=True):
            writer.writerow([page.path.relative_to(folder).as_posix(), page.label, number, *map(float, row)])
