"""The camera: a page and an acquisition's parameters become a picture, and the way back from picture to page."""

import io
import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image

from edge.images.page import open_page
from training.errors import DataError
from training.synthetic.acquisition.legibility import is_legible
from training.synthetic.acquisition.parameters import Acquisition, draw_acquisition
from training.synthetic.acquisition.stains import fold_and_stain

WIDTH = 1106  # pixels of the page that a blur is stated for
FOCAL = 1.3  # focal length in widths of the page: a phone's main camera over a page that fills the picture
LIGHT_CELL = 8  # pixels that one cell of the light covers
ATTEMPTS = 8
"""Acquisitions tried for one that leaves the traces legible."""


@dataclass(frozen=True, kw_only=True)
class AcquiredImage:
    """Hold a picture of a page, of the page's size, and where the page lies in it."""

    pixels: np.ndarray
    """uint8 (height, width, 3), RGB."""
    columns: np.ndarray
    """float32 (height, width): the column of the page that each pixel shows."""
    rows: np.ndarray
    """float32 (height, width): the row of the page that each pixel shows."""
    forward: np.ndarray
    """The camera's homography from page to image, float (3, 3)."""
    bow: np.ndarray
    """By how many pixels the bent paper lifts each column of the page, float (width,)."""
    acquisition: Acquisition
    """What made it."""

    def place(self, points: np.ndarray) -> np.ndarray:
        """Return where points of the page, float (n, 2), x and y in pixels, lie in the picture."""
        bent = points - np.stack([np.zeros(len(points)), np.interp(points[:, 0], *_centres(self.bow))], axis=1)
        return cv2.perspectiveTransform(bent[np.newaxis], self.forward)[0]

    def follow(self, mask: np.ndarray) -> np.ndarray:
        """Return where a mask of the page, bool (height, width), lies in the picture."""
        return cv2.remap(mask.astype(np.uint8), self.columns, self.rows, cv2.INTER_NEAREST) > 0


def acquire(page: np.ndarray, kind: str, strength: int, rng: np.random.Generator) -> AcquiredImage:
    """Take a picture of a page, uint8 (height, width, 3), RGB, whose traces stay legible.

    An acquisition that loses them is drawn anew. Raises `DataError` where none of `ATTEMPTS` leaves them.
    """
    for _ in range(ATTEMPTS):
        acquired = apply_acquisition(page, draw_acquisition(kind, strength, rng))
        if is_legible(page, acquired.pixels, acquired.columns, acquired.rows):
            return acquired
    raise DataError(
        f"acquisition {kind} of strength {strength}: left no trace legible in {ATTEMPTS} attempts: give a page with "
        "darker traces, or a weaker acquisition"
    )


def apply_acquisition(page: np.ndarray, acquisition: Acquisition) -> AcquiredImage:
    """Apply an acquisition to a page; the same arguments give the same picture."""
    rng = np.random.default_rng(acquisition.seed)
    height, width, _ = page.shape
    forward = _homography(acquisition, width, height)
    bow = _bow(acquisition, width, height, rng)
    columns, rows = _way_back(forward, bow, width, height) if acquisition.moves else _in_place(width, height)
    picture = fold_and_stain(page, acquisition, rng) if acquisition.stains or acquisition.creases else page
    if acquisition.moves:
        behind = _background(acquisition, width, height, rng)
        picture = cv2.remap(picture, columns, rows, cv2.INTER_CUBIC, behind, borderMode=cv2.BORDER_TRANSPARENT)
    if acquisition.lights:
        gain, added = _light(acquisition, width, height, rng)
        picture = picture * gain + added
    if acquisition.moire:
        picture = picture * _moire(acquisition, width, height, rng)
    if acquisition.blur:
        picture = cv2.GaussianBlur(picture, (0, 0), acquisition.blur * width / WIDTH)
    if acquisition.hardness:
        picture = _black_and_white(picture, acquisition)
    if acquisition.noise:
        picture = picture + acquisition.noise * rng.standard_normal((height, width, 1), np.float32)
    if picture.dtype != np.uint8:
        picture = np.clip(picture, 0, 255).astype(np.uint8)
    picture = _sent(picture, acquisition)
    return AcquiredImage(pixels=picture, columns=columns, rows=rows, forward=forward, bow=bow, acquisition=acquisition)


