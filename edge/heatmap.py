"""Heatmaps as pictures: the page with what speaks for its answer in red, and against it in blue."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from edge.files import head_of, identity, replacing, short
from edge.prediction import Prediction

FOR, AGAINST = (214, 39, 40), (31, 119, 180)  # red and blue that a colour-blind person tells apart
STRONGEST = 0.6  # opacity of the strongest part: the trace below stays readable


def contributions(heatmap: np.ndarray, label: int) -> np.ndarray:
    """Return what each part of a page adds to a class, against the mean of all classes, (rows, columns).

    `heatmap` is that of one page, float32 (rows, columns, classes).
    """
    against_the_mean: np.ndarray = heatmap[:, :, label] - heatmap.mean(axis=2)
    return against_the_mean


def overlay(page: Image.Image, parts: np.ndarray) -> Image.Image:
    """Return an RGB page, at its own size, with contributions, float32 (rows, columns), laid over it.

    The strongest part, for or against, has an opacity of 0.6.
    """
    scale = STRONGEST * 255 / max(float(np.abs(parts).max()), 1e-12)
    picture = page
    for colour, side in ((FOR, parts), (AGAINST, -parts)):
        cells = Image.fromarray(np.rint(np.clip(side, 0, None) * scale).astype(np.uint8))
        mask = cells.resize(page.size, Image.Resampling.BILINEAR)
        picture = Image.composite(Image.new("RGB", page.size, colour), picture, mask)
    return picture


MADE_BY = "ecg-edge heatmap"


def is_heatmap(path: Path) -> bool:
    """Return whether a file is a heatmap of this program, by its beginning."""
    return MADE_BY.encode() in head_of(path)


class Heatmaps:
    """Write overlays into a folder, named as their pages are, with a number where a name comes again.

    A file of that name that this program did not make, or that is one of the images, is left as it is.
    """

    def __init__(self, folder: Path, taken: set[str | None], reads: Iterable[Path]) -> None:
        """Make the folder; `taken` are the paths that an earlier run has written, `reads` the images."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._taken = set(taken)
        self._read = set(filter(None, map(identity, reads)))

    def add(self, found: Prediction, page: Image.Image, heatmap: np.ndarray) -> Prediction:
        """Write the overlay of an answer and return it with the path; a rejected image has none."""
        if found.label is None:
            return found
        stem = short(Path(found.image).stem)
        stem = stem if found.page is None else f"{stem}-page{found.page}"
        path, number = self._folder / f"{stem}.jpg", 2
        while str(path) in self._taken or (path.exists() and (identity(path) in self._read or not is_heatmap(path))):
            path, number = self._folder / f"{stem}-{number}.jpg", number + 1
        self._taken.add(str(path))
        label = list(found.probabilities).index(found.label)
        with replacing(path) as unfinished:
            overlay(page, contributions(heatmap, label)).save(unfinished, format="JPEG", quality=90, comment=MADE_BY)
        return replace(found, heatmap=str(path))
