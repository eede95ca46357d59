"""Opening a page: from a file to one upright RGB picture at its own size, transparency on white."""

import os
import struct
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from edge.errors import PageError
from edge.files import contents_of, is_stream
from edge.images.dicom import inside_dicom, is_dicom
from edge.images.formats import MAX_PAGES, choose_page, head_of, is_cut, is_heic, is_tiff, learn_heic
from edge.images.jpeg import lacks_data, may_lack_data, refuse_scans
from edge.images.pdf import count_pdf_pages, draw_pdf_page, is_pdf
from edge.images.pixels import depth_of, from_array, upright_rgb
from edge.images.tiff import refuse_form, tiff_pages

FORMATS = (
    "JPEG", "PNG", "BMP", "GIF", "PPM", "TIFF", "WEBP", "AVIF", "DIB", "JPEG2000", "PCX", "SGI", "SUN", "TGA",
)  # fmt: skip
"""What Pillow opens by itself; those that need no further import come first."""
KINDS = "JPEG, PNG, BMP, TIFF, WebP, GIF, JPEG 2000, AVIF, PNM, TGA, HEIC, PDF or DICOM"
Source = str | Path | bytes | BinaryIO | Image.Image | np.ndarray
"""What a picture comes from: a path, an encoded file or an open one, a decoded picture, uint8 pixels."""

MIN_SIDE = 64
"""Shortest side in pixels: under this, no lead of a 12-lead ECG image is more than a few pixels high."""
MAX_PIXELS = 89_478_485
"""Where Pillow begins to warn: a quarter of a GiB at 3 bytes a pixel. An A3 page at 600 dpi has 70 million."""

MAX_BYTES = 1 << 30
"""Of a file: 500 scanned pages have a tenth of it."""

UNREADABLE = (
    OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, MemoryError, OverflowError,
    RuntimeError, ZeroDivisionError, struct.error, Image.DecompressionBombError,
)  # fmt: skip
"""What Pillow's readers raise on damaged files, found by feeding them such files."""


def open_page(source: Source, number: int | None = None) -> Image.Image:
    """Open a picture as upright RGB at its own size, transparency on white.

    `source` may be a path, the bytes of a file, an open binary file, a PIL image in any mode, or an array, uint8
    (height, width), (height, width, 3) RGB or (height, width, 4) RGBA.

    `number`, from 1, chooses a page of a TIFF or PDF that holds several; a PDF's page is drawn at 200 dpi.
    16-bit samples keep their upper 8 bits. Of an animation the first picture is meant. Raises
    `PageError` for a file that is missing, damaged, not a picture, too small, too large, or that
    holds several pages while no `number` is given.
    """
    name = name_of(source, number)
    try:
        return _opened(source, number)
    except PageError as error:
        raise PageError(f"{name}: {error}") from None
    except FileNotFoundError:
        raise PageError(f"{name}: no such file: check the path") from None
    except IsADirectoryError:
        try:
            next(Path(str(source)).iterdir(), None)
        except OSError:
            raise PageError(f"{name}: is a folder that may not be read: check its permissions") from None
        raise PageError(f"{name}: is a folder: give a picture") from None
    except PermissionError:
        raise PageError(f"{name}: may not be read: check its permissions") from None
    except Image.DecompressionBombError:
        raise PageError(f"{name}: has more than {MAX_PIXELS} pixels: scale it down") from None
    except UNREADABLE as error:
        if isinstance(error, OSError) and error.errno and error.strerror:  # the system's, not a decoder's
            raise PageError(f"{name}: cannot be read ({error.strerror}): check the path and the disk") from None
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PageError(f"{name}: cannot be decoded ({reason}): export or photograph the page again") from error


def count_pages(source: Source) -> int | None:
    """Return how many pages a TIFF or PDF holds; None where it is one page, or cannot be read as several.

    What is wrong with a file is said by `open_page`.
    """
    if isinstance(source, bytes):
        source = BytesIO(source)
    if isinstance(source, Image.Image | np.ndarray):
        return None
    try:
        head = head_of(source)
        if is_dicom(head):
            inside, frames = inside_dicom(source, 1, MAX_PIXELS)
            return count_pages(inside) if isinstance(inside, bytes) else _several(frames)
        if is_pdf(head):
            pages = count_pdf_pages(source)
        elif is_tiff(head):
            with Image.open(source, formats=("TIFF",)) as image:
                pages = len(tiff_pages(image, MAX_PAGES))
        else:
            return None
    except (PageError, *UNREADABLE):
        return None
    return _several(pages)


