"""PDF: pages drawn by PDFium, within bounds of time and of pixels."""

import ctypes
import math
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from edge.errors import PageError
from edge.images.formats import choose_page

DPI = 200
"""Dots per inch that a page is drawn with: an A4 page then has 2339x1654 pixels, as a scan has."""
POINTS = 72  # a PDF's own units per inch
SECONDS = 60
"""That a page may take to be drawn."""
DEPTH = 4
"""Of forms within forms, in which pictures are looked for."""

_PDFIUM = threading.Lock()
"""PDFium may be in one thread only, at a time."""


def is_pdf(head: bytes) -> bool:
    """Tell a PDF by its first bytes."""
    return b"%PDF-" in head


def count_pdf_pages(source: str | Path | BinaryIO) -> int:
    """Return how many pages a PDF holds; raise `PageError` where it cannot be opened."""
    with _PDFIUM, closing(_open_pdf(source)) as document:
        return len(document)


def draw_pdf_page(source: str | Path | BinaryIO, number: int | None, max_pixels: int) -> Image.Image:
    """Draw a page of a PDF, RGB; raise `PageError` where that cannot be done."""
    with _PDFIUM, closing(_open_pdf(source)) as document:
        document.init_forms()  # else what somebody typed into its fields is missing
        page = document[choose_page(len(document), number)]
        pixels = page.get_width() * page.get_height() * (DPI / POINTS) ** 2
        if pixels > max_pixels:
            raise PageError(f"has {pixels:.0f} pixels at {DPI} dpi, at most {max_pixels} are read: scale it down")
        _refuse_pictures(page, max_pixels)
        return _drawn(page)


def _refuse_pictures(page: Any, max_pixels: int) -> None:  # noqa: ANN401 - the package is optional
    """Raise `PageError` where a picture on the page would take too much memory to be decoded."""
    from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE

    for image in page.get_objects(filter=[FPDF_PAGEOBJ_IMAGE], max_depth=DEPTH):
        width, height = image.get_px_size()
        if width * height > max_pixels:
            raise PageError(f"holds a picture of {width * height} pixels, at most {max_pixels} are read: scale it down")


def _drawn(page: Any) -> Image.Image:  # noqa: ANN401
    """Draw a page as `page.render` does, but give up when it takes too long."""
    import pypdfium2
    from pypdfium2 import raw

    until = time.monotonic() + SECONDS
    width, height = (math.ceil(side * DPI / POINTS) for side in page.get_size())
    bitmap = pypdfium2.PdfBitmap.new_native(width, height, format=raw.FPDFBitmap_BGR)
    bitmap.fill_rect((255, 255, 255, 255), 0, 0, width, height)
    # The callback has to live as long as PDFium may call it.
    too_late = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(raw.IFSDK_PAUSE))(lambda _: time.monotonic() > until)
    pause = raw.IFSDK_PAUSE(version=1, NeedToPauseNow=too_late)
    place = (0, 0, width, height, 0, raw.FPDF_ANNOT)
    status = raw.FPDF_RenderPageBitmap_Start(bitmap, page, *place, pause)
    raw.FPDF_RenderPage_Close(page)
    if status == raw.FPDF_RENDER_TOBECONTINUED:
        raise PageError(f"takes more than {SECONDS} seconds to draw: save the page as a picture")
    if page.formenv:
        raw.FPDF_FFLDraw(page.formenv, bitmap, page, *place)
    picture: Image.Image = bitmap.to_pil()
    return picture.convert("RGB")


def _open_pdf(source: str | Path | BinaryIO) -> Any:  # noqa: ANN401
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
