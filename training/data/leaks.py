"""Leaks: what lets a model know a test image before it is asked, as far as files, labels and groups tell."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.data.loaded_images import EcgImage

ACROSS, TWO_LABELS, GROUP = "copy in train and test", "one image under two labels", "group in train and test"


@dataclass(frozen=True)
class Leak:
    """Name the images, as indices, that together are one leak, and its kind."""

    kind: str
    """What lets a model know the test image."""
    images: tuple[int, ...]
    """Places in the list that was looked at."""


def clusters(keys: Sequence[str]) -> list[tuple[int, ...]]:
    """Return the indices that share a key, two or more each, in the order of their first."""
    members: dict[str, list[int]] = {}
    for index, key in enumerate(keys):
        members.setdefault(key, []).append(index)
    return [tuple(indices) for indices in members.values() if len(indices) > 1]


def leaks(images: Sequence[EcgImage], digests: Sequence[str]) -> list[Leak]:
    """Return the copies and the groups that lie in both stated splits, and the copies under two labels.

    `digests` are those of the decoded pictures: an image saved again without loss is a copy too.
    """
    copies = clusters(digests)
    stated = [image.group or f"image {index}" for index, image in enumerate(images)]
    found = [Leak(ACROSS, copy) for copy in copies if across(images, copy)]
    found += [Leak(TWO_LABELS, copy) for copy in copies if len({images[index].label for index in copy}) > 1]
    return found + [Leak(GROUP, group) for group in clusters(stated) if across(images, group)]


def across(images: Sequence[EcgImage], indices: tuple[int, ...]) -> bool:
    """Return whether the images lie in more than one split."""
    return len({images[index].split for index in indices}) > 1


def one_of_each(images: Sequence[EcgImage], digests: Sequence[str]) -> np.ndarray:
    """Return which images stay, bool (n,), where one of each copy is kept: a test image, else the first.

    Of an image under two labels none is kept: nobody knows which of them is true.
    """
    kept = np.ones(len(images), bool)
    for copy in clusters(digests):
        kept[list(copy)] = False
        if len({images[index].label for index in copy}) == 1:
            kept[min(copy, key=lambda index: images[index].split != "test")] = True
    return kept
