"""Whether the traces of a page can still be read in a picture of it."""

import cv2
import numpy as np

INK = 120  # grey level of the brightest channel; coloured grids are brighter there
CELLS = (18, 24)  # rows and columns in which the ink is looked at
LEAST_CONTRAST = 0.12
"""Of the paper beside it, that ink must be darker in a cell: the faintest of 18 real phone photos, whose
traces a person still follows, has 0.2 in its median cell."""
LEAST_SHARE = 0.97  # of the cells with ink
STEP = 2  # every other pixel of every other row is looked at
LEAST_INK = 0.002  # share of a cell's pixels: less is the tip of a letter


def is_legible(page: np.ndarray, picture: np.ndarray, columns: np.ndarray, rows: np.ndarray) -> bool:
    """Return whether the page's ink is darker than the paper beside it in the picture, nearly everywhere.

    `page` and `picture` are uint8 (height, width, 3), RGB; `columns` and `rows`, float32 (height,
    width), are the way back from picture to page.
    """
    ink = (_brightest(page) < INK).astype(np.float32)
    there = cv2.remap(ink, columns[::STEP, ::STEP], rows[::STEP, ::STEP], cv2.INTER_LINEAR)
    # What the picture's frame cuts off cannot be read either; perspective changes the area by less.
    if STEP**2 * there.sum() < 0.75 * ink.sum():
        return False
    level = _brightest(picture[::STEP, ::STEP]).astype(np.float32)
    near = cv2.dilate(there, np.ones((5, 5), np.uint8)) - cv2.dilate(there, np.ones((3, 3), np.uint8))
    near = np.maximum(near, 0)
    share, beside = _by_cell(there), _by_cell(near)
    asked = (share > LEAST_INK) & (beside > 0)
    if not asked.any():
        return True
    dark = _by_cell(there * level)[asked] / share[asked]
    bright = _by_cell(near * level)[asked] / beside[asked]
    return bool(np.mean(1 - dark / np.maximum(bright, 1) >= LEAST_CONTRAST) >= LEAST_SHARE)


def _brightest(picture: np.ndarray) -> np.ndarray:
    """Return the brightest channel of each pixel, uint8 (height, width)."""
    red, green, blue = cv2.split(picture)
    return cv2.max(cv2.max(red, green), blue)


def _by_cell(values: np.ndarray) -> np.ndarray:
    """Return the mean of float32 (height, width) in each cell."""
    return cv2.resize(values, CELLS[::-1], interpolation=cv2.INTER_AREA)
