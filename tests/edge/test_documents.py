"""Files of several pages, and formats that another package reads: the same pixels, or one line."""

import builtins
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge import Classifier, PageError
from edge.files import find_images
from edge.images.formats import MAX_PAGES
from edge.images.page import open_page
from edge.images.pdf import DPI
from tests.edge.documents import dicom, encrypted, written_pdf

pydicom = pytest.importorskip("pydicom")
pypdfium2 = pytest.importorskip("pypdfium2")
pillow_heif = pytest.importorskip("pillow_heif")


def save_tiff(pages: list[Image.Image], path: Path) -> None:
    pages[0].save(path, save_all=True, append_images=pages[1:])


def save_pdf(pages: list[Image.Image], path: Path) -> None:
    pages[0].save(path, save_all=True, append_images=pages[1:], resolution=DPI, quality=100)


@pytest.mark.parametrize(("suffix", "save", "near"), [("tif", save_tiff, 0), ("pdf", save_pdf, 4)])
def test_every_page_of_a_file_is_answered_as_if_it_stood_alone(
    suffix: str, save: Callable, near: float, page: Image.Image, classifier: Classifier, tmp_path: Path
) -> None:
    pages = [page, page.rotate(180), page.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    file = tmp_path / f"scans.{suffix}"
    save(pages, file)
    for number, alone in enumerate(pages, start=1):
        opened = open_page(file, number)
        assert np.abs(np.subtract(opened.size, alone.size)).max() <= (near > 0)  # PDFium rounds up
        assert np.abs(np.asarray(opened.resize(alone.size), float) - np.asarray(alone)).mean() <= near
    for source in (file, BytesIO(file.read_bytes())):
        found = list(classifier.predict_many([source]))
        assert [(answer.status, answer.page) for answer in found] == [("ok", 1), ("ok", 2), ("ok", 3)]
        assert replace(found[1], image=str(file)) == classifier.predict(file, 2)
        assert len({answer.probability for answer in found}) == 3
    assert found[0].as_record()["page"] == 1


def test_training_never_chooses_a_page_by_itself(page: Image.Image, tmp_path: Path) -> None:
    for suffix, save in (("tif", save_tiff), ("pdf", save_pdf)):
        save([page, page], tmp_path / f"two.{suffix}")
        with pytest.raises(PageError, match="holds 2 pages"):
            open_page(tmp_path / f"two.{suffix}")
        with pytest.raises(PageError, match="has no page 3"):
            open_page(tmp_path / f"two.{suffix}", 3)


def test_a_heic_picture_is_read(page: Image.Image, tmp_path: Path) -> None:
    pillow_heif.from_pillow(page).save(tmp_path / "phone.heic", quality=95)
    opened = open_page(tmp_path / "phone.heic")
    assert opened.size == page.size
    assert np.abs(np.asarray(opened, float) - np.asarray(page)).mean() < 4


def test_dicom_goes_the_way_of_pictures_and_pdfs(page: Image.Image, tmp_path: Path, classifier: Classifier) -> None:
    colours, grey = np.asarray(page), np.asarray(page.convert("L"))
    np.testing.assert_array_equal(open_page(dicom(picture=colours)), colours)
    for name, levels in (("MONOCHROME2", grey), ("MONOCHROME1", 255 - grey)):
        opened = open_page(dicom(picture=levels, photometric=name))
        np.testing.assert_array_equal(opened, page.convert("L").convert("RGB"))
    save_pdf([page, page], tmp_path / "two.pdf")
    (tmp_path / "two.dcm").write_bytes(dicom(document=(tmp_path / "two.pdf").read_bytes()))
    (tmp_path / "frames").write_bytes(dicom(picture=np.stack([colours, 255 - colours])))
    np.testing.assert_array_equal(open_page(tmp_path / "two.dcm", 2), open_page(tmp_path / "two.pdf", 2))
    assert find_images(tmp_path) == [tmp_path / name for name in ("frames", "two.dcm", "two.pdf")]
    found = list(classifier.predict_many([tmp_path / "frames", tmp_path / "two.dcm"]))
    assert [(Path(one.image).name, one.page) for one in found] == [
        ("frames", 1),
        ("frames", 2),
        ("two.dcm", 1),
        ("two.dcm", 2),
    ]
    assert found[0].probabilities == classifier.predict(page).probabilities
    np.testing.assert_array_equal(open_page(tmp_path / "frames", 2), 255 - colours)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda grey: dicom(WaveformSequence=[pydicom.Dataset()]), "holds signals and no picture: draw them first"),
        (lambda grey: dicom(), "is a DICOM file without a picture"),
        (lambda grey: dicom(picture=grey, photometric="MONOCHROME2", bits=16), "samples of 16 bits"),
        (lambda grey: dicom(picture=grey, photometric="MONOCHROME2", BitsStored=4, HighBit=3), "of less than 8 bits"),
        (lambda grey: dicom(picture=grey, photometric="MONOCHROME2", PixelRepresentation=1), "or with a sign"),
        (
            lambda grey: dicom(picture=grey, photometric="MONOCHROME2", PresentationLUTShape="INVERSE"),
            "levels that its presentation changes",
        ),
        (lambda grey: dicom(picture=grey, photometric="MONOCHROME2", Rows=60000, Columns=60000), "pixels, at most"),
        (lambda grey: dicom(picture=grey, photometric="MONOCHROME2", Rows=9000), "cannot be read"),
        (lambda grey: dicom(picture=grey, photometric="SECRET"), "cannot be read"),
        (lambda grey: dicom(picture=grey, photometric="MONOCHROME2")[:5000], "cannot be read"),
        (lambda grey: dicom(picture=np.stack([np.dstack([grey] * 3)] * 2)), "holds 2 pages"),
    ],
)
def test_a_bad_dicom_file_gets_one_line_without_a_tag(
    make: Callable[[np.ndarray], bytes], reason: str, page: Image.Image, capfd: pytest.CaptureFixture
) -> None:
    with pytest.raises(PageError) as refusal:
        open_page(make(np.asarray(page.convert("L"))))
    assert reason in str(refusal.value)
    assert "SECRET" not in str(refusal.value)
    assert capfd.readouterr() == ("", "")


