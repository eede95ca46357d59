"""The baselines: each sees what its name says and nothing else."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from training.data.loaded_images import EcgImage
from training.evaluation.baselines import (
    BASELINES,
    EXACT_DUPLICATE,
    HEADER_FOOTER,
    MAJORITY_CLASS,
    NEAREST_NEIGHBOUR,
    PIXELS,
    TRACE_MASKED,
    BaselineInputs,
    predict_baseline,
    score_baselines,
)
from training.inspection.inspected_image import InspectedImage, inspected
from training.synthetic.paper.layout import LOOKS
from training.synthetic.paper.printed_page import print_page
from training.synthetic.signals.ecg import record
from training.synthetic.signals.hearts import Heart

COUNT = 24
HALF = np.arange(COUNT) < COUNT // 2
LEARN, ASKED = np.flatnonzero(np.arange(COUNT) % 3 != 0), np.flatnonzero(np.arange(COUNT) % 3 == 0)
LABELS = np.where(HALF, "a", "b")


@pytest.fixture(scope="module")
def images() -> list[Image.Image]:
    """Images of one kind of heart, recorded without a disturbance."""
    drawn = []
    for number in range(COUNT):
        rng = np.random.default_rng(number)
        heart = Heart("normal", rate=rng.uniform(58, 98), amplitude=rng.uniform(0.8, 1.25), noise=0.008)
        drawn.append(Image.fromarray(print_page(record(heart, rng), LOOKS["report"], rng).pixels))
    return drawn


def seen(image: Image.Image, number: int, page_style: str = "") -> InspectedImage:
    return inspected(EcgImage(path=Path(f"{number}.png"), label="a", page_style=page_style), image, str(number))


def inputs_of(images: list[Image.Image]) -> BaselineInputs:
    return BaselineInputs.of([seen(image, number) for number, image in enumerate(images)])


def accuracy(name: str, inputs: BaselineInputs) -> float:
    return float((predict_baseline(name, inputs, LABELS, LEARN, ASKED) == LABELS[ASKED]).mean())


def test_a_word_in_the_header_is_a_shortcut(images: list[Image.Image]) -> None:
    marked = [image.copy() for image in images]
    for image in marked[: COUNT // 2]:
        ImageDraw.Draw(image).rectangle((300, 20, 420, 44), fill="black")
    inputs = inputs_of(marked)
    assert accuracy(HEADER_FOOTER, inputs) == accuracy(TRACE_MASKED, inputs) == 1
    plain = inputs_of(images)
    assert accuracy(HEADER_FOOTER, plain) < 0.9
    assert accuracy(TRACE_MASKED, plain) < 0.9


def test_what_the_traces_show_is_hidden_from_the_shortcuts(images: list[Image.Image]) -> None:
    """A thick bar in the middle of the traces: a model that sees them needs nothing else."""
    marked = [image.copy() for image in images]
    for image in marked[: COUNT // 2]:
        ImageDraw.Draw(image).rectangle((400, 440, 700, 451), fill="black")
    inputs = inputs_of(marked)
    assert accuracy(PIXELS, inputs) == 1
    assert accuracy(NEAREST_NEIGHBOUR, inputs) >= 0.9
    np.testing.assert_array_equal(inputs.header_footer, inputs_of(images).header_footer)
    assert accuracy(TRACE_MASKED, inputs) < 0.9


def test_the_header_ends_at_the_same_row_for_all(images: list[Image.Image]) -> None:
    """Else its length would tell how high the R waves are."""
    inputs = inputs_of(images)
    assert inputs.header_footer.shape == (COUNT, inputs.top + 364 - inputs.bottom, 512)
    assert 40 < inputs.top < 120
    assert 300 < inputs.bottom <= 364


def test_the_lookup_of_duplicates_knows_what_it_has_seen_and_nothing_else(images: list[Image.Image]) -> None:
    inputs = inputs_of(images)
    copied = replace(inputs, digests=np.array([str(number // 2) for number in range(COUNT)]))
    labels = np.array([("a", "b", "b")[number // 2 % 3] for number in range(COUNT)])
    learn, asked = np.arange(0, COUNT, 2), np.arange(1, COUNT, 2)
    assert (predict_baseline(EXACT_DUPLICATE, copied, labels, learn, asked) == labels[asked]).all()
    assert set(predict_baseline(EXACT_DUPLICATE, inputs, labels, learn, asked)) == {"b"}
    assert set(predict_baseline(MAJORITY_CLASS, copied, labels, learn, asked)) == {"b"}


def test_pages_that_are_trace_from_edge_to_edge_have_no_header(images: list[Image.Image]) -> None:
    inner = [image.crop((10, 200, 1096, 720)) for image in images]
    inputs = inputs_of(inner)
    assert inputs.header_footer.shape[1] < 60
    empty = replace(inputs, top=0, bottom=364)
    labels = np.where(np.arange(COUNT) < COUNT // 3, "a", "b")
    assert (predict_baseline(HEADER_FOOTER, empty, labels, LEARN, ASKED) == "b").all()


def test_every_baseline_has_figures_with_intervals(images: list[Image.Image]) -> None:
    groups = np.arange(COUNT).astype(str)
    found = score_baselines(inputs_of(images), LABELS, groups, [(LEARN, ASKED)])
    assert list(found) == list(BASELINES)
    for metrics in found.values():
        assert 0 < metrics.macro_f1.value <= 1
        assert 0 <= metrics.accuracy.low < metrics.accuracy.high <= 1
        assert metrics.accuracy.low <= metrics.accuracy.value <= metrics.accuracy.high


def test_a_tilted_page_is_seen_level(images: list[Image.Image]) -> None:
    """Else its traces would reach into what counts as header."""
    for image in images[:4]:
        turned = image.rotate(2, Image.Resampling.BICUBIC, fillcolor="white")
        straight, level = (seen(each, 0).grey for each in (image, turned))
        as_it_lies = np.asarray(turned.convert("L").resize((512, 364), Image.Resampling.BILINEAR))
        distances = [np.abs(grey.astype(float) - straight).mean() for grey in (level, as_it_lies)]
        assert distances[0] < 0.75 * distances[1]
