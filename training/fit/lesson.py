"""A lesson: what one network learns from, and what its epochs are chosen by."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.data.loaded_images import LoadedImages


def targets_of(loaded: LoadedImages, labels: tuple[str, ...]) -> np.ndarray:
    """Return the targets, float32 (n, classes): one-hot, ones for each class of a set, equal shares for no class."""
    targets = np.zeros((len(loaded), len(labels)), np.float32)
    for row, image in zip(targets, loaded.images, strict=True):
        row[[labels.index(label) for label in image.classes]] = 1
        if not image.classes:
            row[:] = 1 / len(labels)
    return targets


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """Hold what one network learns from."""

    learn: LoadedImages
    """The images that the weights are fitted to."""
    acquired: list[np.ndarray]
    """Simulated acquisitions of these images, uint8 (n, height, width, 3) each."""
    validation: tuple[np.ndarray, np.ndarray] | None
    """Images that the epoch is chosen by, uint8 (m, height, width, 3), and targets; None for the last epoch."""
    labels: tuple[str, ...]
    """The classes in the order of the targets."""
    folder: Path
    """Where history and checkpoints lie."""

    @property
    def targets(self) -> np.ndarray:
        """Return the targets of the images to learn from, float32 (n, classes)."""
        return targets_of(self.learn, self.labels)
