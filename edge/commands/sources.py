"""Sources: the images that paths on a command line name, and the one on standard input."""

import sys
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

STDIN = "-"


def sources_of(paths: Iterable[str], recursive: bool) -> Iterator[str | Path]:
    """Yield every image that the paths name, standard input as "-"."""
    from edge.errors import UsageError
    from edge.files import IMAGE_SUFFIXES, find_images

    for name in paths:
        if not name:
            raise UsageError("'': is no path: give an image or a folder")
        path = Path(name)
        if name == STDIN or not _is_folder(path):
            yield name if name == STDIN else path
            continue
        found = find_images(path, recursive)
        if not found:
            remedy = "give another" if recursive else "give another, or --recursive"
            raise UsageError(f"{path}: is a folder without images ({', '.join(sorted(IMAGE_SUFFIXES))}): {remedy}")
        yield from found


def opened_source(source: str | Path) -> Path | BytesIO:
    """Return a path, or the picture on standard input."""
    from edge.errors import UsageError

    if isinstance(source, Path):
        return source
    if sys.stdin is None:
        raise UsageError("-: standard input is closed: give a file, or a picture to read")
    return StandardInput()


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # said where it is opened: that a name is too long, that a folder may not be read
        return False


class StandardInput(BytesIO):
    """The picture on standard input, bounded in bytes and in time as a pipe is."""

    name = STDIN

    def read(self, size: int | None = -1, /) -> bytes:  # noqa: ARG002
        """Return all of it."""
        from edge.files import contents_of

        return contents_of(sys.stdin.fileno())
