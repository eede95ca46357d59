"""Infarctions, bundle branch blocks and PR intervals have the form that textbooks give them."""

import numpy as np
import pytest

from tests.training.synthetic.hearts import INFARCTION_LEADS, SEEDS, clean, qrs_of, whole_beats
from training.synthetic.signals.diseases import Q_DEPTH, Q_WIDTH, st_threshold
from training.synthetic.signals.hearts import QRS
from training.synthetic.signals.recording import RATE


@pytest.mark.parametrize("territory", INFARCTION_LEADS)
@pytest.mark.parametrize(("sex", "age"), [("male", 39), ("male", 40), ("female", 39), ("female", 70)])
def test_the_j_point_of_an_acute_infarction_reaches_its_threshold_in_contiguous_leads(
    territory: str, sex: str, age: int
) -> None:
    thresholds = {("male", 39): 0.25, ("male", 40): 0.2, ("female", 39): 0.15, ("female", 70): 0.15}
    for seed in SEEDS:
        heart, recording, leads = clean(territory, seed, sex=sex, age=age)
        for first in whole_beats(recording):
            j_point = first + round(heart.qrs * RATE)
            for lead in INFARCTION_LEADS[territory]:
                threshold = thresholds[sex, age] if lead in ("V2", "V3") else 0.1
                assert st_threshold(lead, sex, age) == threshold
                assert leads[lead][j_point] - leads[lead][first - 2] >= threshold, (seed, lead)


def test_an_acute_infarction_shows_reciprocal_changes() -> None:
    for seed in SEEDS:
        heart, recording, leads = clean("inferior", seed)
        j_point = whole_beats(recording)[0] + round(heart.qrs * RATE)
        assert leads["III"][j_point] > leads["II"][j_point]
        assert leads["aVL"][j_point] < -0.05
        heart, recording, leads = clean("lateral", seed)
        j_point = whole_beats(recording)[0] + round(heart.qrs * RATE)
        assert leads["III"][j_point] < -0.02


def test_a_normal_heart_meets_no_criterion_of_an_infarction() -> None:
    for seed in SEEDS:
        heart, recording, leads = clean("normal", seed)
        for first in whole_beats(recording):
            j_point = first + round(heart.qrs * RATE)
            for lead, trace in leads.items():
                assert trace[j_point] - trace[first - 2] < st_threshold(lead, heart.sex, heart.age)


@pytest.mark.parametrize("territory", INFARCTION_LEADS)
def test_an_old_infarction_has_wide_and_deep_q_waves(territory: str) -> None:
    """As the definition measures: from the onset until the trace is back, in every lead of the territory."""
    for seed in SEEDS:
        _, recording, leads = clean(f"old_{territory}", seed)
        for first in whole_beats(recording):
            for lead in INFARCTION_LEADS[territory]:
                beat = leads[lead][first : first + 60] - leads[lead][first - 2]
                below = beat < -0.005
                start = int(below.argmax())
                width = (~below[start:]).argmax() if (~below[start:]).any() else below.size
                assert start <= 3
                assert width / RATE >= Q_WIDTH, (seed, lead)
                assert -beat[start : start + width].min() >= Q_DEPTH, (seed, lead)


def test_an_old_anterior_infarction_loses_r_and_turns_t() -> None:
    def tallest(kind: str, lead: str) -> float:
        return float(np.median([clean(kind, seed)[2][lead].max() for seed in SEEDS]))

    assert tallest("old_anterior", "V3") < 0.5 * tallest("normal", "V3")
    turned = 0
    for seed in SEEDS:
        heart, recording, leads = clean("old_anterior", seed)
        first, interval = whole_beats(recording)[0], 60 / heart.rate
        window = leads["V3"][first + int(0.15 * RATE) : first + int(heart.qtc * np.cbrt(interval) * RATE)]
        turned += window.min() < -0.05
    assert turned > len(SEEDS) / 2


@pytest.mark.parametrize("kind", ["normal", "left_bundle_branch_block", "right_bundle_branch_block"])
def test_qrs_widths(kind: str) -> None:
    """A block's is 0.12 s or more, a normal one's 0.11 or less (Surawicz et al., 2009)."""
    for seed in SEEDS:
        heart, recording, _ = clean(kind, seed, amplitude=1.0)
        begin, end = np.median([qrs_of(recording, first) for first in whole_beats(recording)], axis=0)
        assert abs(end - begin - heart.qrs) < 0.02
        if kind == "normal":
            assert end - begin <= 0.11
        else:
            assert heart.qrs >= min(QRS[kind]) > 0.12
            assert end - begin >= 0.115  # the smooth first and last milliseconds are no steep ones


def test_left_bundle_branch_block_has_its_form() -> None:
    for seed in SEEDS:
        heart, recording, leads = clean("left_bundle_branch_block", seed)
        first, width = whole_beats(recording)[0], round(heart.qrs * RATE)
        qrs = {lead: trace[first : first + width] for lead, trace in leads.items()}
        after = {lead: trace[first + width : first + width + 120] for lead, trace in leads.items()}
        assert abs(qrs["V1"].min()) > 3 * qrs["V1"].max()  # rS or QS
        for lead in ("V5", "V6"):
            assert qrs[lead][: int(0.85 * width)].min() > -0.05  # no Q, no S
            assert (qrs[lead] > 0.5 * qrs[lead].max()).sum() / RATE > 0.06  # broad
            assert after[lead].min() < -0.05  # T against the QRS
        assert after["V1"].max() > 0.1


def test_right_bundle_branch_block_has_its_form() -> None:
    for seed in SEEDS:
        heart, recording, leads = clean("right_bundle_branch_block", seed)
        first, width = whole_beats(recording)[0], round(heart.qrs * RATE)
        qrs = {lead: trace[first : first + width] for lead, trace in leads.items()}
        dip = int(qrs["V1"].argmin())
        assert qrs["V1"][:dip].max() < qrs["V1"][dip:].max()  # r, S, and a larger R'
        assert qrs["V1"][:dip].max() > 0.03
        assert qrs["V1"][dip] < 0
        for lead in ("I", "V6"):
            assert (qrs[lead] < 0).sum() / RATE > 0.04  # the standard's: an S of more than 40 ms


@pytest.mark.parametrize("kind", ["normal", "first_degree_av_block"])
def test_pr_intervals(kind: str) -> None:
    """The interval is measured from where P leaves the line in lead II."""
    for seed in SEEDS:
        heart, recording, leads = clean(kind, seed, rate=60)
        first = whole_beats(recording)[1]
        before = leads["II"][first - int(0.38 * RATE) : first - 5]
        pr = (before.size + 5 - np.flatnonzero(before > 0.01)[0]) / RATE
        assert abs(pr - heart.pr) < 0.03
        assert (pr > 0.2) == (kind == "first_degree_av_block")
