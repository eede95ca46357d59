"""Auxiliary images and acquisitions: learned from, never validated on, never a way for a test image to be seen."""

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.images.preprocessing import Preprocessing
from tests.conftest import LABELS, RECIPE, last_line, trained
from training.data.folder import DataFolder
from training.data.loaded_images import short_digest
from training.data.recipe import AUXILIARY_WEIGHT
from training.data.training_set import SET_WEIGHT, read_training_set
from training.errors import DataError
from training.fit import network
from training.fit.loop import Batches
from training.models.saved_model import load_model
from training.synthetic.dataset import SyntheticSettings, generate_dataset


@pytest.fixture(scope="module")
def auxiliary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three classes, eight images each of another seed, with test images that must not be learned."""
    folder = tmp_path_factory.mktemp("auxiliary")
    generate_dataset(folder / "synthetic", SyntheticSettings(per_class=8, seed=77, strength=1))
    for split in ("train", "test"):
        for old, new in zip(("myocardial_infarction", "abnormal_heartbeat", "normal"), LABELS, strict=True):
            shutil.copytree(folder / "synthetic" / split / old, folder / "images" / split / new)
    return folder / "images"


def weighted(folder: Path, weight: float = AUXILIARY_WEIGHT) -> tuple[tuple[DataFolder, float], ...]:
    return ((DataFolder.read(folder), weight),)


def digests(folder: Path, split: str) -> set[str]:
    data = DataFolder.read(folder)
    chosen = [image for image in data.images if image.split == split]
    return set(data.load(Preprocessing(64, 64), chosen).digests)


def test_auxiliary_images_are_learned_from_and_never_asked_about(
    three_classes: Path, auxiliary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[set[str], set[str]]] = []
    original = network.NetworkTrainer.train

    def watched(self, learn, choose, folder):
        seen.append((set(learn.digests), set(choose.digests)))
        return original(self, learn, choose, folder)

    monkeypatch.setattr(network.NetworkTrainer, "train", watched)
    recipe = replace(RECIPE, epochs=1, folds=2)
    model = load_model(trained(three_classes, tmp_path / "run", recipe, auxiliary=weighted(auxiliary)))
    own, further, held_back = (
        digests(three_classes, "train"),
        digests(auxiliary, "train"),
        digests(auxiliary, "test"),
    )
    assert len(seen) == 3
    for learn, choose in seen:
        assert further <= learn
        assert not choose & further
        assert not (learn | choose) & held_back
        assert learn - further < own
    assert model.contract.trained_on.auxiliary_images == len(further) == 18
    assert model.contract.trained_on.images == len(own)
    assert model.trained_on == set(map(short_digest, own | further))
    with (tmp_path / "run" / "out_of_fold.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == len(own)


def test_an_auxiliary_image_counts_as_a_tenth_in_the_loss() -> None:
    targets, sample_weight = (
        np.eye(2, dtype=np.float32)[[0, 0, 1, 1, 1]],
        np.array([1, AUXILIARY_WEIGHT, 1, 1, AUXILIARY_WEIGHT]),
    )
    batches = Batches(np.arange(5.0), targets, sample_weight, epoch=0, seed=0)
    weights = np.zeros(5)
    for inputs, _, part in (batches[number] for number in range(len(batches))):
        weights[inputs.astype(int)] = part
    assert weights[1] == pytest.approx(weights[0] / 10)
    assert weights[4] == pytest.approx(weights[3] / 10)
    assert weights[:2].sum() == pytest.approx(weights[2:].sum())


def copy_a_test_page(own: Path, further: Path) -> None:
    shutil.copy(next((own / "test" / "normal").glob("*.jpg")), further / "train" / "normal")


def rename_a_class(_: Path, further: Path) -> None:
    shutil.rmtree(further / "test")
    (further / "train" / "normal").rename(further / "train" / "other")


def leave_test_pages_alone(_: Path, further: Path) -> None:
    shutil.rmtree(further / "train")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (copy_a_test_page, "is a copy of"),
        (rename_a_class, "has the class 'other'"),
        (leave_test_pages_alone, "has test images only"),
    ],
)
def test_auxiliary_images_that_would_spoil_the_figures_are_refused(
    three_classes: Path, auxiliary: Path, tmp_path: Path, spoil: Callable, reason: str
) -> None:
    further = tmp_path / "extra"
    shutil.copytree(auxiliary, further)
    spoil(three_classes, further)
    with pytest.raises(DataError, match=reason) as refusal:
        trained(three_classes, tmp_path / "run", auxiliary=weighted(further))
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "run").exists()


def test_an_auxiliary_image_of_a_known_group_is_refused(auxiliary: Path, tmp_path: Path) -> None:
    own, further = tmp_path / "own", tmp_path / "further"
    generate_dataset(own, SyntheticSettings(per_class=5, seed=1, strength=1))
    generate_dataset(further, SyntheticSettings(per_class=2, seed=2, strength=1))
    for folder, split in ((own, "test"), (further, "train")):
        lines = (folder / "manifest.csv").read_text().splitlines()
        place = next(index for index, line in enumerate(lines) if f",{split},," in line)
        lines[place] = lines[place].replace(f",{split},,", f",{split},patient 7,")
        (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match="is of the group 'patient 7'"):
        trained(own, tmp_path / "run", auxiliary=weighted(further))


def test_with_acquisitions_photos_are_asked_about_as_well_and_the_command_says_so(
    called: Callable, three_classes: Path, auxiliary: Path, tmp_path: Path
) -> None:
    words = ("train", "--model", "cnn", "--data", three_classes, "--auxiliary", auxiliary, "--acquisitions", 1)
    options = ("--folds", 2, "--epochs", 1, "--image-size", "96x160", "--cache", tmp_path / "cache")
    result = called("training", *words, *options, "--out", tmp_path / "run")
    assert "out-of-fold, 2 grouped folds, phone photos of the images" in result.stdout
    numbers = json.loads((tmp_path / "run" / "report.json").read_text())
    assert numbers["out_of_fold_photos"]["images"] == numbers["out_of_fold"]["images"] == 24
    photos, images = (
        [one["probabilities"] for one in numbers[name]["predictions"]] for name in ("out_of_fold_photos", "out_of_fold")
    )
    assert all(photo != image for photo, image in zip(photos, images, strict=True))
    called("training", *words, *options, "--out", tmp_path / "again")
    first, again = (tmp_path / run / "ecg_cnn_model.h5" for run in ("run", "again"))
    assert first.read_bytes() == again.read_bytes()


def test_the_cnn_sees_images_and_acquisitions_in_turn(
    three_classes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[np.ndarray] = []
    monkeypatch.setattr(network, "augmented", lambda image, *_: shown.append(image) or image)
    monkeypatch.setattr(network, "simulated_acquisitions", lambda loaded, *_: np.full_like(loaded.pixels, 7))
    recipe = replace(RECIPE, epochs=2, acquisitions=1)
    trained(three_classes, tmp_path / "run", recipe)
    acquired = [bool((image == 7).all()) for image in shown]
    learned = acquired.index(True)
    assert not any(acquired[:learned])
    assert all(acquired[learned : 2 * learned])


def grouped(folder: Path, seed: int, group: str, split: str) -> Path:
    """A synthetic data folder whose first image of a split is of a group."""
    generate_dataset(folder, SyntheticSettings(per_class=5, seed=seed, strength=1))
    lines = (folder / "manifest.csv").read_text().splitlines()
    place = next(index for index, line in enumerate(lines) if f",{split},," in line)
    lines[place] = lines[place].replace(f",{split},,", f",{split},{group},")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_an_auxiliary_image_is_left_out_where_its_group_is_held_out(tmp_path: Path) -> None:
    own = DataFolder.read(grouped(tmp_path / "own", 1, "patient 7", "train"))
    further = weighted(grouped(tmp_path / "further", 2, "patient 7", "train"))
    found = read_training_set(own, further, RECIPE)
    held_out = found.own.groups == "patient 7"
    assert held_out.sum() == 1
    lessons = found.lesson(), found.lesson(held_out)
    assert ["patient 7" in lesson.groups for lesson in lessons] == [True, False]
    assert [len(lesson) for lesson in lessons] == [32, 30]


def test_groups_of_another_folder_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    own = DataFolder.read(grouped(tmp_path / "own", 1, "patient 1", "train"))
    further = weighted(grouped(tmp_path / "further", 2, "patient 7", "train"))
    later = DataFolder.read(grouped(tmp_path / "later", 3, "patient 7", "test"))
    with caplog.at_level("INFO"):
        found = read_training_set(own, further, RECIPE, later)
    assert "left out 1 images of known groups" in caplog.text
    assert len(found.auxiliary) == 15
    assert "patient 7" not in found.everything.groups


def test_images_whose_label_is_a_set_are_learned_from_and_never_asked_about(tmp_path: Path) -> None:
    folder = grouped(tmp_path / "own", 1, "patient 7", "train")
    manifest = folder / "manifest.csv"
    first, *lines = manifest.read_text().splitlines()
    place = next(index for index, line in enumerate(lines) if line.endswith("_0002.jpg") or "normal_0002.jpg" in line)
    lines[place] = lines[place].replace(",normal,", ",history_of_mi|normal,")
    manifest.write_text("\n".join([first, *lines]) + "\n")
    data = DataFolder.read(folder)
    assert data.classes() == ("abnormal_heartbeat", "history_of_mi", "myocardial_infarction", "normal")
    found = read_training_set(data, (), RECIPE)
    assert len(found.own) == 15
    assert [image.classes for image in found.auxiliary.images] == [("history_of_mi", "normal")]
    assert found.auxiliary.sample_weight == pytest.approx([SET_WEIGHT])
    assert found.contract.trained_on.auxiliary_images == 1


def test_a_model_to_be_shipped_learns_from_test_images_too(synthetic_folder: Path) -> None:
    data = DataFolder.read(synthetic_folder)
    assert len(read_training_set(data, (), RECIPE).own) == 32
    assert len(read_training_set(data, (), replace(RECIPE, with_test=True)).own) == 40


@pytest.mark.parametrize("words", [("0",), ("2",), ("x",), ("0.1", "0.2")])
def test_a_weight_that_is_none_gets_one_line(
    called: Callable, three_classes: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    train = ("train", "--model", "cnn", "--data", three_classes, "--out", tmp_path / "run")
    line = last_line(called("training", *train, "--auxiliary", three_classes, *words, code=2))
    assert line.endswith("is no folder and a weight above 0 and up to 1: give for example DIR 0.1")
