"""The images that an exported model is compared with its Keras model on."""

import logging
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.errors import UsageError
from edge.files import find_images
from edge.images.page import open_page
from edge.images.preprocessing import load_page
from training.data.folder import DataFolder
from training.data.loaded_images import digest, short_digest
from training.errors import DataError
from training.models.saved_model import SavedModel

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ComparisonImages:
    """Hold the images that two models are compared on."""

    paths: tuple[Path, ...]
    """The files."""
    pixels: np.ndarray
    """As the model takes them, uint8 (n, height, width, 3), RGB."""
    labels: tuple[str, ...]
    """The class of each, "" where it has none."""
    unseen: np.ndarray
    """Whether the model did not learn from it, bool (n,)."""

    @classmethod
    def read(cls, folder: Path, model: SavedModel, but: Collection[str] = ()) -> "ComparisonImages":
        """Read every ECG image below `folder`, but those with the digests `but`; raise `UsageError` for none.

        Labels are optional: where the folder is no data folder, a message says why there are none.
        """
        paths, pixels, unseen = [], [], []
        for path in find_images(folder) if folder.is_dir() else []:
            image = open_page(path)
            if (name := digest(image)) not in but:
                paths.append(path)
                pixels.append(load_page(image, model.contract.preprocessing))
                unseen.append(short_digest(name) not in model.trained_on)
        if not paths:
            raise UsageError(f"{folder}: is no folder with images to compare the models on: give one with ECG images")
        try:
            known = {image.path: image.label for image in DataFolder.read(folder).images}
        except DataError as error:  # images without classes can be compared as well, only not be called right or wrong
            log.info("compared without labels, so without an accuracy: %s", error)
            known = {}
        labels = tuple(known.get(path, "") for path in paths)
        return cls(paths=tuple(paths), pixels=np.stack(pixels), labels=labels, unseen=np.array(unseen))
