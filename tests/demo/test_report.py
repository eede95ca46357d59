"""The report that is taken home: what it says, and what it does not show."""

from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from PIL import Image

from demo_views.reading import read
from demo_views.report import write_report
from demo_views.texts import TEXTS, Words
from edge import Classifier
from edge.images.masking import BLOCKS, FOOTER, HEADER, blurred
from edge.shipped import shipped_model
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier(shipped_model())


def text_of(pdf: Path) -> str:
    document = pypdfium2.PdfDocument(pdf)
    assert len(document) == 1
    return " ".join(document[0].get_textpage().get_text_range().split())


@pytest.mark.parametrize("language", TEXTS)
def test_it_says_the_answer_the_model_and_what_this_is_not(
    language: str, classifier: Classifier, tmp_path: Path
) -> None:
    words, page = Words(language), tmp_path / "Jane Doe 1970.jpg"
    page.write_bytes((ROOT / "examples" / "myocardial_infarction-scan.jpg").read_bytes())
    reading = read(classifier, page)
    pdf, png = write_report(reading, classifier.contract, "ecg_int8.onnx", words, tmp_path)
    said = text_of(pdf)
    label = words.label("myocardial_infarction")
    assert label[:1].upper() + label[1:] in said
    for text in (words("warning").strip("*"), words("report_masked"), "ecg_int8.onnx", "96%", words("report_title")):
        assert " ".join(text.split()) in said
    assert "Jane" not in said
    assert b"Jane" not in pdf.read_bytes()
    with Image.open(png) as picture:
        assert picture.size == (1240, 1753)


def test_nothing_stands_above_and_below_unless_it_is_asked_for(classifier: Classifier, tmp_path: Path) -> None:
    source = Image.open(ROOT / "examples" / "normal-clean.jpg").convert("RGB")
    hidden = np.asarray(blurred(source))
    shown = np.asarray(source)
    top, bottom = round(HEADER * source.height), round((1 - FOOTER) * source.height)
    assert (hidden[top:bottom] == shown[top:bottom]).all()
    side = source.width // BLOCKS
    for part in (hidden[:top], hidden[bottom:]):
        assert len(np.unique(part.reshape(-1, 3), axis=0)) <= (BLOCKS + 2) * (len(part) // side + 1)
    reading = read(classifier, ROOT / "examples" / "normal-clean.jpg")
    words = Words("en")
    for with_header in (False, True):
        pdf, _ = write_report(reading, classifier.contract, "m", words, tmp_path, with_header=with_header)
        assert (words("report_masked") in text_of(pdf)) != with_header


def test_a_rejected_picture_has_a_report_without_classes(classifier: Classifier, tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)).save(tmp_path / "noise.png")
    reading = read(classifier, tmp_path / "noise.png")
    assert reading.prediction.status == "rejected"
    pdf, _ = write_report(reading, classifier.contract, "m", Words("en"), tmp_path)
    said = text_of(pdf)
    assert Words("en")("status_rejected") in said
    assert "%" not in said


def test_a_page_that_cannot_be_read_has_none(classifier: Classifier, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_text("no picture")
    reading = read(classifier, tmp_path / "bad.jpg")
    assert reading.prediction.error == "bad.jpg: is not a picture" + reading.prediction.error.partition("picture")[2]
    with pytest.raises(ValueError, match="no report"):
        write_report(reading, classifier.contract, "m", Words("en"), tmp_path)
