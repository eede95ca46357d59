"""Opening a page: from a file to one upright RGB picture at its own size, transparency on white."""

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from edge.errors import PageError
from edge.images.formats import (
    MAX_PAGES,
    choose_page,
    count_pdf_pages,
    draw_pdf_page,
    head_of,
    is_heic,
    is_pdf,
    is_tiff,
    learn_heic,
)

FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP")
"""What Pillow opens by itself."""

MIN_SIDE = 64
"""Shortest side in pixels: under this, no lead of a 12-lead ECG image is more than a few pixels high."""
MAX_PIXELS = 89_478_485
"""Where Pillow begins to warn: a quarter of a GiB at 3 bytes a pixel. An A3 page at 600 dpi has 70 million."""


UNREADABLE = (
    OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, MemoryError, OverflowError,
    NotImplementedError, ZeroDivisionError, struct.error, Image.DecompressionBombError,
)  # fmt: skip
"""What Pillow's readers raise on damaged files, found by feeding them such files."""


def open_page(source: str | Path | BinaryIO, number: int | None = None) -> Image.Image:
    """Open a picture as upright RGB at its own size, transparency on white.

    `number`, from 1, chooses a page of a TIFF or PDF that holds several; a PDF's page is drawn at 200 dpi.
    16-bit greyscale keeps its upper 8 bits, as Pillow itself does for 16-bit colour. Raises
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
        raise PageError(f"{name}: is a folder: give a picture") from None
    except PermissionError:
        raise PageError(f"{name}: may not be read: check its permissions") from None
    except Image.DecompressionBombError:
        raise PageError(f"{name}: has more than {MAX_PIXELS} pixels: scale it down") from None
    except UnidentifiedImageError:
        raise PageError(
            f"{name}: is not a picture in JPEG, PNG, BMP, TIFF, WebP, HEIC or PDF: export it as one"
        ) from None
    except UNREADABLE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PageError(f"{name}: cannot be decoded ({reason}): export or photograph the page again") from error


def count_pages(source: str | Path | BinaryIO) -> int | None:
    """Return how many pages a TIFF or PDF holds; None where it is one page, or cannot be read as several.

    What is wrong with a file is said by `open_page`.
    """
    try:
        head = head_of(source)
        if is_pdf(head):
            pages = count_pdf_pages(source)
        elif is_tiff(head):
            with Image.open(source, formats=("TIFF",)) as image:
                pages = getattr(image, "n_frames", 1)
        else:
            return None
    except (PageError, *UNREADABLE):
        return None
    return pages if 1 < pages <= MAX_PAGES else None


def name_of(source: str | Path | BinaryIO, number: int | None = None) -> str:
    """Return what a picture is called: its path, or what the open file says, and the page where there are several."""
    name = str(source) if isinstance(source, str | Path) else str(getattr(source, "name", "picture"))
    return name if number is None else f"{name}, page {number}"


def _opened(source: str | Path | BinaryIO, number: int | None) -> Image.Image:
    head = head_of(source)
    if is_pdf(head):
        drawn = draw_pdf_page(source, number, MAX_PIXELS)
        _refuse_size(drawn)
        return drawn
    formats: tuple[str, ...] = FORMATS
    if is_heic(head):
        learn_heic()
        formats = (*FORMATS, "HEIF")
    with Image.open(source, formats=formats) as image:
        _refuse_size(image)
        # A phone's MPO file is a photo with a preview behind it: the first picture is the photo.
        if image.format not in ("MPO", "HEIF"):
            place = choose_page(
                getattr(image, "n_frames", 1) if image.format == "TIFF" or number is None else 0, number
            )
            if place:
                image.seek(place)
                _refuse_size(image)
        ImageOps.exif_transpose(image, in_place=True)
        return _on_white(image)


def _refuse_size(image: Image.Image) -> None:
    if min(image.size) < MIN_SIDE:
        raise PageError(
            f"is {image.width}x{image.height} pixels, the shorter side must have at least {MIN_SIDE}: "
            "use a larger picture of the page"
        )
    if image.width * image.height > MAX_PIXELS:
        raise PageError(f"has {image.width * image.height} pixels, at most {MAX_PIXELS} are read: scale it down")


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):
        return Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise PageError(f"has {image.mode} pixels of 32 bits, whose white is unknown: save it with 8 or 16 bits")
    if image.has_transparency_data:
        colours = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), colours).convert("RGB")
    image.load()
    return image if image.mode == "RGB" else image.convert("RGB")  # a copy of a large page is 14 MB