def _several(pages: int) -> int | None:
    return pages if 1 < pages <= MAX_PAGES else None


def name_of(source: Source, number: int | None = None) -> str:
    """Return what a picture is called: its path, or what the open file says, and the page where there are several."""
    name = str(source) if isinstance(source, str | Path) else str(getattr(source, "name", "picture"))
    return name if number is None else f"{name}, page {number}"


def _opened(source: Source, number: int | None) -> Image.Image:
    if isinstance(source, np.ndarray):
        source = from_array(source)
    if isinstance(source, Image.Image):
        _refuse_size(source)
        return upright_rgb(source)
    if isinstance(source, bytes):
        source = BytesIO(source)
    elif isinstance(source, str | Path) and is_stream(Path(source)):
        source = BytesIO(contents_of(Path(source)))
    _refuse_bytes(source)
    head = head_of(source)
    if is_dicom(head):
        inside, _ = inside_dicom(source, number, MAX_PIXELS)
        return _opened(inside, number if isinstance(inside, bytes) else None)
    if is_pdf(head):
        drawn = draw_pdf_page(source, number, MAX_PIXELS)
        _refuse_size(drawn)
        return drawn
    formats: tuple[str, ...] = FORMATS
    if is_heic(head):
        learn_heic()
        formats = (*FORMATS, "HEIF")
    begin = 0 if isinstance(source, str | Path) else source.tell()
    try:
        opened = Image.open(source, formats=formats)
    except UnidentifiedImageError:
        raise PageError(_unknown(head, size_of(source))) from None
    with opened as image:
        _refuse_size(image)
        if image.format == "TIFF":
            pages = tiff_pages(image, MAX_PAGES)
            image.seek(pages[choose_page(len(pages), number)])
            _refuse_size(image)
            refuse_form(image)
        elif number is not None:
            choose_page(1, number)
        depth = depth_of(image)
        if "progressive" in image.info:
            refuse_scans(_content(source, begin), image)
        image.load()
        if (
            image.format in ("JPEG", "MPO")
            and may_lack_data(image)
            and lacks_data(_content(source, begin), image, _jpeg)
        ):
            raise PageError("lacks a part of its image data: copy or export it again")
        return upright_rgb(image, depth)


def _unknown(head: bytes, size: int) -> str:
    """Return why nothing knows a file of so many bytes."""
    if is_cut(head, size):
        return "is cut short or damaged: copy it again"
    if is_tiff(head):
        return "is a TIFF whose form of pixels is not read: save it with 8 bits a channel"
    return f"is not a picture in {KINDS}: export it as one"


def _jpeg(content: bytes) -> bytes:
    """Return the pixels of a JPEG as it stores them."""
    with Image.open(BytesIO(content), formats=("JPEG",)) as image:
        return image.tobytes()


def _content(source: str | Path | BinaryIO, begin: int) -> bytes:
    """Return the bytes of a file that is read; `begin` is where it begins in an open one."""
    if isinstance(source, str | Path):
        return Path(source).read_bytes()
    source.seek(begin)
    return source.read()


def _refuse_bytes(source: str | Path | BinaryIO) -> None:
    """Raise `PageError` for a file too large to be one picture, or to be read into memory."""
    size = size_of(source)
    if size > MAX_BYTES:
        raise PageError(f"has {size >> 20} MB, at most {MAX_BYTES >> 20} are read: save a smaller picture")


def size_of(source: str | Path | BinaryIO) -> int:
    """Return the bytes of a file, an open one from its beginning on."""
    if isinstance(source, str | Path):
        return Path(source).stat().st_size
    place, size = source.tell(), source.seek(0, os.SEEK_END)
    source.seek(place)
    return size


def _refuse_size(image: Image.Image) -> None:
    if min(image.size) < MIN_SIDE:
        raise PageError(
            f"is {image.width}x{image.height} pixels, the shorter side must have at least {MIN_SIDE}: "
            "use a larger picture of the page"
        )
    if image.width * image.height > MAX_PIXELS:
        raise PageError(f"has {image.width * image.height} pixels, at most {MAX_PIXELS} are read: scale it down")
