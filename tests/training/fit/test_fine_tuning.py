"""Fine-tuning: which weights move, what they learn from, that it repeats, and that two stages join."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from edge.images.preprocessing import Preprocessing
from tests.conftest import last_line, trained
from training.data.folder import DataFolder
from training.data.history import read_history
from training.data.loaded_images import EcgImage, LoadedImages
from training.data.recipe import Recipe
from training.fit import fine_tuning
from training.fit.fine_tuning import FineTuner
from training.fit.lesson import targets_of
from training.fit.loop import Batches, TargetLoss, hits
from training.inspection.trace_area import TraceArea
from training.models.heads import fit_standardise, refit_standardise
from training.models.networks import NETWORKS, build_network
from training.models.saved_model import load_model

RECIPE = Recipe(
    model="efficientnet_lite0", epochs=2, height=64, width=96, fine_tune="blocks8-14", learning_rate=1e-3, masked=True
)
WEIGHTS = NETWORKS["efficientnet_lite0"].weights
SIZE = Preprocessing(192, 256)


def lite0(data: Path, run: Path, recipe: Recipe = RECIPE, **inputs: object) -> Path:
    return trained(data, run, recipe, weights=WEIGHTS, **inputs)


@pytest.fixture(scope="module")
def tuned(synthetic_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `.h5` of a run with folds: it is of its last epoch, and has learned from every image."""
    return lite0(synthetic_folder, tmp_path_factory.mktemp("tuned") / "run", replace(RECIPE, folds=2))


def test_the_blocks_above_the_cut_move_and_nothing_else(tuned: Path) -> None:
    network = load_model(tuned).network
    published = build_network("efficientnet_lite0", ("a", "b", "c", "d"), 64, 96, WEIGHTS)
    moved = {
        layer.name
        for layer in published.layers
        if layer.weights and any((a != b).any() for a, b in zip(*both(layer.name, network, published), strict=True))
    }
    convolutions = {f"block{n}_{part}" for n in range(8, 15) for part in ("expand", "depthwise", "project")}
    assert moved == convolutions | {"logits", "standardise", "components", "mean_square", "is_ecg"}


def both(name: str, *networks: keras.Model) -> list[list[np.ndarray]]:
    found = [network.get_layer(name).get_weights() for network in networks]
    return found if name != "logits" else [[part[0]] for part in found]


def test_with_folds_nothing_is_held_out_and_the_last_epoch_is_kept(tuned: Path, synthetic_folder: Path) -> None:
    rows = read_history(tuned.parent / "history.csv")
    assert [(row.stage, row.epoch) for row in rows] == [("head", 1), ("head", 2), ("blocks8-14", 1), ("blocks8-14", 2)]
    assert all(np.isnan(row.val_loss) for row in rows)
    assert load_model(tuned).contract.trained_on.images == 32


