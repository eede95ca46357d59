"""Simulated acquisitions of a data folder: they repeat, come from a cache, and say where none was legible."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.images.preprocessing import Preprocessing
from training.data import simulated_acquisitions as acquisitions
from training.data.folder import DataFolder
from training.data.loaded_images import LoadedImages
from training.data.simulated_acquisitions import PHOTO_SERIES, simulated_acquisitions, training_series
from training.errors import DataError, RunError

SIZE = Preprocessing(64, 96)


@pytest.fixture
def loaded(synthetic_folder: Path) -> LoadedImages:
    data = DataFolder.read(synthetic_folder)
    return data.load(SIZE, data.images[:6])


def test_acquisitions_repeat_in_any_order_and_come_from_the_cache(
    loaded: LoadedImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = training_series(1)
    first = simulated_acquisitions(loaded, series, SIZE, 3, tmp_path / "one")
    assert (first.shape, first.dtype) == ((6, 64, 96, 3), np.uint8)
    turned = simulated_acquisitions(loaded.select(np.arange(6)[::-1]), series, SIZE, 3, tmp_path / "two")
    np.testing.assert_array_equal(first, turned[::-1])
    others = [training_series(2), PHOTO_SERIES, replace(PHOTO_SERIES, number=1)]
    for other in [simulated_acquisitions(loaded, other, SIZE, 3, tmp_path / "one") for other in others]:
        assert (other != first).any(axis=(1, 2, 3)).all()
    monkeypatch.setattr(acquisitions, "acquire", None)  # nothing is made twice
    np.testing.assert_array_equal(simulated_acquisitions(loaded, series, SIZE, 3, tmp_path / "one"), first)


def test_a_damaged_cache_is_named(loaded: LoadedImages, tmp_path: Path) -> None:
    simulated_acquisitions(loaded, PHOTO_SERIES, SIZE, 0, tmp_path)
    file = next(tmp_path.rglob("*.npy"))
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(RunError, match=f"{file}: is damaged"):
        simulated_acquisitions(loaded, PHOTO_SERIES, SIZE, 0, tmp_path)


def test_where_nothing_is_legible_the_image_stands_and_is_counted(
    loaded: LoadedImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def illegible(*_: object) -> None:
        raise DataError("no trace is legible")

    monkeypatch.setattr(acquisitions, "acquire", illegible)
    pixels = simulated_acquisitions(loaded, PHOTO_SERIES, SIZE, 0, tmp_path)
    np.testing.assert_array_equal(pixels, loaded.pixels)
    assert "6 acquisitions would not be legible: the images stand in for them" in caplog.text
