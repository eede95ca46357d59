"""Measure how strong the marks of an acquisition are, in photos of real paper beside synthetic ones.

    python -m benchmarks.acquisitions --photos DIR [--synthetic DIR]

`--photos` is a folder of real pictures, `--synthetic` one with a folder of pictures for each acquisition and
strength. Each real picture has a row, then come medians: of all real pictures, of those that are taken
for phone photos, and of each synthetic folder. All lengths are pixels of a picture whose longer side is 1200.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from scipy import ndimage
from scipy.optimize import curve_fit
from scipy.special import ndtr, ndtri

from edge.files import find_images
from edge.images.page import open_page

SIDE = 1200  # pixels
BLOCK = 48  # pixels: ten small squares of a usual image, so that paper shows in each block
REACH = 9  # pixels either side of the trace: three sigma of the strongest blur that is told apart
WINDOW, STRIDE = 144, 96  # pixels
ANGLES = np.arange(-24, 24.1, 0.5)  # degrees
PHOTO = 1.0
"""Degrees of perspective that make a picture count as a phone photo: an export or a scanner keeps lines parallel
(0.0 on all ten such pictures of ours, 2.0 and more on the eight photos); scans have shade and colour too."""


def measures(image: Image.Image) -> dict[str, float]:
    """Return the marks of an acquisition on an upright RGB picture, scaled to a longer side of 1200 pixels.

    `blur`: sigma in pixels of the Gaussian that softens the trace. `perspective`: degrees by which
    lines that are parallel on paper converge from one edge of the picture to the opposite one, the
    larger of rows and columns. `tilt`: degrees of the mean rotation, either way. `contrast`: paper less
    ink, of 1. `cast`: CIELAB chroma of the paper between the grid lines; paper that is pink by itself
    counts in full. `shade`: 5th to 95th percentile of the paper's brightness over its median. `noise`:
    standard deviation in grey levels of the luminance between neighbouring pixels. `blur`
    and `contrast` are NaN where the picture holds no trace. On our images with a known change, blur is
    right to 0.4 pixels, perspective to 0.6 degrees, noise to 0.7 grey levels.
    """
    factor = SIDE / max(image.size)
    image = image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.LANCZOS)
    pixels = np.asarray(image)  # (height, width, 3)
    # A red or pink grid is nearly as bright in its brightest channel as the paper; ink is dark in all.
    bright = pixels.max(axis=2).astype(np.float32)
    blocks = _blocks(bright)
    paper = np.percentile(blocks, 75, axis=2)  # grid and trace seldom cover more
    level = cv2.resize(paper.astype(np.float32), image.size, interpolation=cv2.INTER_LINEAR)
    depth = np.maximum(level - bright, 0)
    contrast, blur = _trace(depth)
    perspective, tilt = _lines(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
    low, middle, high = np.percentile(paper, (5, 50, 95))
    return {
        "blur": blur,
        "perspective": perspective,
        "tilt": tilt,
        "contrast": contrast,
        "cast": _cast(pixels),
        "shade": float((high - low) / middle),
        "noise": _noise(pixels, paper),
    }


def _blocks(plane: np.ndarray) -> np.ndarray:
    """Return the whole blocks of a plane (height, width) as (rows, columns, pixels of a block)."""
    rows, columns = plane.shape[0] // BLOCK, plane.shape[1] // BLOCK
    cut = plane[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    return cut.swapaxes(1, 2).reshape(rows, columns, -1)


def _trace(depth: np.ndarray) -> tuple[float, float]:
    """Return contrast and blur from the middle profile across level stretches of the trace.

    A stroke of width w under a Gaussian is a difference of two normal distributions: both widths
    are fitted, because the stroke of one recorder is as wide as the blur of another.
    """
    ridge = (depth == ndimage.maximum_filter1d(depth, 2 * REACH + 1, axis=0)) & (depth > np.quantile(depth, 0.998) / 2)
    smooth = cv2.GaussianBlur(depth, (0, 0), 1.0)
    across, along = np.gradient(smooth)
    xx, xy, yy = (cv2.GaussianBlur(part, (0, 0), 3.0) for part in (along**2, along * across, across**2))
    angle = np.arctan2(2 * xy, xx - yy) / 2  # of the gradient, radians
    level = (np.abs(np.sin(angle)) > 0.9) & (np.hypot(xx - yy, 2 * xy) > 0.8 * (xx + yy))
    y, x = np.nonzero(ridge & level)
    if len(y) < 50:
        return float("nan"), float("nan")
    return float(np.median(depth[y, x])) / 255, _sigma(depth, y, x, angle[y, x])


def _sigma(depth: np.ndarray, y: np.ndarray, x: np.ndarray, angle: np.ndarray) -> float:
    """Return the sigma of a stroke's edges from places (y, x) on it and the angles across it, in radians."""
    offsets = np.arange(-REACH, REACH + 0.1, 0.25)
    sines, cosines = np.sin(angle)[:, None], np.cos(angle)[:, None]

    def profiles(centre: np.ndarray) -> np.ndarray:
        places = [y[:, None] + (centre + offsets) * sines, x[:, None] + (centre + offsets) * cosines]
        return ndimage.map_coordinates(depth, places, order=3, mode="nearest")

    first = profiles(np.zeros((len(y), 1)))
    near = np.maximum(first - first.max(axis=1, keepdims=True) / 2, 0) * (np.abs(offsets) <= 4)
    seen = profiles((near @ offsets / near.sum(axis=1))[:, None])
    middle = np.median(seen / seen.max(axis=1, keepdims=True), axis=0)

    def stroke(offset: np.ndarray, base: float, height: float, width: float, sigma: float) -> np.ndarray:
        return base + height * (ndtr((offset + width / 2) / sigma) - ndtr((offset - width / 2) / sigma))

    limits = ([-0.2, 0.3, 0.5, 0.2], [0.7, 4, 6, 6])
    return float(curve_fit(stroke, offsets, middle, (0, 1, 2.5, 1), bounds=limits)[0][3])


