"""Preprocessing: the one way from a picture to pixels, for training, evaluation, export, demo and device."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from edge.errors import ModelError
from edge.images.page import Source, open_page

PREPROCESSING = "stretch-box-bilinear-1"
"""Id of what `load_page` does to a picture. Another pixel is another id."""
RESIZES = {
    name: Image.Resampling[name.upper()] for name in ("nearest", "bilinear", "bicubic", "box", "hamming", "lanczos")
}
"""How other programs stretch a picture with Pillow, Keras' loaders among them."""
SAMPLED = "tf-bilinear"
"""Bilinear interpolation of the four pixels around a place, however much is skipped: `tf.image.resize`, OpenCV."""
GREY = "-grey"


def preprocessing_id(resize: str, *, grey: bool = False) -> str:
    """Return the id of what others do: a stretch by the method of that name, of a grey picture if they make it grey."""
    return f"stretch-{resize}{GREY if grey else ''}-1"


OF_OTHERS = {preprocessing_id(name, grey=grey): (name, grey) for name in (*RESIZES, SAMPLED) for grey in (False, True)}
"""Method and whether grey by id, for models that others made."""


@dataclass(frozen=True)
class Preprocessing:
    """Say how a picture becomes a model's input: uint8 (`height`, `width`, 3), RGB, by the code that `id` names.

    Raises `ModelError` for an id that this version of the program does not have, and for a size that is none.
    """

    height: int
    width: int
    id: str = PREPROCESSING

    def __post_init__(self) -> None:
        """Refuse what this version of the program cannot do."""
        if self.id != PREPROCESSING and self.id not in OF_OTHERS:
            raise ModelError(
                f"the model wants preprocessing {self.id!r}, this program has "
                f"{PREPROCESSING!r}: use the version of the program that wrote the model"
            )
        for name, size in (("height", self.height), ("width", self.width)):
            if type(size) is not int or size < 1:
                raise ModelError(f"the contract's {name} is {size!r}, not a number of pixels: train the model again")


def load_page(source: Source, preprocessing: Preprocessing) -> np.ndarray:
    """Return the picture as the model takes it: uint8 (height, width, 3), RGB.

    `source` is what `open_page` takes, or what it returned. The page is stretched to the model's size as the id says.
    For models of this program: first by averaging whole blocks down to at least twice that size, then by antialiased
    bilinear interpolation (docs/preprocessing.md has the measurements). Raises as `open_page` does.
    """
    image = open_page(source)
    size = (preprocessing.width, preprocessing.height)
    if preprocessing.id == PREPROCESSING:
        return np.asarray(image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))
    method, grey = OF_OTHERS[preprocessing.id]
    if grey:
        image = image.convert("L")
    resized = _sampled(np.asarray(image), *size) if method == SAMPLED else image.resize(size, RESIZES[method])
    pixels = np.asarray(resized)
    return pixels if pixels.ndim == 3 else np.stack([pixels] * 3, axis=2)


def _sampled(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return uint8 pixels (height, width, ...) interpolated between the two rows and columns around each place."""
    for axis, size in ((0, height), (1, width)):
        place = (np.arange(size, dtype=np.float32) + 0.5) * np.float32(pixels.shape[axis] / size) - 0.5
        place = np.clip(place, 0, pixels.shape[axis] - 1)
        first = place.astype(int)
        share = (place - first).reshape([-1 if k == axis else 1 for k in range(pixels.ndim)])
        second = np.minimum(first + 1, pixels.shape[axis] - 1)
        low, high = (pixels.take(index, axis).astype(np.float32) for index in (first, second))
        pixels = low + (high - low) * share
    rounded: np.ndarray = np.rint(pixels).astype(np.uint8)
    return rounded
