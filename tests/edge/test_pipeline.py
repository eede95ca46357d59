"""The pipeline: the first page is opened while the model is loaded, once, and its errors are not lost."""

import os
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.errors import PageError
from edge.images import pipeline
from edge.images.page import open_page
from edge.images.pipeline import AHEAD, PagePipeline
from tests.conftest import ROOT


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `open_page` was asked for."""
    sources: list[str] = []

    def open_and_note(source: Path, number: int | None = None) -> object:
        sources.append(source.name)
        return open_page(source, number)

    monkeypatch.setattr(pipeline, "open_page", open_and_note)
    return sources


@pytest.mark.parametrize("count", [1, 2, 5])
def test_every_page_is_opened_once_and_given_in_order(count: int, golden: Path, opened: list[str]) -> None:
    names = [("page.png", "pixels.png")[number % 2] for number in range(count)]
    found = list(PagePipeline([golden / name for name in names]).prepared(np.asarray))
    assert sorted(opened) == sorted(names)
    assert [sheet.source.name for sheet, _ in found] == names
    for name, (sheet, pixels) in zip(names, found, strict=True):
        assert sheet.number is None
        assert np.array_equal(pixels, np.asarray(open_page(golden / name)))


def test_no_source_gives_no_page() -> None:
    assert list(PagePipeline([]).prepared(np.asarray)) == []


def test_the_first_page_is_begun_before_anything_is_asked_for(golden: Path, opened: list[str]) -> None:
    made = PagePipeline([golden / "page.png", golden / "pixels.png"])
    made._thread.join()
    assert opened == ["page.png"]


@pytest.mark.parametrize("others", [0, 2])
def test_what_is_wrong_with_the_first_page_is_said_when_it_is_asked_for(
    others: int, golden: Path, tmp_path: Path
) -> None:
    (tmp_path / "page.png").write_text("no picture")
    sources = [tmp_path / "page.png", *[golden / "page.png"] * others]
    (_, error), *rest = PagePipeline(sources).prepared(np.asarray)
    assert isinstance(error, PageError)
    assert "page.png: is not a picture" in str(error)
    assert len(rest) == others


def test_an_error_of_another_kind_is_not_lost(golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the first thread without a word, and is raised where the page is asked for."""

    def broken(*_: object) -> Image.Image:
        raise RuntimeError("a fault of the program")

    monkeypatch.setattr(pipeline, "open_page", broken)
    monkeypatch.setattr("threading.excepthook", lambda _: None)
    with pytest.raises(RuntimeError, match="a fault of the program"):
        list(PagePipeline([golden / "page.png"]).prepared(np.asarray))


@pytest.mark.parametrize("threads", [None, 1, 3])
def test_a_few_pages_are_opened_ahead_and_no_more(threads: int | None, golden: Path) -> None:
    asked = []

    def sources() -> Iterator[Path]:
        for number in range(1000):
            asked.append(number)
            yield golden / "page.png"

    pages = PagePipeline(sources(), threads).prepared(np.asarray)
    assert len(asked) == 1
    for answered in range(1, 4):
        next(pages)
        assert len(asked) == answered + AHEAD * (threads or os.cpu_count() or 1)
    pages.close()
    assert len(asked) < 100


def test_pages_of_an_open_file_are_read_side_by_side(page: Image.Image) -> None:
    file = BytesIO()
    page.save(file, "TIFF", save_all=True, append_images=[page.rotate(180)])
    file.seek(0)
    found = [pixels for _, pixels in PagePipeline([file]).prepared(np.asarray)]
    assert np.array_equal(found[0], np.asarray(page))
    assert np.array_equal(found[1], np.asarray(page.rotate(180)))


def test_the_page_is_begun_before_onnxruntime_is_imported(golden: Path) -> None:
    script = (
        "import sys, edge.__main__, edge.images.pipeline as pipeline\n"
        "begin = pipeline.PagePipeline.__init__\n"
        "def note(self, sources, threads):\n"
        "    print('onnxruntime' in sys.modules); begin(self, sources, threads)\n"
        "pipeline.PagePipeline.__init__ = note\n"
        "edge.__main__.main()"
    )
    words = ["predict", str(golden / "page.png"), "--model", str(golden / "tiny.onnx"), "--quiet"]
    result = subprocess.run([sys.executable, "-c", script, *words], cwd=ROOT, capture_output=True, text=True)
    assert result.stdout.splitlines()[0] == "False"
    assert result.returncode == 0
