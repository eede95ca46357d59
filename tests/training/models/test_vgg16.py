"""The whole line of VGG16, with seeded weights in a file, at a small size; and the cache of its features."""

import shutil
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from edge import Classifier, ModelError, load_page
from export.convert import convert
from export.parity import BOUNDS
from tests.conftest import last_line, trained
from training.data.recipe import Recipe
from training.errors import RunError
from training.fit import cached_features as features
from training.fit.cached_features import cached_features
from training.models.saved_model import load_model
from training.models.vgg16 import build_vgg16, vgg16_base

RECIPE = Recipe(model="vgg16", epochs=2, height=64, width=96)


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    keras.utils.set_random_seed(11)
    file = tmp_path_factory.mktemp("weights") / "vgg16.h5"
    keras.applications.VGG16(include_top=False, weights=None, input_shape=(64, 96, 3)).save(file)
    return file


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def vgg16(weights: Path, cache: Path, three_classes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(three_classes, tmp_path_factory.mktemp("vgg16") / "run", RECIPE, weights=weights, cache=cache)


def test_the_line_from_pages_to_a_prediction(vgg16: Path, three_classes: Path, tmp_path: Path) -> None:
    assert vgg16.name == "ecg_vgg16_model.h5"
    parity = convert(vgg16, tmp_path / "ecg.onnx", three_classes / "test")
    assert parity.failures == []
    model, classifier = load_model(vgg16), Classifier(tmp_path / "ecg.onnx")
    image = next((three_classes / "test").rglob("*.jpg"))
    expected, served = (
        run(load_page(image, model.contract.preprocessing)[np.newaxis]) for run in (model.run, classifier.run)
    )
    assert np.abs(served.probabilities - expected.probabilities).max() <= BOUNDS["float32"].probability
    assert np.abs(served.in_distribution - expected.in_distribution).max() <= BOUNDS["float32"].in_distribution


def test_a_cold_and_a_warm_cache_give_the_same_bytes(
    vgg16: Path, weights: Path, cache: Path, three_classes: Path, tmp_path: Path, command: Callable
) -> None:
    """The warm one in a fresh process; the cold one computes features again."""
    options = ("--epochs", 2, "--image-size", "64x96", "--weights", weights, "--data", three_classes)
    train_vgg16 = ("training", "train", "--model", "vgg16", *options)
    before = sorted(path.stat().st_mtime_ns for path in cache.rglob("*.npy"))
    command(*train_vgg16, "--cache", cache, "--out", tmp_path / "warm", PYTHONHASHSEED="3")
    assert sorted(path.stat().st_mtime_ns for path in cache.rglob("*.npy")) == before
    cold = trained(three_classes, tmp_path / "cold", RECIPE, weights=weights, cache=tmp_path / "new cache")
    assert (tmp_path / "warm" / vgg16.name).read_bytes() == vgg16.read_bytes()
    assert cold.read_bytes() == vgg16.read_bytes()


def test_the_base_is_frozen(vgg16: Path, weights: Path) -> None:
    published = keras.applications.VGG16(include_top=False, weights=str(weights), input_shape=(64, 96, 3))
    frozen = load_model(vgg16).network
    for layer in published.layers[1:]:
        for ours, theirs in zip(frozen.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_the_pixels_reach_vgg16_as_keras_prepares_them(weights: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3), np.uint8)
    published = keras.applications.VGG16(include_top=False, weights=str(weights), input_shape=(64, 96, 3))
    prepared = keras.applications.vgg16.preprocess_input(images.astype(np.float32))
    expected = published.predict(prepared, verbose=0).mean(axis=(1, 2))
    ours = vgg16_base(weights, 64, 96).predict(images, verbose=0)[:, -512:]
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-4)


def test_the_head_is_linear_on_standardised_means(vgg16: Path, three_classes: Path) -> None:
    model = load_model(vgg16)
    network = model.network
    images = np.stack(
        [load_page(path, model.contract.preprocessing) for path in sorted((three_classes / "test").rglob("*.jpg"))]
    )
    means = keras.Model(network.input, network.get_layer("features").output).predict(images, verbose=0)
    mean, variance = network.get_layer("standardise").get_weights()
    kernel, bias = network.get_layer("logits").get_weights()
    logits = model.run(images).logits
    np.testing.assert_allclose((means - mean) / np.sqrt(variance + 1e-6) @ kernel + bias, logits, atol=1e-3)
    dead = mean == 0
    assert dead.any()  # seeded weights leave maps that no image shows
    assert (kernel[dead] == 0).all()
    assert (variance[dead] > 0).all()  # so that an image which shows one does not drown the others


