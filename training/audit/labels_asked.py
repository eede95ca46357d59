"""How an audit asks models about labels: linear ones, on the features of a frozen network."""

from pathlib import Path

import keras
import numpy as np

from edge.images.preprocessing import Preprocessing
from training.audit.audit import Audit
from training.audit.labels import DoubtedLabel, LabelAudit, confident_learning, linear_model, unseen_probabilities
from training.data.folder import DataFolder
from training.data.loaded_images import EcgImage, LoadedImages
from training.errors import DataError
from training.fit.cached_features import cached_features
from training.inspection.inspected_image import inspect_all
from training.models.networks import NETWORKS, build_network

NETWORK = "efficientnet_lite0"
HEIGHT, WIDTH = 384, 512  # pixels: at 224x224 its features are worse by 3 to 4 points of macro-F1


def audit_labels(
    data: DataFolder, found: Audit, *, trusted: DataFolder | None = None, seed: int, cache: Path
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
    group_of = dict(zip((image.path for image in found.images), found.groups, strict=True))
    groups = np.array([group_of[image.path] for image in asked.images])
    if known is not None:
        known = known.select(~np.isin(known.groups, groups) & ~np.isin(known.digests, asked.digests))
        if set(known.labels) != set(classes):
            raise DataError(f"{trusted.path}: has other classes than {data.path}: give a folder with the same ones")
    features = _features(asked.together(known), cache)
    own, learned = features[: len(asked)], features[len(asked) :]
    if known is None:
        believed = unseen_probabilities(own, labels, groups, seed)
    else:
        believed = linear_model().fit(learned, known.labels).predict_proba(own)
    return _result(asked, believed, everything - len(asked))


def _result(asked: LoadedImages, believed: np.ndarray, left_out: int) -> LabelAudit:
    """Return what probabilities, float (n, classes), say of the labels."""
    classes, labels = np.unique(asked.labels, return_inverse=True)
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
        left_out=left_out,
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
    network = build_network(NETWORK, ("any", "other"), HEIGHT, WIDTH, NETWORKS[NETWORK].weights)
    base = keras.Model(network.input, network.get_layer("features").output)
    return cached_features(base, iter(loaded.pixels), len(loaded), cache)
