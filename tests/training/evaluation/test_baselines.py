"""The baselines: each sees what its name says and nothing else."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from training.data.near_copies import isolated
from training.evaluation.baselines import (
    BASELINES,
    BLANKED,
    MAJORITY,
    NEIGHBOUR,
    OUTSIDE,
    PLAIN,
    TABLE,
    Views,
    compare,
    guess,
    seen,
)
from training.synthetic.paper.layout import LOOKS
from training.synthetic.paper.printed_page import print_page
from training.synthetic.signals.ecg import Heart, record

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


def views(images: list[Image.Image]) -> Views:
    looks = [seen(image, isolated(image)) for image in images]
    digests = np.array([str(number) for number in range(len(images))])
    return Views.of(digests, np.stack([grey for grey, _ in looks]), np.array([span for _, span in looks]))


def right(name: str, shown: Views) -> float:
    return float((guess(name, shown, LABELS, LEARN, ASKED) == LABELS[ASKED]).mean())


def test_a_word_in_the_header_is_a_shortcut(images: list[Image.Image]) -> None:
    marked = [image.copy() for image in images]
    for image in marked[: COUNT // 2]:
        ImageDraw.Draw(image).rectangle((300, 20, 420, 44), fill="black")
    shown = views(marked)
    assert right(OUTSIDE, shown) == right(BLANKED, shown) == 1
    plain = views(images)
    assert right(OUTSIDE, plain) < 0.9
    assert right(BLANKED, plain) < 0.9


def test_what_the_traces_show_is_hidden_from_the_shortcuts(images: list[Image.Image]) -> None:
    """A thick bar in the middle of the traces: a model that sees them needs nothing else."""
    marked = [image.copy() for image in images]
    for image in marked[: COUNT // 2]:
        ImageDraw.Draw(image).rectangle((400, 440, 700, 451), fill="black")
    shown = views(marked)
    assert right(PLAIN, shown) == 1
    assert right(NEIGHBOUR, shown) >= 0.9
    np.testing.assert_array_equal(shown.outside, views(images).outside)
    assert right(BLANKED, shown) < 0.9


def test_the_header_ends_at_the_same_row_for_all(images: list[Image.Image]) -> None:
    """Else its length would tell how high the R waves are."""
    shown = views(images)
    assert shown.outside.shape == (COUNT, shown.top + 364 - shown.bottom, 512)
    assert 40 < shown.top < 120
    assert 300 < shown.bottom <= 364


def test_the_table_of_copies_knows_what_it_has_seen_and_nothing_else(images: list[Image.Image]) -> None:
    shown = views(images)
    copied = Views(np.array([str(number // 2) for number in range(COUNT)]), shown.grey, shown.top, shown.bottom)
    labels = np.array([("a", "b", "b")[number // 2 % 3] for number in range(COUNT)])
    learn, asked = np.arange(0, COUNT, 2), np.arange(1, COUNT, 2)
    assert (guess(TABLE, copied, labels, learn, asked) == labels[asked]).all()
    assert set(guess(TABLE, shown, labels, learn, asked)) == {"b"}
    assert set(guess(MAJORITY, copied, labels, learn, asked)) == {"b"}


def test_pages_that_are_trace_from_edge_to_edge_have_no_header(images: list[Image.Image]) -> None:
    inner = [image.crop((10, 200, 1096, 720)) for image in images]
    shown = views(inner)
    assert shown.outside.shape[1] < 60
    empty = Views(shown.digests, shown.grey, 0, 364)
    assert set(guess(OUTSIDE, empty, LABELS, LEARN, ASKED)) <= {"a", "b"}


def test_every_comparator_has_figures_with_intervals(images: list[Image.Image]) -> None:
    groups = np.arange(COUNT).astype(str)
    found = compare(views(images), LABELS, groups, [(LEARN, ASKED)])
    assert list(found) == list(BASELINES)
    for figures in found.values():
        assert 0 <= figures["macro_f1"].value <= 1
        assert figures["accuracy"].low <= figures["accuracy"].value <= figures["accuracy"].high


def test_a_tilted_page_is_seen_level(images: list[Image.Image]) -> None:
    """Else its traces would reach into what counts as header."""
    for image in images[:4]:
        turned = image.rotate(2, Image.Resampling.BICUBIC, fillcolor="white")
        straight, (level, _) = (seen(each, isolated(each)) for each in (image, turned))
        as_it_lies = np.asarray(turned.convert("L").resize((512, 364), Image.Resampling.BILINEAR))
        distances = [np.abs(grey.astype(float) - straight[0]).mean() for grey in (level, as_it_lies)]
        assert distances[0] < 0.75 * distances[1]
