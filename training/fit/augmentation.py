"""Augmentations that leave an ECG an ECG: a little turned, scaled, shifted, brighter or darker."""

import math

import numpy as np
from PIL import Image

ROTATION = 2.0  # degrees, either way; an image laid on a scanner by hand
SCALE = 0.05  # share of the image
SHIFT = 0.03  # share of the image's height and width
BRIGHTNESS = 6.0  # grey levels
CONTRAST = 0.1  # share of the distance from mid-grey


def augmented(image: np.ndarray, digest: str, number: int, seed: int) -> np.ndarray:
    """Return augmentation `number` of an image, uint8 (height, width, 3) as it came; number 0 is the image itself.

    It depends on the image's digest, the number and the seed alone, not on the order of the
    images. Nothing is mirrored: a mirrored ECG is that of another heart.
    """
    if number == 0:
        return image
    rng = np.random.default_rng([seed, number, int(digest[:16], 16)])
    angle = math.radians(rng.uniform(-ROTATION, ROTATION))
    scale = 1 + rng.uniform(-SCALE, SCALE)
    height, width, _ = image.shape
    shift_x, shift_y = rng.uniform(-SHIFT, SHIFT, 2) * (width, height)
    cosine, sine = math.cos(angle) / scale, math.sin(angle) / scale
    centre_x, centre_y = width / 2, height / 2
    # Pillow wants the way back: from a pixel of the augmentation to its place on the image.
    way_back = (
        cosine, sine, centre_x - cosine * (centre_x + shift_x) - sine * (centre_y + shift_y),
        -sine, cosine, centre_y + sine * (centre_x + shift_x) - cosine * (centre_y + shift_y),
    )  # fmt: skip
    turned = Image.fromarray(image).transform(
        (width, height), Image.Transform.AFFINE, way_back, Image.Resampling.BICUBIC, fillcolor="white"
    )
    brightness, contrast = rng.uniform(-BRIGHTNESS, BRIGHTNESS), 1 + rng.uniform(-CONTRAST, CONTRAST)
    levels = np.clip((np.arange(256) - 127.5) * contrast + 127.5 + brightness, 0, 255).round().astype(np.uint8)
    return levels[np.asarray(turned)]  # (height, width, 3)
