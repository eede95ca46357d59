"""Formats: which kind a file is by its first bytes, which of its pages is meant, and those that Pillow cannot open."""

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


def is_heic(head: bytes) -> bool:
    """Tell a HEIC picture by its first bytes."""
    return head[4:8] == b"ftyp" and head[8:12] in HEIC_BRANDS


def is_tiff(head: bytes) -> bool:
    """Tell a TIFF by its first bytes."""
    return head[:4] in TIFF_MARKS


def count_pdf_pages(source: str | Path | BinaryIO) -> int:
    """Return how many pages a PDF holds; raise `PageError` where it cannot be opened."""
    with _PDFIUM, closing(_open_pdf(source)) as document:
        return len(document)


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


def draw_pdf_page(source: str | Path | BinaryIO, number: int | None, max_pixels: int) -> Image.Image:
    """Draw a page of a PDF, RGB; raise `PageError` where that cannot be done."""
    with _PDFIUM, closing(_open_pdf(source)) as document:
        document.init_forms()  # else what somebody typed into its fields is missing
        page = document[choose_page(len(document), number)]
        pixels = page.get_width() * page.get_height() * (DPI / POINTS) ** 2
        if pixels > max_pixels:
            raise PageError(f"has {pixels:.0f} pixels at {DPI} dpi, at most {max_pixels} are read: scale it down")
        picture: Image.Image = page.render(scale=DPI / POINTS).to_pil()
        return picture.convert("RGB")


def learn_heic() -> None:
    """Teach Pillow to open HEIC; raise `PageError` where the package for it is missing."""
    try:
        import pillow_heif
    except ImportError as error:
        raise PageError("is a HEIC picture, which pillow-heif reads: pip install pillow-heif") from error
    pillow_heif.register_heif_opener()


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
