"""The parametric ECG: the laws of the leads, and the criteria of every disease, measured in the signal itself."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.synthetic.signals.diseases import Q_DEPTH, Q_WIDTH, st_threshold
from training.synthetic.signals.ecg import CLASSES, KINDS, Heart, draw_heart, record
from training.synthetic.signals.hearts import ARTEFACTS, ELECTRODES, QRS
from training.synthetic.signals.recording import LEADS, RATE, SECONDS, Recording, twelve

ALL_KINDS = tuple(kind for kinds in KINDS.values() for kind in kinds)
CLEAN = {"noise": 0.0, "muscle": 0.0, "mains": 0.0, "wander": 0.0, "artefact": "none"}
SEEDS = range(25)
INFARCTION_LEADS = {"anterior": ("V2", "V3"), "inferior": ("II", "III", "aVF"), "lateral": ("I", "aVL", "V5", "V6")}


def heart_of(kind: str, seed: int, **changes: object) -> Heart:
    """A heart drawn until it is of the kind."""
    label = next(label for label, kinds in KINDS.items() if kind in kinds)
    rng = np.random.default_rng([seed, ALL_KINDS.index(kind)])
    while (heart := draw_heart(label, rng)).kind != kind:
        pass
    return replace(heart, **changes)


def clean(kind: str, seed: int, **changes: object) -> tuple[Heart, Recording, dict[str, np.ndarray]]:
    heart = heart_of(kind, seed, **(CLEAN | changes))
    recording = record(heart, np.random.default_rng(seed))
    return heart, recording, dict(zip(LEADS, recording.leads, strict=True))


def whole_beats(recording: Recording) -> list[int]:
    """The samples at which those QRS begin that have a second of signal on either side."""
    return [round(onset * RATE) for onset in recording.parameters["onsets"] if 1 < onset < SECONDS - 1]


def qrs_of(recording: Recording, first: int) -> tuple[float, float]:
    """Where the QRS at a sample begins and ends, in seconds around it: it is over when no lead is steep for 30 ms."""
    slope = np.abs(np.diff(recording.leads[:, first - 10 : first + 110], axis=1)).max(axis=0) * RATE
    steep = np.flatnonzero(slope > 3.5)  # millivolt a second
    pause = np.flatnonzero(np.diff(steep, append=steep[-1] + 100) > 15)[0]
    return (steep[0] - 10) / RATE, (steep[pause] + 1 - 10) / RATE


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_leads_obey_einthoven_and_goldberger_with_noise_and_every_artefact(kind: str) -> None:
    for seed, artefact in enumerate(ARTEFACTS):
        for electrode in ELECTRODES[seed::3]:
            heart = heart_of(kind, seed, artefact=artefact, electrode=electrode, muscle=0.01, mains=0.01)
            recording = record(heart, np.random.default_rng(seed))
            assert recording.leads.shape == recording.altered.shape == (12, int(RATE * SECONDS))
            one, two, three, avr, avl, avf = recording.leads[:6]
            np.testing.assert_allclose(three, two - one, atol=1e-12)
            np.testing.assert_allclose(avr, -(one + two) / 2, atol=1e-12)
            np.testing.assert_allclose(avl, (one - three) / 2, atol=1e-12)
            np.testing.assert_allclose(avf, (two + three) / 2, atol=1e-12)
            assert 0.5 < np.ptp(recording.leads, axis=1).max() < 8  # millivolt


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(CLASSES), st.integers(0, 2**32))
def test_any_heart_can_be_recorded_and_the_same_seed_gives_the_same_floats(label: str, seed: int) -> None:
    first, again = (record(draw_heart(label, rng), rng) for rng in (np.random.default_rng(seed) for _ in range(2)))
    assert np.isfinite(first.leads).all()
    np.testing.assert_array_equal(first.leads, again.leads)
    np.testing.assert_array_equal(first.altered, again.altered)
    assert first.parameters == again.parameters
    assert first.parameters["label"] == label
    rng = np.random.default_rng(seed + 1)
    assert not np.array_equal(first.leads, record(draw_heart(label, rng), rng).leads)


@pytest.mark.parametrize("label", CLASSES)
def test_every_kind_of_a_class_is_as_likely(label: str) -> None:
    rng = np.random.default_rng(0)
    kinds = [draw_heart(label, rng).kind for _ in range(800)]
    for kind in KINDS[label]:
        share = 1 / len(KINDS[label])
        assert abs(kinds.count(kind) / 800 - share) <= 4.5 * np.sqrt(share * (1 - share) / 800)


@pytest.mark.parametrize("kind", [kind for kind in ALL_KINDS if kind != "atrial_fibrillation"])  # T before it is steep
def test_the_onsets_that_are_told_are_those_in_the_signal(kind: str) -> None:
    _, recording, _ = clean(kind, 3)
    for first in whole_beats(recording):
        begin, _ = qrs_of(recording, first)
        assert -0.01 <= begin <= 0.03


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


def test_rates_and_the_irregularity_of_fibrillation() -> None:
    def rate_and_spread(kind: str, seed: int) -> tuple[float, float]:
        intervals = np.diff(clean(kind, seed)[1].parameters["onsets"])
        return 60 / float(intervals.mean()), float(intervals.std() / intervals.mean())

    measured = {kind: np.array([rate_and_spread(kind, seed) for seed in SEEDS]) for kind in ALL_KINDS}
    assert (measured["sinus_tachycardia"][:, 0] > 100).all()
    assert (measured["sinus_bradycardia"][:, 0] < 60).all()
    assert ((measured["normal"][:, 0] > 55) & (measured["normal"][:, 0] < 102)).all()
    assert np.median(measured["atrial_fibrillation"][:, 1]) > 0.15
    assert (measured["atrial_fibrillation"][:, 1] > 0.08).all()
    assert (measured["normal"][:, 1] < 0.05).all()


def test_fibrillation_has_waves_but_no_p() -> None:
    """What many beats share before the QRS is P; what they do not share are waves that follow no beat."""

    def before_qrs(kind: str, seed: int, lead: str) -> np.ndarray:
        _, recording, leads = clean(kind, seed, rate=62.0, pr=0.16)
        return np.array([leads[lead][first - 80 : first - 5] for first in whole_beats(recording)])

    for seed in SEEDS:
        fibrillating, sinus = (before_qrs(kind, seed, "V1") for kind in ("atrial_fibrillation", "normal"))
        assert fibrillating.std(axis=0).mean() > 3 * sinus.std(axis=0).mean()
    shared = [np.ptp(before_qrs("atrial_fibrillation", seed, "II").mean(axis=0)) for seed in SEEDS]
    p_waves = [np.ptp(before_qrs("normal", seed, "II").mean(axis=0)) for seed in SEEDS]
    assert np.median(shared) < 0.6 * np.median(p_waves)


@pytest.mark.parametrize("kind", ["premature_ventricular", "premature_atrial"])
def test_a_premature_beat_is_early_and_wide_only_from_the_ventricle(kind: str) -> None:
    for seed in SEEDS:
        heart, recording, _ = clean(kind, seed, amplitude=1.0)
        onsets = np.array(recording.parameters["onsets"])
        intervals = np.diff(onsets)
        early = 1 + np.flatnonzero(intervals < 0.8 * 60 / heart.rate)
        early = early[(onsets[early] > 1) & (onsets[early] < SECONDS - 2)]
        assert early.size, seed
        for number in early:
            assert intervals[number] > 1.1 * 60 / heart.rate  # the pause
            begin, end = qrs_of(recording, round(onsets[number] * RATE))
            assert (end - begin > 0.12) == (kind == "premature_ventricular")


@pytest.mark.parametrize("axis", [-25.0, 0.0, 45.0, 85.0])
def test_the_axis_turns_the_limb_leads(axis: float) -> None:
    """The axis of the sum of highest and lowest deflection in I and aVF, as it is read from paper."""
    measured = []
    for seed in SEEDS:
        heart, recording, leads = clean("normal", seed, axis=axis)
        first = whole_beats(recording)[0]
        net = {}
        for lead in ("I", "aVF"):
            qrs = leads[lead][first : first + round(heart.qrs * RATE)]
            net[lead] = qrs.max() + qrs.min()
        measured.append(np.degrees(np.arctan2(net["aVF"] * 2 / np.sqrt(3), net["I"])))
    assert abs(np.median(measured) - axis) < 12
    assert np.abs(np.array(measured) - axis).max() < 45


def test_r_grows_and_s_shrinks_from_v1_to_v5() -> None:
    tops, dips = (
        np.median([[pick(clean("normal", seed)[2][f"V{n}"]) for n in range(1, 6)] for seed in SEEDS], axis=0)
        for pick in (np.max, np.min)
    )
    assert (np.diff(tops[:4]) > 0).all()
    assert (np.diff(dips[1:]) > 0).all()


def test_altered_is_where_the_disease_is() -> None:
    for kind in ALL_KINDS:
        heart, recording, _ = clean(kind, 1)
        share = recording.altered.mean()
        if kind == "normal":
            assert share == 0
        elif kind in ("atrial_fibrillation", "sinus_tachycardia", "sinus_bradycardia"):
            assert share == 1
        else:
            assert 0.01 < share < 0.8, kind
        noisy = record(replace(heart, noise=0.2, wander=0.5), np.random.default_rng(1))
        np.testing.assert_array_equal(noisy.altered, recording.altered)  # noise is no disease


def test_altered_holds_the_changed_waves_and_leaves_the_others() -> None:
    for seed in SEEDS:
        heart, recording, _ = clean("anterior", seed)
        altered = dict(zip(LEADS, recording.altered, strict=True))
        for first in whole_beats(recording):
            j_point = first + round(heart.qrs * RATE)
            assert altered["V2"][j_point]
            assert altered["V3"][j_point : j_point + 30].all()
            assert not recording.altered[:, first - 80 : first - 2].any()  # P and the line before the QRS
        heart, recording, _ = clean("first_degree_av_block", seed, amplitude=1.2)
        for first in whole_beats(recording):
            assert not recording.altered[:, first : first + round(heart.qrs * RATE)].any()
        _, recording, _ = clean("right_bundle_branch_block", seed)
        for first in whole_beats(recording):
            assert recording.altered[LEADS.index("V1"), first + 30 : first + 60].any()


def test_swapped_arms_turn_lead_one_over_and_leave_the_chest() -> None:
    heart = heart_of("normal", 2, **CLEAN)
    right, wrong = (
        record(replace(heart, artefact=it), np.random.default_rng(2)).leads for it in ("none", "swapped_arms")
    )
    np.testing.assert_allclose(wrong[LEADS.index("I")], -right[LEADS.index("I")])
    np.testing.assert_allclose(wrong[LEADS.index("II")], right[LEADS.index("III")])
    np.testing.assert_allclose(wrong[LEADS.index("aVR")], right[LEADS.index("aVL")], atol=1e-12)
    np.testing.assert_array_equal(wrong[6:], right[6:])


@pytest.mark.parametrize(
    ("electrode", "untouched"), [("RA", ("III",)), ("LA", ("II",)), ("C3", (*LEADS[:6], "V1", "V6"))]
)
def test_a_loose_electrode_shows_in_every_lead_that_it_serves(electrode: str, untouched: tuple[str, ...]) -> None:
    heart = heart_of("normal", 2, **CLEAN)
    loose, firm = (
        record(replace(heart, artefact=it, electrode=electrode), np.random.default_rng(2)).leads
        for it in ("loose_electrode", "none")
    )
    change = np.abs(loose - firm).max(axis=1)
    for lead in untouched:
        assert change[LEADS.index(lead)] < 1e-12
    assert (change > 0.05).sum() == (1 if electrode == "C3" else 11)


def test_twelve_derives_what_einthoven_and_goldberger_say() -> None:
    derived = twelve(np.arange(1.0, 9.0).reshape(8, 1))
    assert derived[:, 0].tolist() == [1, 2, 1, -1.5, 0, 1.5, 3, 4, 5, 6, 7, 8]
