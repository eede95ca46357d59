"""Errors of training, each one line for a person."""

from edge.errors import EcgError


class DataError(EcgError):
    """A data folder, its manifest or its pages cannot be used."""


class RunError(EcgError):
    """A run cannot be started, continued or written."""
