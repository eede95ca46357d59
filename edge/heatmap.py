"""Heatmaps as pictures: the page with what speaks for its answer in red, and against it in blue."""

from pathlib import Path

import numpy as np
from PIL import Image

from edge.classifier import Prediction
from edge.files import replacing

FOR, AGAINST = (214, 39, 40), (31, 119, 180)  # red and blue that a colour-blind person tells apart
STRONGEST = 0.6  # opacity of the strongest part: the trace below stays readable


def overlay(page: Image.Image, contributions: np.ndarray) -> Image.Image:
    """Return an RGB page, at its own size, with float32 (rows, columns) contributions laid over it.

    The strongest part, for or against, has an opacity of 0.6.
    """
    scale = STRONGEST * 255 / max(float(np.abs(contributions).max()), 1e-12)
    picture = page
    for colour, side in ((FOR, contributions), (AGAINST, -contributions)):
        cells = Image.fromarray(np.rint(np.clip(side, 0, None) * scale).astype(np.uint8))
        mask = cells.resize(page.size, Image.Resampling.BILINEAR)
        picture = Image.composite(Image.new("RGB", page.size, colour), picture, mask)
    return picture


class Heatmaps:
    """Write overlays into a folder, named as their pages are, with a number where a name comes again."""

    def __init__(self, folder: Path, taken: set[str]) -> None:
        """Make the folder; `taken` are the paths that an earlier run has written."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._taken = set(taken)

    def __call__(self, found: Prediction, page: Image.Image, contributions: np.ndarray) -> str:
        """Write the overlay of an answer and return its path."""
        stem = Path(found.image).stem if found.page is None else f"{Path(found.image).stem}-page{found.page}"
        path, number = self._folder / f"{stem}.jpg", 2
        while str(path) in self._taken:
            path, number = self._folder / f"{stem}-{number}.jpg", number + 1
        self._taken.add(str(path))
        with replacing(path) as unfinished:
            overlay(page, contributions).save(unfinished, format="JPEG", quality=90)
        return str(path)
