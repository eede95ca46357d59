"""Files: the images of a folder, and outputs that are either whole or not there and destroy nothing."""

import errno
import logging
import os
import re
import stat
import zlib
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

try:
    import fcntl
except ImportError:  # Windows: two runs on one output are not told apart there
    fcntl = None  # type: ignore[assignment]

from edge.errors import PageError, UsageError

log = logging.getLogger(__name__)

IMAGE_SUFFIXES = frozenset({
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".gif", ".pdf", ".heic",
    ".heif", ".avif", ".jp2", ".j2k", ".jpx", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".pcx", ".sgi", ".ras",
    ".dcm", ".dicom",
})  # fmt: skip
"""What counts as an image in a folder, in any case: the same files are predicted and learned from."""
MARKS = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n|BM|II[*+]\0|MM\0[*+]|GIF8|%PDF-|RIFF....WEBP|....ftyp(hei|hev|mif1|msf1|avif)|\0\0\0\x0cjP|.{128}DICM",
    re.DOTALL,
)
"""How images begin: a file without a suffix, or with a number for one, counts by these."""
OF_A_SYSTEM = frozenset(
    {"@eadir", "@recycle", "#recycle", "$recycle.bin", "__macosx", "lost+found", "system volume information"}
)
"""Folders that a system or a NAS keeps for itself: thumbnails, removed files."""
UNFINISHED = ".unfinished-"
"""How the name of a file begins until it is whole."""
LONG_NAME = 180  # bytes; systems allow 255
HEAD = 4096  # bytes by which it is told who made a file
MOST_BYTES = 256 << 20
"""Of a picture that comes from a pipe or a device."""
SILENCE = 30
"""Seconds that are waited for what a pipe sends next."""


def find_images(
    folder: Path, recursive: bool = True, *, silent: bool = False, known: Container[str] = ()
) -> list[Path]:
    """Return the images in a folder, sorted: those with a suffix of an image, or that begin as one and have none.

    Links to folders are followed once. Hidden files and folders, those that a system keeps for itself, and files of
    other kinds are left out; unless `silent`, a message says how many of which, but for files with `known` names. A
    folder that may not be read is among the images, and so is a link that leads nowhere: to open them says what is
    wrong.
    """
    left_out: Counter[str] = Counter()
    found = sorted(_images(folder, recursive, left_out, known, set()))
    if left_out and not silent:
        log.info("%s: left out: %s", folder, ", ".join(f"{count} x {what}" for what, count in sorted(left_out.items())))
    return found


def is_empty(folder: Path) -> bool:
    """Return whether a folder holds nothing but what a killed process has left unfinished."""
    return all(path.name.startswith(UNFINISHED) for path in folder.iterdir())


def is_left_out(name: str) -> bool:
    """Return whether a folder or a file is left out by its name: hidden, or kept by a system for itself."""
    return name.startswith(".") or name.lower() in OF_A_SYSTEM


def _images(
    folder: Path, recursive: bool, left_out: Counter[str], known: Container[str], seen: set[tuple[int, int]]
) -> Iterator[Path]:
    """Yield the images of a folder; count what is left out by its reason; `seen` are the folders that were read."""
    try:
        found = folder.stat()
        entries = list(os.scandir(folder))
    except OSError:
        yield folder
        return
    seen.add((found.st_dev, found.st_ino))
    for entry in entries:
        path = folder / entry.name
        if is_left_out(entry.name):
            left_out["hidden" if entry.name.startswith(".") else "folder of a system"] += 1
        elif path.is_dir():
            if not recursive:
                left_out["folder inside"] += 1
            elif identity(path) in seen:
                left_out["folder that is read already"] += 1
            else:
                yield from _images(path, recursive, left_out, known, seen)
        elif not path.is_file() and not entry.is_symlink():
            left_out["pipe or device"] += 1
        elif _is_image(path):
            yield path
        elif entry.name not in known:
            left_out[path.suffix.lower() or "no suffix"] += 1


def _is_image(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix and not suffix[1:].isdigit():
        return suffix in IMAGE_SUFFIXES
    try:
        return MARKS.match(head_of(path)) is not None
    except OSError:
        return True  # to open it says what is wrong


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
        if identity(source) == (found.st_dev, found.st_ino):
            raise UsageError(f"{path}: is read by this command: give another file to write to")
    if stat.S_ISREG(found.st_mode) and found.st_size and not ours(path):
        raise UsageError(f"{path}: is there and was not made by this command: give another name, or remove it")


def is_stream(path: Path) -> bool:
    """Return whether a path is a device or a pipe, which is written to and not replaced."""
    return path.is_char_device() or path.is_fifo()


def contents_of(source: Path | int) -> bytes:
    """Return all that a pipe, a device or an open file sends; raise `PageError` where it falls silent or goes on."""
    if os.name != "posix":
        with open(source, "rb", closefd=not isinstance(source, int)) as whole:
            return whole.read(MOST_BYTES)
    import select

    parts: list[bytes] = []
    size = 0
    file = os.dup(source) if isinstance(source, int) else os.open(source, os.O_RDONLY | os.O_NONBLOCK)
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


def identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from every other one, whatever leads to it; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def head_of(path: Path) -> bytes:
    """Return the first bytes of a file, by which it is told who made it; none of what is no file."""
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(HEAD)


def locked(file: IO[Any]) -> bool:
    """Lock an open file for this process until it is closed; return False where another process holds it."""
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def short(name: str) -> str:
    """Return a file's name with room for something before it: the end of a long one, and what tells it from others."""
    if len(os.fsencode(name)) <= LONG_NAME:
        return name
    return f"{zlib.crc32(os.fsencode(name)):08x}-{name[-40:]}"


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
    unfinished = target.with_name(f"{UNFINISHED}{os.getpid()}-{short(target.name)}")
    with naming(path, unfinished):
        try:
            yield unfinished
            unfinished.replace(target)
        finally:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)


@contextmanager
def naming(path: Path, unfinished: Path | None = None) -> Iterator[None]:
    """Let an error of writing name `path`: a full disk does not say for whom, and nobody typed `unfinished`."""
    try:
        yield
    except OSError as error:
        if error.filename not in (None, str(unfinished), unfinished):
            raise
        raise OSError(error.errno or errno.EIO, error.strerror or str(error), str(path)) from error
