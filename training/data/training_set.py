"""The images that a run learns from: those of the data folder without its test images, and auxiliary ones."""

import dataclasses
import hashlib
import logging
from collections import Counter
from dataclasses import dataclass

import numpy as np

from edge.contract import Contract, TrainedOn
from edge.images.preprocessing import Preprocessing
from training.data.folder import DataFolder
from training.data.leaks import leaks, one_of_each
from training.data.loaded_images import LoadedImages, short_digest
from training.data.recipe import Recipe
from training.data.splits import are_test
from training.errors import DataError

log = logging.getLogger(__name__)

AUXILIARY_WEIGHT = 0.1
"""Sample weight of an auxiliary image: less gives the highest macro-F1, more the highest sensitivity for infarction, at
1 the real images drown (`python -m benchmarks.auxiliary_data`; the table is in docs/experiments.md)."""


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """Hold the images that a run learns from, and the contract of the model that they make."""

    own: LoadedImages
    """Of the data folder, without its test images; validation images come from these alone."""
    auxiliary: LoadedImages | None
    """Learned from besides, never validated on."""
    contract: Contract
    """Its temperature and thresholds are not fitted yet."""

    @property
    def everything(self) -> LoadedImages:
        """Return all images that the model sees."""
        return self.own.together(self.auxiliary)


def read_training_set(data: DataFolder, auxiliary: DataFolder | None, recipe: Recipe) -> TrainingSet:
    """Read the images to learn from, and state the contract.

    Raises `DataError` for images that cannot be used, for leaks that nobody has allowed, and for auxiliary images
    that are images of the data folder, share a group with it, or have other classes.
    """
    preprocessing, labels = Preprocessing(recipe.height, recipe.width), data.classes()
    everything = data.load(preprocessing)
    kept = _kept(data, everything, recipe)
    own = everything.select(kept & ~are_test(everything, recipe.seed))
    lost = sorted(set(labels) - set(own.labels.tolist()))
    if lost:
        raise DataError(
            f"{data.path}: leaves no image of class {lost[0]!r} to learn from: add images or remove the class"
        )
    further = _read_auxiliary(auxiliary, everything, labels, preprocessing) if auxiliary else None
    digests = own.together(further).digests
    trained_on = TrainedOn(
        digest=hashlib.sha256("".join(sorted(map(short_digest, digests))).encode()).hexdigest(),
        images=len(own),
        seed=recipe.seed,
        synthetic=any(image.synthetic for image in own.images),
        auxiliary_images=len(further) if further else 0,
    )
    contract = Contract(labels=labels, preprocessing=preprocessing, architecture=recipe.model, trained_on=trained_on)
    return TrainingSet(own=own, auxiliary=further, contract=contract)


def _read_auxiliary(
    folder: DataFolder, own: LoadedImages, labels: tuple[str, ...], preprocessing: Preprocessing
) -> LoadedImages:
    """Read the images of an auxiliary folder that it does not call test images."""
    images = folder.but("test")
    if not images:
        raise DataError(f"{folder.path}: has test images only: give a folder with images to learn from")
    unknown = sorted({image.label for image in images} - set(labels))
    if unknown:
        raise DataError(
            f"{folder.path}: has the class {unknown[0]!r}, which the data folder has not: remove or rename it"
        )
    weighted = [dataclasses.replace(image, sample_weight=AUXILIARY_WEIGHT) for image in images]
    loaded = folder.load(preprocessing, weighted)
    groups = {image.group for image in own.images if image.group}
    taken = dict(zip(own.digests, own.images, strict=True))
    for image, digest in zip(loaded.images, loaded.digests, strict=True):
        if digest in taken:
            raise DataError(f"{image.path}: is a copy of {taken[digest].path}: remove it from the auxiliary images")
        if image.group in groups:
            raise DataError(f"{image.path}: is of the group {image.group!r}, as images of the data folder: remove it")
    return loaded


def _kept(data: DataFolder, loaded: LoadedImages, recipe: Recipe) -> np.ndarray:
    """Return which images to keep, bool (n,); raise `DataError` for leaks that nobody has allowed."""
    kept = np.ones(len(loaded), bool)
    if recipe.drop_duplicates:
        kept = one_of_each(loaded.images, loaded.digests)
        log.info("left out: %d copies of other images", (~kept).sum())
    left = loaded.select(kept)
    found = leaks(left.images, left.digests)
    if found and not recipe.allow_leaks:
        kinds = ", ".join(f"{number} x {kind}" for kind, number in Counter(leak.kind for leak in found).items())
        first = " and ".join(str(left.images[index].path.relative_to(data.path)) for index in found[0].images[:2])
        raise DataError(
            f"{data.path}: leaks ({kinds}; first {first}): see 'python -m training audit', then mend it, or give "
            "--drop-duplicates against copies, or --allow-leaks"
        )
    return kept
