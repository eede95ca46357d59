"""The recipe of a run: with its images and the weights, all that the bytes of a model depend on."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Say how a model is trained; the defaults are those of the command line."""

    model: str
    """The network: "cnn" or "vgg16"."""
    epochs: int = 10
    """Passes over the images."""
    height: int = 224
    """Of the model's input, pixels."""
    width: int = 224
    """Of the model's input, pixels."""
    augmentations: int = 2
    """Seeded augmentations of each image, the first of them the image itself."""
    acquisitions: int = 0
    """Simulated acquisitions of each image, by a scanner or a phone, to learn from as well."""
    fine_tune: str = "none"
    """Which part of VGG16 is trained after the head: "none" or "block5"."""
    folds: int = 0
    """Grouped folds of a cross-validation; 0 for none."""
    seed: int = 0
    """Makes the splits and all else that is random."""
    target_accuracy: float = 0.9
    """Share of the predictions that shall be right; the confidence threshold follows from it."""
    drop_duplicates: bool = False
    """Keep one of each copy, of a copy in train and test that in test."""
    allow_leaks: bool = False
    """Train although copies or groups lie in both splits."""
