"""The audit of a data folder: copies, leaks, odd images, and what can be had without reading the waveform."""

import logging
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import StratifiedKFold

from training.data.folder import DataFolder
from training.data.inspection import InspectedImage, inspect_all
from training.data.leaks import ACROSS, GROUP, TWO_LABELS, Leak, across, clusters, leaks
from training.data.loaded_images import EcgImage, groups_of, joined
from training.data.manifest import SPLITS
from training.data.near_copies import near_copies
from training.data.splits import folds
from training.errors import DataError
from training.evaluation.baselines import SHORTCUTS, BaselineInputs, score_baselines
from training.evaluation.prediction_metrics import BaselineMetrics
from training.evaluation.result import SCHEMA

log = logging.getLogger(__name__)

COPY, NEAR_COPY = "copy in a folder without splits", "near copy in a folder without splits"
NEAR_ACROSS, NEAR_LABELS = "near copy in train and test", "near copies under two labels"
LEAK_KINDS = {
    "stated": (ACROSS, TWO_LABELS, GROUP, NEAR_ACROSS, NEAR_LABELS),
    "none": (COPY, TWO_LABELS, NEAR_COPY, NEAR_LABELS),
}
"""The kinds of leaks that a folder can have, with stated splits and without."""
AS_IT_STANDS, WITHOUT_COPIES = "as it stands", "without copies, by group"
"""How the baselines are asked: by the stated split, or five random parts; and in five parts of one of
each image, with groups and near copies kept together."""
FOLDS = 5
TILTED = 1.0  # degrees
SMALL_SIDE = 400  # pixels: shorter, a QRS complex of a twelve-lead image has two or three columns
ODD_FORM = 0.1  # share by which width by height may differ from that of most images


@dataclass(frozen=True, kw_only=True)
class NearCopy:
    """Name two different pictures with one trace."""

    first: int
    """Place in the audit's images."""
    second: int
    """Place in the audit's images."""
    score: float
    """Correlation of their traces, 1 for the same."""


@dataclass(frozen=True, kw_only=True)
class Audit:
    """Hold what an audit found; images are named by their place in `images`."""

    schema: int = SCHEMA
    """Version of the form of `report.json`."""
    folder: str
    """The data folder."""
    images: tuple[EcgImage, ...]
    """The images that could be read."""
    sizes: tuple[tuple[int, int], ...]
    """Width and height of each, pixels."""
    unreadable: tuple[str, ...]
    """One line for each image that could not be read."""
    redundant_bytes: int
    """Files less different contents, byte for byte."""
    redundant_pixels: int
    """Files less different pictures, pixel for pixel."""
    redundant_within: dict[str, int]
    """Files less different pictures in each stated split."""
    leaks: tuple[Leak, ...]
    """What lets a model know test images."""
    near_copies: tuple[NearCopy, ...]
    """Pairs of different pictures with one trace."""
    odd: dict[str, tuple[int, ...]]
    """By what is odd, the images that are."""
    baseline_files: int
    """Files that the baselines were asked about."""
    baselines: dict[str, dict[str, BaselineMetrics]]
    """By how they were asked, then by baseline."""
    no_baselines: dict[str, str]
    """By how they would be asked, why there are none."""

    @property
    def different(self) -> int:
        """Return the number of different pictures."""
        return len(self.images) - self.redundant_pixels

    @property
    def headline(self) -> str:
        """Return what the folder holds, in a line."""
        unread = f", {len(self.unreadable)} that cannot be read" if self.unreadable else ""
        copies = f"{self.redundant_pixels} redundant copies, {self.different} different images"
        return f"{len(self.images)} files: {copies}{unread}"

    @property
    def leak_counts(self) -> dict[str, int]:
        """Return how many leaks there are of each kind that this folder can have."""
        counts = Counter(leak.kind for leak in self.leaks)
        return {kind: counts[kind] for kind in LEAK_KINDS["none" if self.images[0].split is None else "stated"]}

    @property
    def warnings(self) -> list[str]:
        """Return what takes the value of any metric on this folder away, one line each."""
        lines = [f"{number} x {kind}" for kind, number in self.leak_counts.items() if number]
        guessed = 1 / len({image.label for image in self.images})  # by the frequency of the classes
        for column, scores in self.baselines.items():
            for name in SHORTCUTS:
                reached = scores[name].macro_f1
                least = reached.value if reached.low is None else reached.low  # a perfect score has no interval
                if least is not None and least > guessed:
                    lines.append(
                        f"{column}: '{name}' reaches macro-F1 {reached.value:.2f} without reading a heart "
                        f"(guessing: {guessed:.2f})"
                    )
        return lines


def audit(data: DataFolder, *, seed: int, baselines: bool = True, most_baseline_files: int = 2000) -> Audit:
    """Look at every image of a data folder; raise `DataError` where none can be read.

    Of larger folders the baselines see `most_baseline_files` at most, drawn by the seed, copies with their twins.
    """
    inspected, unreadable = inspect_all(data.images)
    if not inspected:
        raise DataError(f"{data.path}: none of its images can be read: export or photograph them again")
    digests = [one.digest for one in inspected]
    first = sorted({digest: index for index, digest in reversed(list(enumerate(digests)))}.values())
    log.info("comparing the traces of %d different images", len(first))
    found = near_copies(np.stack([inspected[index].fingerprint for index in first]))
    near = tuple(NearCopy(first=first[i], second=first[j], score=score) for i, j, score in found)
    chosen = _for_baselines(inspected, seed, most_baseline_files) if baselines else np.zeros(0, int)
    scores, reasons = _baselines(inspected, chosen, near, seed) if baselines else ({}, {})
    images = tuple(one.image for one in inspected)
    return Audit(
        folder=str(data.path),
        images=images,
        sizes=tuple(one.size for one in inspected),
        unreadable=tuple(unreadable),
        redundant_bytes=len(inspected) - len({one.content for one in inspected}),
        redundant_pixels=len(inspected) - len(first),
        redundant_within={
            split: len(digests_of) - len(set(digests_of))
            for split in SPLITS
            if (digests_of := [one.digest for one in inspected if one.image.split == split])
        },
        leaks=tuple(_all_leaks(images, digests, near)),
        near_copies=near,
        odd=_odd(inspected),
        baseline_files=len(chosen),
        baselines=scores,
        no_baselines=reasons,
    )


