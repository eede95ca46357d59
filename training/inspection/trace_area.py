"""Where on an ECG image the traces are, and what lies above and below them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from edge.images.page import open_page
from training.inspection.trace import Trace, isolated, trace_span

MARGIN = 0.005  # share of the height that stays free above and below the traces: less than the gap to a line of text
STEP = 8  # pixels: a little more than a trace is thick at a model's size


def turned_back(mask: np.ndarray, trace: Trace, height: int, width: int, *, corners: bool = False) -> np.ndarray:
    """Return a mask, bool, of the straightened trace as it lies on the image: uint8 (height, width), 255 where true.

    `corners` says what it is where the straightened trace has no pixels.
    """
    picture = Image.fromarray(mask.astype(np.uint8) * 255).rotate(-trace.angle, fillcolor=255 * corners)
    return np.asarray(picture.resize((width, height), Image.Resampling.BOX))


def header_and_footer(trace: Trace, height: int, width: int) -> np.ndarray:
    """Return what lies above and below the traces, bool (height, width); nowhere true where no trace is found."""
    top, bottom = trace_span(trace)
    rows = (np.arange(len(trace.ink)) + 0.5)[:, np.newaxis] / len(trace.ink)
    outside = np.broadcast_to((rows < top - MARGIN) | (rows > bottom + MARGIN), trace.ink.shape)
    return turned_back(outside, trace, height, width, corners=bool(outside.any())) > 127


@dataclass(frozen=True)
class TraceArea:
    """Say where on an image, as a model takes it, the traces are, and what lies above and below them."""

    ink: np.ndarray
    """bool (height, width): pixels of a trace, with a little around them."""
    outside: np.ndarray
    """bool (height, width): header and footer; nowhere true where no trace is found."""

    @classmethod
    def of(cls, path: Path, height: int, width: int) -> "TraceArea":
        """Find the traces of an image file."""
        trace = isolated(open_page(path))
        ink = turned_back(ndimage.maximum_filter(trace.ink > 0, 5), trace, height, width) > 0
        return cls(ink, header_and_footer(trace, height, width))

    def without_header(self, pixels: np.ndarray) -> np.ndarray:
        """Return an image, uint8 (height, width, 3), whose header and footer have the colour of their paper."""
        if not self.outside.any():
            return pixels
        changed = pixels.copy()
        changed[self.outside] = np.median(pixels[self.outside], axis=0)
        return changed

    def without_traces(self, pixels: np.ndarray) -> np.ndarray:
        """Return an image, uint8 (height, width, 3), with paper from above or below in place of the traces."""
        changed, left = pixels.copy(), self.ink.copy()
        for shift in (sign * step for step in range(STEP, len(left) // 2, STEP) for sign in (1, -1)):
            found = left & ~np.roll(self.ink, shift, axis=0)
            changed[found] = np.roll(pixels, shift, axis=0)[found]
            left &= ~found
        return changed
