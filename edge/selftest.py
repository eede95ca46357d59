"""The self-test: whether this machine gives the answers that the exporting machine gave."""

import hashlib
import json
import platform
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import onnxruntime
import PIL
from PIL import Image

from edge.classifier import Classifier
from edge.errors import ModelError
from edge.images.page import open_page
from edge.images.preprocessing import Preprocessing, load_page

CHECK_KEY = "ecg_check"
"""Name of the ONNX metadata entry with the answers of the exporting machine, as JSON."""
PARITY_KEY = "ecg_parity"
"""Name of the ONNX metadata entry with the comparison with the Keras model at export: rows of a table, as JSON."""

LARGEST = {"float32": 1e-3, "int8": 0.2}
"""Largest difference of a logit: engines add in another order, and int8 may then round another way."""

BEAT = (0, 0, 3, 6, 8, 6, 3, 0, 0, -6, 40, 92, 40, -22, -8, 0, 2, 5, 9, 14, 18, 19, 16, 10, 4, 1, 0, 0, 0, 0)
"""One beat, 30 steps of 30 ms, in hundredths of a millivolt."""


@dataclass(frozen=True)
class Answer:
    """Hold what a machine made of one picture."""

    picture: str
    """Its name."""
    pixels: str
    """Digest of its pixels as the model takes them."""
    logits: tuple[float, ...]
    """Rounded to five digits."""


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


def selftest_pictures(preprocessing: Preprocessing) -> dict[str, bytes]:
    """Return the files of the self-test by name: what the device is given, in the formats that it is given."""
    return {
        "colour.png": _encoded(Image.fromarray(draw(1106, 786, 40)), "PNG"),
        "grey.png": _encoded(Image.fromarray(draw(900, 640, 55)).convert("L"), "PNG"),
        "large.jpg": _encoded(Image.fromarray(draw(2213, 1572, 33)), "JPEG", quality=90),
        "high.png": _encoded(Image.fromarray(draw(*high_size(preprocessing), 47)).convert("L"), "PNG"),
    }


def high_size(preprocessing: Preprocessing) -> tuple[int, int]:
    """Return width and height of a picture whose height shrinks by more than twice as many pixels as its width.

    For such sizes Pillow's main branch (pull request 9549, after 12.3) resizes vertically first, which moves a tenth of
    the bytes by a level. No blocks are averaged before: that begins at four times the model's size.
    """
    return max(64, preprocessing.width * 5 // 4), max(64, preprocessing.height * 3)


def _encoded(page: Image.Image, form: str, **settings: int) -> bytes:
    file = BytesIO()
    page.save(file, format=form, **settings)
    return file.getvalue()


def answers(classifier: Classifier) -> list[Answer]:
    """Return what this machine makes of the pictures."""
    found = []
    for name, content in selftest_pictures(classifier.contract.preprocessing).items():
        pixels = load_page(open_page(BytesIO(content)), classifier.contract.preprocessing)
        logits = classifier.run(pixels[np.newaxis]).logits[0]
        digest = hashlib.sha256(pixels.tobytes()).hexdigest()[:16]
        found.append(Answer(name, digest, tuple(round(float(logit), 5) for logit in logits)))
    return found


def to_json(found: list[Answer]) -> str:
    """Return answers as the model file carries them."""
    return json.dumps([[answer.picture, answer.pixels, answer.logits] for answer in found])


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Hold how this machine's answer for one picture differs from the exporting machine's."""

    picture: str
    """Its name."""
    same_pixels: bool
    """Whether the model takes the same pixels here."""
    logits_difference: float
    """Largest absolute difference of a logit."""
    tolerance: float
    """What a logit may differ by."""

    @property
    def logits_agree(self) -> bool:
        """Return whether the logits are near enough; a NaN is not."""
        return self.logits_difference <= self.tolerance

    @property
    def passed(self) -> bool:
        """Return whether this machine answers as the exporting one did."""
        return self.same_pixels and self.logits_agree


def compare(classifier: Classifier) -> list[Comparison]:
    """Compare this machine's answers with those that the model file carries.

    Raises `ModelError` for a model without answers to compare with.
    """
    try:
        expected = [
            Answer(picture, pixels, tuple(map(float, logits)))
            for picture, pixels, logits in json.loads(classifier.metadata[CHECK_KEY])
        ]
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(f"{classifier.path}: has no answers to check this machine by: export the .h5 again") from error
    given, compared = {answer.picture: answer for answer in answers(classifier)}, []
    for wanted in expected:
        ours = given.get(wanted.picture)
        if ours is None or len(ours.logits) != len(wanted.logits):
            raise ModelError(f"{classifier.path}: its self-test is another program's: use the version that exported it")
        differences = [abs(one - other) for one, other in zip(ours.logits, wanted.logits, strict=True)]
        compared.append(
            Comparison(
                picture=wanted.picture,
                same_pixels=ours.pixels == wanted.pixels,
                logits_difference=max(differences),
                tolerance=LARGEST[classifier.contract.precision],
            )
        )
    return compared


def machine() -> str:
    """Return processor and versions, on which the answers depend."""
    return (
        f"{platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}, "
        f"Pillow {PIL.__version__}, onnxruntime {onnxruntime.__version__}"
    )