def _all_leaks(images: tuple[EcgImage, ...], digests: list[str], near: tuple[NearCopy, ...]) -> list[Leak]:
    """Return the leaks that the files tell, and those that the traces tell."""
    stated = images[0].split is not None
    found = leaks(images, digests)
    copies = {digests[copy[0]]: copy for copy in clusters(digests)}
    if not stated:
        # Whoever divides such a folder at random has a copy on the other side.
        found += [Leak(COPY, copy) for copy in copies.values()]
    for pair in near:
        i, j = pair.first, pair.second
        both = (*copies.get(digests[i], (i,)), *copies.get(digests[j], (j,)))
        if not stated or across(images, both):
            found.append(Leak(NEAR_ACROSS if stated else NEAR_COPY, (i, j)))
        if len({images[index].label for index in both}) > 1:
            found.append(Leak(NEAR_LABELS, (i, j)))
    return found


def _odd(inspected: list[InspectedImage]) -> dict[str, tuple[int, ...]]:
    """Return which images have no trace, are small, lie across, are tilted, or have another form than most."""
    forms = np.array([width / height for width, height in (one.size for one in inspected)])
    usual = float(np.median(forms))
    lies_across = (forms > 1) != (usual > 1)
    masks = {
        "no trace on the image": [not one.fingerprint.any() for one in inspected],
        f"shorter side under {SMALL_SIDE} pixels": [min(one.size) < SMALL_SIDE for one in inspected],
        "upright where most lie, or the other way": lies_across,
        f"tilted by more than {TILTED:g} degree": [
            one.fingerprint.any() and abs(one.angle) > TILTED for one in inspected
        ],
        "other form than most images": ~lies_across & (np.abs(forms / usual - 1) > ODD_FORM),
    }
    return {name: tuple(np.flatnonzero(mask).tolist()) for name, mask in masks.items()}


def _for_baselines(inspected: list[InspectedImage], seed: int, most: int) -> np.ndarray:
    """Return the indices of the files that the baselines see: all of a picture's copies, or none."""
    _, image, copies = np.unique([one.digest for one in inspected], return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(copies))
    taken = order[copies[order].cumsum() <= max(most, copies[order[0]])]
    return np.flatnonzero(np.isin(image, taken))


def _baselines(
    inspected: list[InspectedImage], chosen: np.ndarray, near: tuple[NearCopy, ...], seed: int
) -> tuple[dict[str, dict[str, BaselineMetrics]], dict[str, str]]:
    """Return the baselines' metrics on the chosen files by how they are asked, and the reasons where there are none."""
    kept = [inspected[index] for index in chosen]
    labels, digests = np.array([one.image.label for one in kept]), np.array([one.digest for one in kept])
    if len(set(labels)) < 2:
        return {}, dict.fromkeys((AS_IT_STANDS, WITHOUT_COPIES), "images of one class only")
    place, twins = {index: number for number, index in enumerate(chosen.tolist())}, digests.copy()
    for pair in near:  # a near copy belongs to the group of its twin
        if pair.first in place and pair.second in place:
            twins[twins == twins[place[pair.second]]] = twins[place[pair.first]]
    groups = joined(groups_of([one.image for one in kept], digests), twins)
    inputs = BaselineInputs.of(kept)
    log.info("asking the baselines about %d files", len(kept))
    _, one_of_each = np.unique(digests, return_index=True)
    divide: dict[str, Callable[[], list[np.ndarray]]] = {
        AS_IT_STANDS: lambda: _as_it_stands(kept, labels, seed),
        WITHOUT_COPIES: lambda: [
            one_of_each[mask] for mask in folds(labels[one_of_each], groups[one_of_each], FOLDS, seed)
        ],
    }
    scores, reasons = {}, {}
    for name, among in ((AS_IT_STANDS, np.arange(len(kept))), (WITHOUT_COPIES, one_of_each)):
        try:
            divisions = [(np.setdiff1d(among, part), part) for part in divide[name]()]
        except DataError as error:
            reasons[name] = str(error)
            continue
        scores[name] = score_baselines(inputs, labels, groups, divisions)
    return scores, reasons


def _as_it_stands(kept: list[InspectedImage], labels: np.ndarray, seed: int) -> list[np.ndarray]:
    """Return the indices of the test images, or those of random parts: as people divide a folder without splits."""
    splits = np.array([one.image.split or "" for one in kept])
    if splits[0]:
        if len(set(splits)) == 1:
            raise DataError(f"all images lie in {splits[0]!r}: nothing to learn from or nothing to ask")
        return [np.flatnonzero(splits == "test")]
    parts = min(FOLDS, Counter(labels.tolist()).most_common(1)[0][1])
    if parts < 2:
        raise DataError("no class has two images: nothing to divide")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that a class has fewer images than parts
        return [part for _, part in StratifiedKFold(parts, shuffle=True, random_state=seed).split(labels, labels)]
