"""The job of the process that loads a model of others: what it is told, what it answers, and how it fails."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edge.errors import ModelError

Run = Callable[[np.ndarray], np.ndarray]
"""Turns what the network takes, float32 (n, height, width, channels), into what it says, (n, classes)."""
SPREAD = 1e-3
"""Range of a probability over the images from which on a model tells them apart."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Say what to do with which model."""

    source: str
    """Its file."""
    form: str
    """"onnx", "keras" for what Keras 3 reads, or "tf_keras" for what Keras 2 wrote."""
    contract: str
    """As JSON; what the graph has to say is not in it yet."""
    activation: str | None
    """What its outputs are logits of, where it does not end in one."""
    images: list[str]
    """To compare on."""
    exported: str | None = None
    """The adopted model to compare; None to make it."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Say how an adopted model and the original differ on images; differences are the largest absolute ones."""

    loaded: str
    """What ran the original."""
    images: int
    """How many were compared."""
    probability_difference: float
    """Of the probabilities."""
    logit_difference: float | None
    """Of the logits, where the original gives these."""
    spread: float
    """How far a probability of the original goes from image to image: where it hardly does, parity proves little."""


class NotLoadedError(ModelError):
    """A framework cannot load a model; another one might."""
