"""The audit of a data folder: copies, leaks, odd images, page styles, and what tells the class without the waveform."""

import logging
from collections import Counter
from dataclasses import dataclass

import numpy as np

from training.audit.baselines_asked import audit_baselines, for_baselines
from training.audit.labels import LabelAudit
from training.audit.page_styles import PageStyle, page_styles
from training.data.folder import DataFolder
from training.data.leaks import ACROSS, GROUP, TWO_LABELS, Leak, across, clusters, leaks
from training.data.loaded_images import EcgImage, groups_of, joined
from training.data.manifest import SPLITS
from training.errors import DataError
from training.evaluation.baselines import SHORTCUTS
from training.evaluation.prediction_metrics import BaselineMetrics
from training.evaluation.result import SCHEMA
from training.inspection.inspected_image import InspectedImage, inspect_all
from training.inspection.near_copies import near_copies
from training.inspection.page_look import PageLook

log = logging.getLogger(__name__)

COPY, NEAR_COPY = "copy in a folder without splits", "near copy in a folder without splits"
NEAR_ACROSS, NEAR_LABELS = "near copy in train and test", "near copies under two labels"
LEAK_KINDS = {
    "stated": (ACROSS, TWO_LABELS, GROUP, NEAR_ACROSS, NEAR_LABELS),
    "none": (COPY, TWO_LABELS, NEAR_COPY, NEAR_LABELS),
}
"""The kinds of leaks that a folder can have, with stated splits and without."""
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
    groups: tuple[str, ...]
    """Of each, what may not be divided: its stated group, else its picture, joined by copies and near copies."""
    looks: tuple[PageLook, ...]
    """What the page of each looks like besides its traces."""
    page_styles: tuple[PageStyle, ...]
    """How many different images of each class have which page style."""
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
    labels: LabelAudit | None = None
    """What models that have not seen an image's group believe of its label; None where they were not asked."""

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
        return lines + [style.warning for style in self.page_styles if style.missing]


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
    chosen = for_baselines(inspected, seed, most_baseline_files) if baselines else np.zeros(0, int)
    images = tuple(one.image for one in inspected)
    groups = _groups(images, digests, near)
    scores, reasons = audit_baselines(inspected, groups, chosen, seed) if baselines else ({}, {})
    return Audit(
        folder=str(data.path),
        images=images,
        sizes=tuple(one.size for one in inspected),
        groups=tuple(groups.tolist()),
        looks=tuple(one.look for one in inspected),
        page_styles=page_styles([inspected[index] for index in first]),
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


def _groups(images: tuple[EcgImage, ...], digests: list[str], near: tuple[NearCopy, ...]) -> np.ndarray:
    """Return what may not be divided, str (n,): a near copy belongs to the group of its twin."""
    twins = np.array(digests)
    for pair in near:
        twins[twins == twins[pair.second]] = twins[pair.first]
    return joined(groups_of(images, digests), twins)


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
