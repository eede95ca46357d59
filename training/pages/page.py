"""A page as a machine prints it: three rows of four leads, a rhythm strip, grid, header and footer."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from training.pages.signals import LEADS, RATE, SECONDS

WIDTH, HEIGHT = 1106, 786  # pixels
FINE = 2  # drawn this many times larger, then scaled down: smooth traces
MILLIMETRE = 4.1  # pixels; 10 s at 25 mm/s are 1025
SPEED, GAIN = 25.0, 10.0  # mm/s, mm/mV
PAPER = (14, 142, 1092, 760)  # left, top, right, bottom of the grid
LEFT = 52.0  # where the traces begin, after the calibration pulse
ROWS = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"), ("II",))
BASELINES = (235.0, 380.0, 525.0, 680.0)  # pixels from the top
TINTS = (((250, 246, 246), (244, 222, 222), (232, 190, 190)), ((255, 255, 255), (246, 228, 236), (238, 200, 214)))
INK = (25, 25, 28)


def draw_page(signals: np.ndarray, rng: np.random.Generator) -> Image.Image:
    """Draw leads, float (12, n) in millivolt at 500 Hz, as an RGB page of 1106x786 pixels.

    25 mm/s, 10 mm/mV. Header and footer say that the page is drawn; `rng` chooses the paper's tint.
    """
    page = Image.new("RGB", (WIDTH * FINE, HEIGHT * FINE), "white")
    draw = ImageDraw.Draw(page)
    _draw_grid(draw, TINTS[rng.integers(len(TINTS))])
    for row, baseline in zip(ROWS, BASELINES, strict=True):
        _draw_pulse(draw, baseline)
        seconds = SECONDS / len(row)
        for column, lead in enumerate(row):
            start = LEFT + column * seconds * SPEED * MILLIMETRE
            first = int(column * seconds * RATE)
            trace = signals[LEADS.index(lead), first : first + int(seconds * RATE)]
            if column:
                _line(draw, [(start, baseline - 18), (start, baseline + 18)], 1.2)
            _text(draw, (start + 4, baseline - 60), lead, 11)
            x = start + np.arange(trace.size) / RATE * SPEED * MILLIMETRE
            y = np.clip(baseline - trace * GAIN * MILLIMETRE, PAPER[1] + 2, PAPER[3] - 2)
            _line(draw, list(zip(x.tolist(), y.tolist(), strict=True)), 1.3)
    _text(draw, (WIDTH / 2, 20), "ECG REPORT", 17, anchor="ma")
    _text(draw, (16, 22), "ID: drawn        Sex: none        Age: none", 11)
    _text(draw, (16, 66), "Drawn by a program: not a recording of any person", 11)
    _line(draw, [(16, 54), (WIDTH - 16, 54)], 3)
    _text(draw, (16, 764), f"{SPEED:g} mm/s    {GAIN:g} mm/mV    drawn page", 10)
    return page.resize((WIDTH, HEIGHT), Image.Resampling.BOX)


def _draw_grid(draw: ImageDraw.ImageDraw, tint: tuple[tuple[int, int, int], ...]) -> None:
    """Draw the paper: a thin line a millimetre, a strong one every five."""
    paper, thin, strong = tint
    left, top, right, bottom = PAPER
    draw.rectangle([edge * FINE for edge in PAPER], fill=paper, outline=strong, width=FINE)
    for colour, step in ((thin, MILLIMETRE), (strong, 5 * MILLIMETRE)):
        for x in np.arange(left, right, step):
            _line(draw, [(x, top), (x, bottom)], 0.5, colour)
        for y in np.arange(top, bottom, step):
            _line(draw, [(left, y), (right, y)], 0.5, colour)


def _draw_pulse(draw: ImageDraw.ImageDraw, baseline: float) -> None:
    """Draw the calibration pulse: 1 mV for 0.2 s."""
    foot, top = baseline, baseline - GAIN * MILLIMETRE
    rise, fall = LEFT - 6 * MILLIMETRE, LEFT - MILLIMETRE
    _line(draw, [(rise - 8, foot), (rise, foot), (rise, top), (fall, top), (fall, foot), (LEFT, foot)], 1.2)


def _line(
    draw: ImageDraw.ImageDraw, points: list[tuple[float, float]], width: float, colour: tuple[int, int, int] = INK
) -> None:
    draw.line([(x * FINE, y * FINE) for x, y in points], fill=colour, width=max(1, round(width * FINE)))


def _text(draw: ImageDraw.ImageDraw, at: tuple[float, float], text: str, size: int, anchor: str = "la") -> None:
    draw.text((at[0] * FINE, at[1] * FINE), text, fill=INK, font=ImageFont.load_default(size * FINE), anchor=anchor)
