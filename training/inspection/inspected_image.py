"""What opening an image once tells about it: digests, size, tilt, the trace alone, and the look of the page."""

import hashlib
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image
from tqdm import tqdm

from edge.commands.terminal import hide_progress
from edge.errors import PageError
from edge.images.page import open_page
from training.data.loaded_images import EcgImage, digest
from training.inspection.near_copies import fingerprint
from training.inspection.page_look import PageLook, page_look
from training.inspection.trace import Trace, isolated, trace_span

log = logging.getLogger(__name__)

GREY = (512, 364)  # pixels, width and height of the small grey image: printed digits can be told


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
    look: PageLook
    """What tells its print from others."""


def straight_grey(opened: Image.Image, trace: Trace) -> np.ndarray:
    """Return an image small, grey and straightened as its trace is, uint8 (364, 512)."""
    grey = opened.convert("L").resize(GREY, Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(grey.rotate(trace.angle, Image.Resampling.BILINEAR, fillcolor=255))


def inspect(image: EcgImage, content: str) -> InspectedImage | PageError:
    """Open an image once and keep what is needed; return the error where it cannot be opened."""
    try:
        return inspected(image, open_page(image.path), content)
    except PageError as error:
        return error


def inspected(image: EcgImage, opened: Image.Image, content: str) -> InspectedImage:
    """Return what is kept of an upright RGB picture; `content` is the SHA-256 of its file."""
    trace = isolated(opened)
    span, grey = trace_span(trace), straight_grey(opened, trace)
    return InspectedImage(
        image=image,
        content=content,
        digest=digest(opened),
        size=opened.size,
        fingerprint=fingerprint(trace),
        grey=grey,
        trace_span=span,
        angle=trace.angle,
        look=page_look(grey, trace.ink, span),
    )


def inspect_all(images: Sequence[EcgImage]) -> tuple[list[InspectedImage], list[str]]:
    """Inspect images, of byte-identical copies one; return them, and one line for each that cannot be read."""
    log.info("inspecting %d images", len(images))
    with ThreadPoolExecutor() as pool:  # Pillow and SciPy work outside Python's lock
        contents = list(pool.map(_content, images))
        first: dict[str, EcgImage] = {}
        for image, content in zip(images, contents, strict=True):
            first.setdefault(content, image)
        results = tqdm(
            pool.map(inspect, first.values(), first), total=len(first), unit="image", disable=hide_progress()
        )
        known = dict(zip(first, results, strict=True))
    found, unreadable = [], []
    for image, content in zip(images, contents, strict=True):
        one = known[content] if image is first[content] else _copy(known[content], image, content)
        if isinstance(one, PageError):
            unreadable.append(str(one))
        else:
            found.append(one)
    return found, unreadable


def _content(image: EcgImage) -> str:
    """Return the SHA-256 of a file; its name where it cannot be read."""
    try:
        return hashlib.sha256(image.path.read_bytes()).hexdigest()
    except OSError:
        return str(image.path)


def _copy(one: InspectedImage | PageError, image: EcgImage, content: str) -> InspectedImage | PageError:
    """Return what is known of a file's byte-identical copy; an error names the copy."""
    return inspect(image, content) if isinstance(one, PageError) else replace(one, image=image)
