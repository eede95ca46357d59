"""Formats: which kind a file is by its first bytes, which of its pages is meant, and one that Pillow has to learn."""

from pathlib import Path
from typing import BinaryIO

from edge.errors import PageError

MAX_PAGES = 500
"""Pages of one file that are read: more are no patient's ECGs, and would be answered for hours."""
TIFF_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
HEAD = 1024  # bytes that tell the kind of a file; a PDF may have something before its mark
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def head_of(source: str | Path | BinaryIO) -> bytes:
    """Return the first bytes of a file, which tell its kind; none where there is no such file."""
    if isinstance(source, str | Path):
        try:
            with Path(source).open("rb") as file:
                return file.read(HEAD)
        except OSError:
            return b""
    place = source.tell()
    head = source.read(HEAD)
    source.seek(place)
    return head


def is_heic(head: bytes) -> bool:
    """Tell a HEIC picture by its first bytes."""
    return head[4:8] == b"ftyp" and head[8:12] in HEIC_BRANDS


def is_cut(head: bytes, size: int) -> bool:
    """Tell by its first bytes whether a file is cut short: a TIFF whose table lies beyond its end, or an AVIF."""
    if head[:4] in (b"II*\0", b"MM\0*"):
        return int.from_bytes(head[4:8], "little" if head[:1] == b"I" else "big") >= size
    return head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis")


def is_tiff(head: bytes) -> bool:
    """Tell a TIFF by its first bytes."""
    return head[:4] in TIFF_MARKS


def choose_page(pages: int, number: int | None) -> int:
    """Return the place, from 0, of page `number` of a file with so many; refuse to choose one of several by itself."""
    if number is None:
        if pages > MAX_PAGES:
            raise PageError(f"holds {pages} pages, at most {MAX_PAGES} are read: split it")
        if pages > 1:
            raise PageError(f"holds {pages} pages: save each as a picture of its own")
    if not 1 <= (number or 1) <= pages:
        raise PageError(f"has no page {number or 1}: give another")
    return (number or 1) - 1


def learn_heic() -> None:
    """Teach Pillow to open HEIC; raise `PageError` where the package for it is missing."""
    try:
        import pillow_heif
    except ImportError as error:
        raise PageError("is a HEIC picture, which pillow-heif reads: pip install pillow-heif") from error
    pillow_heif.register_heif_opener()
