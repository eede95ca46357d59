"""Files: the images of a folder, and outputs that are either whole or not there and destroy nothing."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from edge.errors import PageError, UsageError

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".pdf", ".heic", ".heif"})
"""What counts as an image in a folder, in any case: the same files are predicted and learned from."""

HEAD = 4096  # bytes by which it is told who made a file
MOST_BYTES = 256 << 20
"""Of a picture that comes from a pipe or a device."""
SILENCE = 30
"""Seconds that are waited for what a pipe sends next."""


def find_images(folder: Path, recursive: bool = True) -> list[Path]:
    """Return the images in a folder by their suffix in any case, sorted; hidden files are passed over."""
    return sorted(
        path
        for path in (folder.rglob("*") if recursive else folder.iterdir())
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


def check_output(path: Path, reads: Iterable[Path], ours: Callable[[Path], bool]) -> None:
    """Raise `UsageError` where writing to `path` would destroy something; links are followed.

    `reads` are the files that the command reads; `ours` says of a file that is there whether this program made it.
    What is no file, a device or a pipe, can be written to; a folder and a disk cannot.
    """
    try:
        found = path.stat()
    except OSError:
        return  # not there, or not to be had: then writing says so
    if stat.S_ISDIR(found.st_mode) or stat.S_ISBLK(found.st_mode):
        raise UsageError(f"{path}: is a {'folder' if path.is_dir() else 'disk'}: give the name of a file")
    for source in reads:
        if source.exists() and path.samefile(source):
            raise UsageError(f"{path}: is read by this command: give another file to write to")
    if stat.S_ISREG(found.st_mode) and found.st_size and not ours(path):
        raise UsageError(f"{path}: is there and was not made by this command: give another name, or remove it")


def is_stream(path: Path) -> bool:
    """Return whether a path is a device or a pipe, which is written to and not replaced."""
    return path.is_char_device() or path.is_fifo()


def contents_of(path: Path) -> bytes:
    """Return all that a pipe or a device sends; raise `PageError` where it falls silent or does not end."""
    if os.name != "posix":
        return path.read_bytes()
    import select

    parts: list[bytes] = []
    size = 0
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        ready = select.poll()
        ready.register(file, select.POLLIN)
        while True:
            if not ready.poll(SILENCE * 1000):
                raise PageError(f"sends nothing for {SILENCE} seconds: give a file")
            part = os.read(file, 1 << 20)
            if not part:
                return b"".join(parts)
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise PageError(f"does not end after {MOST_BYTES >> 20} MB: give a file")
    finally:
        os.close(file)


def head_of(path: Path) -> bytes:
    """Return the first bytes of a file, by which it is told who made it; none of what is no file."""
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(HEAD)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a name beside `path` to write to; it becomes `path` when all went well, else it is removed.

    Where `path` is a link, the file that it leads to is replaced, and the link stays; a device or a pipe is written to.
    """
    target = path.resolve()
    if is_stream(target):
        with TemporaryDirectory() as folder:
            yield Path(folder) / target.name
            with target.open("wb") as stream:
                stream.write((Path(folder) / target.name).read_bytes())
        return
    unfinished = target.with_name(f".unfinished-{os.getpid()}-{target.name}")
    try:
        yield unfinished
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
