"""Augmentations that leave an ECG an ECG: a little turned, scaled, shifted, brighter or darker; or from elsewhere."""

import math

import cv2
import numpy as np
from PIL import Image

ROTATION = 2.0  # degrees, either way; an image laid on a scanner by hand
SCALE = 0.05  # share of the image
SHIFT = 0.03  # share of the image's height and width
BRIGHTNESS = 6.0  # grey levels
CONTRAST = 0.1  # share of the distance from mid-grey

CUT_TOP, CUT_BOTTOM, CUT_SIDE = 0.3, 0.12, 0.06  # shares of an image: its header, its footer, a part of its frame
CUT, GREY = 0.65, 0.3  # shares of the pictures from elsewhere: cut, not on a wider page; without colour
ABOVE, BESIDE = 0.6, 0.15  # shares of an image: the widest margins of a page around it
PAPER, SHADE = 0.75, 0.6  # of white: the darkest paper in each colour, and the darkest light on it
GAMMA = (0.7, 1.5)
BLUR, NOISE = 1.1, 6.0  # pixels, grey levels


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


def from_elsewhere(image: np.ndarray, digest: str, seed: int) -> np.ndarray:
    """Return an ECG image as another place would have it, uint8 (height, width, 3) as it came.

    It is cut to its traces or lies on a wider page, on paper of another colour, in other light, less sharp, as the
    image's digest and the seed alone say. The in-distribution score knows such images; classes are not learned from
    them.
    """
    rng = np.random.default_rng([seed, 79, int(digest[:16], 16)])
    height, width, _ = image.shape
    picture = image.astype(np.float32)
    if rng.random() < CUT:
        top, bottom = rng.uniform(0, (CUT_TOP, CUT_BOTTOM)) * height
        left, right = rng.uniform(0, CUT_SIDE, 2) * width
        picture = picture[int(top) : height - int(bottom), int(left) : width - int(right)]
    else:
        margins = (rng.uniform(0, (ABOVE, ABOVE, BESIDE, BESIDE)) * (height, height, width, width)).astype(int)
        paper = np.median(picture.reshape(-1, 3), axis=0).tolist()
        picture = cv2.copyMakeBorder(picture, *margins.tolist(), cv2.BORDER_CONSTANT, value=paper)
    picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    if rng.random() < GREY:
        picture = np.repeat(picture.mean(axis=2, keepdims=True), 3, axis=2)
    ramps = [np.linspace(*rng.permutation([rng.uniform(SHADE, 1), 1]), count) for count in (height, width)]
    picture *= rng.uniform(PAPER, 1, 3) * (ramps[0][:, np.newaxis] * ramps[1])[:, :, np.newaxis]
    picture = 255 * (picture / 255) ** rng.uniform(*GAMMA)
    blur = rng.uniform(0, BLUR)
    if blur > BLUR / 4:
        picture = cv2.GaussianBlur(picture, (0, 0), blur)
    return (picture + rng.normal(0, rng.uniform(0, NOISE), picture.shape)).clip(0, 255).astype(np.uint8)
