"""A sheet: every image with its heatmap and its answer, in one picture that can be sent or printed."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps
from PIL.PngImagePlugin import PngInfo

from edge.commands.terminal import notice
from edge.contract import Contract
from edge.files import head_of, replacing
from edge.heatmap import contributions, overlay
from edge.prediction import Prediction, Status

COLUMNS = 3
PANEL = (640, 456)  # pixels, width and height of an image: its traces can be read
CAPTION = 64  # pixels below each image
MARGIN = 12
BACKGROUND, INK, SOFT, RIGHT, WRONG = "white", "#1f2a44", "#5c6675", "#1b7a43", "#b3261e"
COLOURS = {Status.OK: RIGHT, Status.UNCERTAIN: SOFT, Status.REJECTED: WRONG}

MADE_BY = "ecg-edge sheet"


def is_sheet(path: Path) -> bool:
    """Return whether a file is a sheet of this program, by its beginning."""
    return MADE_BY.encode() in head_of(path)


class Sheet:
    """Collect answers as they come; `write` puts them into one PNG."""

    def __init__(self) -> None:
        """Begin empty."""
        self._panels: list[Image.Image] = []

    def add(self, found: Prediction, page: Image.Image, heatmap: np.ndarray) -> None:
        """Add an answer with its page, RGB, and its heatmap, float32 (rows, columns, classes)."""
        small = ImageOps.contain(page, PANEL, Image.Resampling.LANCZOS)
        if found.label is not None:
            small = overlay(small, contributions(heatmap, list(found.probabilities).index(found.label)))
        panel = Image.new("RGB", (PANEL[0], PANEL[1] + CAPTION), BACKGROUND)
        panel.paste(small, ((PANEL[0] - small.width) // 2, (PANEL[1] - small.height) // 2))
        draw = ImageDraw.Draw(panel)
        name = Path(found.image).name if found.page is None else f"{Path(found.image).name}, page {found.page}"
        draw.text((0, PANEL[1] + 6), _fitting(name), SOFT, _font(16))
        draw.text((0, PANEL[1] + 30), _fitting(_answer(found), 22), COLOURS[found.status], _font(22))
        self._panels.append(panel)

    def write(self, path: Path, contract: Contract) -> None:
        """Write the PNG; nothing where no image could be opened."""
        columns = min(COLUMNS, len(self._panels))
        if not columns:
            return
        wide, high = PANEL[0] + MARGIN, PANEL[1] + CAPTION + MARGIN
        rows = -(-len(self._panels) // columns)
        sheet = Image.new("RGB", (columns * wide + MARGIN, rows * high + MARGIN + 36), BACKGROUND)
        for place, panel in enumerate(self._panels):
            sheet.paste(panel, (MARGIN + place % columns * wide, MARGIN + place // columns * high))
        text = _fitting(
            f"{notice(contract)} Red speaks for the class, blue against it.", width=sheet.width - 2 * MARGIN
        )
        ImageDraw.Draw(sheet).text((MARGIN, sheet.height - 34), text, INK, _font(16))
        with replacing(path) as unfinished:
            notes = PngInfo()
            notes.add_text("Software", MADE_BY)
            sheet.save(unfinished, format="PNG", optimize=True, pnginfo=notes)


def _answer(found: Prediction) -> str:
    if found.status is Status.REJECTED:
        return "rejected: looks unlike the training images"
    sure = "" if found.status is Status.OK else "uncertain: "
    return f"{sure}{found.label} {found.probability:.0%}"


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _fitting(text: str, size: int = 16, width: int = PANEL[0]) -> str:
    """Return as much of a text as fits a width, pixels."""
    font = _font(size)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}...") > width:
        text = text[:-1]
    return f"{text}..."
