"""Leaks: what lets a model know a test page before it is asked, as far as files, labels and groups tell."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.data.folder import Page

ACROSS, TWO_LABELS, GROUP = "copy in train and test", "one page under two labels", "group in train and test"


@dataclass(frozen=True)
class Leak:
    """Name the pages, as indices, that together are one leak, and its kind."""

    kind: str
    pages: tuple[int, ...]


def clusters(keys: Sequence[str]) -> list[tuple[int, ...]]:
    """Return the indices that share a key, two or more each, in the order of their first."""
    members: dict[str, list[int]] = {}
    for index, key in enumerate(keys):
        members.setdefault(key, []).append(index)
    return [tuple(indices) for indices in members.values() if len(indices) > 1]


def leaks(pages: Sequence[Page], digests: Sequence[str]) -> list[Leak]:
    """Return the copies and the groups that lie in both stated splits, and the copies under two labels.

    `digests` are those of the decoded pictures: a page saved again without loss is a copy too.
    """
    copies = clusters(digests)
    stated = [page.group or f"page {index}" for index, page in enumerate(pages)]
    found = [Leak(ACROSS, copy) for copy in copies if across(pages, copy)]
    found += [Leak(TWO_LABELS, copy) for copy in copies if len({pages[index].label for index in copy}) > 1]
    return found + [Leak(GROUP, group) for group in clusters(stated) if across(pages, group)]


def across(pages: Sequence[Page], indices: tuple[int, ...]) -> bool:
    """Return whether the pages lie in more than one split."""
    return len({pages[index].split for index in indices}) > 1


def one_of_each(pages: Sequence[Page], digests: Sequence[str]) -> np.ndarray:
    """Return which pages stay, bool (n,), where one of each copy is kept: a test page, else the first.

    Of a page under two labels none is kept: nobody knows which of them is true.
    """
    kept = np.ones(len(pages), bool)
    for copy in clusters(digests):
        kept[list(copy)] = False
        if len({pages[index].label for index in copy}) == 1:
            kept[min(copy, key=lambda index: pages[index].split != "test")] = True
    return kept
