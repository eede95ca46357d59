"""The web folder, and its page in a real browser: the pixels and answers of edge, nothing sent, nothing half-loaded."""

import base64
import csv
import functools
import gzip
import hashlib
import http.server
import json
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from edge import Classifier
from edge.errors import PageError
from edge.images.page import open_page
from edge.images.preprocessing import load_page
from edge.shipped import FOLDER
from export.web import runtime
from tests.conftest import ROOT, last_line
from tests.demo.browser import DESK, PHONE, PROGRAMS, Browser, browser, clean
from tests.export.web_pictures import EXAMPLES, PIXELS, bad, encoded, pictures, turned

MODEL = FOLDER / "ecg.onnx"
no_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="no npm on this machine: no page can be made")
no_browser = pytest.mark.skipif(
    None in (*PROGRAMS, shutil.which("npm")), reason="no chromium with its driver, or no npm: the page was not seen"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, command: Callable) -> Path:
    out = tmp_path_factory.mktemp("web") / "page"
    command("export", "web", MODEL, "--out", out)
    return out


class Server(http.server.SimpleHTTPRequestHandler):
    """A static server, as anybody has it, that knows what it was asked for."""

    asked: ClassVar[list[str]] = []

    def log_request(self, *_: object) -> None:
        self.asked.append(f"{self.server.server_port}{self.path}")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Server, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def window(folder: Path) -> Iterator[Browser]:
    """A browser on the page, ready for a picture."""
    with served(folder) as address, browser() as found:
        ready(found, address)
        yield found


def ready(window: Browser, address: str) -> None:
    window.driver.get(address)
    window.wait(lambda: window.find("body[data-ready]"), 60)


def choose(window: Browser, *paths: Path) -> str:
    """Choose pictures, and return what the page says of the last one."""
    window.driver.find_element(By.ID, "files").send_keys("\n".join(map(str, paths)))
    window.wait(lambda: not window.find(".answer.waiting") and paths[-1].name in window.text("main"))
    return window.text("#answer")


@no_npm
def test_the_folder_is_whole_and_says_what_it_is(folder: Path) -> None:
    sidecar = json.loads((folder / "contract.json").read_text())
    classifier = Classifier(MODEL)
    assert sidecar["contract"] == json.loads(classifier.contract.to_json())
    assert [name for name, _, _ in sidecar["check"]] == ["colour.png", "grey.png", "large.jpg", "high.png"]
    for name in ("model", "runtime"):
        one = sidecar[name]
        content = gzip.decompress((folder / one["file"]).read_bytes())
        assert (len(content), hashlib.sha256(content).hexdigest()) == (one["bytes"], one["sha256"])
    assert hashlib.sha256(MODEL.read_bytes()).hexdigest() == sidecar["model"]["sha256"]
    worker = (folder / "service-worker.js").read_text()
    kept = json.loads(worker.split("FILES = ")[1].split(";")[0])
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {*kept, "service-worker.js", "model.onnx.gz", "runtime.wasm.gz"} == there | {"./"}
    assert {"LICENSE", "NOTICE", "LICENSE.onnxruntime", "ThirdPartyNotices.txt"} <= there
    assert "http" not in (folder / "index.html").read_text().replace("http-equiv", "")
    assert sum((folder / name).stat().st_size for name in there) < 20e6


@no_npm
def test_it_is_the_same_again_and_changes_with_the_model(folder: Path, tmp_path: Path, command: Callable) -> None:
    command("export", "web", MODEL, "--out", tmp_path / "again")
    command("export", "web", FOLDER / "ecg_int8.onnx", "--out", tmp_path / "int8")
    digests = [
        hashlib.sha256((one / "service-worker.js").read_bytes()).hexdigest() for one in (folder, tmp_path / "again")
    ]
    assert digests[0] == digests[1]
    versions = {
        (one / "service-worker.js").read_text().split("VERSION = ")[1][:66] for one in (folder, tmp_path / "int8")
    }
    assert len(versions) == 2
    assert sum(path.stat().st_size for path in (tmp_path / "int8").rglob("*") if path.is_file()) < 9e6


def test_what_cannot_be_made_gets_one_line(tmp_path: Path, called: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    full, model = tmp_path / "full", ROOT / "tests" / "edge" / "golden" / "tiny.onnx"
    full.mkdir()
    (full / "a").write_text("mine")
    assert "is there already" in last_line(called("export", "web", model, "--out", full, code=2))
    assert "no such model file" in last_line(
        called("export", "web", tmp_path / "no.onnx", "--out", tmp_path / "x", code=2)
    )
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    monkeypatch.setenv("PATH", str(npm.parent))
    assert "npm is not installed" in last_line(called("export", "web", model, "--out", tmp_path / "x", code=2))
    for script, reason in (
        ("echo no network >&2; exit 1", "npm cannot get onnxruntime-web@1.30.0 (no network)"),
        ('while [ "$1" != --pack-destination ]; do shift; done; echo other >"$2/a.tgz"', "another SHA-256"),
    ):
        npm.write_text(f"#!/bin/sh\n{script}\n")
        npm.chmod(0o755)
        assert reason in last_line(called("export", "web", model, "--out", tmp_path / "x", code=2))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "full"]
    assert runtime.PACKAGE.startswith("onnxruntime-web@")


