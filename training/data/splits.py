"""Splits that the program makes: for test, for validation, and folds."""

import warnings

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from training.data.loaded_images import LoadedImages
from training.errors import DataError

HELD_OUT = 5
"""One part in this many is held out: for test of a folder without splits, for validation of the rest."""


def are_test(loaded: LoadedImages, seed: int) -> np.ndarray:
    """Return which images are test images, bool (n,): those stated, else a fifth held out by the seed."""
    if any(image.split is None for image in loaded.images):
        return hold_out(loaded.labels, loaded.groups, seed)
    return np.array([image.split == "test" for image in loaded.images])


def hold_out(labels: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """Return the mask, bool (n,), of one fifth that is held out, stratified, with every group on one side.

    A pure function of the labels, the groups and the seed: the order of the images does not matter.
    Raises `DataError` where a class would be left without an image on the other side.
    """
    divided = [mask for mask in folds(labels, groups, HELD_OUT, seed) if set(labels[~mask]) == set(labels)]
    if not divided:
        raise DataError(
            f"{len(set(groups))} groups of images cannot be divided so that both sides have every class: "
            "add images of other groups"
        )
    complete = [mask for mask in divided if set(labels[mask]) == set(labels)]
    return (complete or divided)[0]


def folds(labels: np.ndarray, groups: np.ndarray, count: int, seed: int) -> list[np.ndarray]:
    """Return the mask, bool (n,), of each of `count` folds, stratified, with every group in one fold.

    Where even the largest class has fewer groups than `count`, there are only so many folds. Raises
    `DataError` where a class has a single group, which cannot be both learned and held out.
    """
    groups_of = {label: len(set(groups[labels == label])) for label in sorted(set(labels.tolist()))}
    for label, number in groups_of.items():
        if number < 2:
            images = int((labels == label).sum())
            raise DataError(
                f"class {label!r} has {images} image{'s' * (images > 1)} of a single group to learn from and to hold "
                "out: add images of another group, or remove the class"
            )
    splitter = StratifiedGroupKFold(min(count, max(groups_of.values())), shuffle=True, random_state=seed)
    masks = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that a class has fewer images than folds: seen above
        # scikit-learn shuffles the groups in the order of their names, so that the order of the images does not matter.
        for _, held_out in splitter.split(labels, labels, groups):
            masks.append(np.isin(np.arange(len(labels)), held_out))
    return masks
