"""DICOM: the PDF or the picture inside it; signals are no picture. No tag of it ever reaches a message."""

import warnings
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from edge.errors import PageError

LEAST_BITS = 8
META, HEAD = 132, 4096  # where the file's own information begins, and a place that is after it
DEFLATED = b"1.2.840.10008.1.2.1.99"
"""The transfer syntax that compresses all that follows."""
MOST_INFLATED = 512 << 20


def is_dicom(head: bytes) -> bool:
    """Tell a DICOM file by its first bytes."""
    return head[128:132] == b"DICM"


def inside_dicom(source: str | Path | BinaryIO, number: int | None, max_pixels: int) -> tuple[bytes | np.ndarray, int]:
    """Return the PDF or the picture inside a DICOM file, uint8 (height, width) or (height, width, 3), and its frames.

    `number` is the frame, from 1, of several. The pages of a PDF are not counted: it has 1. Raises `PageError` for
    signals, other objects, and damaged files.
    """
    try:
        import pydicom
    except ImportError as error:
        raise PageError("is a DICOM file, which pydicom reads: pip install pydicom") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they would tell tags
        try:
            content = Path(source).read_bytes() if isinstance(source, str | Path) else source.read()
            _refuse_deflated(content)
            found = pydicom.dcmread(BytesIO(content))
            if "EncapsulatedDocument" in found:
                return bytes(found.EncapsulatedDocument), 1
            if "WaveformSequence" in found:
                raise PageError("holds signals and no picture: draw them first, in a DICOM viewer or as WFDB records")
            if "PixelData" not in found:
                raise PageError("is a DICOM file without a picture: export the page as one")
            return _picture(found, number, max_pixels), _frames(found)
        except PageError:
            raise
        except Exception as error:  # pydicom's readers raise whatever Python does
            raise PageError(f"is a DICOM file that cannot be read ({type(error).__name__}): export it again") from None


def _refuse_deflated(content: bytes) -> None:
    """Raise `PageError` where the data of a file are compressed as a whole, and far larger than the file."""
    if DEFLATED not in content[META:HEAD]:
        return
    # (0002,0000), four bytes long, says how many bytes of the file's own information follow it
    length = int.from_bytes(content[META + 8 : META + 12], "little")
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    if len(inflater.decompress(content[META + 12 + length :], MOST_INFLATED + 1)) > MOST_INFLATED:
        raise PageError(f"has more than {MOST_INFLATED >> 20} MB when it is inflated: export it again")


def _picture(found: Any, number: int | None, max_pixels: int) -> np.ndarray:  # noqa: ANN401 - pydicom's data set
    from pydicom.pixels.processing import apply_color_lut
    from pydicom.pixels.utils import pixel_array

    pixels, frames = int(found.Rows) * int(found.Columns), _frames(found)
    if pixels > max_pixels:
        raise PageError(f"has {pixels} pixels, at most {max_pixels} are read: scale it down")
    if int(found.BitsAllocated) != LEAST_BITS:
        raise PageError(f"has samples of {int(found.BitsAllocated)} bits, whose white is unknown: export it with 8")
    if int(found.get("BitsStored", LEAST_BITS)) != LEAST_BITS or int(found.get("PixelRepresentation", 0)):
        raise PageError("has samples of less than 8 bits, or with a sign, whose white is unknown: export it with 8")
    if found.get("PresentationLUTShape", "IDENTITY") != "IDENTITY":
        raise PageError("has levels that its presentation changes: export it as it is shown")
    if frames > 1 and number is None:
        raise PageError(f"holds {frames} pages: save each as a picture of its own")
    if not 1 <= (number or 1) <= frames:
        raise PageError(f"has no page {number}: give another")
    levels = pixel_array(found, index=(number or 1) - 1)
    if found.PhotometricInterpretation == "PALETTE COLOR":
        levels = apply_color_lut(levels, found)
        levels = (levels >> 8 if levels.dtype.itemsize > 1 else levels).astype(np.uint8)
    return 255 - levels if found.PhotometricInterpretation == "MONOCHROME1" else levels


def _frames(found: Any) -> int:  # noqa: ANN401
    return int(found.get("NumberOfFrames") or 1)
