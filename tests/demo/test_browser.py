"""The demo as a person sees it, in a real browser, where chromium and its driver are installed."""

import csv
import hashlib
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pypdfium2
import pytest
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from demo_views.texts import TEXTS
from edge import Classifier, __version__
from edge.shipped import FOLDER, shipped_model
from tests.conftest import ROOT
from tests.demo.browser import DESK, PHONE, PROGRAMS, Browser, browser, clean
from tests.demo.server import adopted, start, stop, with_contract

pytestmark = pytest.mark.skipif(
    None in PROGRAMS, reason="no chromium with its driver on this machine: the demo was not seen in a browser"
)
INFARCTION = ROOT / "examples" / "myocardial_infarction-scan.jpg"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page with the shipped model, as somebody starts it who says nothing."""
    process, url = start(None, tmp_path_factory.mktemp("blocked"))
    yield url
    assert "Traceback" not in stop(process)


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page with a folder of models: one that is never sure, and one that others have made."""
    folder = tmp_path_factory.mktemp("others")
    models = folder / "models"
    models.mkdir()
    unsure = with_contract(FOLDER / "ecg.onnx", models / "unsure.onnx", confidence_threshold=0.999)
    adopted(FOLDER / "ecg.onnx", models / "theirs.onnx")
    process, url = start(unsure, folder, "--models", str(models))
    yield url
    assert "Traceback" not in stop(process)


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    with browser() as found:
        yield found


def image_of(window: Browser, selector: str) -> str:
    return str([image.get_attribute("src") for image in window.find(f"{selector} img")])


views = pytest.mark.parametrize(
    ("size", "dark"),
    [(DESK, False), (DESK, True), (PHONE, False), (PHONE, True)],
    ids=["desk light", "desk dark", "phone light", "phone dark"],
)


def fits(window: Browser, size: tuple[int, int]) -> None:
    """Nothing is wrong by axe's rules, and nothing is wider than the window."""
    clean(window)
    assert window.driver.execute_script("return document.documentElement.scrollWidth") <= size[0]


@views
def test_every_view_is_usable_by_everybody(
    size: tuple[int, int], dark: bool, window: Browser, address: str, tmp_path: Path
) -> None:
    """And nobody is asked but this server."""
    window.look(address, size, dark=dark)
    window.wait(lambda: len(window.find("#examples img")) == 6)
    fits(window, size)
    window.click("#examples button:has(img)", 3)
    window.answered("ok")
    for label in window.find("button.label-wrap"):
        window.driver.execute_script("arguments[0].click()", label)
    window.wait(lambda: window.find("#heatmap img"))
    fits(window, size)
    window.tab(1)
    window.upload(INFARCTION, ROOT / "examples" / "normal-clean.jpg", where="#files")
    window.wait(lambda: len(window.find("#pages img")) == 2)
    fits(window, size)
    window.tab(2)
    window.click("#check")
    window.wait(lambda: "Passed" in window.text("#checked"))
    fits(window, size)
    asked = window.addresses()
    assert len(asked) > 10
    assert {url for url in asked if not url.startswith((address, "data:", "blob:", "chrome:", "about:"))} == set()
    for kind, file in (("rejected", noise(tmp_path)), ("error", text(tmp_path))):
        window.look(address, size, dark=dark).upload(file)
        window.answered(kind)
        fits(window, size)


@views
def test_an_uncertain_answer_and_a_comparison_are_too(
    size: tuple[int, int], dark: bool, window: Browser, others: str
) -> None:
    """With a folder of models, of which each can be looked at."""
    window.look(others, size, dark=dark).upload(INFARCTION)
    said = window.answered("uncertain")
    assert said.splitlines()[0] == "Uncertain"
    assert "is not enough for an answer" in said
    assert "Straighten it" in said
    window.click("button.label-wrap")
    window.click("#compare")
    window.wait(lambda: "difference" in window.text("#comparison"))
    assert window.find("#comparison tr")[0].text.split() == ["class", "unsure.onnx", "theirs.onnx", "difference"]
    fits(window, size)
    window.tab(2)
    window.click("#model input")
    window.click("[role=option]", 1)
    window.wait(lambda: "made with Keras 2.11.0" in window.text("#about"))
    fits(window, size)


def noise(folder: Path) -> Path:
    """A picture that is no ECG."""
    file = folder / "noise.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)).save(file)
    return file


def text(folder: Path) -> Path:
    """A file that is no picture and has an odd name."""
    file = folder / "<b>bad<b>.jpg"
    file.write_text("no picture")
    return file