def test_it_repeats_and_goes_on_after_an_interrupt(
    tuned: Path, synthetic_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupting(Batches):
        def __getitem__(self, number: int):
            if self._epoch == 1:
                raise KeyboardInterrupt
            return super().__getitem__(number)

    recipe = replace(RECIPE, folds=2)
    with monkeypatch.context() as patch:
        patch.setattr(fine_tuning, "Batches", Interrupting)
        with pytest.raises(KeyboardInterrupt):
            lite0(synthetic_folder, tmp_path / "run", recipe)
    assert lite0(synthetic_folder, tmp_path / "run", recipe).read_bytes() == tuned.read_bytes()


def test_a_second_stage_starts_from_the_first_and_skips_the_head(
    tuned: Path, synthetic_folder: Path, tmp_path: Path
) -> None:
    second = trained(synthetic_folder, tmp_path / "run", replace(RECIPE, epochs=1), weights=tuned)
    stages = {row.stage for row in read_history(second.parent / "history.csv")}
    assert stages == {"blocks8-14"}
    start, network = load_model(tuned).network, load_model(second).network
    below, above = (
        [network.get_layer(name).get_weights()[0] - start.get_layer(name).get_weights()[0]]
        for name in ("block7_project", "block9_project")
    )
    assert not np.any(below)
    assert 0 < np.abs(above).max() < 0.1


def test_vgg16_is_tuned_from_its_third_block_on_and_moves_its_fifth(synthetic_folder: Path, tmp_path: Path) -> None:
    recipe = Recipe(model="vgg16", epochs=1, height=32, width=48, fine_tune="block5", learning_rate=1e-2, folds=2)
    file = NETWORKS["vgg16"].weights
    network = load_model(trained(synthetic_folder, tmp_path / "run", recipe, weights=file)).network
    published = build_network("vgg16", ("a", "b", "c", "d"), 32, 48, file)
    for name in ("block3_conv3", "block4_conv3", "block5_conv1", "block5_conv3"):
        moved = (network.get_layer(name).get_weights()[0] != published.get_layer(name).get_weights()[0]).any()
        assert moved == name.startswith("block5"), name


def test_the_loss_of_a_set_is_that_of_its_sum_and_of_no_class_that_of_all() -> None:
    logits = np.log(np.array([[0.5, 0.3, 0.2]] * 3, np.float32))
    targets = np.array([[0, 1, 0], [0, 1, 1], [1 / 3, 1 / 3, 1 / 3]], np.float32)
    found = np.asarray(TargetLoss().call(targets, logits))
    assert found == pytest.approx([-np.log(0.3), -np.log(0.5), -np.log([0.5, 0.3, 0.2]).mean()], rel=1e-5)
    smooth = np.asarray(TargetLoss(0.1).call(targets, logits))
    assert smooth[0] == pytest.approx(0.9 * found[0] + 0.1 * found[2], rel=1e-5)
    assert np.asarray(hits(targets, np.roll(logits, 1, axis=1))).tolist() == [1, 1, 0]


def test_targets_say_the_class_the_set_or_nothing() -> None:
    images = tuple(EcgImage(path=Path("x"), label=label) for label in ("b", "a|c", ""))
    loaded = LoadedImages(
        images=images,
        pixels=np.zeros((3, 1, 1, 3), np.uint8),
        digests=("1", "2", "3"),
        groups=np.array(["1", "2", "3"]),
    )
    np.testing.assert_allclose(targets_of(loaded, ("a", "b", "c")), [[0, 1, 0], [1, 0, 1], [1 / 3, 1 / 3, 1 / 3]])


def test_light_images_are_shown_in_some_epochs_and_count_the_same_in_the_sum() -> None:
    targets = np.eye(2, dtype=np.float32)[np.arange(400) % 2]
    sample_weight = np.where(np.arange(400) < 200, 1.0, 0.1).astype(np.float32)
    shown, total = [], []
    for epoch in range(20):
        thin = Batches(np.arange(400), targets, sample_weight, epoch, 0, thin=True)
        parts = [thin[number] for number in range(len(thin))]
        assert max(len(inputs) for inputs, *_ in parts) <= 16
        light = [(inputs >= 200, weights) for inputs, _, weights in parts]
        shown.append(sum(int(which.sum()) for which, _ in light))
        total.append(sum(float(weights[which].sum()) for which, weights in light))
    whole = Batches(np.arange(400), targets, sample_weight, 0, 0)
    expected = sum(float(weights[inputs >= 200].sum()) for inputs, _, weights in (whole[n] for n in range(len(whole))))
    assert np.mean(shown) == pytest.approx(40, rel=0.15)  # a fifth of them
    assert np.mean(total) == pytest.approx(expected, rel=0.15)


def test_standardising_again_leaves_the_logits_as_they_are() -> None:
    network = build_network("efficientnet_lite0", ("a", "b"), 64, 96, WEIGHTS)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, 64, 96, 3), np.uint8)
    network.get_layer("logits").set_weights([rng.normal(size=(384, 2)), rng.normal(size=2)])
    fit_standardise(network, rng.gamma(1, 1, (50, 384)).astype(np.float32))
    before = network.predict(images, verbose=0)["logits"]
    features = keras.Model(network.input, network.get_layer("features").output).predict(images, verbose=0)
    refit_standardise(network, features)
    after = network.predict(images, verbose=0)
    np.testing.assert_allclose(after["logits"], before, rtol=1e-3, atol=1e-3)
    mean = network.get_layer("standardise").get_weights()[0]
    np.testing.assert_allclose(mean, features.mean(axis=0), rtol=1e-4, atol=1e-5)


def test_masked_versions_have_no_header_and_some_images_no_traces(synthetic_folder: Path) -> None:
    """The image itself keeps its header; each other augmentation has lost it, and nothing of its traces."""
    data = DataFolder.read(synthetic_folder)
    loaded = data.load(SIZE, data.but("test"))
    tuner = FineTuner(RECIPE, NETWORKS["efficientnet_lite0"].fine_tuning["blocks8-14"])
    area = TraceArea.of(loaded.images[0].path, 192, 256)
    assert 0.1 < area.outside.mean() < 0.5
    assert 0.01 < area.ink.mean() < 0.3
    bare = area.without_header(loaded.pixels[0])
    assert np.ptp(bare[area.outside], axis=0).max() == 0
    assert (bare[~area.outside] == loaded.pixels[0][~area.outside]).all()
    np.testing.assert_array_equal(tuner._version(loaded, [], 0, 0), loaded.pixels[0])
    dark = [(tuner._version(loaded, [], 0, number)[:30].min(axis=2) < 200).sum() for number in (0, 1)]
    assert dark[1] < dark[0] / 10, dark
    wiped = area.without_traces(loaded.pixels[0])
    assert (wiped[area.ink].min(axis=1) < 100).mean() < 0.2 * (loaded.pixels[0][area.ink].min(axis=1) < 100).mean()
    traceless = tuner._traceless(loaded)
    assert len(traceless) == -(-len(loaded) // fine_tuning.TRACELESS)
    assert {image.classes for image in traceless.images} == {()}
    assert not set(traceless.digests) & set(loaded.digests)


def test_a_stage_of_another_network_gets_the_list(called: Callable, three_classes: Path, tmp_path: Path) -> None:
    words = ("train", "--data", three_classes, "--out", tmp_path / "run")
    line = last_line(called("training", *words, "--model", "vgg16", "--fine-tune", "blocks5-14", code=2))
    assert "is not for --model vgg16: give block5" in line
    line = last_line(called("training", *words, "--model", "cnn", "--fine-tune", "block5", code=2))
    assert "trained whole: leave it out" in line
    line = last_line(called("training", *words, "--model", "vgg16", "--masked", code=2))
    assert "--masked: is for --fine-tune" in line
