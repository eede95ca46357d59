"""The errors of this project: each is one line for a person and says what to do."""


def visible(text: str) -> str:
    """Return a text as one line: what cannot be printed, a line's end in a name above all, as an escape."""
    return text if text.isprintable() else "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


class EcgError(Exception):
    """Say in one line what is wrong with what, and what to do; further arguments are further lines.

    `exit_code` is the command line's.
    """

    exit_code = 2

    def __str__(self) -> str:
        """Return the lines."""
        return "\n".join(visible(str(line)) for line in self.args)


class PageError(EcgError):
    """A picture is missing, cannot be read, or cannot be an ECG image."""

    exit_code = 1


class ModelError(EcgError):
    """A model file is missing, is not one of this project's, or contradicts itself."""


class UsageError(EcgError):
    """What was asked for cannot be done with what was given."""