def test_the_answer_comes_first_and_says_what_it_means(window: Browser, address: str) -> None:
    window.look(address)
    page = window.text()
    assert "not a medical device" in page
    assert "Drop, paste or photograph one page" in page
    assert "click on one of the synthetic examples" in page
    window.upload(INFARCTION)
    said = window.answered("ok")
    prediction = Classifier(shipped_model()).predict(INFARCTION)
    assert said.splitlines()[0].lower() == "myocardial infarction"
    assert f"with a probability of {prediction.probability:.0%}" in said
    assert "calibrated on images that the model had not learned from" in said
    assert "confidence threshold 50%" in said
    assert len(window.find("#answer .bars .fill")) == 4
    assert "_" not in said.replace("myocardial_infarction-scan.jpg", "").replace("ecg_int8", "")
    assert "is not a finding" in window.text("#heatmap-note")
    window.click("#answer a.to-model")
    window.wait(lambda: "macro-F1, out of fold on 295 real images" in window.text("#about"))
    assert "probabilities differ by at most" in window.text("#about")
    digest = hashlib.sha256(shipped_model().read_bytes()).hexdigest()
    assert f"File ecg_int8.onnx, SHA-256 {digest}, read by version {__version__}" in window.text("#about")


def test_the_heatmap_is_as_strong_as_one_likes(window: Browser, address: str) -> None:
    window.look(address).upload(INFARCTION)
    window.wait(lambda: "image" in image_of(window, "#heatmap"))
    before = image_of(window, "#heatmap")
    window.find("#strength input[type=range]")[0].send_keys(Keys.HOME)
    window.wait(lambda: image_of(window, "#heatmap") != before)
    assert window.find("#answer .answer.ok")
    one, other = (image.get_attribute("src") for image in window.find("#heatmap img")[:2])
    pictures = [np.asarray(Image.open(io.BytesIO(urlopen(url).read()))) for url in (one, other)]
    assert (pictures[0] == pictures[1]).all()  # without a heatmap nothing is laid over


def test_two_models_stand_side_by_side(window: Browser, address: str) -> None:
    window.look(address).upload(INFARCTION)
    window.answered("ok")
    window.click("button.label-wrap")
    ActionChains(window.driver).double_click(window.find("#compare")[0]).perform()
    window.wait(lambda: "difference" in window.text("#comparison"))
    rows = [row.text for row in window.find("#comparison tr")]
    assert rows[0].split() == ["class", "ecg_int8.onnx", "ecg.onnx", "difference"]
    assert len(rows) == 7
    both = [Classifier(FOLDER / name).predict(INFARCTION).probability for name in ("ecg_int8.onnx", "ecg.onnx")]
    assert f"{both[0]:.0%} {both[1]:.0%} {100 * (both[0] - both[1]):+.2f}" in next(
        row for row in rows[2:] if row.startswith("myocardial infarction")
    )


def test_what_is_no_answer_says_what_to_do(window: Browser, address: str, tmp_path: Path) -> None:
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(INFARCTION.read_bytes()[:60_000])
    Image.new("L", (10_000, 10_000)).save(tmp_path / "huge.png")
    (tmp_path / "archive.png").write_bytes(b"PK\x03\x04" + bytes(100))
    Image.open(INFARCTION).save(tmp_path / "two.tif", save_all=True, append_images=[Image.open(INFARCTION)])
    for file, kind, reason in (
        (noise(tmp_path), "rejected", "Crop away table, hands and screen"),
        (text(tmp_path), "error", "is not a picture"),
        (cut, "error", "cut.jpg: "),
        (tmp_path / "huge.png", "error", "scale it down"),
        (tmp_path / "archive.png", "error", "is not a picture"),
        (tmp_path / "two.tif", "note", "Open it under “Several, PDF”"),
    ):
        window.look(address).upload(file)
        said = window.answered(kind)
        assert reason in said
        assert str(tmp_path) not in said
        assert "/tmp" not in said
        assert not window.find("#answer b")  # a name is text, whatever it looks like
    window.look(address).upload(INFARCTION)  # and the next visitor is not affected
    window.answered("ok")
    window.click("#picture button[aria-label='Remove Image']")
    window.answered("waiting")
    assert not window.find("#heatmap img")


def test_too_large_a_file_is_refused_in_words(window: Browser, address: str, tmp_path: Path) -> None:
    (tmp_path / "large.jpg").write_bytes(INFARCTION.read_bytes() + bytes(21 << 20))
    window.look(address).upload(tmp_path / "large.jpg")
    window.wait(lambda: "exceed the maximum allowed size of 20" in window.text())
    window.answered("waiting")


