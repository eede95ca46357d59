"""One recording: twelve leads of ten seconds, which of their samples a disease altered, and what made them."""

from dataclasses import dataclass

import numpy as np

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
RATE = 500  # Hz
SECONDS = 10.0


@dataclass(frozen=True)
class Recording:
    """Hold twelve leads in the order of `LEADS`."""

    leads: np.ndarray
    """float (12, 5000), millivolt at 500 Hz."""
    altered: np.ndarray
    """bool (12, 5000): the samples that the disease altered; nowhere true where that is not known."""
    parameters: dict[str, object]
    """What made it, as JSON can hold it: those of a heart, or the name of a record and its diagnosis."""


def twelve(independent: np.ndarray) -> np.ndarray:
    """Derive twelve leads, (12, ...), from the independent ones I, II, V1 to V6, (8, ...).

    III = II - I (Einthoven); aVR, aVL and aVF after Goldberger. Linear: it takes potentials in any unit,
    and amplitudes as well as samples.
    """
    one, two = independent[:2]
    return np.concatenate([[one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2], independent[2:]])
