"""The trace alone of an ECG image: its ink, isolated from grid, frame, text and separators, and where it lies."""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

SIDE = 800  # pixels of the longer side at work: a trace is then two or three pixels thick
STROKE = 15  # pixels; ink is what is thinner, so that shadows and the edges of a turned image are none
FAINT = 0.2  # darkness; an image whose darkest half per cent is fainter has no trace (a tinted grid has up to 0.1)
CUT = 0.35  # share of the image's darkest ink: an image at half size and JPEG 40 keeps its traces whole
WIDE = 56  # pixels, 7 % of the side: half a second and more, wider than any character or calibration pulse
SEPARATOR = 120  # pixels, 15 % of the side: a straight upright stroke this long is no R wave
RULE = 480  # pixels, 60 % of the side: a run of ink in one row; the flattest of 368 rhythm strips bend before
LEAD = 0.2  # share of an image's width; the shortest lead that is printed, 2.5 s, is a little wider


@dataclass(frozen=True)
class Trace:
    """Hold the trace alone of an image, 800 pixels at its longer side, its rows level."""

    ink: np.ndarray
    """How dark the trace is, float32 (rows, columns), 0 to 1."""
    angle: float
    """By which the image was turned, degrees counterclockwise."""


def isolated(image: Image.Image) -> Trace:
    """Return the trace of an upright RGB image."""
    darkness = _darkness(image)
    angle = _tilt(darkness)
    return Trace(_trace(np.asarray(Image.fromarray(darkness).rotate(angle, Image.Resampling.BILINEAR))), angle)


def trace_span(trace: Trace) -> tuple[float, float]:
    """Return where a trace begins and ends, as shares of the height; NaN where there is none.

    Ink narrower than a lead, with empty rows above and below it, is something in the header, not a trace.
    """
    bands = ndimage.find_objects(ndimage.label(trace.ink.any(axis=1))[0])
    wide = [rows for (rows,) in bands if trace.ink[rows].any(axis=0).mean() >= LEAD]
    return (wide[0].start / len(trace.ink), wide[-1].stop / len(trace.ink)) if wide else (np.nan, np.nan)


def _darkness(image: Image.Image) -> np.ndarray:
    """Return how much darker each pixel is than the paper around it, float32 (height, width), 0 to 1."""
    shrink = SIDE / max(image.size)
    size = (max(1, round(image.width * shrink)), max(1, round(image.height * shrink)))
    # The brightest channel: coloured grids, and the frames around them, are as bright there as the paper.
    value = np.asarray(image.resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)).max(axis=2)
    paper = ndimage.grey_closing(value, (STROKE, STROKE))
    return 1 - (value + np.float32(1)) / (paper + np.float32(1))


def _tilt(darkness: np.ndarray) -> float:
    """Return the angle, in degrees, by which an image has to be turned so that its rows of ink are level: at most 4."""
    rows, columns = np.nonzero(darkness > CUT * _darkest(darkness))
    if not len(rows):
        return 0.0
    chosen = np.linspace(0, len(rows) - 1, min(len(rows), 20_000)).astype(int)  # enough for the sharpness
    rows, columns = rows[chosen], columns[chosen]

    def sharpness(angle: float) -> float:
        profile = np.bincount((rows - columns * math.tan(math.radians(angle)) + 0.1 * SIDE).astype(int))
        return float((np.diff(profile.astype(float)) ** 2).sum())

    angle = 0.0
    for steps in (np.arange(-16, 17) / 4, np.arange(-5, 6) / 20):  # degrees
        angle += max(steps, key=lambda step: sharpness(angle + step))
    return float(angle)


def _trace(darkness: np.ndarray) -> np.ndarray:
    """Return the ink of the trace alone, float32 of the same shape, 0 to 1."""
    darkest = _darkest(darkness)
    if darkest < FAINT:
        return np.zeros_like(darkness)
    ink = darkness > CUT * darkest
    # Three columns at once: a stroke that leans a little steps from one column to the next.
    thick = ndimage.maximum_filter1d(ink, 3, axis=1)
    ink &= ~ndimage.maximum_filter1d(_runs(thick, SEPARATOR, axis=0), 3, axis=1)
    pieces, count = ndimage.label(ink, np.ones((3, 3)))
    kept = np.zeros(count + 1, bool)
    for number, box in enumerate(ndimage.find_objects(pieces), start=1):
        # A rule goes as a whole, with the letters that touch it.
        wide = box[1].stop - box[1].start >= WIDE
        kept[number] = wide and not _runs(pieces[box] == number, RULE, axis=1).any()
    return np.where(kept[pieces], np.minimum(darkness / darkest, 1), 0).astype(np.float32)


def _darkest(darkness: np.ndarray) -> float:
    return float(np.percentile(darkness, 99.5))


def _runs(ink: np.ndarray, length: int, axis: int) -> np.ndarray:
    """Return the ink that lies in straight runs of at least a length (an opening)."""
    if ink.shape[axis] < length:
        return np.zeros_like(ink)
    whole = ndimage.minimum_filter1d(ink.astype(np.uint8), length, axis=axis, mode="constant")
    return ndimage.maximum_filter1d(whole, length, axis=axis, mode="constant", origin=length % 2 - 1) > 0
