"""The typed result of a search for a recipe: what its report and its `report.json` read."""

from dataclasses import dataclass

from training.evaluation.result import SCHEMA


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Hold one recipe that was tried, and how it did."""

    number: int
    """From 1, in the order of the trials."""
    settings: dict[str, float]
    """What was searched, by name."""
    folds: tuple[float, ...]
    """Macro-F1 of each fold that was computed."""
    macro_f1: float | None
    """Of all folds together; None where the trial was stopped early."""


@dataclass(frozen=True, kw_only=True)
class Search:
    """Hold the trials of a search; its best one was chosen by its own images, which flatters it."""

    schema: int = SCHEMA
    """Version of the form of `report.json`."""
    model: str
    """The network."""
    images: int
    """Images of the cross-validation."""
    trials: tuple[Trial, ...]
    """In their order."""

    @property
    def best(self) -> Trial:
        """Return the trial with the highest macro-F1, of equal ones the first."""
        return max((trial for trial in self.trials if trial.macro_f1 is not None), key=lambda one: one.macro_f1)
