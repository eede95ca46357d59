"""The pages that a run learns from: those of the data folder without its test pages, and extra ones."""

import dataclasses
import hashlib
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from edge.contract import Contract, TrainedOn
from training.data.folder import Loaded, Page, first_contract, groups_of, load_pages, read_folder
from training.data.leaks import leaks, one_of_each
from training.data.recipe import Recipe
from training.data.splits import are_test
from training.errors import DataError
from training.models.networks import short

EXTRA_WORTH = 0.1
"""An extra page counts as a tenth of one's own: less gives the highest macro-F1, more the highest sensitivity for
infarction, at 1 the real pages drown (`python -m benchmarks.auxiliary_data`; the table is in MODELS.md)."""


def read_training_pages(
    folder: Path, recipe: Recipe, extra_folder: Path | None, skip_unreadable: bool
) -> tuple[Loaded, Loaded | None, Contract]:
    """Read the pages to learn from, the extra ones, and state the contract of the model that they make.

    Validation and test pages come from `folder` alone. Raises `DataError` for pages that cannot be
    used, for leaks that nobody has allowed, and for extra pages that are pages of the folder, share a
    group with it, or have other classes.
    """
    pages = read_folder(folder)
    contract = first_contract(folder, pages, recipe.height, recipe.width, recipe.model, recipe.seed)
    everything = _load(pages, contract, skip_unreadable)
    kept = _usable(folder, everything, recipe)
    loaded = everything.select(kept & ~are_test(everything, recipe.seed))
    lost = sorted(set(contract.labels) - set(loaded.labels.tolist()))
    if lost:
        raise DataError(f"{folder}: leaves no page of class {lost[0]!r} to learn from: add pages or remove the class")
    extra = _read_extra(extra_folder, everything, contract, skip_unreadable) if extra_folder else None
    digests = together(loaded, extra).digests
    trained_on = TrainedOn(
        digest=hashlib.sha256("".join(sorted(map(short, digests))).encode()).hexdigest(),
        pages=len(loaded),
        seed=recipe.seed,
        drawn=any(page.drawn for page in loaded.pages),
        extra_pages=len(extra) if extra else 0,
    )
    return loaded, extra, dataclasses.replace(contract, trained_on=trained_on)


def together(first: Loaded, second: Loaded | None) -> Loaded:
    """Return the pages of both."""
    if second is None:
        return first
    pages, digests = first.pages + second.pages, first.digests + second.digests
    return Loaded(pages, np.concatenate([first.pixels, second.pixels]), digests, groups_of(pages, digests))


def _load(pages: list[Page], contract: Contract, skip_unreadable: bool) -> Loaded:
    loaded, skipped = load_pages(pages, contract, skip_unreadable)
    for line in skipped:
        print(f"skipped {line}", file=sys.stderr)
    return loaded


def _read_extra(folder: Path, own: Loaded, contract: Contract, skip_unreadable: bool) -> Loaded:
    """Read the pages of an extra folder that it does not call test pages."""
    pages = [page for page in read_folder(folder) if page.split != "test"]
    if not pages:
        raise DataError(f"{folder}: has test pages only: give a folder with pages to learn from")
    unknown = sorted({page.label for page in pages} - set(contract.labels))
    if unknown:
        raise DataError(f"{folder}: has the class {unknown[0]!r}, which the data folder has not: remove or rename it")
    pages = [dataclasses.replace(page, worth=EXTRA_WORTH) for page in pages]
    extra = _load(pages, contract, skip_unreadable)
    groups = {page.group for page in own.pages if page.group}
    taken = dict(zip(own.digests, own.pages, strict=True))
    for page, digest in zip(extra.pages, extra.digests, strict=True):
        if digest in taken:
            raise DataError(f"{page.path}: is a copy of {taken[digest].path}: remove it from the extra pages")
        if page.group in groups:
            raise DataError(f"{page.path}: is of the group {page.group!r}, as pages of the data folder: remove it")
    return extra


def _usable(folder: Path, loaded: Loaded, recipe: Recipe) -> np.ndarray:
    """Return which pages to keep, bool (n,); raise `DataError` for leaks that nobody has allowed."""
    kept = np.ones(len(loaded), bool)
    if recipe.drop_duplicates:
        kept = one_of_each(loaded.pages, loaded.digests)
        print(f"left out: {(~kept).sum()} copies of other pages", file=sys.stderr)
    left = loaded.select(kept)
    found = leaks(left.pages, left.digests)
    if found and not recipe.allow_leaks:
        kinds = ", ".join(f"{number} x {kind}" for kind, number in Counter(leak.kind for leak in found).items())
        first = " and ".join(str(left.pages[index].path.relative_to(folder)) for index in found[0].pages[:2])
        raise DataError(
            f"{folder}: leaks ({kinds}; first {first}): see 'python -m training audit', then mend it, or give "
            "--drop-duplicates against copies, or --allow-leaks"
        )
    return kept
