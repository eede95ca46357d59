"""Pictures that would take all memory or hours: refused in one line, and soon."""

import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge import PageError
from edge.images import dicom, pdf
from edge.images.page import MAX_BYTES, open_page
from tests.edge import documents
from tests.edge.documents import written_pdf

pypdfium2 = pytest.importorskip("pypdfium2")
SOON = 20  # seconds, on a busy machine; what is refused would take minutes


@contextmanager
def refused(reason: str) -> Iterator[None]:
    start = time.monotonic()
    with pytest.raises(PageError, match=reason) as refusal:
        yield
    assert "\n" not in str(refusal.value)
    assert time.monotonic() - start < SOON


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "huge.jpg"
    with file.open("wb") as opened:
        opened.write(b"\xff\xd8\xff")
        opened.truncate(MAX_BYTES + 1)
    with refused("has 1024 MB, at most 1024 are read"):
        open_page(file)
    with file.open("rb") as opened, refused("has 1024 MB"):
        open_page(opened)


def progressive(size: tuple[int, int], more: int) -> bytes:
    """A progressive JPEG whose last scan comes so many times more."""
    file = BytesIO()
    Image.new("RGB", size, "white").save(file, format="JPEG", progressive=True)
    content = file.getvalue()
    last = content.rindex(b"\xff\xda")
    return content[:-2] + content[last:-2] * more + content[-2:]


def test_a_jpeg_of_thousands_of_scans_is_not_decoded(tmp_path: Path) -> None:
    file = tmp_path / "scans.jpg"
    file.write_bytes(progressive((2213, 1572), 600))
    assert file.stat().st_size < 1 << 20
    for source in (file, BytesIO(file.read_bytes())):
        with refused("scans of 2213x1572 pixels"):
            open_page(source)
    file.write_bytes(progressive((2213, 1572), 5))
    assert open_page(file).size == (2213, 1572)


def pdf_of(content: bytes, image: bytes = b"<<>>") -> bytes:
    """A PDF of one A4 page with this content stream, and a picture /I where one is given."""
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</XObject<</I 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        image,
    ]
    return written_pdf(parts)


def test_a_pdf_that_takes_long_is_given_up_and_the_next_one_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    curves = b"".join(
        b"%d 0 m %d 842 %d 842 500 %d c S\n" % (k % 595, k % 311, k % 401, k % 842) for k in range(200_000)
    )
    monkeypatch.setattr(pdf, "SECONDS", 0.05)
    with refused("takes more than 0.05 seconds to draw"):
        open_page(pdf_of(curves))
    monkeypatch.undo()
    assert open_page(pdf_of(curves[:2000])).size == (1653, 2339)


@pytest.mark.parametrize("save", [{}, {"mode": "L"}, {"mode": "1"}])
def test_a_page_is_drawn_as_pdfium_draws_it(save: dict, page: Image.Image) -> None:
    file = BytesIO()
    page.convert(save.get("mode", "RGB")).save(file, format="PDF")
    for content in (file.getvalue(), pdf_of(b"0 0 1 rg 50 50 300 300 re f 1 0 0 RG 9 w 0 0 m 500 700 l S")):
        document = pypdfium2.PdfDocument(content)
        expected = np.asarray(document[0].render(scale=pdf.DPI / pdf.POINTS).to_pil().convert("RGB"))
        np.testing.assert_array_equal(np.asarray(open_page(content)), expected)
        assert expected.std() > 1


def test_a_pdf_with_a_huge_picture_is_not_decoded() -> None:
    bits = zlib.compress(bytes(30_000 * 30_000 // 8), 9)
    image = b"<</Type/XObject/Subtype/Image/Width 30000/Height 30000/ColorSpace/DeviceGray/BitsPerComponent 1"
    image += b"/Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(bits), bits)
    with refused("holds a picture of 900000000 pixels"):
        open_page(pdf_of(b"595 0 0 842 0 0 cm /I Do", image))


def test_a_deflated_dicom_file_is_read_unless_it_is_a_bomb(page: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.asarray(page.convert("L"))
    sound = documents.dicom(picture=pixels, photometric="MONOCHROME2", padding=2)
    np.testing.assert_array_equal(np.asarray(open_page(sound))[..., 0], pixels)
    monkeypatch.setattr(dicom, "MOST_INFLATED", 2 << 20)
    with refused("has more than 2 MB when it is inflated"):
        open_page(documents.dicom(picture=pixels, photometric="MONOCHROME2", padding=4 << 20))
    np.testing.assert_array_equal(np.asarray(open_page(sound))[..., 0], pixels)


def test_a_bad_page_stops_no_other(classifier: Callable, tmp_path: Path, page: Image.Image) -> None:
    for name, content in (("a.jpg", progressive((2213, 1572), 600)), ("b.pdf", pdf_of(b"S"))):
        (tmp_path / name).write_bytes(content)
    page.save(tmp_path / "c.png")
    found = list(classifier.predict_many(sorted(tmp_path.iterdir())))
    assert [one.status == "error" for one in found] == [True, False, False]
