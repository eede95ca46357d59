"""The features of a frozen base, computed once and kept on disk, keyed by pixels, weights, layers and size."""

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from edge.commands.terminal import hide_progress
from training.data.cache import read_array, write_array

log = logging.getLogger(__name__)

BATCH = 16
"""Images a step. Always this many, the last step filled up, so that an image's features never depend on the others."""


def cached_features(base: keras.Model, images: Iterator[np.ndarray], count: int, cache: Path) -> np.ndarray:
    """Return `base`'s features, float32 (count, width), of uint8 images (height, width, 3).

    Only what the cache does not have is computed; every image is written as soon as it is, so that an
    interrupted run goes on where it stopped. Raises `RunError` for a damaged file of the cache.
    """
    folder = cache / "features" / _network_key(base)
    folder.mkdir(parents=True, exist_ok=True)
    features = np.empty((count, base.output_shape[-1]), np.float32)
    waiting: list[tuple[int, Path, np.ndarray]] = []
    log.info("features of the frozen base: %d images and augmentations", count)
    for index, image in enumerate(tqdm(images, total=count, unit="image", disable=hide_progress())):
        file = folder / f"{hashlib.sha256(image.tobytes()).hexdigest()}.npy"
        if file.exists():
            features[index] = read_array(file, features.shape[1:], np.float32)
        else:
            waiting.append((index, file, image))
        if len(waiting) == BATCH or (waiting and index == count - 1):
            batch = np.zeros((BATCH, *image.shape), np.uint8)
            batch[: len(waiting)] = [image for _, _, image in waiting]
            computed = base.predict_on_batch(batch)
            for (place, name, _), row in zip(waiting, computed, strict=False):
                features[place] = row
                write_array(name, row)
            waiting.clear()
    return features


def _network_key(base: keras.Model) -> str:
    """Return a digest of everything that a feature depends on besides the image."""
    key = hashlib.sha256(f"{keras.version()} {keras.backend.backend()} {BATCH} {base.input_shape}".encode())
    for layer in base.layers:
        key.update(layer.name.encode())
        for weights in layer.get_weights():
            key.update(np.ascontiguousarray(weights).tobytes())
    return key.hexdigest()[:32]
