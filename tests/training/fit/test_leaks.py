"""Training refuses a split that leaks, or leaves the copies out where it is told to."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import RECIPE, last_line, trained
from training.data.leaks import ACROSS, TWO_LABELS
from training.errors import DataError
from training.models.saved_model import load_model


def test_training_refuses_a_leaking_split_unless_told_otherwise(three_classes: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(three_classes, tmp_path / "images")
    image = sorted((folder / "train" / "normal").iterdir())[0]
    with Image.open(image) as image:
        image.save(folder / "test" / "normal" / "copy.png")

    def images(name: str, **changes: bool) -> int:
        recipe = replace(RECIPE, epochs=1, **changes)
        return load_model(trained(folder, tmp_path / name, recipe)).contract.trained_on.images

    with pytest.raises(DataError, match=rf"1 x {ACROSS}; first .*normal_0002\.jpg.*--drop-duplicates"):
        images("refused")
    assert not (tmp_path / "refused").exists()
    assert images("allowed", allow_leaks=True) == 24
    assert images("dropped", drop_duplicates=True) == 23


def test_a_page_under_two_labels_is_refused_or_dropped(called: Callable, three_classes: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(three_classes, tmp_path / "images")
    image = sorted((folder / "train" / "normal").iterdir())[0]
    shutil.copy(image, folder / "train" / "abnormal heartbeat" / "copy.jpg")
    words = ("training", "train", "--model", "cnn", "--image-size", "96x160", "--epochs", 1, "--data", folder)
    assert f"1 x {TWO_LABELS}" in last_line(called(*words, "--out", tmp_path / "run", code=2))
    assert not (tmp_path / "run").exists()
    result = called(*words, "--out", tmp_path / "run", "--drop-duplicates")
    assert "left out: 2 copies of other images" in result.stderr


def test_a_class_that_dropping_copies_would_empty_is_not_served(three_classes: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(three_classes, tmp_path / "images")
    for image in sorted((folder / "train" / "normal").iterdir()):
        shutil.copy(image, folder / "test" / "normal" / f"copy of {image.name}")
    with pytest.raises(DataError, match="leaves no image of class 'normal'"):
        trained(folder, tmp_path / "run", replace(RECIPE, drop_duplicates=True))
    assert not (tmp_path / "run").exists()
