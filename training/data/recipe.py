"""The recipe of a run: with its images and the weights, all that the bytes of a model depend on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Say how a model is trained.

    It learns from `augmentations` seeded augmentations of each image, the first of them the image itself, and from
    `acquisitions` pictures that a scanner or a phone would take of it.
    """

    model: str
    epochs: int
    height: int
    width: int
    augmentations: int
    fine_tune: str
    folds: int
    seed: int
    target_accuracy: float = 0.9
    drop_duplicates: bool = False
    allow_leaks: bool = False
    acquisitions: int = 0