def test_a_file_that_is_not_vgg16_is_refused(h5: Path, three_classes: Path) -> None:
    for file in (h5, next((three_classes / "test").rglob("*.jpg"))):
        with pytest.raises(ModelError, match="not the weights of VGG16"):
            build_vgg16(3, 64, 96, file)


@pytest.fixture(scope="session")
def base() -> keras.Model:
    """A base that is quick to run, 8x8 means of an image, with weights."""
    keras.utils.set_random_seed(0)
    image = keras.Input((16, 16, 3), dtype="uint8")
    x = keras.layers.Conv2D(4, 3, name="conv")(keras.layers.Rescaling(1 / 255, name="rescale")(image))
    return keras.Model(image, keras.layers.GlobalAveragePooling2D(name="mean")(x))


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)


def test_the_cache_is_keyed_by_pixels_and_not_by_order(base: keras.Model, images: np.ndarray, tmp_path: Path) -> None:
    found = cached_features(base, iter(images), 40, tmp_path)
    np.testing.assert_allclose(found, base.predict(images, verbose=0), atol=1e-6)
    asked = []
    original = base.predict_on_batch
    base.predict_on_batch = lambda batch: asked.append(batch) or original(batch)
    try:
        np.testing.assert_array_equal(cached_features(base, iter(images[::-1]), 40, tmp_path), found[::-1])
        assert asked == []
        changed = images.copy()
        changed[7, 3, 3, 0] ^= 1
        again = cached_features(base, iter(changed), 40, tmp_path)
        assert [len(batch) for batch in asked] == [features.BATCH]  # filled up
        assert (again[7] != found[7]).any()
        assert (np.delete(again, 7, axis=0) == np.delete(found, 7, axis=0)).all()
    finally:
        base.predict_on_batch = original


def test_other_weights_have_another_cache(base: keras.Model, images: np.ndarray, tmp_path: Path) -> None:
    found = cached_features(base, iter(images), 40, tmp_path)
    layer = base.get_layer("conv")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel * 2, bias])
    try:
        assert (cached_features(base, iter(images), 40, tmp_path) != found).any()
    finally:
        layer.set_weights([kernel, bias])


def test_a_features_do_not_depend_on_the_other_pages(base: keras.Model, images: np.ndarray, tmp_path: Path) -> None:
    together = cached_features(base, iter(images), 40, tmp_path / "together")
    alone = cached_features(base, iter(images[33:34]), 1, tmp_path / "alone")
    np.testing.assert_array_equal(alone[0], together[33])


def test_an_interrupted_computation_keeps_what_it_has(base: keras.Model, images: np.ndarray, tmp_path: Path) -> None:
    def interrupted():
        yield from images[:20]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_features(base, interrupted(), 40, tmp_path)
    assert len(list(tmp_path.rglob("*.npy"))) == features.BATCH


def test_a_damaged_file_of_the_cache_is_named(base: keras.Model, images: np.ndarray, tmp_path: Path) -> None:
    cached_features(base, iter(images[:3]), 3, tmp_path)
    file = next(tmp_path.rglob("*.npy"))
    for content in (b"", file.read_bytes()[:-3], b"no array"):
        file.write_bytes(content)
        with pytest.raises(RunError, match=file.name):
            cached_features(base, iter(images[:3]), 3, tmp_path)


def test_missing_weights_are_said_before_anything_else(command: Callable, three_classes: Path, tmp_path: Path) -> None:
    words = ("training", "train", "--model", "vgg16", "--data", three_classes, "--out", tmp_path / "run")
    assert "no such weights file" in last_line(command(*words, "--weights", tmp_path / "none.h5", code=2))
    assert not (tmp_path / "run").exists()
    shutil.rmtree(tmp_path)
