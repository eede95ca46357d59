"""The job of the process that loads a model of others: what it is told, and how it fails."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edge.errors import ModelError

Run = Callable[[np.ndarray], np.ndarray]
"""Turns what the network takes, float32 (n, height, width, channels), into what it says, (n, classes)."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Say what to do with which model."""

    source: str
    """Its file."""
    form: str
    """"onnx", "keras" for what Keras 3 reads, or "tf_keras" for what it does not."""
    scale: str
    """As `Intake` has it."""
    channels: str
    """As `Intake` has it."""
    labels: int
    """How many."""
    activation: str | None
    """What its outputs are logits of, where it does not end in one."""


class NotLoadedError(ModelError):
    """A framework cannot load a model; another one might."""
