"""The recipe of a run: with its images and the weights, all that the bytes of a model depend on."""

from dataclasses import dataclass

AUXILIARY_WEIGHT = 0.1
"""Sample weight of an auxiliary image: less gives the highest macro-F1, more the highest sensitivity for infarction, at
1 the real images drown (`python -m benchmarks.auxiliary_data`; the table is in docs/experiments.md)."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Say how a model is trained; the defaults are those of the command line."""

    model: str
    """The network: a key of `training.models.networks.NETWORKS`."""
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
    """Which part of a network with ImageNet weights is trained after the head; "none" for none."""
    learning_rate: float | None = None
    """At the beginning, of fine-tuning where there is any; None for that of the network."""
    masked: bool = False
    """Fine-tune with headers masked in half of the augmentations, and on images whose traces are wiped out."""
    with_test: bool = False
    """Learn from the test images too: for a model to be shipped once a recipe is chosen and tested."""
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
