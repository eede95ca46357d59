"""The look of a page: grid and rows of traces are seen, whatever print or acquisition."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from training.data.loaded_images import EcgImage
from training.inspection.inspected_image import inspected
from training.inspection.page_look import PageLook
from training.synthetic.paper.layout import LOOKS
from training.synthetic.paper.printed_page import print_page
from training.synthetic.signals.ecg import record
from training.synthetic.signals.hearts import Heart


def page(look: str, layout: str) -> Image.Image:
    rng = np.random.default_rng(3)
    heart = Heart("normal", rate=70, amplitude=1.0, noise=0.008)
    return Image.fromarray(print_page(record(heart, rng), replace(LOOKS[look], layout=layout), rng).pixels)


def look_of(image: Image.Image) -> PageLook:
    return inspected(EcgImage(path="page.png", label="a"), image, "content").look


@pytest.mark.parametrize(("layout", "rows"), [("3x4", 3), ("3x4+1", 4), ("3x4+3", 6), ("6x2", 6)])
@pytest.mark.parametrize("look", sorted(LOOKS))
def test_grid_and_rows_are_seen(look: str, layout: str, rows: int) -> None:
    found = look_of(page(look, layout))
    assert (found.has_grid, found.rows) == (look != "plain", rows)
    assert found.name == f"{'no grid' if look == 'plain' else 'grid'}, {rows} rows of traces"


def test_a_turned_and_small_page_looks_the_same() -> None:
    image = page("report", "6x2")
    for changed in (image.rotate(2, Image.Resampling.BICUBIC, fillcolor="white"), image.resize((600, 427))):
        assert look_of(changed).name == look_of(image).name


def test_a_blank_page_has_no_rows() -> None:
    assert look_of(Image.new("RGB", (400, 300), "white")) == PageLook(grid=0.0, rows=0)
