"""The settings of a set of synthetic ECG images, with their defaults: those of the command line."""

from dataclasses import dataclass

ANY = "any"
"""Instead of a look, a layout or an acquisition: another one on each image."""

LABEL_SEPARATOR = "|"
"""Stands in a manifest between the classes of a label that is a set of them: one is true, nobody knows which."""


@dataclass(frozen=True, kw_only=True)
class SyntheticSettings:
    """Say what a set shall be: all that its bytes depend on, besides the records."""

    per_class: int | None = None
    """Images a class; None for 40, or for every record."""
    seed: int = 0
    """Of all that is random."""
    look: str = "report"
    """A key of `LOOKS`, or "any" for another one on each image."""
    layout: str | None = None
    """A key of `LAYOUTS`, or "any"; None for that of the look."""
    speed: float | None = None
    """mm/s; None for that of the look."""
    gain: float | None = None
    """mm/mV; None for that of the look."""
    dpi: int | None = None
    """Resolution; None for that of the look."""
    paper: tuple[float, float] | None = None
    """Width and height, mm; None for those of the look."""
    font: str | None = None
    """Name or file; None for that of the look."""
    acquisition: str = "clean"
    """A key of `ACQUISITIONS`, or "any" for another one on each image."""
    label_sets: bool = False
    """Whether records whose label is a set of classes are printed too."""
    strength: int = 2
    """One of `STRENGTHS`."""
    truth: bool = False
    """Whether a JSON file with the ground truth stands beside each image."""
