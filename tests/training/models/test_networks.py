"""The table of networks: the shipped weights are the published ones, and another network is a module and a line."""

from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from edge import ModelError
from edge.classifier import INPUT
from edge.images.preprocessing import Preprocessing, load_page
from tests.conftest import last_line, trained
from training.data.recipe import Recipe
from training.models import networks
from training.models.efficientnet_lite0 import EPSILON, build_efficientnet_lite0
from training.models.heads import standardised
from training.models.in_distribution import in_distribution
from training.models.networks import NETWORKS, NetworkKind, build_network, is_trained, weights_file
from training.models.saved_model import load_model, save_model

LABELS = ("abnormal", "normal")
LITE0 = NETWORKS["efficientnet_lite0"].weights
MILITARY_UNIFORM, SUIT = 652, 834  # ImageNet's classes for a portrait of an admiral


def test_the_shipped_weights_know_what_they_learned() -> None:
    """The published network again, with its last block and classifier, on a photograph that matplotlib ships."""
    network = build_efficientnet_lite0(2, 224, 224, LITE0)
    x = network.get_layer("block14_add").output
    with h5py.File(LITE0) as file:
        for name, kind, arguments in (
            ("block15/expand", keras.layers.Conv2D, (1152, 1)),
            ("block15/depthwise", keras.layers.DepthwiseConv2D, (3,)),
            ("block15/project", keras.layers.Conv2D, (320, 1)),
            ("head", keras.layers.Conv2D, (1280, 1)),
        ):
            layer = kind(*arguments, padding="same", use_bias=False)
            norm = keras.layers.BatchNormalization(epsilon=EPSILON)
            x = norm(layer(x))
            layer.set_weights([file[name]["kernel"][:]])
            parts = ("gamma", "beta", "moving_mean", "moving_variance")
            norm.set_weights([file[f"{name}_bn"][part][:] for part in parts])
            x = x if "project" in name else keras.layers.ReLU(6.0)(x)
        classify = keras.layers.Dense(1000)
        scores = classify(keras.layers.GlobalAveragePooling2D()(x))
        classify.set_weights([file["classifier"]["kernel"][:], file["classifier"]["bias"][:]])
    portrait = Path(str(files("matplotlib") / "mpl-data" / "sample_data" / "grace_hopper.jpg"))
    image = load_page(portrait, Preprocessing(224, 224))
    first = np.argsort(-keras.Model(network.input, scores).predict(image[np.newaxis], verbose=0)[0])[:3]
    assert {MILITARY_UNIFORM, SUIT} <= set(first.tolist())


def test_vgg16_has_its_shipped_weights() -> None:
    network = build_network("vgg16", LABELS, 64, 96, weights_file("vgg16", "imagenet"))
    assert not is_trained(network)
    kernel = network.get_layer("block1_conv1").get_weights()[0]
    assert kernel.shape == (3, 3, 3, 64)
    assert kernel[0, 0, 0, 0] == pytest.approx(0.4295, abs=1e-3)  # of the published file


def test_all_layers_of_a_transfer_network_are_frozen_but_its_class_layer() -> None:
    network = build_efficientnet_lite0(2, 64, 96, LITE0)
    assert [layer.name for layer in network.layers if layer.trainable_weights] == ["logits"]
    assert network.count_params() == pytest.approx(2.4e6, rel=0.01)


@pytest.mark.parametrize("name", ["vgg16", "efficientnet_lite0"])
def test_weights_of_another_network_are_named(name: str, h5: Path) -> None:
    wrong = NETWORKS["efficientnet_lite0" if name == "vgg16" else "vgg16"].weights
    with pytest.raises(ModelError, match=rf"{wrong.name}: are not the weights of"):
        build_network(name, LABELS, 64, 96, wrong)
    with pytest.raises(ModelError, match=f"holds the network cnn, not {name}"):
        build_network(name, LABELS, 64, 96, h5)


