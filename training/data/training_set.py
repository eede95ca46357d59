"""The images that a run learns from: those of the data folder without its test images, and auxiliary ones."""

import dataclasses
import hashlib
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from edge.contract import Contract, TrainedOn
from training.data.folder import (
    EcgImage,
    LoadedImages,
    first_contract,
    groups_of,
    load_images,
    read_folder,
    short_digest,
)
from training.data.leaks import leaks, one_of_each
from training.data.recipe import Recipe
from training.data.splits import are_test
from training.errors import DataError

AUXILIARY_WEIGHT = 0.1
"""An auxiliary image counts as a tenth of one's own: less gives the highest macro-F1, more the highest sensitivity for
infarction, at 1 the real images drown (`python -m benchmarks.auxiliary_data`; the table is in MODELS.md)."""


def read_training_pages(
    folder: Path, recipe: Recipe, auxiliary_folder: Path | None, skip_unreadable: bool
) -> tuple[LoadedImages, LoadedImages | None, Contract]:
    """Read the images to learn from, the auxiliary ones, and state the contract of the model that they make.

    Validation and test images come from `folder` alone. Raises `DataError` for images that cannot be
    used, for leaks that nobody has allowed, and for auxiliary images that are images of the folder, share a
    group with it, or have other classes.
    """
    images = read_folder(folder)
    contract = first_contract(folder, images, recipe.height, recipe.width, recipe.model, recipe.seed)
    everything = _load(images, contract, skip_unreadable)
    kept = _usable(folder, everything, recipe)
    loaded = everything.select(kept & ~are_test(everything, recipe.seed))
    lost = sorted(set(contract.labels) - set(loaded.labels.tolist()))
    if lost:
        raise DataError(f"{folder}: leaves no image of class {lost[0]!r} to learn from: add images or remove the class")
    auxiliary = _read_auxiliary(auxiliary_folder, everything, contract, skip_unreadable) if auxiliary_folder else None
    digests = together(loaded, auxiliary).digests
    trained_on = TrainedOn(
        digest=hashlib.sha256("".join(sorted(map(short_digest, digests))).encode()).hexdigest(),
        images=len(loaded),
        seed=recipe.seed,
        synthetic=any(image.synthetic for image in loaded.images),
        auxiliary_images=len(auxiliary) if auxiliary else 0,
    )
    return loaded, auxiliary, dataclasses.replace(contract, trained_on=trained_on)


def together(first: LoadedImages, second: LoadedImages | None) -> LoadedImages:
    """Return the images of both."""
    if second is None:
        return first
    images, digests = first.images + second.images, first.digests + second.digests
    return LoadedImages(images, np.concatenate([first.pixels, second.pixels]), digests, groups_of(images, digests))


def _load(images: list[EcgImage], contract: Contract, skip_unreadable: bool) -> LoadedImages:
    loaded, skipped = load_images(images, contract, skip_unreadable)
    for line in skipped:
        print(f"skipped {line}", file=sys.stderr)
    return loaded


def _read_auxiliary(folder: Path, own: LoadedImages, contract: Contract, skip_unreadable: bool) -> LoadedImages:
    """Read the images of an auxiliary folder that it does not call test images."""
    images = [image for image in read_folder(folder) if image.split != "test"]
    if not images:
        raise DataError(f"{folder}: has test images only: give a folder with images to learn from")
    unknown = sorted({image.label for image in images} - set(contract.labels))
    if unknown:
        raise DataError(f"{folder}: has the class {unknown[0]!r}, which the data folder has not: remove or rename it")
    images = [dataclasses.replace(image, sample_weight=AUXILIARY_WEIGHT) for image in images]
    auxiliary = _load(images, contract, skip_unreadable)
    groups = {image.group for image in own.images if image.group}
    taken = dict(zip(own.digests, own.images, strict=True))
    for image, digest in zip(auxiliary.images, auxiliary.digests, strict=True):
        if digest in taken:
            raise DataError(f"{image.path}: is a copy of {taken[digest].path}: remove it from the auxiliary images")
        if image.group in groups:
            raise DataError(f"{image.path}: is of the group {image.group!r}, as images of the data folder: remove it")
    return auxiliary


def _usable(folder: Path, loaded: LoadedImages, recipe: Recipe) -> np.ndarray:
    """Return which images to keep, bool (n,); raise `DataError` for leaks that nobody has allowed."""
    kept = np.ones(len(loaded), bool)
    if recipe.drop_duplicates:
        kept = one_of_each(loaded.images, loaded.digests)
        print(f"left out: {(~kept).sum()} copies of other images", file=sys.stderr)
    left = loaded.select(kept)
    found = leaks(left.images, left.digests)
    if found and not recipe.allow_leaks:
        kinds = ", ".join(f"{number} x {kind}" for kind, number in Counter(leak.kind for leak in found).items())
        first = " and ".join(str(left.images[index].path.relative_to(folder)) for index in found[0].images[:2])
        raise DataError(
            f"{folder}: leaks ({kinds}; first {first}): see 'python -m training audit', then mend it, or give "
            "--drop-duplicates against copies, or --allow-leaks"
        )
    return kept
