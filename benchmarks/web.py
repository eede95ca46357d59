"""The page in the browser against edge: its answers, its time, and what it takes from the network.

Every image is answered twice, as it is and as PNG, with each model. The time of a page of 2213x1572 pixels, the larger
size that the public data have, is taken in turn with `edge predict` on one thread.
"""

import base64
import csv
import functools
import http.server
import re
import statistics
import threading
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import numpy as np
from PIL import Image
from selenium.webdriver.common.by import By

from edge import Classifier, Prediction
from edge.files import find_images
from edge.images.preprocessing import load_page
from edge.selftest import draw
from edge.shipped import FOLDER
from export.web.folder import write_web
from tests.demo.browser import Browser, browser
from tests.export.web_pictures import PIXELS

LEAD = 0.1
"""Where the first class leads by more than this, the class has to be the same."""


class Counting(http.server.SimpleHTTPRequestHandler):
    """A static server that counts the bytes of the files that it gives out."""

    sent = 0

    def copyfile(self, source: IO[bytes], outputfile: IO[bytes]) -> None:
        """Send a file."""
        content = source.read()
        Counting.sent += len(content)
        outputfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def page(model: Path, folder: Path) -> Iterator[tuple[Browser, str]]:
    """Give a browser that has not seen the page of a model, and its address."""
    write_web(model, folder)
    handler = functools.partial(Counting, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with browser() as window:
        yield window, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


def opened(window: Browser, address: str) -> float:
    """Open the page; return the seconds until it takes a picture."""
    begin = time.perf_counter()
    window.driver.get(address)
    window.wait(lambda: window.find("body[data-ready]"), 120)
    return time.perf_counter() - begin


def received() -> float:
    """Return the megabytes that were sent since the last look."""
    time.sleep(3)  # the service worker goes on a little
    found, Counting.sent = Counting.sent / 1e6, 0
    return found


def answers(window: Browser, paths: list[Path], folder: Path) -> list[dict[str, str]]:
    """Return what the page says of pictures, as its CSV has it."""
    window.driver.find_element(By.ID, "files").send_keys("\n".join(map(str, paths)))
    window.wait(lambda: len(window.find("#rows tr")) == len(paths), 600)
    with window.download("#csv", folder).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def compared(found: list[dict[str, str]], wanted: list[Prediction], what: str) -> str:
    """Return how two lists of answers differ."""
    apart, classes, statuses, leads = [], 0, 0, 0
    for line, one in zip(found, wanted, strict=True):
        statuses += line["status"] != str(one.status)
        if not one.probabilities or line["label"] == "":
            continue
        shares = sorted(one.probabilities.values())
        if shares[-1] - shares[-2] > LEAD:
            leads += 1
            classes += line["label"] != one.label
        apart.append(max(abs(float(line[f"probability_{name}"]) - share) for name, share in one.probabilities.items()))
    return (
        f"{what}: {len(found)} images, {classes} of {leads} clear ones have another class, {statuses} another status; "
        f"probabilities differ by {max(apart):.1e} at most, {np.mean(apart):.1e} on average"
    )


def waited(window: Browser, path: Path) -> tuple[float, float]:
    """Return the seconds that a person waits for an answer, and those of reading and answering, as the page says."""
    begin = time.perf_counter()
    window.driver.find_element(By.ID, "files").send_keys(str(path))
    window.wait(lambda: window.find(".answer:not(.waiting)") and path.name in window.text("#answer"))
    took = time.perf_counter() - begin
    return took, int(re.search(r"(\d+) ms", window.text("#answer")).group(1)) / 1000


def share_of_other_pixels(window: Browser, path: Path, classifier: Classifier) -> float:
    """Return the share of levels that the page gives the model and edge does not."""
    preprocessing = classifier.contract.preprocessing
    text = base64.b64encode(path.read_bytes()).decode()
    found = window.driver.execute_async_script(PIXELS, text, preprocessing.width, preprocessing.height)
    wanted = load_page(path, preprocessing)
    return float(np.mean(np.frombuffer(base64.b64decode(found), np.uint8) != wanted.ravel()))


def measure(model: Path, images: list[Path], folder: Path, pairs: int) -> None:
    """Print everything for one model."""
    classifier = Classifier(model, threads=1)
    with page(model, folder / "page") as (window, address):
        first, size = opened(window, address), received()
        times = []
        for number in range(pairs):
            path = folder / f"large{number}.jpg"
            Image.fromarray(draw(2213, 1572, 30 + number)).save(path, quality=90)
            took, here = waited(window, path)
            begin = time.perf_counter()
            classifier.predict(path)
            times.append((took, here, time.perf_counter() - begin))
        again, kept = opened(window, address), received()
        here, edge = (statistics.median(one[column] for one in times[1:]) for column in (1, 2))
        print(f"{model.name}: ready after {first:.1f} s and {size:.1f} MB, then {again:.1f} s and {kept:.3f} MB")
        print(
            f"{model.name}: first answer after {times[0][0]:.2f} s; warm {here:.3f} s, edge on one thread "
            f"{edge:.3f} s: {here / edge:.1f} times"
        )
        pngs = [folder / f"{number:04}.png" for number in range(len(images))]
        for path, image in zip(pngs, images, strict=True):
            with Image.open(image) as picture:
                picture.convert("RGB").save(path, compress_level=1)
        for what, paths in (("as they are", images), ("as PNG", pngs)):
            moved = [share_of_other_pixels(window, path, classifier) for path in paths]
            print(f"{model.name}, {what}: {sum(map(bool, moved))} with other pixels, {max(moved):.2%} of one at most")
            found = answers(window, paths, folder / f"csv {what}")
            print(compared(found, list(classifier.predict_many(paths)), f"{model.name}, {what}"), flush=True)


def main() -> None:
    """Print the figures."""
    parser = ArgumentParser(prog="python -m benchmarks.web", description=__doc__)
    parser.add_argument("--images", type=Path, action="append", required=True, help="a folder, taken at equal steps")
    parser.add_argument("--count", type=int, default=200, help="images altogether")
    parser.add_argument("--pairs", type=int, default=11, help="of answers in turn, the first of which is not counted")
    options = parser.parse_args()
    images: list[Path] = []
    for folder in options.images:
        found = find_images(folder.resolve(), silent=True)
        share = options.count // len(options.images)
        images += found[:: max(1, len(found) // share)][:share]
    for name in ("ecg.onnx", "ecg_int8.onnx"):
        with TemporaryDirectory(prefix="ecg-web-") as folder:
            measure(FOLDER / name, images, Path(folder), options.pairs)


if __name__ == "__main__":
    main()