def test_what_was_typed_into_the_fields_of_a_pdf_is_drawn() -> None:
    font = b"<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica-Bold>>>>>>"
    field = b"<</Type/Annot/Subtype/Widget/FT/Tx/T(a)/V(WWWWWWWW)/DA(/F 60 Tf 0 g)/F 4/P 3 0 R/Rect[20 50 280 150]>>"
    parts = [
        b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]/NeedAppearances true/DR" + font + b">>>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Annots[4 0 R]>>",
        field,
    ]
    assert np.asarray(open_page(written_pdf(parts))).min() < 100
    empty = [*parts[:3], field.replace(b"WWWWWWWW", b"")]
    assert np.asarray(open_page(written_pdf(empty))).min() > 200


def many_pages() -> bytes:
    document = pypdfium2.PdfDocument.new()
    for _ in range(MAX_PAGES + 1):
        document.new_page(300, 200)
    file = BytesIO()
    document.save(file)
    return file.getvalue()


def huge_page() -> bytes:
    document = pypdfium2.PdfDocument.new()
    document.new_page(14000, 14000)
    file = BytesIO()
    document.save(file)
    return file.getvalue()


BAD = {
    "password": (encrypted, "is a PDF with a password: save it without one"),
    "too many pages": (many_pages, f"holds {MAX_PAGES + 1} pages, at most {MAX_PAGES} are read: split it"),
    "huge page": (huge_page, "at most"),
    "cut short": (lambda: encrypted()[:40], "is a PDF that cannot be opened"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_pdf_gets_one_line_and_stops_nothing(
    name: str, golden: Path, classifier: Classifier, tmp_path: Path
) -> None:
    make, reason = BAD[name]
    file = tmp_path / "scan.pdf"
    file.write_bytes(make())
    found = list(classifier.predict_many([file, golden / "page.png"]))
    assert [answer.status for answer in found] == ["error", "ok"]
    assert found[0].error.startswith(f"{file}: ")
    assert reason in found[0].error
    assert "\n" not in found[0].error


@pytest.mark.parametrize(
    ("suffix", "package", "save"),
    [
        ("pdf", "pypdfium2", save_pdf),
        ("heic", "pillow_heif", lambda p, f: pillow_heif.from_pillow(p[0]).save(f)),
        ("dcm", "pydicom", lambda p, f: f.write_bytes(dicom(picture=np.asarray(p[0])))),
    ],
)
def test_without_its_package_a_format_is_an_error_that_names_it(
    suffix: str, package: str, save: Callable, page: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save([page], tmp_path / f"page.{suffix}")
    real = builtins.__import__

    def missing(name: str, *rest: object) -> object:
        if name == package:
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(PageError, match=f"pip install {package.replace('_', '-')}"):
        open_page(tmp_path / f"page.{suffix}")
