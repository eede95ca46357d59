"""A page as a machine prints it: grid, calibration pulses, traces, lead names, header and footer."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import signal

from edge.errors import UsageError
from training.synthetic.paper.header import Text, personal, printed
from training.synthetic.paper.layout import GRIDS, LAYOUTS, LeadBox, Style, lead_boxes
from training.synthetic.signals.recording import LEADS, RATE, Recording

INK = (10, 10, 12)
SUBPIXEL = 4  # bits of a pixel's fraction that OpenCV's lines keep
FINE_DPI = 150  # pages of less are drawn at twice their size and averaged: smooth traces, and dots as printers set them


@dataclass(frozen=True)
class PrintedPage:
    """Hold a page as it was printed."""

    pixels: np.ndarray
    """uint8 (height, width, 3), RGB."""
    boxes: tuple[LeadBox, ...]
    """Where each lead stands, mm."""
    scale: float
    """Pixels per mm."""


def print_page(recording: Recording, style: Style, rng: np.random.Generator) -> PrintedPage:
    """Print a recording; `rng` makes up the header. Traces are cut at the grid's edges, as printers do."""
    magnified = 2 if style.dpi < FINE_DPI else 1
    scale = magnified * style.dpi / 25.4
    page = _printed_paper(style, magnified).copy()
    leads = _filtered(recording.leads, style)
    boxes = lead_boxes(style)
    for box in boxes:
        line = _trace(leads, box, style)
        # What is drawn at twice the size needs no soft edges of its own, and printers have none.
        _line(page, line * scale, style.line * scale, smooth=magnified == 1)
    _write(page, style, personal(style, recording.parameters, _rate(recording), rng), scale)
    if magnified > 1:
        page = cv2.resize(page, style.pixels, interpolation=cv2.INTER_AREA)
    return PrintedPage(page, tuple(boxes), style.dpi / 25.4)


def altered_mask(recording: Recording, style: Style) -> np.ndarray:
    """Return where the disease altered a trace of the page, bool (height, width), with a millimetre around it."""
    scale, leads = style.dpi / 25.4, _filtered(recording.leads, style)
    mask = np.zeros(style.pixels[::-1], np.uint8)
    for box in lead_boxes(style):
        line = _trace(leads, box, style) * scale
        altered = recording.altered[LEADS.index(box.lead), box.samples]
        edges = np.flatnonzero(np.diff(altered, prepend=False, append=False))
        for begin, end in zip(edges[::2], edges[1::2], strict=True):
            _line(mask, line[begin : max(end, begin + 2)], (style.line + 2) * scale, 255)
    return mask > 0


def _filtered(leads: np.ndarray, style: Style) -> np.ndarray:
    """Return the leads as the machine's filter leaves them (without its delay)."""
    if style.band is None:
        return leads
    sections = signal.butter(2, style.band, "bandpass", fs=RATE, output="sos")
    # Mirrored at the ends: turned about its last value, as is usual, a beat that is cut off becomes a wave of its own.
    return signal.sosfiltfilt(sections, leads, axis=1, padtype="even", padlen=2 * RATE)


def _trace(leads: np.ndarray, box: LeadBox, style: Style) -> np.ndarray:
    """Return the line of a lead in mm, float (n, 2), x and y."""
    volts = leads[LEADS.index(box.lead), box.samples]
    x = box.left + np.arange(volts.size) / RATE * style.speed
    y = np.clip(box.baseline - volts * style.gain, style.area[1] + 0.5, style.area[3] - 0.5)
    return np.stack([x, y], axis=1)


def _line(
    picture: np.ndarray,
    points: np.ndarray,
    width: float,
    colour: tuple[int, int, int] | int = INK,
    smooth: bool = False,
) -> None:
    """Draw a line through float (n, 2), in pixels whose centres are at whole numbers plus a half."""
    fixed = np.round((points - 0.5) * (1 << SUBPIXEL)).astype(np.int32)
    kind = cv2.LINE_AA if smooth else cv2.LINE_8
    cv2.polylines(picture, [fixed], False, colour, max(1, round(width)), kind, SUBPIXEL)


@lru_cache(maxsize=4)
def _printed_paper(style: Style, magnified: int) -> np.ndarray:
    """Return what is the same on every page of a style: paper, grid, pulses, separators, lead names."""
    scale = magnified * style.dpi / 25.4
    width, height = (magnified * side for side in style.pixels)
    page = np.full((height, width, 3), 255, np.uint8)
    _draw_grid(page, style, scale)
    boxes = lead_boxes(style)
    for box in boxes:
        if box.first and style.pulse:
            _line(page, _pulse(box, style) * scale, 0.75 * style.line * scale)
    _draw_separators(page, style, boxes, scale)
    image = Image.fromarray(page)
    draw, font = ImageDraw.Draw(image), find_font(style.font, 3.4 * scale)
    for box in boxes:
        draw.text((box.left * scale, (box.baseline - 1.2) * scale), box.lead, INK, font, anchor="ls")
    page = np.asarray(image).copy()
    if style.header == "report":
        for y in (17.27, 18.03):
            corners = (np.array([(style.area[0], y), (273.4, y + 0.38)]) * scale).round().astype(int).tolist()
            cv2.rectangle(page, *corners, (0, 0, 0), -1)
    _write(page, style, printed(style), scale)
    return page