def _lines(grey: np.ndarray) -> tuple[float, float]:
    """Return perspective and tilt in degrees from how sharply windows project along each angle.

    Segment detectors find the trace, not the grid, whose lines are one pixel thin and cross every five.
    """
    soft = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 1.0)  # else turning softens all angles but 0
    fine = soft - cv2.GaussianBlur(soft, (0, 0), 12.0)
    limit = max(1.0, float(np.percentile(np.abs(fine), 90)))  # the trace counts no more than the grid
    fine = np.clip(fine, -limit, limit)
    height, width = grey.shape
    ys, xs = (np.arange(WINDOW / 2, side - WINDOW / 2 + 1, STRIDE) for side in (height, width))
    x, y = (part.ravel() for part in np.meshgrid(xs, ys))
    sharp = np.array([_sharpness(fine, *centre) for centre in zip(x, y, strict=True)])  # (windows, 2, angles)
    x, y = x - width / 2, y - height / 2
    row, rows = _converging(sharp[:, 0], y / height, -x / height)
    column, columns = _converging(sharp[:, 1], x / width, y / width)
    return max(abs(rows), abs(columns)), abs(row + column) / 2


def _sharpness(fine: np.ndarray, x: float, y: float) -> np.ndarray:
    """Return how sharp the lines along rows and along columns of a window are at each angle, (2, angles)."""
    sharp = np.empty((2, len(ANGLES)))
    for number, angle in enumerate(ANGLES):
        turn = cv2.getRotationMatrix2D((x, y), float(angle), 1)
        turn[:, 2] += WINDOW / 2 - x, WINDOW / 2 - y
        window = cv2.warpAffine(fine, turn, (WINDOW, WINDOW), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        for axis in (0, 1):
            sharp[axis, number] = np.var(np.diff(window.mean(axis=1 - axis)))
    return np.log((sharp + 1e-6) / np.median(sharp + 1e-6, axis=1, keepdims=True))


def _converging(sharp: np.ndarray, place: np.ndarray, along: np.ndarray) -> tuple[float, float]:
    """Return the angle at the middle and its change over the picture at which the lines are sharpest, in degrees.

    `place` and `along` are where each window lies across and along the lines, as shares of the picture.
    """
    middles, changes = (part.ravel() for part in np.meshgrid(np.arange(-12, 12.05, 0.1), np.arange(-30, 30.1, 0.2)))
    cosines, sines = np.cos(np.radians(middles)), np.sin(np.radians(middles))
    score = np.zeros(len(middles))
    for one, across, by in zip(sharp, place, along, strict=True):
        score += np.interp(middles + changes * (across * cosines + by * sines), ANGLES, one)
    return float(middles[score.argmax()]), float(changes[score.argmax()])


def _cast(pixels: np.ndarray) -> float:
    """Return the chroma of the lightest quarter of each block, so that a white margin does not speak for the grid."""
    dimmest = _blocks(pixels.min(axis=2))
    between = dimmest >= np.percentile(dimmest, 75, axis=2, keepdims=True)
    paper = np.array([np.median(_blocks(pixels[:, :, channel])[between]) for channel in range(3)], np.float32) / 255
    return float(np.hypot(*cv2.cvtColor(paper[None, None], cv2.COLOR_RGB2LAB)[0, 0, 1:]))


def _noise(pixels: np.ndarray, paper: np.ndarray) -> float:
    """Return the noise by Immerkaer's mask (CVIU 64, 1996), which lines along rows and columns leave at zero."""
    mask = np.outer((1, -2, 1), (1, -2, 1)).astype(np.float32) / 6
    luminance = cv2.cvtColor(pixels.astype(np.float32), cv2.COLOR_RGB2GRAY)
    found = _blocks(np.abs(cv2.filter2D(luminance, -1, mask)))
    # The quieter quarter of the pixels, in the quieter blocks, has the least of a dotted grid and of the trace.
    deviation = np.quantile(found, 0.25, axis=2) / ndtri(0.625)
    # White paper cuts noise off: it is not asked where other paper is in the picture.
    inside = deviation[paper < 250] if (paper < 250).mean() > 0.1 else deviation
    return float(np.quantile(inside, 0.25))


def median(rows: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each measure over the pictures that have it."""
    return {name: float(np.nanmedian([row[name] for row in rows])) for name in rows[0]}


def show(name: str, row: dict[str, float]) -> None:
    """Print one row under a heading of the measures' names."""
    print(f"{name:24s}" + "".join(f"{value:13.3f}" for value in row.values()), flush=True)


def main() -> None:
    """Print a row for each real picture, then the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True, help="folder of real pictures, photos and others")
    parser.add_argument(
        "--synthetic", type=Path, help="folder with a folder of pictures for each acquisition and strength"
    )
    options = parser.parse_args()

    rows = []
    for path in find_images(options.photos):
        rows.append(measures(open_page(path)))
        if len(rows) == 1:
            print(" " * 24 + "".join(f"{name:>13s}" for name in rows[0]))
        show(path.name, rows[-1])
    show(f"median of {len(rows)}", median(rows))
    photos = [row for row in rows if row["perspective"] >= PHOTO]
    if photos:
        show(f"median of {len(photos)} photos", median(photos))
    if options.synthetic:
        for folder in sorted(path for path in options.synthetic.iterdir() if path.is_dir()):
            synthetic = [measures(open_page(path)) for path in find_images(folder)]
            if synthetic:
                show(folder.name, median(synthetic))


if __name__ == "__main__":
    main()