def _homography(acquisition: Acquisition, width: int, height: int) -> np.ndarray:
    """Return the way from page to picture, float (3, 3): the page turned in space, then fitted into the picture."""
    turn, lean, pan = (math.radians(angle) for angle in (acquisition.turn, acquisition.lean, acquisition.pan))
    about_z = [[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0], [0, 0, 1]]
    about_x = [[1, 0, 0], [0, math.cos(lean), -math.sin(lean)], [0, math.sin(lean), math.cos(lean)]]
    about_y = [[math.cos(pan), 0, math.sin(pan)], [0, 1, 0], [-math.sin(pan), 0, math.cos(pan)]]
    rotation = np.array(about_y) @ np.array(about_x) @ np.array(about_z)
    centred = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]])
    away = rotation[:, [0, 1]]
    focal = FOCAL * width
    # A point (x, y, 0) of the page lies at rotation @ (x, y, 0) + (0, 0, focal) before the camera.
    camera = np.array([[focal, 0, 0], [0, focal, 0], [0, 0, 1]]) @ np.column_stack([away, [0, 0, focal]])
    forward = camera @ centred
    corners = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], float)
    seen = cv2.perspectiveTransform(corners, forward)[0]
    low, high = seen.min(axis=0), seen.max(axis=0)
    room = 1 - 2 * acquisition.margin
    zoom = min(room * width / (high[0] - low[0]), room * height / (high[1] - low[1]))
    middle = (low + high) / 2
    fit = np.array([[zoom, 0, width / 2 - zoom * middle[0]], [0, zoom, height / 2 - zoom * middle[1]], [0, 0, 1]])
    return fit @ forward


