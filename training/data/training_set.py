"""The images that a run learns from: those of the data folder without its test images, and auxiliary ones."""

import dataclasses
import hashlib
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.contract import Contract, TrainedOn
from edge.images.preprocessing import Preprocessing
from training.data.folder import DataFolder
from training.data.leaks import leaks, one_of_each
from training.data.loaded_images import EcgImage, LoadedImages, groups_of, short_digest
from training.data.recipe import Recipe
from training.data.splits import are_test
from training.errors import DataError

log = logging.getLogger(__name__)

SET_WEIGHT = 0.7
"""Sample weight of an image whose label is a set of classes: it says less than one of a single class."""


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """Hold the images that a run learns from, and the contract of the model that they make."""

    own: LoadedImages
    """Of the data folder, without its test images but where the recipe is `with_test`."""
    test: np.ndarray
    """Bool (n,): which of `own` are test images. They are learned from, and ask nothing."""
    auxiliary: LoadedImages | None
    """Learned from besides, never validated on: auxiliary images, and those of the folder whose label is a set."""
    contract: Contract
    """Its temperature and thresholds are not fitted yet."""

    @property
    def everything(self) -> LoadedImages:
        """Return all images that the model sees."""
        return self.own.together(self.auxiliary)

    def lesson(self, held_out: np.ndarray | None = None) -> LoadedImages:
        """Return what is learned from where own images, bool (n,), are held out: nothing of their groups."""
        learn = self.own if held_out is None else self.own.select(~held_out)
        if self.auxiliary is None:
            return learn
        groups = groups_of(self.own.images + self.auxiliary.images, self.own.digests + self.auxiliary.digests)
        hidden = set() if held_out is None else set(groups[: len(self.own)][held_out].tolist())
        further = ~np.isin(groups[len(self.own) :], sorted(hidden))
        return learn.together(self.auxiliary.select(further)) if further.any() else learn

    def weighted(self, factors: Mapping[Path, float]) -> "TrainingSet":
        """Return the set with the sample weights of auxiliary images multiplied by the factor of their folder."""
        if self.auxiliary is None:
            return self
        images = tuple(
            dataclasses.replace(image, sample_weight=image.sample_weight * factor)
            for image in self.auxiliary.images
            for factor in [next((f for folder, f in factors.items() if image.path.is_relative_to(folder)), 1.0)]
        )
        return dataclasses.replace(self, auxiliary=dataclasses.replace(self.auxiliary, images=images))


def read_training_set(
    data: DataFolder,
    auxiliary: Sequence[tuple[DataFolder, float]],
    recipe: Recipe,
    apart_from: DataFolder | None = None,
) -> TrainingSet:
    """Read the images to learn from, and state the contract; each auxiliary folder comes with its sample weight.

    Auxiliary images of a group that `apart_from` has too are left out.
    Raises `DataError` for images that cannot be used, for leaks that nobody has allowed, and for auxiliary images
    that are images of the data folder, share a group with its test images, or have other classes.
    """
    preprocessing, labels = Preprocessing(recipe.height, recipe.width), data.classes()
    everything = data.load(preprocessing)
    kept = _kept(data, everything, recipe)
    test = are_test(everything, recipe.seed)
    learned = kept if recipe.with_test else kept & ~test
    in_sets = np.array([len(image.classes) > 1 for image in everything.images])
    own = everything.select(learned & ~in_sets)
    lost = sorted(set(labels) - set(own.labels.tolist()))
    if lost:
        raise DataError(
            f"{data.path}: leaves no image of class {lost[0]!r} to learn from: add images or remove the class"
        )
    further = _weighted(everything.select(learned & in_sets), 1.0) if in_sets.any() else None
    asked = () if recipe.with_test else everything.select(test).images
    held_out = {image.group for image in asked if image.group}
    apart = {image.group for image in apart_from.images if image.group} if apart_from else set()
    for folder, weight in auxiliary:
        listed = folder.but("test")
        if not listed:
            raise DataError(f"{folder.path}: has test images only: give a folder with images to learn from")
        chosen = [image for image in listed if image.group not in apart]
        if len(chosen) < len(listed):
            log.info("%s: left out %d images of known groups", folder.path, len(listed) - len(chosen))
        if not chosen:
            continue
        read = _weighted(_read_auxiliary(folder, chosen, everything, held_out, preprocessing), weight)
        further = further.together(read) if further else read
    digests = own.digests + (further.digests if further else ())
    trained_on = TrainedOn(
        digest=hashlib.sha256("".join(sorted(map(short_digest, digests))).encode()).hexdigest(),
        images=len(own),
        seed=recipe.seed,
        synthetic=any(image.synthetic for image in own.images),
        auxiliary_images=len(further) if further else 0,
    )
    contract = Contract(labels=labels, preprocessing=preprocessing, architecture=recipe.model, trained_on=trained_on)
    return TrainingSet(own=own, test=test[learned & ~in_sets], auxiliary=further, contract=contract)


def _weighted(loaded: LoadedImages, weight: float) -> LoadedImages:
    """Return images with a sample weight, those whose label is a set with less."""
    images = tuple(
        dataclasses.replace(image, sample_weight=weight * (SET_WEIGHT if len(image.classes) > 1 else 1.0))
        for image in loaded.images
    )
    return dataclasses.replace(loaded, images=images)


def _read_auxiliary(
    folder: DataFolder,
    images: Sequence[EcgImage],
    own: LoadedImages,
    held_out: set[str],
    preprocessing: Preprocessing,
) -> LoadedImages:
    """Read images of an auxiliary folder, none of the groups `held_out`."""
    known = {label for image in own.images for label in image.classes}
    unknown = sorted({label for image in images for label in image.classes} - known)
    if unknown:
        raise DataError(
            f"{folder.path}: has the class {unknown[0]!r}, which the data folder has not: remove or rename it"
        )
    loaded = folder.load(preprocessing, images)
    taken = dict(zip(own.digests, own.images, strict=True))
    for image, digest in zip(loaded.images, loaded.digests, strict=True):
        if digest in taken:
            raise DataError(f"{image.path}: is a copy of {taken[digest].path}: remove it from the auxiliary images")
        if image.group in held_out:
            raise DataError(
                f"{image.path}: is of the group {image.group!r}, as test images of the data folder: remove it"
            )
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
