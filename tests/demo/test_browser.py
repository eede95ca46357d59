"""The demo as a person sees it, in a real browser, where chromium and its driver are installed."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from edge import Classifier
from tests.demo.server import start, stop

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--window-size=1200,900",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture
def browser(onnx_file: Path, tmp_path: Path) -> Iterator[webdriver.Chrome]:
    programs = [shutil.which("chromium"), shutil.which("chromedriver")]
    if None in programs:
        pytest.skip("no chromium with its driver on this machine: the demo was not seen in a browser")
    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    process, address = start(onnx_file, tmp_path)
    window = webdriver.Chrome(options, webdriver.ChromeService(programs[1]))
    window.get(address)
    yield window
    window.quit()
    stop(process)


def upload(browser: webdriver.Chrome, path: Path) -> None:
    WebDriverWait(browser, 30).until(lambda window: window.find_elements(By.CSS_SELECTOR, "input[type=file]"))
    browser.find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(str(path))


def text(browser: webdriver.Chrome) -> str:
    return browser.find_element(By.TAG_NAME, "body").text


def test_a_person_uploads_a_page_and_sees_every_class(
    browser: webdriver.Chrome, onnx_file: Path, three_classes: Path
) -> None:
    image = next((three_classes / "test").rglob("*.jpg"))
    upload(browser, image)
    prediction = Classifier(onnx_file).predict(image)
    shares = [f"{share:.0%}" for share in prediction.probabilities.values()]
    WebDriverWait(browser, 30).until(lambda window: all(share in text(window) for share in shares))
    assert all(label in text(browser) for label in prediction.probabilities)
    assert "not a medical device" in text(browser)


def test_a_person_uploads_a_text_and_is_told(browser: webdriver.Chrome, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_text("no picture")
    upload(browser, bad)
    WebDriverWait(browser, 30).until(lambda window: "bad.jpg: is not a picture" in text(window))
    assert "%" not in text(browser)
