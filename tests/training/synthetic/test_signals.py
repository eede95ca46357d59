"""The parametric ECG: the laws of the leads, and the criteria of every disease, measured in the signal itself."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.synthetic.hearts import (
    ALL_KINDS,
    CLEAN,
    SEEDS,
    clean,
    heart_of,
    qrs_of,
    whole_beats,
)
from training.synthetic.signals.ecg import record
from training.synthetic.signals.hearts import ARTEFACTS, CLASSES, ELECTRODES, KINDS, draw_heart
from training.synthetic.signals.recording import LEADS, RATE, SECONDS, twelve


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
