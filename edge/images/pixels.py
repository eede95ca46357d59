"""Pixels: from whatever a decoder hands over to upright RGB of 8 bits, transparency on white."""

import numpy as np
from PIL import ExifTags, Image

from edge.errors import PageError
from edge.images.tiff import is_inverted

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
"""What makes a picture upright, by its EXIF orientation."""
EXIF_ERRORS = (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError)


def upright_rgb(image: Image.Image, depth: int = 8) -> Image.Image:
    """Return a decoded picture as upright RGB, transparency on white; raise `PageError` where white is unknown.

    `depth` is how many bits a sample of the file has. A damaged EXIF orientation counts as none.
    """
    try:
        turn = TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except EXIF_ERRORS:
        turn = None
    picture = _on_white(image, depth)
    if turn is None:
        return picture
    upright = picture.transpose(turn)
    upright.info = {}  # whoever opens it again must not turn it again
    return upright


def from_array(pixels: np.ndarray) -> Image.Image:
    """Return an array, uint8 (height, width) or (height, width, 3 or 4), as a picture; raise `PageError` for others."""
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or pixels.shape[2:] not in ((), (3,), (4,)):
        raise PageError(
            f"an array of {pixels.dtype} {pixels.shape} is no picture: give uint8, (height, width) or 3 or 4 channels"
        )
    return Image.fromarray(pixels)


def depth_of(image: Image.Image) -> int:
    """Return how many bits a sample of an opened PNG has, before it is decoded; 8 for other formats."""
    tile = getattr(image, "tile", None)
    form = str(tile[0][3]) if image.format == "PNG" and tile else ""
    return next((bits for mark, bits in ((";16", 16), (";4", 4), (";2", 2)) if mark in form), 8)


def _on_white(image: Image.Image, depth: int) -> Image.Image:
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):
        return _of_16_bits(image)
    if image.mode in ("I", "F"):
        raise PageError("has pixels of 32 bits, or with a sign, whose white is unknown: save it with 8 or 16 bits")
    if image.has_transparency_data:
        transparent = image.info.get("transparency")
        if image.mode == "L" and isinstance(transparent, int) and depth < 8:
            image.info["transparency"] = transparent * 255 // (2**depth - 1)
        elif isinstance(transparent, tuple) and depth == 16:
            image.info["transparency"] = tuple(level >> 8 for level in transparent)
        colours = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), colours).convert("RGB")
    image.load()
    return image if image.mode == "RGB" else image.convert("RGB")  # a copy of a large page is 14 MB


def _of_16_bits(image: Image.Image) -> Image.Image:
    """Return 16-bit greyscale by its upper 8 bits."""
    levels = np.asarray(image).astype(np.uint16)
    upper = (levels >> 8).astype(np.uint8)
    if is_inverted(image):
        upper = 255 - upper
    if isinstance(transparent := image.info.get("transparency"), int):
        upper = np.where(levels == transparent, np.uint8(255), upper)
    return Image.fromarray(upper).convert("RGB")
