"""Preprocessing: the one way from a picture to pixels, for training, evaluation, export, demo and device."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from edge.errors import ModelError
from edge.images.page import Source, open_page

PREPROCESSING = "stretch-box-bilinear-1"
"""Id of what `load_page` does to a picture. Another pixel is another id."""


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
        if self.id != PREPROCESSING:
            raise ModelError(
                f"the model wants preprocessing {self.id!r}, this program has "
                f"{PREPROCESSING!r}: use the version of the program that wrote the model"
            )
        for name, size in (("height", self.height), ("width", self.width)):
            if type(size) is not int or size < 1:
                raise ModelError(f"the contract's {name} is {size!r}, not a number of pixels: train the model again")


def load_page(source: Source, preprocessing: Preprocessing) -> np.ndarray:
    """Return the picture as the model takes it: uint8 (height, width, 3), RGB.

    `source` is what `open_page` takes, or what it returned. The page is stretched to
    the model's size: first by averaging whole blocks down to at least twice that size, then by
    antialiased bilinear interpolation (the README has the measurements). Raises as `open_page` does.
    """
    image = open_page(source)
    size = (preprocessing.width, preprocessing.height)
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))