def _draw_grid(page: np.ndarray, style: Style, scale: float) -> None:
    """Draw a thin line or row of dots each mm, a strong one each five."""
    grid = GRIDS[style.grid]
    left, top, right, bottom = (round(edge * scale) for edge in style.area)
    page[top:bottom, left:right] = grid.paper
    every, strong, half = (
        [
            np.round(np.arange(begin, end, step) * scale).astype(int)
            for begin, end in (style.area[::2], style.area[1::2])
        ]
        for step in (1, 5, 0.5)
    )  # each: columns, rows
    if grid.dots:
        # One dot of a 200 dpi printer a mm, along the strong lines one each half mm, none right of them.
        size = max(1, round(0.127 * scale))
        columns = every[0][np.arange(every[0].size) % 5 != 1]
        dotted = half[0][~np.isin(np.arange(half[0].size) % 10, (1, 2))]
        for row, column in np.ndindex(size, size):
            page[np.ix_(every[1] + row, columns + column)] = grid.thin
            page[np.ix_(strong[1] + row, dotted + column)] = grid.strong
            page[np.ix_(half[1] + row, strong[0] + column)] = grid.strong
    elif grid.thin:
        for (columns, rows), colour, wide in ((every, grid.thin, 0.1), (strong, grid.strong, 0.2)):
            for shift in range(max(1, round(wide * scale))):
                page[top:bottom, np.minimum(columns + shift, right - 1)] = colour
                page[np.minimum(rows + shift, bottom - 1), left:right] = colour
    if grid.frame:
        cv2.rectangle(page, (left, top), (right, bottom), grid.frame, max(1, round(0.4 * scale)))


def _pulse(box: LeadBox, style: Style) -> np.ndarray:
    """Return the line of a calibration pulse of 1 mV in mm, float (6, 2)."""
    foot, top = box.baseline, box.baseline - style.gain
    fall = box.left - 4.0
    rise = fall - style.pulse
    return np.array([(rise - 1, foot), (rise, foot), (rise, top), (fall, top), (fall, foot), (fall + 1, foot)])


def _draw_separators(page: np.ndarray, style: Style, boxes: list[LeadBox], scale: float) -> None:
    """Draw a line between the columns of leads, or a tick in each row."""
    columns = max(map(len, LAYOUTS[style.layout]))
    inner = [box for box in boxes if not box.first]
    for left in sorted({box.left for box in inner}) if columns > 1 else []:
        here = [box for box in inner if box.left == left]
        spans = [(here[0].baseline - 5, here[-1].baseline + 5)] if style.separators else []
        for top, bottom in spans or [(box.baseline - 3, box.baseline + 3) for box in here]:
            _line(page, np.array([(left, top), (left, bottom)]) * scale, (0.36 if style.separators else 0.25) * scale)


@lru_cache(maxsize=32)
def find_font(name: str, size: float = 12) -> ImageFont.FreeTypeFont:
    """Return a font by its name, matplotlib's own or an installed one, or by the path of a TrueType file."""
    bundled = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{name}.ttf")
    try:
        return ImageFont.truetype(str(bundled if bundled.is_file() else name), size)
    except OSError as error:
        raise UsageError(f"{name}: no such font is installed: give the path of a TrueType file") from error


def _write(page: np.ndarray, style: Style, texts: Sequence[Text], scale: float) -> None:
    """Write texts on a page; only the strips above and below the grid are touched."""
    top, bottom = (round(edge * scale) for edge in (style.area[1] - 0.3, style.area[3] + 0.5))
    for strip, first, here in ((page[:top], 0, True), (page[bottom:], bottom, False)):
        image = Image.fromarray(strip)
        draw = ImageDraw.Draw(image)
        for text in texts:
            if (text.y < style.area[1]) == here:
                at = (text.x * scale, text.y * scale - first)
                draw.text(at, text.text, INK, find_font(style.font, round(text.size * scale)), anchor=text.anchor)
        strip[:] = np.asarray(image)


def _rate(recording: Recording) -> int:
    """Return the heart rate in beats a minute: the stated one, else by the steepest slopes of all leads."""
    if "rate" in recording.parameters:
        return round(float(recording.parameters["rate"]))
    leads = recording.leads
    slope = np.abs(np.diff(leads, axis=1)).sum(axis=0)
    smooth = np.convolve(slope, np.ones(40) / 40, "same")
    peaks, _ = signal.find_peaks(smooth, height=0.4 * smooth.max(), distance=0.25 * RATE)
    return round(60 * RATE / np.median(np.diff(peaks))) if len(peaks) > 1 else 60
