"""Synthetic ECG images: what stands on them can be read back, and layouts that fit no paper are refused."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.ndimage import minimum_filter1d

from edge.errors import UsageError
from training.synthetic.paper.layout import LAYOUTS, LOOKS, LeadBox, Style, lead_boxes
from training.synthetic.paper.printed_page import PrintedPage, print_page
from training.synthetic.signals.ecg import record
from training.synthetic.signals.hearts import Heart
from training.synthetic.signals.recording import LEADS, RATE, Recording

FINE = Style(layout="3x4+1", dpi=300, grid="pink", font="DejaVuSans", line=0.2)
NAME = 8.0  # mm at the left of a lead that its name covers


def follow(page: PrintedPage, box: LeadBox, style: Style) -> tuple[np.ndarray, np.ndarray]:
    """Read a trace back, column by column: times in seconds and millivolt, from the picture and the box alone."""
    scale, width = page.scale, round(style.line * page.scale)
    last = box.left + (box.end - box.start) * style.speed - 1
    columns = np.arange(round((box.left + NAME) * scale), round(last * scale))
    dark = page.pixels.max(axis=2) < 130
    runs, at = [], box.baseline * scale
    for column in columns:
        edges = np.flatnonzero(np.diff(dark[:, column].astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
        runs.append(min(edges, key=lambda run: max(run[0] - at, at - run[1], 0)))
        at = sum(runs[-1]) / 2
    top, bottom = np.array(runs, float).T
    y = (top + bottom) / 2
    # Within a pen's width of a sharp tip both flanks are in one run: there the tip itself is read.
    for edge, inwards in ((top, 1), (bottom, -1)):
        heights = inwards * edge
        tips = (heights == minimum_filter1d(heights, 4 * width + 1)) & (bottom - top > 2.5 * width)
        for group in np.split(np.flatnonzero(tips), np.flatnonzero(np.diff(np.flatnonzero(tips)) > 1) + 1):
            if group.size and width < group[0] and group[-1] < y.size - width:
                tip = round(group.mean())
                near = [tip - width // 2 - 1, tip, tip + width // 2 + 1]
                there = np.arange(near[0], near[2] + 1)
                y[there] = np.interp(there, near, [y[near[0]], edge[tip] + inwards * width / 2, y[near[2]]])
    return box.start + ((columns + 0.5) / scale - box.left) / style.speed, (box.baseline - y / scale) / style.gain


@pytest.mark.parametrize("changes", [{}, {"layout": "6x2"}, {"layout": "3x4+3"}, {"speed": 50.0}])
def test_the_trace_of_a_page_is_its_signal(changes: dict) -> None:
    style = replace(FINE, **changes)
    read = 0
    for kind in ("normal", "inferior", "old_anterior", "left_bundle_branch_block"):
        recording = record(Heart(kind, noise=0.004), np.random.default_rng(3))
        page = print_page(recording, style, np.random.default_rng(0))
        for box in lead_boxes(style):
            lead = recording.leads[LEADS.index(box.lead)]
            if np.ptp(lead[box.samples]) < 0.5:
                continue
            times, found = follow(page, box, style)
            true = np.interp(times, np.arange(lead.size) / RATE, lead)
            assert np.corrcoef(found, true)[0, 1] >= 0.99, (kind, box)
            assert np.median(np.abs(found - true)) <= 0.05
            assert abs(found.max() - true.max()) <= 0.1
            read += 1
    assert read >= 30


def test_the_reading_would_notice_another_gain_or_speed() -> None:
    """The test above can fail: read 20 % too low, or 2 % too slow, the page does not pass."""
    recording = record(Heart("normal"), np.random.default_rng(3))
    box = next(box for box in lead_boxes(FINE) if box.lead == "V5")
    lead = recording.leads[LEADS.index("V5")]
    page = print_page(recording, FINE, np.random.default_rng(0))
    for wrong in (replace(FINE, gain=12.0), replace(FINE, speed=24.5)):
        times, found = follow(page, box, wrong)
        true = np.interp(times, np.arange(lead.size) / RATE, lead)
        assert np.corrcoef(found, true)[0, 1] < 0.99 or abs(found.max() - true.max()) > 0.1


@pytest.mark.parametrize("style", [*LOOKS.values(), Style(gain=20.0), Style(layout="12x1", speed=50.0)])
def test_a_page_has_its_size_its_pulses_and_its_leads(style: Style) -> None:
    flat = Recording(np.zeros((12, 5000)), np.zeros((12, 5000), bool), {})
    page = print_page(flat, style, np.random.default_rng(0))
    assert page.pixels.shape == (786, 1106, 3)
    dark = page.pixels.max(axis=2) < 128
    first = next(box for box in page.boxes if box.first)
    pulse = slice(round((first.left - 4 - style.pulse) * page.scale) + 2, round((first.left - 4) * page.scale) - 2)
    top = round((first.baseline - style.gain) * page.scale)
    assert dark[top - 3 : top + 4, pulse].any(axis=0).all()
    for box in page.boxes:
        row = round(box.baseline * page.scale)
        columns = slice(round((box.left + NAME) * page.scale), round((box.left + 50) * page.scale))
        assert dark[row - 2 : row + 3, columns].any(axis=0).all()


def test_the_rate_in_the_header_is_found_where_nobody_states_it() -> None:
    from training.synthetic.paper.printed_page import _rate

    heart = Heart("normal", rate=75)
    recording = record(heart, np.random.default_rng(0))
    assert abs(_rate(replace(recording, parameters={})) - 75) <= 3


def test_the_columns_of_a_row_follow_each_other_in_time() -> None:
    for layout, rows in LAYOUTS.items():
        boxes = lead_boxes(Style(layout=layout))
        assert len(boxes) == sum(map(len, rows))
        assert {box.lead for box in boxes} == set(LEADS)
        for earlier, later in pairwise(boxes):
            assert later.first or (later.start == earlier.end and later.top == earlier.top)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"width": 200.0}, "needs 261 mm of paper, there are 187"),
        ({"layout": "12x1", "height": 120.0}, "leaves 6.1 mm for a row"),
        ({"dpi": 50}, "72 to 300"),
        ({"layout": "4x3"}, "no such layout"),
    ],
)
def test_what_no_paper_could_show_is_refused(changes: dict, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as refusal:
        replace(FINE, **changes)
    assert "\n" not in str(refusal.value)