def _bow(acquisition: Acquisition, width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Return by how many pixels the page's columns hang, float (width,): held at the corners, with a weaker wave."""
    at = (np.arange(width) + 0.5) / width
    return acquisition.curl * height * (np.sin(np.pi * at) + rng.uniform(-0.4, 0.4) * np.sin(2 * np.pi * at))


def _centres(bow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(bow.size) + 0.5, bow


def _way_back(forward: np.ndarray, bow: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the page's column and row that each pixel of the picture shows, float32 (height, width) each."""
    back = np.linalg.inv(forward).astype(np.float32)
    x, y = np.arange(width, dtype=np.float32) + 0.5, (np.arange(height, dtype=np.float32) + 0.5)[:, np.newaxis]
    depth = back[2, 0] * x + back[2, 1] * y + back[2, 2]
    # OpenCV counts from the centre of the first pixel.
    columns = (back[0, 0] * x + back[0, 1] * y + back[0, 2]) / depth - np.float32(0.5)
    rows = (back[1, 0] * x + back[1, 1] * y + back[1, 2]) / depth - np.float32(0.5)
    if bow.any():
        rows += cv2.remap(bow[np.newaxis].astype(np.float32), columns, np.zeros_like(rows), cv2.INTER_LINEAR)
    return columns, rows


@lru_cache(maxsize=2)
def _in_place(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the way back where nothing moves: each pixel shows itself."""
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    columns.flags.writeable = rows.flags.writeable = False
    return columns, rows


def _background(acquisition: Acquisition, width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Return what lies behind the page: a desk with a grain, or a scanner's lid."""
    if acquisition.kind not in ("photo", "screen"):
        return np.full((height, width, 3), 250, np.uint8)
    tone = rng.uniform(40, 170) * np.array([1.0, rng.uniform(0.75, 1.0), rng.uniform(0.5, 1.0)])
    grain = cv2.resize(rng.normal(0, 6, (height // 4, 8)).astype(np.float32), (width, height))
    return cv2.merge([np.clip(grain + np.float32(level), 0, 255).astype(np.uint8) for level in tone])


def _smooth(shape: tuple[int, int], width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Return a smooth random field, float32 (height, width), 0 to 1, with about as many hills as `shape` says."""
    field = cv2.resize(rng.random(shape, np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    low, high = field.min(), field.max()
    return (field - low) / (high - low)


def _light(
    acquisition: Acquisition, width: int, height: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return what the light does: a gain, float32 (height, width, 3), and grey levels to add, the same shape.

    The gain is uneven light, at times with a shadow's edge, and its colour. What is added is light
    that did not come from the page: faded ink, and a reflection. Both are made small and enlarged.
    """
    warm = rng.choice([-1, 1], p=[0.3, 0.7]) * acquisition.cast
    colour = np.array([1 + warm, 1 + rng.uniform(-0.3, 0.3) * warm, 1 - warm])
    colour *= (1 - acquisition.dark) / max(1.0, colour.max())
    small = width // LIGHT_CELL, height // LIGHT_CELL
    x, y = np.linspace(-0.5, 0.5, small[0]), np.linspace(-0.5, 0.5, small[1])[:, np.newaxis]
    angle = rng.uniform(0, 2 * np.pi)
    slope = np.cos(angle) * x + np.sin(angle) * y  # -0.7 to 0.7
    field = 0.6 * (slope / 1.4 + 0.5) + 0.4 * _smooth((4, 5), *small, rng)
    if rng.random() < 0.5:  # somebody's hand or head between lamp and page
        edge = rng.uniform(-0.3, 0.3) + 0.1 * _smooth((2, 6), *small, rng)
        field = (field + 0.6 / (1 + np.exp((slope - edge) * rng.uniform(12, 40)))) / 1.6
    centre, spread = rng.uniform(-0.4, 0.4, 2), rng.uniform(0.08, 0.25, 2)
    spot = np.exp(-(((x - centre[0]) / spread[0]) ** 2) - ((y - centre[1]) / spread[1]) ** 2)
    foreign = np.minimum(acquisition.fade + acquisition.glare * spot, 0.9)[..., np.newaxis]
    gain = (1 - acquisition.shade * field)[..., np.newaxis] * colour
    # The camera exposes for the paper: what is added is as bright as the paper is here.
    added = foreign * 255 * gain.max(axis=(0, 1))
    gain, added = ((1 - foreign) * gain).astype(np.float32), added.astype(np.float32)
    return cv2.resize(gain, (width, height)), cv2.resize(added, (width, height))


def _moire(acquisition: Acquisition, width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Return the gain, float32 (height, width, 3), that a screen's pixels beating with a sensor's have."""
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, np.newaxis]
    bend = 60 * _smooth((3, 4), width, height, rng)  # the lens and the screen's tilt bend the stripes
    red, green, blue = (np.ones((height, width), np.float32) for _ in range(3))
    size = np.full((height, width), acquisition.moire / 2, np.float32)
    for _ in range(2):
        angle, period = rng.uniform(0, np.pi), rng.uniform(7, 22)
        phase = (np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y + bend) * np.float32(2 * np.pi / period)
        # Red, green and blue stripes lie side by side: a third of a period apart, they sum to nothing.
        cosine, sine = cv2.polarToCart(size, phase % np.float32(2 * np.pi))
        second = np.float32(-0.5) * cosine + np.float32(np.sqrt(0.75)) * sine
        red += cosine
        green += second
        blue -= cosine + second
    return cv2.merge([red, green, blue])


def _black_and_white(picture: np.ndarray, acquisition: Acquisition) -> np.ndarray:
    """Return the picture as a scanner's black-and-white mode leaves it: a steep threshold under the paper's level."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    middle = np.percentile(grey[::4, ::4], 60) * 0.72
    hard = 255 / (1 + np.exp(-acquisition.hardness * (grey - middle) / 32))
    return cv2.cvtColor(hard.astype(np.float32), cv2.COLOR_GRAY2RGB)


def _sent(picture: np.ndarray, acquisition: Acquisition) -> np.ndarray:
    """Return the picture after a messenger has shrunk and compressed it, back at its size."""
    height, width, _ = picture.shape
    if acquisition.shrink:
        small = (round(width * (1 - acquisition.shrink)), round(height * (1 - acquisition.shrink)))
        picture = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    if acquisition.compression:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=round(100 - min(acquisition.compression, 90)))
        picture = np.asarray(open_page(file))
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR) if acquisition.shrink else picture