@no_browser
def test_every_pixel_is_that_of_edge(window: Browser) -> None:
    preprocessing = Classifier(MODEL).contract.preprocessing
    size = preprocessing.width, preprocessing.height
    golden = {"golden": (ROOT / "tests" / "edge" / "golden" / "page.png").read_bytes()}
    for name, content in (golden | pictures()).items():
        found = window.driver.execute_async_script(PIXELS, base64.b64encode(content).decode(), *size)
        assert isinstance(found, str), (name, found)
        assert base64.b64decode(found) == load_page(content, preprocessing).tobytes(), name


@no_browser
@pytest.mark.parametrize(
    "settings",
    [{}, {"subsampling": 0}, {"progressive": True}, {"exif": turned(6)}],
    ids=["plain", "444", "progressive", "turned"],
)
def test_a_jpeg_differs_by_a_level_at_most(settings: dict, window: Browser) -> None:
    preprocessing = Classifier(MODEL).contract.preprocessing
    with Image.open(EXAMPLES[0]) as page:
        content = encoded(page.convert("RGB"), "JPEG", quality=88, **settings)
    size = preprocessing.width, preprocessing.height
    found = window.driver.execute_async_script(PIXELS, base64.b64encode(content).decode(), *size)
    pixels = np.frombuffer(base64.b64decode(found), np.uint8).reshape(preprocessing.height, preprocessing.width, 3)
    apart = np.abs(pixels.astype(int) - load_page(content, preprocessing))
    assert apart.max() <= 1
    assert np.mean(apart > 0) < 0.02


@no_browser
def test_what_edge_refuses_is_refused_and_what_is_not_read_here_is_named(window: Browser) -> None:
    everywhere, here = bad()
    for key, content in [(key, one) for files in (everywhere, here) for key, found in files.items() for one in found]:
        found = window.driver.execute_async_script(PIXELS, base64.b64encode(content).decode(), 512, 384)
        assert found == {"key": key}, content[:8]
    for content in chain.from_iterable(everywhere.values()):
        with pytest.raises(PageError):
            open_page(content)
    for content in chain.from_iterable(here.values()):
        open_page(content)


@no_browser
def test_answers_are_those_of_edge(window: Browser, tmp_path: Path) -> None:
    text = tmp_path / "bad.jpg"
    text.write_text("no picture")
    grid = tmp_path / "grid.png"
    Image.fromarray(np.tile(np.uint8([[200] + [255] * 9]), (700, 90))).save(grid)
    given = [*EXAMPLES, grid, text]
    choose(window, *given)
    window.wait(lambda: len(window.find("#rows tr")) == len(given))
    classifier = Classifier(MODEL)
    lines = list(csv.DictReader(window.download("#csv", tmp_path / "csv").open()))
    for line, found in zip(lines, classifier.predict_many(given), strict=True):
        assert (line["image"], line["status"]) == (Path(found.image).name, str(found.status))
        assert line["label"] == (found.label or "")
        for label, share in found.probabilities.items():
            assert float(line[f"probability_{label}"]) == pytest.approx(share, abs=0.02)
    assert [line["status"] for line in lines[-2:]] == ["rejected", "error"]
    assert "not a picture in JPEG, PNG, WebP or BMP" in lines[-1]["error"]


@no_browser
def test_an_answer_shows_where_it_comes_from_and_what_the_model_is(window: Browser) -> None:
    said = choose(window, ROOT / "examples" / "myocardial_infarction-scan.jpg")
    assert said.startswith("myocardial infarction\n") or said.startswith("Myocardial infarction\n")
    assert "confidence threshold" in said
    canvas = window.find("#heatmap")[0]
    size = window.driver.execute_script("return [arguments[0].width, arguments[0].height]", canvas)
    assert size[0] > 5
    assert size[1] > 5
    assert "Red supports myocardial infarction" in window.text("#note")
    window.driver.execute_script("document.getElementById('about').open = true")
    about = window.text("#model")
    assert hashlib.sha256(MODEL.read_bytes()).hexdigest() in about
    assert about.count("the same") == 3
    assert "Passed" in about


