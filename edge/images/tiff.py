"""TIFF: which of its pictures are pages, and which forms of pixels are read rightly."""

from typing import Any

from edge.errors import PageError

SUBFILE, BITS, PHOTOMETRIC, PLANES = 254, 258, 262, 284  # tags of TIFF 6.0
REDUCED, MASK = 1, 4  # bits of SUBFILE: a smaller form of another picture, a mask of it
MIN_IS_WHITE, SEPARATE = 0, 2
READ = {1, 2, 4, 8, 16}  # bits of a sample


def tiff_pages(image: Any, most: int) -> list[int]:  # noqa: ANN401 - Pillow gives its TIFF images no public type
    """Return the places of the pictures that are pages: thumbnails, reduced forms and masks are none.

    Of more than `most` pictures all count.
    """
    if image.n_frames > most:
        return list(range(image.n_frames))
    found = []
    for place in range(image.n_frames):
        image.seek(place)
        kind = image.tag_v2.get(SUBFILE, 0)
        if not (isinstance(kind, int) and kind & (REDUCED | MASK)):
            found.append(place)
    image.seek(0)
    return found or [0]


def refuse_form(image: Any) -> None:  # noqa: ANN401
    """Raise `PageError` for pixels that Pillow would decode wrongly: 12 bits, and planes of 16 bits."""
    bits = set(_values(image, BITS, 1))
    if not bits <= READ:
        raise PageError(f"has samples of {max(bits)} bits: save it with 8 or 16 bits")
    if bits == {16} and len(_values(image, BITS, 1)) > 1 and image.tag_v2.get(PLANES) == SEPARATE:
        raise PageError("has 16-bit channels in separate planes: save it with 8 bits, or with interleaved channels")


def is_inverted(image: Any) -> bool:  # noqa: ANN401
    """Return whether 16-bit greyscale counts from white, which Pillow does not turn round as it does 8 bits."""
    return getattr(image, "format", None) == "TIFF" and bool(image.tag_v2.get(PHOTOMETRIC) == MIN_IS_WHITE)


def _values(image: Any, tag: int, default: int) -> tuple[int, ...]:  # noqa: ANN401
    found = image.tag_v2.get(tag, default)
    return found if isinstance(found, tuple) else (found,)
