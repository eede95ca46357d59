"""Overlap: the first page is opened while the model is loaded, once, and its errors are not lost."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge.errors import PageError
from edge.images import pipeline as overlap
from edge.images.page import open_page
from edge.images.pipeline import Ahead
from tests.conftest import ROOT


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `open_page` was asked for."""
    sources: list[str] = []

    def open_and_note(source: Path, number: int | None = None) -> object:
        sources.append(source.name)
        return open_page(source, number)

    monkeypatch.setattr(overlap, "open_page", open_and_note)
    return sources


def test_the_first_page_is_opened_once_and_given_once(golden: Path, asked: list[str]) -> None:
    first, other = golden / "page.png", golden / "pixels.png"
    opener = Ahead(first)
    assert np.array_equal(opener(other, None), open_page(other))
    page = opener(first, None)
    assert sorted(asked) == ["page.png", "pixels.png"]
    assert np.array_equal(page, open_page(first))
    assert opener(first, None) is not page
    assert sorted(asked) == ["page.png", "page.png", "pixels.png"]


def test_what_is_wrong_with_the_first_page_is_said_when_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "page.png").write_text("no picture")
    opener = Ahead(tmp_path / "page.png")
    with pytest.raises(PageError, match=r"page.png: is not a picture"):
        opener(tmp_path / "page.png", None)


def test_the_page_is_begun_before_onnxruntime_is_imported(golden: Path) -> None:
    script = (
        "import sys, edge.__main__, edge.images.pipeline\n"
        "begin = edge.images.pipeline.Ahead.__init__\n"
        "def note(self, first): print('onnxruntime' in sys.modules, first.name); begin(self, first)\n"
        "edge.images.pipeline.Ahead.__init__ = note\n"
        "edge.__main__.main()"
    )
    words = ["predict", str(golden / "page.png"), "--model", str(golden / "tiny.onnx"), "--quiet"]
    result = subprocess.run([sys.executable, "-c", script, *words], cwd=ROOT, capture_output=True, text=True)
    assert result.stdout.splitlines()[0] == "False page.png"
    assert result.returncode == 0
