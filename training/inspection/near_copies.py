"""Near copies: images that show one recording, whatever was done to the picture, told by their trace alone.

A hash of the whole image does not tell them: images of one machine share frame, header and lead names.
"""

import math

import numpy as np
from PIL import Image
from scipy import fft, ndimage

from training.inspection.trace import Trace

THRESHOLD = 0.91
"""Lowest score of near copies: half-way between different recordings and copies.

Of 368 real images and their copies, different images score 0.876 at most (one patient, 17 seconds apart)
and copies 0.945 at least: `python -m benchmarks.near_copies --data DIR` prints both tails for every
change. Hearts that a program draws are more regular: of the 499,500 pairs of 1,000 synthetic ECG images, 37
score more, 5 of them more than 0.93, which would lose copies on which something was drawn.
"""

MAP = (192, 256)  # height and width of a fingerprint; 10 s are 200 columns, so one is 50 ms
SPAN = 3.3  # width of the map in standard deviations of the trace, which is 1.65 either way; 1.73 is a bare row
COARSE = 4  # cells of the map that are one of the first look
NEARBY = 0.5  # score of the first look, under which no second is taken: 2 pairs of 100 go on
REACH = 8  # cells; how far two maps are moved over each other: what a lost piece of the trace moves the moments
SHRINK = (1.0, 0.99, 0.98, 0.97, 0.96)  # sizes of one of two maps: a crop that cuts the trace enlarges it
BLOCK = 1024  # images at a time against all others: 40 MB of scores for 10,000 images


def fingerprint(trace: Trace) -> np.ndarray:
    """Return what an isolated trace looks like, float16 (192, 256); zero where there is none.

    The trace is brought to one place and size by its moments, and the mean along each row taken
    off, so that flat baselines do not count. The sum of squares is 1.
    """
    ink = trace.ink
    weight = ink.sum(dtype=np.float64)
    if not weight:
        return np.zeros(MAP, np.float16)
    rows, columns = np.indices(ink.shape, np.float32)
    row, column = (ink * rows).sum() / weight, (ink * columns).sum() / weight
    spread = math.sqrt((ink * ((rows - row) ** 2 + (columns - column) ** 2)).sum() / weight)
    height, width = MAP
    cell = SPAN * spread / width  # pixels of the trace, the same both ways: an ECG is not stretched
    way_back = (cell, 0, column - cell * (width - 1) / 2, 0, cell, row - cell * (height - 1) / 2)
    blurred = Image.fromarray(ndimage.gaussian_filter(ink, cell))
    seen = np.asarray(blurred.transform((width, height), Image.Transform.AFFINE, way_back, Image.Resampling.BILINEAR))
    return _unit(seen - ndimage.uniform_filter1d(seen, width // 16, axis=1)).astype(np.float16)


def near_copies(fingerprints: np.ndarray, threshold: float = THRESHOLD) -> list[tuple[int, int, float]]:
    """Return the pairs (i, j, score) with i < j and at least the threshold's score, sorted.

    `fingerprints` is (n, 192, 256). The score is the correlation of two maps, 1 for the same, at the best
    of small shifts and scales; it does not depend on their order. First all pairs are compared at a
    quarter of the size, then the similar ones in full.
    """
    pairs, last, first_views = [], -1, np.empty(0)
    for i, j in _similar(fingerprints):
        if i != last:
            last, first_views = i, _spectra(fingerprints[i])
        score = _score(first_views, _spectra(fingerprints[j]))
        if score >= threshold:
            pairs.append((i, j, score))
    return pairs


def _unit(maps: np.ndarray) -> np.ndarray:
    """Return maps, float32 (..., height, width), each with a sum of squares of 1; zero stays zero."""
    maps = maps.astype(np.float32)
    norms = np.sqrt((maps**2).sum(axis=(-2, -1), keepdims=True))
    return np.divide(maps, norms, out=np.zeros_like(maps), where=norms > 0)


def _similar(fingerprints: np.ndarray) -> list[tuple[int, int]]:
    """Return the pairs that are alike at a quarter of the size, within two cells sideways and one up or down."""
    count, (height, width) = len(fingerprints), (MAP[0] // COARSE, MAP[1] // COARSE)
    coarse = np.empty((count, height, width), np.float32)
    for place, one in enumerate(fingerprints):
        coarse[place] = _unit(one.astype(np.float32).reshape(height, COARSE, width, COARSE).mean(axis=(1, 3)))
    flat, pairs = coarse.reshape(count, -1), []
    for start in range(0, count, BLOCK):
        best = np.zeros((min(BLOCK, count - start), count - start), np.float32)
        for down in (-1, 0, 1):
            for along in (-2, -1, 0, 1, 2):
                moved = np.roll(coarse[start : start + BLOCK], (down, along), axis=(1, 2)).reshape(len(best), -1)
                np.maximum(best, moved @ flat[start:].T, out=best)
        found = np.argwhere(np.triu(best >= NEARBY, 1)) + start
        pairs += [(int(i), int(j)) for i, j in found]
    return pairs


def _spectra(one: np.ndarray) -> np.ndarray:
    """Return the Fourier transforms of a map at each of the sizes in `SHRINK`, complex64 (sizes, 192, 129)."""
    (height, width), image = MAP, Image.fromarray(one.astype(np.float32))
    views = []
    for size in SHRINK:
        way_back = (1 / size, 0, (width - 1) / 2 * (1 - 1 / size), 0, 1 / size, (height - 1) / 2 * (1 - 1 / size))
        views.append(image.transform((width, height), Image.Transform.AFFINE, way_back, Image.Resampling.BILINEAR))
    return fft.rfft2(_unit(np.stack(views)))


def _score(first: np.ndarray, second: np.ndarray) -> float:
    """Return the highest correlation over small shifts, to a part of a cell, with either map made smaller."""
    products = np.concatenate([first * second[0].conj(), first[0] * second[1:].conj()])
    moved = np.roll(fft.irfft2(products, s=MAP), (REACH, REACH), axis=(1, 2))[:, : 2 * REACH + 1, : 2 * REACH + 1]
    return min(1.0, max(_peak(scores) for scores in moved))


def _peak(scores: np.ndarray) -> float:
    """Return the maximum of scores (shifts, shifts), between the cells by a parabola through three of them."""
    row, column = np.unravel_index(scores.argmax(), scores.shape)
    height = top = scores[row, column]
    if 0 < row < len(scores) - 1 and 0 < column < len(scores) - 1:
        for before, after in (scores[row - 1 : row + 2 : 2, column], scores[row, column - 1 : column + 2 : 2]):
            if (bend := 2 * top - before - after) > 0:
                height += (after - before) ** 2 / (8 * bend)
    return float(height)
