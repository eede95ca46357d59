"""The audit of labels: which images models that have not seen their group believe least, and how many are wrong.

Northcutt, Jiang and Chuang, Confident learning, JAIR 70, 2021.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from training.data.loaded_images import EcgImage
from training.data.splits import folds

FOLDS, REPEATS = 5, 5
"""Each image is asked by `REPEATS` models that learned from four fifths of the other groups."""
STRENGTH = 0.03
"""Inverse of the regularisation: of 0.0003 to 0.1 that with the least cross-validated log loss on 368 real images, and
on 617 others."""


@dataclass(frozen=True, kw_only=True)
class DoubtedLabel:
    """Name an image whose label is not believed."""

    image: EcgImage
    """The image, with its label."""
    probability: float
    """Of the label, by models that have not seen its group."""
    suggested: str
    """What they believe most."""
    suggested_probability: float
    """Of that class."""


@dataclass(frozen=True, kw_only=True)
class LabelAudit:
    """Hold what models believe of labels."""

    images: int
    """Different images that were asked about."""
    left_out: int
    """Others, whose page looks like none of the folder whose labels are trusted."""
    accuracy: float
    """Share of them on which the models and the label agree."""
    labelled: dict[str, int]
    """Images by label."""
    noise: dict[str, float]
    """By label, the share of its images that belong to another class, as confident learning estimates it.

    The models' own errors are in it: where they are weak, it is too high."""
    doubted: tuple[DoubtedLabel, ...]
    """The images that belong to another class by that estimate, the least believed first."""


def linear_model() -> Pipeline:
    """Return an untrained model of features (n, width)."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=1000))


def unseen_probabilities(features: np.ndarray, labels: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """Return the probabilities, float (n, classes), by models that have not seen an image's group.

    `features` is (n, width), `labels` int (n,). They are the mean over `REPEATS` divisions into folds.
    """
    believed = np.zeros((len(labels), labels.max() + 1))
    for repeat in range(REPEATS):
        for held_out in folds(labels, groups, FOLDS, seed + repeat):
            model = linear_model().fit(features[~held_out], labels[~held_out])
            believed[np.ix_(held_out, model.classes_)] += model.predict_proba(features[held_out]) / REPEATS
    return believed


def confident_learning(believed: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the class that each image counts as, int (n,), -1 for none.

    It is one that the image is believed to be, `believed` (n, classes), at least as much as images of that class
    are on average; of several the most probable. Images that count as another class than their label make up the
    off-diagonal of the confident joint.
    """
    usual = np.array([believed[labels == number, number].mean() for number in range(believed.shape[1])])
    confident = np.where(believed >= usual, believed, -1)
    return np.where(confident.max(axis=1) >= 0, confident.argmax(axis=1), -1)