@no_browser
def test_everything_can_be_done_by_the_keyboard(window: Browser) -> None:
    driver = window.driver
    ready(window, driver.current_url)  # the first key begins at the top
    reached = []
    for _ in range(30):
        ActionChains(driver).send_keys(Keys.TAB).perform()
        focused = driver.switch_to.active_element
        reached.append(focused.get_attribute("id") or focused.tag_name)
        if focused.text == "normal, clean":
            window.driver.execute_script("document.getElementById('answer').replaceChildren()")
            focused.send_keys(Keys.ENTER)
            assert "normal-clean.jpg" in window.answered("ok")
        if reached[-1] == "strength":
            before = driver.execute_script("return document.getElementById('heatmap').style.opacity")
            focused.send_keys(Keys.ARROW_LEFT)
            assert driver.execute_script("return document.getElementById('heatmap').style.opacity") < before
        if reached[-1] == "summary":
            break
    assert {"files", "camera", "button", "strength", "summary"} <= set(reached)


@no_browser
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing(size: tuple[int, int], dark: bool, window: Browser, tmp_path: Path) -> None:
    driver = window.driver
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    text = tmp_path / "bad.jpg"
    text.write_text("no picture")
    for given in ([text], [EXAMPLES[0]], EXAMPLES[:3]):
        choose(window, *given)
        clean(window)
        assert driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")


@no_browser
def test_nothing_is_asked_for_once_the_page_is_there(window: Browser) -> None:
    kept = "navigator.serviceWorker.ready.then(() => arguments[0](true))"
    assert window.driver.execute_async_script(kept)
    window.addresses()
    Server.asked.clear()
    choose(window, EXAMPLES[1])
    choose(window, *EXAMPLES[:3])
    window.click("#examples button")
    time.sleep(1)
    assert [address for address in window.addresses() if not address.startswith("blob:")] == []
    assert Server.asked == []


LEAK = "fetch('{address}leak', {{mode: 'no-cors'}}).catch(() => {{}});"


@no_browser
@pytest.mark.parametrize("policy", [True, False], ids=["policy", "none"])
@pytest.mark.parametrize("script", ["app.js", "engine.js"])
def test_the_policy_lets_nothing_out(script: str, policy: bool, folder: Path, tmp_path: Path) -> None:
    """A page with code that sends something: without the policy it does, or this test would show nothing."""
    copy = tmp_path / "page"
    shutil.copytree(folder, copy)
    with served(tmp_path) as elsewhere, served(copy) as address, browser() as window:
        text = (copy / script).read_text()
        (copy / script).write_text(f"{LEAK.format(address=elsewhere)}\n{text}")
        page = (copy / "index.html").read_text()
        if not policy:
            (copy / "index.html").write_text(re.sub("<meta http-equiv.*?>", "", page))
        Server.asked.clear()
        ready(window, address)
        leaked = f"{elsewhere.rpartition(':')[2]}leak"
        assert (leaked in Server.asked) != policy


@no_browser
def test_it_works_without_a_server_after_the_first_visit_and_loads_nothing_twice(folder: Path) -> None:
    with browser("de") as window:
        with served(folder) as address:
            ready(window, address)
            kept = "caches.keys().then((names) => arguments[0](names.length))"
            window.wait(lambda: window.driver.execute_async_script(kept) == 3)
            Server.asked.clear()
            ready(window, address)
            assert {name.partition("/")[2] for name in Server.asked} <= {"service-worker.js"}
        ready(window, address)
        assert "Kein Bild verlässt dieses Gerät" in window.text("header")
        assert "infarkt" in choose(window, ROOT / "examples" / "myocardial_infarction-scan.jpg")


@no_browser
@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("model.onnx.gz", "byte", "is not the one that was exported"),
        ("runtime.wasm.gz", "byte", "is not the one that was exported"),
        ("model.onnx.gz", "gone", "is not on the server"),
        ("contract.json", "gone", "is not on the server"),
        ("contract.json", "digest", "does not answer as the exporting machine did"),
        ("engine.js", "old", "This browser cannot run it"),
    ],
)
def test_a_folder_that_was_changed_is_told(name: str, change: str, reason: str, folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "page"
    shutil.copytree(folder, copy)
    if change == "gone":
        (copy / name).unlink()
    elif change == "byte":
        content = bytearray(gzip.decompress((copy / name).read_bytes()))
        content[len(content) // 2] ^= 1
        (copy / name).write_bytes(gzip.compress(bytes(content)))
    elif change == "old":  # as a browser says of what it does not know
        script = (copy / name).read_text()
        assert "!WebAssembly.validate(SIMD)" in script
        (copy / name).write_text(script.replace("validate(SIMD)", "validate(SIMD.subarray(1))"))
    else:
        sidecar = json.loads((copy / name).read_text())
        sidecar["check"][0][2][0] += 1
        (copy / name).write_text(json.dumps(sidecar))
    with served(copy) as address, browser() as window:
        window.driver.get(address)
        window.wait(lambda: window.find(".answer.error"), 60)
        assert reason in window.text("#answer")
        assert not window.find("#files")[0].is_enabled()
