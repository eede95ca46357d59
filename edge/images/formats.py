"""Documents: files that hold several pages, and formats that Pillow reads with another package's help alone."""

import threading
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from edge.errors import PageError

MAX_PAGES = 500
"""Pages of one file that are read: more are no patient's ECGs, and would be answered for hours."""
DPI = 200
"""Dots per inch that a PDF's page is drawn with: an A4 page then has 2339x1654 pixels, as a scan has."""
POINTS = 72  # a PDF's own units per inch

SUFFIXES = frozenset({".pdf", ".heic", ".heif"})
TIFF_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
HEAD = 1024  # bytes that tell the kind of a file; a PDF may have something before its mark
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

_PDFIUM = threading.Lock()
"""PDFium may be in one thread only, at a time."""


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


def is_pdf(head: bytes) -> bool:
    """Tell a PDF by its first bytes."""
    return b"%PDF-" in head


def is_tiff(head: bytes) -> bool:
    """Tell a TIFF by its first bytes."""
    return head[:4] in TIFF_MARKS


def count_pdf_pages(source: str | Path | BinaryIO) -> int:
    """Return how many pages a PDF holds; raise `PageError` where it cannot be opened."""
    with _PDFIUM, closing(_open_pdf(source)) as document:
        return len(document)


def refuse_several(pages: int) -> None:
    """Raise `PageError` for a file that should be one page, and has another number."""
    if pages > MAX_PAGES:
        raise PageError(f"holds {pages} pages, at most {MAX_PAGES} are read: split it")
    if pages > 1:
        raise PageError(f"holds {pages} pages: save each as a picture of its own")


def open_document(source: str | Path | BinaryIO, number: int | None, max_pixels: int) -> Image.Image | None:
    """Open a page of a PDF as a picture, or teach Pillow HEIC; return None where Pillow opens the file itself.

    Raises `PageError` where the package for it is missing, or the PDF is none.
    """
    head = head_of(source)
    if is_pdf(head):
        with _PDFIUM:
            return _draw(source, number, max_pixels)
    if head[4:8] == b"ftyp" and head[8:12] in HEIC_BRANDS:
        try:
            import pillow_heif
        except ImportError as error:
            raise PageError("is a HEIC picture, which pillow-heif reads: pip install pillow-heif") from error
        pillow_heif.register_heif_opener()
    return None


def _open_pdf(source: str | Path | BinaryIO) -> Any:  # noqa: ANN401 - the package is optional
    try:
        import pypdfium2
    except ImportError as error:
        raise PageError("is a PDF, which pypdfium2 reads: pip install pypdfium2") from error
    try:
        return pypdfium2.PdfDocument(source)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error):
            raise PageError("is a PDF with a password: save it without one") from error
        raise PageError(f"is a PDF that cannot be opened ({error}): export the page again") from error


def _draw(source: str | Path | BinaryIO, number: int | None, max_pixels: int) -> Image.Image:
    with closing(_open_pdf(source)) as document:
        if number is None:
            refuse_several(len(document))
        if not 1 <= (number or 1) <= len(document):
            raise PageError(f"has no page {number or 1}: give another")
        page = document[(number or 1) - 1]
        pixels = page.get_width() * page.get_height() * (DPI / POINTS) ** 2
        if pixels > max_pixels:
            raise PageError(f"has {pixels:.0f} pixels at {DPI} dpi, at most {max_pixels} are read: scale it down")
        picture: Image.Image = page.render(scale=DPI / POINTS).to_pil()
        return picture.convert("RGB")
