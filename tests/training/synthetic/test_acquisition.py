"""Acquisitions: geometry that can be followed, traces that stay legible, strengths that grow."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from training.errors import DataError
from training.synthetic.acquisition.camera import acquire, apply_acquisition
from training.synthetic.acquisition.legibility import is_legible
from training.synthetic.acquisition.parameters import ACQUISITIONS, FACTORS, STRENGTHS, Acquisition, draw_acquisition
from training.synthetic.paper.layout import LOOKS
from training.synthetic.paper.printed_page import print_page
from training.synthetic.signals.ecg import record
from training.synthetic.signals.hearts import Heart


@pytest.fixture(scope="module")
def page() -> np.ndarray:
    return print_page(
        record(Heart("anterior"), np.random.default_rng(1)), LOOKS["report"], np.random.default_rng(0)
    ).pixels


@pytest.mark.parametrize("kind", sorted(ACQUISITIONS))
def test_the_traces_of_an_acquisition_are_legible_and_it_repeats(kind: str, page: np.ndarray) -> None:
    changed = []
    for strength in STRENGTHS:
        first, again = (acquire(page, kind, strength, np.random.default_rng(4)) for _ in range(2))
        np.testing.assert_array_equal(first.pixels, again.pixels)
        assert (first.pixels.shape, first.pixels.dtype) == (page.shape, np.uint8)
        assert is_legible(page, first.pixels, first.columns, first.rows)
        assert (first.acquisition.kind, first.acquisition.strength) == (kind, strength)
        changed.append(np.abs(first.pixels.astype(int) - page).mean())
    assert changed[0] < changed[2]
    if kind == "bw":
        assert np.ptp(first.pixels.astype(int), axis=2).max() <= 4


def test_a_stronger_acquisition_has_larger_parameters() -> None:
    for kind, ranges in ACQUISITIONS.items():
        drawn = [draw_acquisition(kind, strength, np.random.default_rng(7)) for strength in STRENGTHS]
        for name in ranges:
            sizes = [abs(getattr(acquisition, name)) for acquisition in drawn]
            assert sizes == sorted(sizes)
            assert sizes[2] == pytest.approx(sizes[1] * FACTORS[3])


@given(st.floats(-4, 4), st.floats(-25, 25), st.floats(-15, 15), st.floats(-0.02, 0.02), st.floats(0, 0.05))
@settings(max_examples=25, deadline=None)
def test_a_point_of_the_page_lies_where_it_is_said_to(
    turn: float, lean: float, pan: float, curl: float, margin: float
) -> None:
    points = np.array([[60.5, 50.5], [540.5, 70.5], [300.5, 210.5], [80.5, 370.5], [520.5, 350.5]])
    page = np.full((420, 600, 3), 255, np.uint8)
    for x, y in points.astype(int):
        page[y - 3 : y + 4, x - 3 : x + 4] = 0
    acquired = apply_acquisition(
        page, Acquisition("scan", 1, 5, turn=turn, lean=lean, pan=pan, curl=curl, margin=margin)
    )
    marks, count = ndimage.label(acquired.pixels.max(axis=2) < 128)
    assert count == len(points)
    found = np.array(ndimage.center_of_mass(marks > 0, marks, range(1, count + 1)))[:, ::-1] + 0.5
    for x, y in acquired.place(points):
        assert np.hypot(found[:, 0] - x, found[:, 1] - y).min() < 1.0
    # The way back agrees with the way there.
    x, y = (int(coordinate) for coordinate in acquired.place(points)[2])
    assert abs(acquired.columns[y, x] - 300) < 2.5
    assert abs(acquired.rows[y, x] - 210) < 2.5


def test_what_cannot_be_read_is_called_illegible(page: np.ndarray) -> None:
    whole = apply_acquisition(page, Acquisition("clean", 1, 0))

    def legible(picture: np.ndarray) -> bool:
        return is_legible(page, picture, whole.columns, whole.rows)

    assert legible(page)
    assert not legible(np.full_like(page, 200))
    faint = (255 - (255 - page.astype(float)) * 0.08).astype(np.uint8)
    assert not legible(faint)
    assert not legible(ndimage.gaussian_filter(page, (9, 9, 0)))
    covered = page.copy()
    covered[200:330, 300:700] = 240  # a hand on four leads
    assert not legible(covered)


def test_a_frame_that_cuts_off_leads_is_illegible(page: np.ndarray) -> None:
    height, width, _ = page.shape
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32) + 330, np.arange(height, dtype=np.float32))
    moved = np.full_like(page, 255)
    moved[:, : width - 330] = page[:, 330:]
    assert not is_legible(page, moved, columns, rows)


def test_a_page_that_no_acquisition_leaves_legible_is_refused(page: np.ndarray) -> None:
    faint = (125 - 15 * (page < 120)).astype(np.uint8)  # ink that is hardly darker than its grey paper
    with pytest.raises(DataError, match="left no trace legible in 8 attempts"):
        acquire(faint, "photo", 2, np.random.default_rng(0))
