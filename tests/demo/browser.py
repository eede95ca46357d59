"""A real browser that looks at the demo: chromium with its driver, as wide as a phone or as a desk, light or dark."""

import base64
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from selenium import webdriver
from selenium.common.exceptions import ElementClickInterceptedException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

PROGRAMS = (shutil.which("chromium"), shutil.which("chromedriver"))
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--force-prefers-reduced-motion",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
)  # fmt: skip
PHONE, DESK = (390, 844), (1440, 1000)  # pixels


class Browser:
    """One window on a page of the demo."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def look(self, address: str, size: tuple[int, int] = DESK, *, dark: bool = False) -> "Browser":
        """Open a page; wait until it can be used."""
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.driver.get(address)
        self.wait(lambda: self.find("#picture input[type=file]"))
        return self

    def find(self, selector: str) -> list:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str = "body") -> str:
        found = self.find(selector)
        return found[0].text if found else ""

    def wait(self, until: Callable[[], object], seconds: float = 30) -> None:
        try:
            WebDriverWait(self.driver, seconds, poll_frequency=0.05).until(lambda _: until())
        except Exception as error:
            raise AssertionError(f"not within {seconds} s; the page says:\n{self.text()}") from error

    def upload(self, *paths: Path, where: str = "#picture") -> None:
        self.find(f"{where} input[type=file]")[0].send_keys("\n".join(map(str, paths)))

    def click(self, selector: str, number: int = 0) -> None:
        """Click on an element once it is there and nothing, a progress bar say, lies over it."""

        def clicked() -> bool:
            try:
                element = self.find(selector)[number]
                self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
                element.click()
            except (IndexError, ElementClickInterceptedException, StaleElementReferenceException):
                return False
            return True

        self.wait(clicked)

    def tab(self, number: int) -> None:
        self.click("button[role=tab]", number)

    def answered(self, kind: str, where: str = "#answer") -> str:
        """Wait for an answer of a kind; return its text."""
        self.wait(lambda: self.find(f"{where} .answer.{kind}"))
        return self.text(where)

    def download(self, selector: str, folder: Path) -> Path:
        """Click on what downloads a file; return it once it is there."""
        folder.mkdir()
        behaviour = {"behavior": "allow", "downloadPath": str(folder)}
        self.driver.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)
        self.click(selector)
        self.wait(lambda: [path for path in folder.iterdir() if path.suffix != ".crdownload"])
        return next(folder.iterdir())

    def addresses(self) -> set[str]:
        """What the window has asked for since the last look, from the browser's own log."""
        found = set()
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                found.add(message["params"]["request"]["url"])
        return found

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """Write what is seen as PNG."""
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": whole})
        if whole:
            size = self.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
            clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
            shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        path.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def browser(language: str = "en") -> Iterator[Browser]:
    """A browser of somebody who reads this language; what it stores is removed."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(PROGRAMS[0])
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    options.add_experimental_option("prefs", {"intl.accept_languages": language})
    with TemporaryDirectory() as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}", f"--lang={language}", f"--accept-lang={language}"):
            options.add_argument(flag)
        driver = webdriver.Chrome(options, webdriver.ChromeService(PROGRAMS[1]))
        try:
            yield Browser(driver)
        finally:
            driver.quit()


AXE = Path(str(find_spec("axe_playwright_python").origin)).with_name("axe.min.js")


def violations(window: Browser) -> list[str]:
    """What axe finds wrong on the page as it is now, each with the first element."""
    window.driver.execute_script(AXE.read_text(encoding="utf-8"))
    found = window.driver.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    return [
        f"{one['id']} ({len(one['nodes'])}): {one['help']}: {one['nodes'][0]['html'][:160]}"
        for one in found["violations"]
    ]


def clean(window: Browser) -> None:
    """Wait until axe finds nothing wrong: what fades in is faint for a moment."""
    found: list[str] = []

    def none() -> bool:
        found[:] = violations(window)
        return not found

    try:
        window.wait(none)
    except AssertionError:
        raise AssertionError("\n".join(found)) from None
