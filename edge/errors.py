"""The errors of this project: each is one line for a person and says what to do."""


class EcgError(Exception):
    """Say in one line what is wrong with what, and what to do; `exit_code` is the command line's."""

    exit_code = 2


class PageError(EcgError):
    """A picture is missing, cannot be read, or cannot be an ECG image."""

    exit_code = 1


class ModelError(EcgError):
    """A model file is missing, is not one of this project's, or contradicts itself."""


class UsageError(EcgError):
    """What was asked for cannot be done with what was given."""
