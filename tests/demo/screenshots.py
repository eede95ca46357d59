"""Screenshots of every view of the demo, and the one of the README: make screenshots."""

from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from tests.conftest import ROOT
from tests.demo.browser import DESK, PHONE, Browser, browser
from tests.demo.server import start, stop

OUT = ROOT / "runs" / "screenshots"
SHOWN = ROOT / "docs" / "demo.jpg"
WIDTH = 1100  # pixels of the README's


def views(window: Browser, address: str, size: tuple[int, int], dark: bool, name: str) -> None:
    """Write the views as somebody walks through them."""
    examples = sorted((ROOT / "examples").glob("*.jpg"))
    window.look(address, size, dark=dark)
    window.wait(lambda: len(window.find("#examples img")) == 6)
    window.picture(OUT / f"{name}-start.png")
    window.click("#examples button:has(img)", 3)
    window.answered("ok")
    window.wait(lambda: len(window.find("#heatmap img")) > 1)
    window.driver.execute_script("window.scrollTo(0, 0)")
    window.picture(OUT / f"{name}-answer.png")
    window.tab(1)
    window.upload(*examples, where="#files")
    window.wait(lambda: len(window.find("#pages img")) == 6)
    window.picture(OUT / f"{name}-several.png")
    window.tab(2)
    window.click("#check")
    window.wait(lambda: "Passed" in window.text("#checked"))
    window.picture(OUT / f"{name}-model.png")


def main() -> None:
    """Start the demo with the shipped model, and look at it."""
    OUT.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder, browser() as window:
        process, address = start(None, Path(folder))
        try:
            for size, width in ((DESK, "desk"), (PHONE, "phone")):
                for dark in (False, True):
                    views(window, address, size, dark, f"{width}-{'dark' if dark else 'light'}")
        finally:
            stop(process)
    with Image.open(OUT / "desk-light-answer.png") as shot:
        small = shot.convert("RGB").resize((WIDTH, round(shot.height * WIDTH / shot.width)), Image.Resampling.LANCZOS)
        small.save(SHOWN, quality=88)
    print(f"screenshots: {OUT}, {SHOWN}")


if __name__ == "__main__":
    main()
