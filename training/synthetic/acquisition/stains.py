"""What happens to paper before its acquisition: stains and creases."""

import cv2
import numpy as np

from training.synthetic.acquisition.parameters import Acquisition


def fold_and_stain(page: np.ndarray, acquisition: Acquisition, rng: np.random.Generator) -> np.ndarray:
    """Return the page, uint8 (height, width, 3), with an acquisition's stains and creases."""
    height, width, _ = page.shape
    gain = np.ones((height, width, 3), np.float32)
    for _ in range(round(acquisition.stains)):
        _stain(gain, rng)
    for _ in range(round(acquisition.creases)):
        _crease(gain, rng)
    return np.clip(page * gain, 0, 255).astype(np.uint8)


def _stain(gain: np.ndarray, rng: np.random.Generator) -> None:
    """Add a blot with a darker rim, as coffee dries."""
    height, width, _ = gain.shape
    radius = rng.uniform(0.05, 0.16) * height
    x0, y0 = rng.uniform(0, width), rng.uniform(0, height)
    left, right = max(0, int(x0 - 1.3 * radius)), min(width, int(x0 + 1.3 * radius) + 1)
    top, bottom = max(0, int(y0 - 1.3 * radius)), min(height, int(y0 + 1.3 * radius) + 1)
    x, y = np.arange(left, right) - x0, (np.arange(top, bottom) - y0)[:, np.newaxis]
    angle = np.arctan2(y, x)
    ragged = 1 + sum(rng.uniform(-0.06, 0.06) * np.cos(n * angle + rng.uniform(0, 6)) for n in (2, 3, 5, 7))
    distance = np.hypot(x, y) / (radius * ragged)
    depth = 0.12 / (1 + np.exp((distance - 1) * 40)) + 0.14 * np.exp(-(((distance - 0.97) / 0.04) ** 2))
    gain[top:bottom, left:right] *= 1 - depth[..., np.newaxis] * rng.uniform((0.4, 0.8, 1.4), (0.7, 1.1, 1.8))


def _crease(gain: np.ndarray, rng: np.random.Generator) -> None:
    """Add a fold across the page: a light line beside a dark one, and a change of shade at it."""
    height, width, _ = gain.shape
    angle, through = rng.uniform(0, np.pi), rng.uniform(0.2, 0.8, 2) * (width, height)
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, np.newaxis]
    distance = (x - through[0]) * np.float32(np.cos(angle)) + (y - through[1]) * np.float32(np.sin(angle))
    distance *= np.float32(1106 / width)  # pixels of a page 1106 pixels wide
    side = cv2.exp(-np.abs(distance) / 60) * np.sign(distance)
    line = cv2.exp(-(((distance - 1) / 1.2) ** 2)) - cv2.exp(-(((distance + 1.5) / 1.5) ** 2))
    shade, edge = (np.float32(rng.uniform(*bounds)) for bounds in ((0.03, 0.07), (0.08, 0.18)))
    gain *= (1 + shade * side + edge * line)[..., np.newaxis]
