"""What opening an image once tells about it: digests, size, tilt, the trace alone, and where on the image it lies."""

import hashlib
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage
from tqdm import tqdm

from edge.commands.terminal import hide_progress
from edge.errors import PageError
from edge.images.page import open_page
from training.data.loaded_images import EcgImage, digest
from training.data.near_copies import Trace, fingerprint, isolated

log = logging.getLogger(__name__)

GREY = (512, 364)  # pixels, width and height of the small grey image: printed digits can be told
LEAD = 0.2  # share of an image's width; the shortest lead that is printed, 2.5 s, is a little wider
SPAN_MARGIN = 0.005  # share of the height that stays above and below the traces
STEP = 8  # pixels: a little more than a trace is thick at a model's size


@dataclass(frozen=True, kw_only=True)
class InspectedImage:
    """Hold what is kept of an image."""

    image: EcgImage
    """What the data folder says of it."""
    content: str
    """SHA-256 of the file."""
    digest: str
    """SHA-256 of the upright picture."""
    size: tuple[int, int]
    """Width and height, pixels."""
    fingerprint: np.ndarray
    """The trace as `near_copies` compares it, float16 (192, 256)."""
    grey: np.ndarray
    """Small and straightened as the trace is, uint8 (364, 512)."""
    trace_span: tuple[float, float]
    """Where the trace begins and ends, as shares of the height; NaN where there is none."""
    angle: float
    """Degrees by which the image has to be turned so that its rows are level."""


def trace_span(trace: Trace) -> tuple[float, float]:
    """Return where a trace begins and ends, as shares of the height; NaN where there is none.

    Ink narrower than a lead, with empty rows above and below it, is something in the header, not a trace.
    """
    bands = ndimage.find_objects(ndimage.label(trace.ink.any(axis=1))[0])
    wide = [rows for (rows,) in bands if trace.ink[rows].any(axis=0).mean() >= LEAD]
    return (wide[0].start / len(trace.ink), wide[-1].stop / len(trace.ink)) if wide else (np.nan, np.nan)


def straight_grey(opened: Image.Image, trace: Trace) -> np.ndarray:
    """Return an image small, grey and straightened as its trace is, uint8 (364, 512)."""
    grey = opened.convert("L").resize(GREY, Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(grey.rotate(trace.angle, Image.Resampling.BILINEAR, fillcolor=255))


def inspect(image: EcgImage) -> InspectedImage | PageError:
    """Open an image once and keep what is needed; return the error where it cannot be opened."""
    try:
        opened = open_page(image.path)
    except PageError as error:
        return error
    trace = isolated(opened)
    return InspectedImage(
        image=image,
        content=hashlib.sha256(image.path.read_bytes()).hexdigest(),
        digest=digest(opened),
        size=opened.size,
        fingerprint=fingerprint(trace),
        grey=straight_grey(opened, trace),
        trace_span=trace_span(trace),
        angle=trace.angle,
    )


def inspect_all(images: Sequence[EcgImage]) -> tuple[list[InspectedImage], list[str]]:
    """Inspect images; return them, and one line for each that cannot be read."""
    inspected, unreadable = [], []
    log.info("inspecting %d images", len(images))
    with ThreadPoolExecutor() as pool:  # Pillow and SciPy work outside Python's lock
        for found in tqdm(pool.map(inspect, images), total=len(images), unit="image", disable=hide_progress()):
            if isinstance(found, PageError):
                unreadable.append(str(found))
            else:
                inspected.append(found)
    return inspected, unreadable


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
        top, bottom = trace_span(trace)
        rows = (np.arange(len(trace.ink)) + 0.5)[:, np.newaxis] / len(trace.ink)
        outside = np.broadcast_to((rows < top - SPAN_MARGIN) | (rows > bottom + SPAN_MARGIN), trace.ink.shape)
        # Rows are level in the straightened trace; both masks are turned back.
        masks = [
            Image.fromarray(mask.astype(np.uint8) * 255)
            .rotate(-trace.angle, fillcolor=fill)
            .resize((width, height), Image.Resampling.BOX)
            for mask, fill in ((ndimage.maximum_filter(trace.ink > 0, 5), 0), (outside, 255 * bool(outside.any())))
        ]
        return cls(*(np.asarray(mask) > level for mask, level in zip(masks, (0, 127), strict=True)))

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
