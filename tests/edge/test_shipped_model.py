"""The shipped model: it goes on answering as it did, reads what it is to read, and rejects what is no ECG."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from benchmarks import near_misses
from edge import Classifier
from edge.selftest import PARITY_KEY
from edge.shipped import FOLDER, card, digests, shipped_model
from tests.conftest import ROOT
from training.synthetic.paper.layout import LAYOUTS, LOOKS
from training.synthetic.paper.printed_page import print_page
from training.synthetic.signals.ecg import record
from training.synthetic.signals.hearts import CLASSES, draw_heart

EXAMPLES = sorted((ROOT / "examples").glob("*.jpg"))
GOLDEN = json.loads((Path(__file__).parent / "golden" / "shipped.json").read_text())
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def shipped() -> Classifier:
    return Classifier(shipped_model())


def asked(classifier: Classifier, picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, format="png")
    return str(classifier.predict(file).status)


@pytest.mark.parametrize(("name", "tolerance"), [("ecg.onnx", 1e-3), ("ecg_int8.onnx", 0.05)])
def test_it_answers_the_examples_as_it_did(name: str, tolerance: float) -> None:
    classifier = Classifier(FOLDER / name)
    assert len(EXAMPLES) == len(GOLDEN[name]) == 6
    for image in EXAMPLES:
        found, known = classifier.predict(image), GOLDEN[name][image.name]
        assert (found.label is None) == (known["status"] == "rejected"), image.name
        for label, probability in known["probabilities"].items():
            assert found.probabilities[label] == pytest.approx(probability, abs=tolerance), (image.name, label)


def test_it_is_small_and_its_files_are_those_of_the_list() -> None:
    sizes = {file.name: file.stat().st_size for file in FOLDER.glob("*.onnx")}
    assert sizes.keys() == digests().keys() == {"ecg.onnx", "ecg_int8.onnx"}
    assert sizes["ecg_int8.onnx"] <= 4 * MEGABYTE
    assert sum(sizes.values()) <= 20 * MEGABYTE
    assert (ROOT / "export" / "models" / "ecg.h5").stat().st_size <= 20 * MEGABYTE
    assert sum(image.stat().st_size for image in EXAMPLES) <= 1.5 * MEGABYTE
    for name in sizes:
        assert card(FOLDER / name)
        assert ["images", "194"] in json.loads(Classifier(FOLDER / name).metadata[PARITY_KEY])


def statuses_of(classifier: Classifier, layout: str, looks: list[str]) -> list[str]:
    statuses = []
    for number, look in enumerate(looks):
        rng = np.random.default_rng([number, 11])
        recording = record(draw_heart(CLASSES[number % len(CLASSES)], rng), rng)
        page = print_page(recording, replace(LOOKS[look], layout=layout), rng)
        statuses.append(asked(classifier, Image.fromarray(page.pixels)))
    return statuses


REJECTED = pytest.mark.xfail(strict=True, reason="it rejects one of seven looks in this layout (MODELS.md)")


@pytest.mark.parametrize(
    "layout", [pytest.param(one, marks=[REJECTED] * (one in ("12x1", "3x4", "6x2"))) for one in sorted(LAYOUTS)]
)
def test_it_accepts_pages_of_every_look(shipped: Classifier, layout: str) -> None:
    assert "rejected" not in statuses_of(shipped, layout, sorted(LOOKS))


def test_it_rejects_what_is_no_ecg(shipped: Classifier) -> None:
    rng = np.random.default_rng(1)
    noise = Image.fromarray(rng.integers(0, 256, (600, 800, 3), np.uint8))
    text = Image.new("RGB", (800, 1100), "white")
    for line in range(40):
        ImageDraw.Draw(text).text((60, 40 + 25 * line), "This letter is about something else altogether. " * 2, "black")
    for picture in (noise, text, Image.new("RGB", (800, 600), "white")):
        assert asked(shipped, picture) == "rejected"
    statuses = [asked(shipped, near_misses.picture(kind, 0)) for kind in near_misses.KINDS]
    assert statuses.count("rejected") >= len(statuses) - 1, statuses


def test_it_answers_where_no_model_is_given(edge: Callable) -> None:
    result = edge("predict", EXAMPLES[0])
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(str(EXAMPLES[0]))
    assert "not a medical device" in result.stderr
    told = edge("info").stdout
    assert "efficientnet_lite0" in told
    assert "macro-F1, out of fold" in told
    assert edge("check").returncode == 0
