"""The audit of labels: which images models that have not seen their group believe least, and how many are wrong.

Northcutt, Jiang and Chuang, Confident learning, JAIR 70, 2021.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from edge.images.preprocessing import Preprocessing
from training.data.folder import DataFolder
from training.data.loaded_images import EcgImage, LoadedImages
from training.data.splits import folds
from training.errors import DataError
from training.inspection.inspected_image import inspect_all

if TYPE_CHECKING:
    from training.audit.audit import Audit

log = logging.getLogger(__name__)

NETWORK = "efficientnet_lite0"
HEIGHT, WIDTH = 384, 512  # pixels: at 224x224 its features are worse by 3 to 4 points of macro-F1
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


def audit_labels(
    data: DataFolder, found: "Audit", *, trusted: DataFolder | None = None, seed: int, cache: Path
) -> LabelAudit:
    """Ask models about the label of every different image that has one class; `found` is what the audit found.

    The models are linear, on the features of a frozen base, which `cache` keeps. They learn from the images of other
    folds, or from all of `trusted`: cross-validated, an error that most images of a kind have is learned as well.
    Where `trusted` is given, images with another look than its own are left out. Raises `DataError` where a class has
    a single group, or is not one of `trusted`.
    """
    asked = _of_one_class(data, found.images)
    known = None if trusted is None else _of_one_class(trusted, trusted.images)
    everything = len(asked)
    if known is not None:
        looks = {one.look.name for one in inspect_all(known.images)[0]}
        look_of = dict(zip((image.path for image in found.images), found.looks, strict=True))
        asked = asked.select(np.array([look_of[image.path].name in looks for image in asked.images]))
    classes, labels = np.unique(asked.labels, return_inverse=True)
    if len(classes) < 2:
        raise DataError(f"{data.path}: has images of one class only: no model could doubt a label")
    features = _features(asked, cache)
    group_of = dict(zip((image.path for image in found.images), found.groups, strict=True))
    groups = np.array([group_of[image.path] for image in asked.images])
    if known is None:
        believed = unseen_probabilities(features, labels, groups, seed)
    else:
        known = known.select(~np.isin(known.groups, groups) & ~np.isin(known.digests, asked.digests))
        if set(known.labels) != set(classes):
            raise DataError(f"{trusted.path}: has other classes than {data.path}: give a folder with the same ones")
        believed = _model().fit(_features(known, cache), known.labels).predict_proba(features)
    counted = confident_learning(believed, labels)
    margin = believed[np.arange(len(labels)), labels] - believed.max(axis=1)
    wrong = (counted >= 0) & (counted != labels)
    doubted = [
        DoubtedLabel(
            image=asked.images[index],
            probability=float(believed[index, labels[index]]),
            suggested=str(classes[counted[index]]),
            suggested_probability=float(believed[index, counted[index]]),
        )
        for index in np.argsort(margin, kind="stable")
        if wrong[index]
    ]
    return LabelAudit(
        images=len(asked),
        left_out=everything - len(asked),
        accuracy=float((believed.argmax(axis=1) == labels).mean()),
        labelled={str(label): int((labels == number).sum()) for number, label in enumerate(classes)},
        noise={
            str(label): float(wrong[labels == number].sum() / max(1, (counted[labels == number] >= 0).sum()))
            for number, label in enumerate(classes)
        },
        doubted=tuple(doubted),
    )


def _of_one_class(data: DataFolder, images: tuple[EcgImage, ...]) -> LoadedImages:
    """Read images, one of each picture; those that bear a set of classes are left out."""
    loaded = data.load(Preprocessing(HEIGHT, WIDTH), images)
    _, first = np.unique(loaded.digests, return_index=True)
    return loaded.select(np.array([index for index in sorted(first) if len(loaded.images[index].classes) == 1], int))


def _features(loaded: LoadedImages, cache: Path) -> np.ndarray:
    """Return the features of a frozen base with ImageNet weights, float32 (n, width)."""
    import keras

    from training.fit.cached_features import cached_features
    from training.models.networks import NETWORKS, build_network

    network = build_network(NETWORK, ("any", "other"), HEIGHT, WIDTH, NETWORKS[NETWORK].weights)
    base = keras.Model(network.input, network.get_layer("features").output)
    return cached_features(base, iter(loaded.pixels), len(loaded), cache)


def _model() -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=1000))


def unseen_probabilities(features: np.ndarray, labels: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """Return the probabilities, float (n, classes), by models that have not seen an image's group.

    `features` is (n, width), `labels` int (n,). They are the mean over `REPEATS` divisions into folds.
    """
    believed = np.zeros((len(labels), labels.max() + 1))
    for repeat in range(REPEATS):
        for held_out in folds(labels, groups, FOLDS, seed + repeat):
            model = _model().fit(features[~held_out], labels[~held_out])
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
