"""Masking: headers of ECG images name people, so reports show what lies above and below the traces as coarse blocks."""

import math
from pathlib import Path

import numpy as np
from PIL import Image

from edge.images.page import open_page
from training.inspection.trace import isolated, trace_span
from training.inspection.trace_area import header_and_footer

BLOCKS = 24  # across the width: a block is twice as high as the largest letters of a header


def shown(picture: Path | Image.Image | np.ndarray, *, show_header: bool) -> Image.Image:
    """Return a picture as a report shows it: a file, an RGB image, or uint8 (height, width, 3), RGB.

    Unless `show_header`, everything above the first and below the last row of the traces becomes coarse blocks; where
    no trace is found, the whole picture does. The rest keeps its pixels: text between the traces stays readable.
    """
    if isinstance(picture, Path):
        opened = open_page(picture)
    else:
        opened = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    return opened if show_header else masked(opened)


def masked(opened: Image.Image) -> Image.Image:
    """Return an upright RGB image with its header and footer masked."""
    trace = isolated(opened)
    if math.isnan(trace_span(trace)[0]):
        return _coarse(opened)
    mask = Image.fromarray(header_and_footer(trace, opened.height, opened.width))
    return Image.composite(_coarse(opened), opened, mask)


def _coarse(opened: Image.Image) -> Image.Image:
    """Return the image in blocks of one colour each."""
    size = BLOCKS, max(1, round(BLOCKS * opened.height / opened.width))
    return opened.resize(size, Image.Resampling.BOX).resize(opened.size, Image.Resampling.NEAREST)