def test_several_files_get_a_table_and_a_csv(window: Browser, address: str, tmp_path: Path) -> None:
    pdf, bad = tmp_path / "two.pdf", tmp_path / "bad.jpg"
    with Image.open(INFARCTION) as page, Image.open(ROOT / "examples" / "normal-clean.jpg") as other:
        page.save(pdf, save_all=True, append_images=[other])
    bad.write_text("no picture")
    window.look(address).tab(1)
    files = [INFARCTION, pdf, bad]
    window.upload(*files, where="#files")
    window.wait(lambda: "Pages that could not be read: 1 of 4" in window.text("#files-note"))
    window.wait(lambda: len(window.find("#pages img")) == 4)
    rows = window.text("#answers")
    for text in ("two.pdf, page 2", "bad.jpg: is not a picture", "myocardial infarction", "normal"):
        assert text in rows
    served = window.download("#csv", tmp_path / "downloads").read_text(encoding="utf-8")
    command = [sys.executable, "-m", "edge", "predict", *map(str, files), "--format", "csv"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60).stdout
    ours, theirs = (list(csv.DictReader(io.StringIO(text))) for text in (served, told))
    assert [Path(row.pop("image")).name for row in theirs] == [row.pop("image") for row in ours]
    for one, other in zip(ours, theirs, strict=True):
        assert {name: one[name] for name in ("page", "status", "label")} == {
            name: other[name] for name in ("page", "status", "label")
        }
    window.click("#pages button:has(img)", 2)
    assert "normal" in window.answered("ok", "#one-of-them").lower()
    window.click("#pages button:has(img)", 3)
    assert "bad.jpg" in window.answered("error", "#one-of-them")


def test_the_least_certain_come_first_where_one_likes_and_rows_open_pages(
    window: Browser, address: str, tmp_path: Path
) -> None:
    """The row that is clicked is the one that is seen, not the one that stood there before."""
    window.look(address).tab(1)
    files = [*sorted((ROOT / "examples").glob("*.jpg"))[:4], text(tmp_path)]
    window.upload(*files, where="#files")
    window.wait(lambda: len(window.find("#pages img")) == len(files))
    rows = "#answers [role=row]:not(tr)"

    def column(number: int) -> list[str]:
        return [cell.text for cell in window.find(f"{rows} [role=gridcell]:nth-child({number})")]

    before, shares = column(1), column(3)
    assert before == ["1", "2", "3", "4", "5"]
    window.click("#least input")
    window.wait(lambda: column(1) != before)
    assert column(3) == ["", *sorted(shares[:4])] != ["", *shares[:4]]
    least = column(4)[1]
    window.click(f"{rows} [role=gridcell]:nth-child(2)", 1)
    window.wait(lambda: least in window.text("#one-of-them"))
    window.click("#least input")
    window.wait(lambda: column(1) == before)


def test_the_report_is_taken_home_without_the_header(window: Browser, address: str) -> None:
    window.look(address).upload(INFARCTION)
    window.answered("ok")
    window.click("button.label-wrap", 1)
    window.click("#report")
    window.wait(lambda: len(window.find("#report-files a")) >= 2)
    links = {link.get_attribute("href") for link in window.find("#report-files a")}
    pdf, png = (next(link for link in links if link.endswith(suffix)) for suffix in (".pdf", ".png"))
    text = pypdfium2.PdfDocument(urlopen(pdf).read())[0].get_textpage().get_text_range()
    assert "Myocardial infarction" in text
    assert "The top and the bottom of the image are blurred" in text
    assert Image.open(io.BytesIO(urlopen(png).read())).size == (1240, 1753)


def test_the_camera_takes_a_picture(window: Browser, address: str) -> None:
    """Chromium's camera shows a green picture with a clock, which is no ECG."""
    window.look(address, PHONE)
    window.click("#picture button[aria-label='Capture from camera']")
    window.click("#picture button:has(.icon-wrap):not(.upload-container)")
    window.wait(lambda: window.driver.execute_script("return document.querySelector('#picture video').videoWidth > 0"))
    window.click("#picture button[aria-label='capture photo']")
    window.answered("rejected")


def test_the_keyboard_is_enough(window: Browser, address: str) -> None:
    window.look(address)
    window.wait(lambda: len(window.find("#examples img")) == 6)
    for _ in range(40):
        ActionChains(window.driver).send_keys(Keys.TAB).perform()
        if window.driver.execute_script("return !!document.activeElement.closest('#examples')"):
            break
    ActionChains(window.driver).send_keys(Keys.ENTER).perform()
    window.answered("ok")


def test_nothing_is_kept_in_the_browser(window: Browser, address: str) -> None:
    window.look(address).upload(INFARCTION)
    window.answered("ok")
    assert window.driver.execute_async_script("indexedDB.databases().then(arguments[0])") == []
    kept = window.driver.execute_script("return JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert "infarction" not in kept
    assert "ecg-demo" not in kept


@pytest.mark.parametrize("language", ["de", "fr"])
def test_the_page_speaks_the_language_of_the_browser(language: str, address: str) -> None:
    texts = TEXTS[language]
    with browser(language) as window:
        window.look(address).upload(INFARCTION)
        said = window.answered("ok")
        assert said.splitlines()[0].lower() == texts["class_myocardial_infarction"].lower()
        assert texts["probabilities"] in said
        page = window.text()
        for key in ("tab_one", "tab_several", "privacy", "compare", "examples"):
            assert texts[key] in page, key
        assert texts["warning"].strip("*") in page
