"""The recipe of a run: with its pages and the weights, all that the bytes of a model depend on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Say how a model is trained.

    It learns from `views` seeded views of each page, the first of them the page itself, and from
    `captures` pictures that a scanner or a phone would take of it.
    """

    model: str
    epochs: int
    height: int
    width: int
    views: int
    fine_tune: str
    folds: int
    seed: int
    target_accuracy: float = 0.9
    drop_duplicates: bool = False
    allow_leaks: bool = False
    captures: int = 0