def test_a_network_that_learns_from_nothing_takes_no_imagenet_weights() -> None:
    assert weights_file("cnn", "imagenet") is None
    with pytest.raises(ModelError, match="--model cnn starts from"):
        build_network("cnn", LABELS, 64, 96, LITE0)


def test_a_model_of_this_program_is_what_another_one_starts_from(h5: Path) -> None:
    """All layers, and the class layer where it has the same labels; the size of the images may be another."""
    start = load_model(h5)
    same = build_network("cnn", start.contract.labels, 96, 160, h5)
    for layer in same.layers:
        theirs = start.network.get_layer(layer.name).get_weights()
        for own, other in zip(layer.get_weights(), theirs, strict=True):
            np.testing.assert_array_equal(own, other)
    other = build_network("cnn", ("a", "b", "c"), 96, 160, h5)
    head, conv = (
        [network.get_layer(name).get_weights()[0] for network in (other, start.network)]
        for name in ("logits", "conv_1")
    )
    assert (conv[0] == conv[1]).all()
    assert (head[0] != head[1]).any()


def test_an_older_model_is_a_start_as_well(h5: Path, tmp_path: Path) -> None:
    """Those before 0.7.0 have no layer that says whether a picture is an ECG image at all."""
    known = load_model(h5)
    near = known.network.get_layer("near_training_images").output
    old = keras.Model(known.network.input, known.network.output | {"in_distribution": near}, name="ecg")
    assert "is_ecg" not in [layer.name for layer in old.layers]
    save_model(replace(known, network=old), tmp_path / "old.h5")
    network = build_network("cnn", known.contract.labels, 96, 160, tmp_path / "old.h5")
    convolution, fresh = (network.get_layer(name).get_weights() for name in ("conv_3", "is_ecg"))
    np.testing.assert_array_equal(convolution[0], old.get_layer("conv_3").get_weights()[0])
    assert not fresh[0].any()


def test_an_unknown_network_gets_the_list(called: Callable, three_classes: Path, tmp_path: Path) -> None:
    words = ("train", "--model", "resnet", "--data", three_classes, "--out", tmp_path / "run")
    assert "cnn, vgg16, efficientnet_lite0" in last_line(called("training", *words, code=2)).replace("'", "")


def tiny(classes: int, height: int, width: int, _: Path | None) -> keras.Model:
    """A network in ten lines: 16x16 means of the image, one convolution, a linear head on its means."""
    image = keras.Input((height, width, 3), dtype="uint8", name=INPUT)
    x = keras.layers.AveragePooling2D(16, name="pool")(keras.layers.Rescaling(1 / 255, name="rescale")(image))
    x = keras.layers.Conv2D(8, 3, padding="same", activation="relu", name="conv")(x)
    means = [keras.layers.GlobalAveragePooling2D(name="mean")(x), keras.layers.GlobalAveragePooling2D(name="again")(x)]
    features = standardised(keras.layers.Concatenate(name="features")(means))
    logits = keras.layers.Dense(classes, name="logits")(features)
    return keras.Model(image, {"logits": logits, "in_distribution": in_distribution(features)}, name="ecg")


def test_a_network_is_added_with_a_function_and_a_line(
    three_classes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From images to an exported model that predicts alike: nothing else has to know of it."""
    from export.convert import convert

    monkeypatch.setitem(NETWORKS, "tiny", NetworkKind(description="tiny", build=tiny, learning_rate=1e-2))
    h5 = trained(three_classes, tmp_path / "run", Recipe(model="tiny", epochs=2, height=96, width=160))
    assert h5.name == "ecg_tiny_model.h5"
    assert convert(h5, tmp_path / "tiny.onnx", three_classes / "test").failures == []


def test_missing_shipped_weights_are_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gone = NetworkKind(description="", build=tiny, learning_rate=1.0, weights=tmp_path / "gone.h5")
    monkeypatch.setitem(networks.NETWORKS, "gone", gone)
    with pytest.raises(ModelError, match=r"gone.h5: no such weights file: clone the repository again"):
        weights_file("gone", "imagenet")
