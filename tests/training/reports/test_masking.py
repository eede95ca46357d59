"""Masking: no letter of a header is left in what a report shows, and the traces keep their pixels."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from edge.images.page import open_page
from training.inspection.trace import isolated, trace_span
from training.reports.masking import BLOCKS, shown


@pytest.fixture
def image(synthetic_folder: Path) -> Image.Image:
    """A synthetic ECG image with a black name at the top and at the bottom."""
    opened = open_page(sorted((synthetic_folder / "test").rglob("*.jpg"))[0])
    for top in (8, opened.height - 30):
        ImageDraw.Draw(opened).text((150, top), "EXAMPLE, PERSON 1970", fill="black", font_size=22)
    return opened


def rows_of_traces(image: Image.Image) -> tuple[int, int]:
    top, bottom = trace_span(isolated(image))
    return int(top * image.height), int(bottom * image.height)


def test_names_above_and_below_the_traces_become_blocks(image: Image.Image) -> None:
    top, bottom = rows_of_traces(image)
    block = image.width / BLOCKS
    assert block > 1.9 * 22  # twice as high as the letters, which no block can show then
    before = np.asarray(image)
    masked = np.asarray(shown(image, show_header=False))
    for rows in (slice(0, 34), slice(image.height - 30, image.height)):
        assert before[rows].min() < 20
        assert masked[rows].min() > 100
        # A block has one colour: along a row there are no more changes than blocks.
        changes = (np.diff(masked[rows].astype(int), axis=1) != 0).any(axis=2).sum(axis=1)
        assert changes.max() <= BLOCKS
    np.testing.assert_array_equal(masked[top:bottom], before[top:bottom])


def test_with_show_header_the_picture_is_as_it_is(image: Image.Image, tmp_path: Path) -> None:
    image.save(tmp_path / "page.png")
    for picture in (image, np.asarray(image), tmp_path / "page.png"):
        np.testing.assert_array_equal(np.asarray(shown(picture, show_header=True)), np.asarray(image))


def test_a_tilted_page_is_masked_along_its_own_rows(image: Image.Image) -> None:
    turned = image.rotate(3, Image.Resampling.BICUBIC, fillcolor="white")
    assert np.asarray(turned)[:80].min() < 60
    masked = shown(turned, show_header=False).rotate(-3, Image.Resampling.BICUBIC, fillcolor="white")
    inner = slice(150, 420)  # where the name stands
    assert np.asarray(masked)[8:30, inner].min() > 100


def test_a_picture_without_traces_is_masked_whole() -> None:
    white = Image.new("RGB", (900, 600), "white")
    ImageDraw.Draw(white).text((100, 250), "EXAMPLE, PERSON", fill="black", font_size=22)
    masked = np.asarray(shown(white, show_header=False))
    assert masked.min() > 100
