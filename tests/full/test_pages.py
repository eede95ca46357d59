"""Drawn pages: the laws of the leads, what each class shows, and a set that repeats."""

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge import UsageError
from training import pages
from training.pages import draw_pages
from training.pages import page as drawing
from training.pages.signals import CLASSES, LEADS, RATE, SECONDS


def leads(label: str, seed: int) -> dict[str, np.ndarray]:
    return dict(zip(LEADS, CLASSES[label](np.random.default_rng(seed)), strict=True))


@pytest.mark.parametrize("label", sorted(CLASSES))
def test_limb_leads_obey_einthoven_and_goldberger(label: str) -> None:
    for seed in range(5):
        signal = leads(label, seed)
        assert all(lead.shape == (int(RATE * SECONDS),) for lead in signal.values())
        np.testing.assert_allclose(signal["III"], signal["II"] - signal["I"], atol=1e-12)
        np.testing.assert_allclose(signal["aVR"], -(signal["I"] + signal["II"]) / 2, atol=1e-12)
        np.testing.assert_allclose(signal["aVL"], (signal["I"] - signal["III"]) / 2, atol=1e-12)
        np.testing.assert_allclose(signal["aVF"], (signal["II"] + signal["III"]) / 2, atol=1e-12)
        assert 0.5 < max(np.ptp(lead) for lead in signal.values()) < 6  # millivolt


def st_elevation(signal: dict[str, np.ndarray]) -> float:
    """The largest elevation over the leads, 0.1 s after the R peaks against 0.08 s before, in millivolt."""
    reference = np.abs(np.diff(sum(np.abs(lead) for lead in signal.values())))
    peaks = [first + reference[first : first + 300].argmax() for first in range(300, 4400, 300)]
    peaks = [peak for peak in peaks if reference[peak] > 0.5 * reference.max()]
    shifts = [[lead[peak + 50] - lead[peak - 40] for peak in peaks] for lead in signal.values()]
    return float(np.median(shifts, axis=1).max())


def test_an_acute_infarction_raises_st_and_a_normal_heart_does_not() -> None:
    infarction = np.array([st_elevation(leads("myocardial_infarction", seed)) for seed in range(20)])
    normal = np.array([st_elevation(leads("normal", seed)) for seed in range(20)])
    assert np.median(infarction) > 0.2
    assert np.median(normal) < 0.1


def test_an_old_infarction_turns_t_waves_over() -> None:
    """In two of three territories it does so in leads whose S waves are small."""

    def lowest(label: str, seed: int) -> float:
        signal = leads(label, seed)
        return min(np.percentile(signal[name], 5) for name in ("I", "II", "V5", "V6"))

    old = np.array([lowest("history_of_mi", seed) for seed in range(30)])
    assert np.median(old) < -0.1
    assert np.median([lowest("normal", seed) for seed in range(30)]) > -0.08


def test_the_same_seed_gives_the_same_bytes_in_a_set_of_any_size(drawn: Path, tmp_path: Path) -> None:
    draw_pages(tmp_path / "again", per_class=10, seed=5)
    draw_pages(tmp_path / "fewer", per_class=5, seed=5)
    draw_pages(tmp_path / "other", per_class=5, seed=6)

    def digests(folder: Path) -> dict[str, str]:
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*.jpg")}

    assert digests(tmp_path / "again") == digests(drawn)
    assert digests(tmp_path / "fewer").items() <= digests(drawn).items()
    assert not set(digests(tmp_path / "other").values()) & set(digests(drawn).values())


def test_the_set_is_a_data_folder_that_says_that_it_is_drawn(drawn: Path) -> None:
    with (drawn / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 40
    assert {row["drawn"] for row in rows} == {"true"}
    assert {row["label"] for row in rows} == set(CLASSES)
    assert sum(row["split"] == "test" for row in rows) == 8
    with Image.open(drawn / rows[0]["path"]) as image:
        assert (image.size, image.format) == ((1106, 786), "JPEG")


def test_a_trace_stands_where_its_millivolts_say() -> None:
    """A step of 1 mV in the rhythm strip, read back from the page."""
    signal = np.zeros((12, int(RATE * SECONDS)))
    signal[LEADS.index("II"), 2500:] = 1.0
    image = np.asarray(drawing.draw_page(signal, np.random.default_rng(0)).convert("L"))
    baseline = drawing.BASELINES[3]
    for second, expected in ((3.0, baseline), (9.0, baseline - drawing.GAIN * drawing.MILLIMETRE)):
        column = round(drawing.LEFT + second * drawing.SPEED * drawing.MILLIMETRE)
        strip = image[600:740, column]
        assert abs(600 + np.flatnonzero(strip < 100).mean() - expected) <= 1


def test_an_interrupted_set_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original, drawn_so_far = pages.draw_page, []

    def interrupted(*arguments: object) -> Image.Image:
        drawn_so_far.append(arguments)
        if len(drawn_so_far) == 3:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(pages, "draw_page", interrupted)
    with pytest.raises(KeyboardInterrupt):
        draw_pages(tmp_path / "pages", per_class=2, seed=0)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_is_left_alone(drawn: Path) -> None:
    with pytest.raises(UsageError, match="already exists"):
        draw_pages(drawn, per_class=2, seed=0)
    assert len(list(drawn.rglob("*.jpg"))) == 40
