"""The self-test: whether this machine gives the answers that the exporting machine gave."""

import hashlib
import json
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image

from edge.classifier import Classifier
from edge.errors import ModelError
from edge.images.page import open_page
from edge.images.preprocessing import load_page

CHECK_KEY = "ecg_check"
"""Name of the ONNX metadata entry with the answers of the exporting machine, as JSON."""

LARGEST = {"float32": 1e-3, "int8": 0.2}
"""Largest difference of a logit: engines add in another order, and int8 may then round another way."""

BEAT = (0, 0, 3, 6, 8, 6, 3, 0, 0, -6, 40, 92, 40, -22, -8, 0, 2, 5, 9, 14, 18, 19, 16, 10, 4, 1, 0, 0, 0, 0)
"""One beat, 30 steps of 30 ms, in hundredths of a millivolt."""


@dataclass(frozen=True)
class Answer:
    """Hold what a machine made of one picture: a digest of its pixels as the model takes them, and the logits."""

    picture: str
    pixels: str
    logits: tuple[float, ...]


def draw(width: int, height: int, period: int) -> np.ndarray:
    """Return a page that looks a little like an ECG, uint8 (height, width, 3), the same on every machine.

    Whole numbers alone are used. `period` is the distance of two beats in steps.
    """
    page = np.full((height, width, 3), 255, np.uint8)
    small = max(height // 150, 3)
    page[::small, :] = page[:, ::small] = (255, 230, 230)
    page[:: 5 * small, :] = page[:, :: 5 * small] = (250, 170, 170)
    beat = np.zeros(period, np.int64)
    beat[: len(BEAT)] = BEAT
    columns = np.arange(width)
    for row in range(6):
        level = beat[(columns * 400 // width + 7 * row) % period]
        line = height * (2 * row + 1) // 12 - level * (row - 2 or 3) * height // 9000
        for thickness in range(max(height // 400, 1)):
            page[np.clip(line + thickness, 0, height - 1), columns] = 0
    return page


def pictures() -> dict[str, bytes]:
    """Return the files of the self-test by name: what the device is given, in the formats that it is given."""
    return {
        "colour.png": _encoded(Image.fromarray(draw(1106, 786, 40)), "PNG"),
        "grey.png": _encoded(Image.fromarray(draw(900, 640, 55)).convert("L"), "PNG"),
        "large.jpg": _encoded(Image.fromarray(draw(2213, 1572, 33)), "JPEG", quality=90),
    }


def _encoded(page: Image.Image, form: str, **settings: int) -> bytes:
    file = BytesIO()
    page.save(file, format=form, **settings)
    return file.getvalue()


def answers(classifier: Classifier) -> list[Answer]:
    """Return what this machine makes of the pictures."""
    found = []
    for name, content in pictures().items():
        pixels = load_page(open_page(BytesIO(content)), classifier.contract.preprocessing)
        logits = classifier.run(pixels[np.newaxis]).logits[0]
        digest = hashlib.sha256(pixels.tobytes()).hexdigest()[:16]
        found.append(Answer(name, digest, tuple(round(float(logit), 5) for logit in logits)))
    return found


def to_json(found: list[Answer]) -> str:
    """Return answers as the model file carries them."""
    return json.dumps([[answer.picture, answer.pixels, answer.logits] for answer in found])


def check(classifier: Classifier) -> tuple[list[str], bool]:
    """Return a line for each picture, and whether this machine answers as the exporting one did.

    Raises `ModelError` for a model without answers to compare with.
    """
    try:
        expected = [
            Answer(picture, pixels, tuple(map(float, logits)))
            for picture, pixels, logits in json.loads(classifier.metadata[CHECK_KEY])
        ]
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(f"{classifier.path}: has no answers to check this machine by: export the .h5 again") from error
    found, lines, passed = {answer.picture: answer for answer in answers(classifier)}, [], True
    most = LARGEST[classifier.contract.precision]
    for wanted in expected:
        given = found.get(wanted.picture)
        if given is None or len(given.logits) != len(wanted.logits):
            raise ModelError(f"{classifier.path}: its self-test is another program's: use the version that exported it")
        difference = max(abs(ours - theirs) for ours, theirs in zip(given.logits, wanted.logits, strict=True))
        same = given.pixels == wanted.pixels
        agree = difference <= most
        passed &= same and agree
        lines.append(
            f"{wanted.picture:12s} {'the same pixels' if same else 'OTHER PIXELS'}, logits differ by {difference:.1e} "
            f"({'at most' if agree else 'MORE THAN'} {most:g})"
        )
    return lines, passed
