"""Write models as others make them, and what they say: python -m tests.export.foreign.make_others FOLDER IMAGES

Each is built and asked in its own framework, as a notebook would do it: with Keras' own loader of pictures and its own
`preprocess_input`. Keras 2 files are then put into the forms that earlier versions wrote. FOLDER gets the files and
`said.json`: for each file its options for `export convert` and its answers by picture.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import h5py
import keras
import numpy as np
import tf_keras as keras2
from tf_keras.applications import imagenet_utils

RANGE = 3.0
"""Of the logits over the pictures, so that classes are told apart without a training; the weights that it takes lay
rounding apart as well: with 6, that of an untrained grey network reached 1.4e-5 on one processor."""


def nested(inside: Any, size: int) -> Any:
    """`Sequential([VGG16(...), Flatten(), Dense(...)])`, with a base that is small."""
    image = keras2.Input((size, size, 3))
    found = image
    for filters in (4, 8):
        found = keras2.layers.Conv2D(filters, 3, activation="relu", padding="same")(found)
        found = keras2.layers.MaxPooling2D(4)(found)
    base = keras2.Model(image, found, name="base")
    if inside is keras2.Sequential:
        return keras2.Sequential(
            [base, keras2.layers.Flatten(), keras2.layers.Dropout(0.5), keras2.layers.Dense(4, activation="softmax")]
        )
    image = keras2.Input((size, size, 3))
    found = keras2.layers.GlobalAveragePooling2D()(base(image, training=False))
    return keras2.Model(image, keras2.layers.Dense(4, name="classes")(keras2.layers.Dropout(0.2)(found)))


def depthwise() -> Any:
    """As MobileNets are: Keras 2 states the groups of a depthwise convolution, which Keras 3 does not know."""
    layers = keras2.layers
    return keras2.Sequential(
        [
            layers.Conv2D(6, 3, strides=2, input_shape=(128, 128, 3), use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(6.0),
            layers.DepthwiseConv2D(3, padding="same"),
            layers.ReLU(6.0),
            layers.MaxPooling2D(4),
            layers.Flatten(),
            layers.Dense(4),
            layers.Softmax(),
        ]
    )


def plain(size: int, channels: int, classes: int, activation: str | None, *, removed: bool = False) -> Any:
    """A small network; `removed` has a layer that Keras 3 has no more."""
    layers = keras2.layers
    middle = layers.ThresholdedReLU(0.05) if removed else layers.BatchNormalization()
    return keras2.Sequential(
        [
            layers.Conv2D(6, 5, strides=3, input_shape=(size, size, channels), activation="relu"),
            middle,
            layers.MaxPooling2D(3),
            layers.Flatten(),
            layers.Dense(classes, activation=activation),
        ]
    )


def with_keras3() -> keras.Model:
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((96, 96, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(6, 5, strides=3, activation="relu"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )


def hard() -> Any:
    """With an activation that Keras 3 means another function by."""
    layers = keras2.layers
    return keras2.Sequential(
        [
            layers.Conv2D(6, 5, strides=3, input_shape=(64, 64, 3), activation="hard_sigmoid"),
            layers.MaxPooling2D(3),
            layers.Flatten(),
            layers.Dense(4, activation="softmax"),
        ]
    )


Case = tuple[str, str, Callable[[], Any], dict[str, str]]
CASES: tuple[Case, ...] = (
    ("nested.h5", "2.15", lambda: nested(keras2.Sequential, 64), {"preprocessing": "unit", "resize": "nearest"}),
    ("nested-224.h5", "2.2.4", lambda: nested(keras2.Sequential, 64), {"preprocessing": "caffe", "resize": "nearest"}),
    (
        "functional.h5", "2.11", lambda: nested(keras2.Model, 64),
        {"preprocessing": "torch", "resize": "bilinear", "activation": "softmax"},
    ),
    (
        "functional-24.h5", "2.4", lambda: nested(keras2.Model, 64),
        {"preprocessing": "tf", "resize": "lanczos", "activation": "sigmoid"},
    ),
    ("depthwise.h5", "2.11", depthwise, {"preprocessing": "tf", "resize": "bicubic"}),
    (
        "grey.h5", "2.2.4", lambda: plain(64, 1, 4, "softmax"),
        {"preprocessing": "unit", "resize": "bilinear", "channels": "grey"},
    ),
    ("several.h5", "2.4", lambda: plain(240, 3, 4, "sigmoid"), {"preprocessing": "unit", "resize": "nearest"}),
    ("two.h5", "2.15", lambda: plain(64, 3, 1, "sigmoid"), {"preprocessing": "unit", "resize": "hamming"}),
    (
        "logit.h5", "2.11", lambda: plain(64, 3, 1, None),
        {"preprocessing": "unit", "resize": "nearest", "activation": "sigmoid"},
    ),
    (
        "removed.h5", "2.15", lambda: plain(128, 3, 4, "softmax", removed=True),
        {"preprocessing": "unit", "resize": "box"},
    ),
    ("hard.h5", "2.15", hard, {"preprocessing": "tf", "resize": "nearest"}),
    ("three.keras", "3", with_keras3, {"preprocessing": "none", "resize": "nearest", "channels": "bgr"}),
)  # fmt: skip


def main() -> None:
    folder, images = Path(sys.argv[1]), sorted(Path(sys.argv[2]).rglob("*.jpg"))
    said = {}
    for name, form, build, options in CASES:
        keras2.utils.set_random_seed(3)
        keras.utils.set_random_seed(3)
        network = build()
        pixels = np.stack([opened(image, network.input_shape[1:], options) for image in images])
        spread(network, pixels)
        outputs = network.predict(pixels, verbose=0)
        network.save(folder / name)
        if form not in ("3", "2.15"):
            older(folder / name, form)
        labels = [f"class {letter}" for letter in "abcd"[: max(outputs.shape[1], 2)]]
        said[name] = {
            "options": {"labels": ",".join(labels), "channels": "rgb", **options},
            "answers": dict(zip(map(str, images), outputs.tolist(), strict=True)),
        }
    wrong(folder)
    named = {"labels": "a,b,c,d", "channels": "rgb", "preprocessing": "unit", "resize": "nearest"}
    said |= {path.name: {"options": named, "answers": {}} for path in folder.iterdir() if path.name not in said}
    (folder / "said.json").write_text(json.dumps(said))


def wrong(folder: Path) -> None:
    """Write files that cannot be adopted."""
    layers = keras2.layers
    image = keras2.Input((64, 64, 3))
    flat = layers.Flatten()(layers.Conv2D(4, 9, strides=9)(image))
    parts = [layers.Dense(4, activation="softmax")(flat) for _ in range(2)]  # two networks and their mean
    keras2.Model(image, layers.Average()(parts)).save(folder / "mean.h5")
    both = keras.layers.Flatten()(picture := keras.Input((64, 64, 3)))
    keras.Model(picture, {name: keras.layers.Dense(4)(both) for name in "ab"}).save(folder / "both.keras")
    for name, old, new in (
        ("huge", "64, 64, 3", "20000, 20000, 3"),
        ("custom", '"Flatten"', '"MyAttention"'),
        ("operator", '"Flatten"', '"TensorFlowOpLayer"'),
    ):
        copy = Path(shutil.copy(folder / "mean.h5", folder / f"{name}.h5"))
        with h5py.File(copy, "a") as file:
            text = file.attrs["model_config"]
            assert old in text
            file.attrs["model_config"] = text.replace(old, new)
    # An archive, for who looks at its beginning, with an HDF5 file behind it, for who looks at its name.
    archive = (folder / "three.keras").read_bytes()
    place = 512
    while place < len(archive):
        place *= 2
    with h5py.File(folder / "both.h5", "w", userblock_size=place) as file, h5py.File(folder / "mean.h5") as source:
        for name in source:
            source.copy(name, file)
        for name, value in source.attrs.items():
            file.attrs[name] = value
    with (folder / "both.h5").open("r+b") as file:
        file.write(archive)


def opened(path: Path, shape: tuple[int, ...], options: dict[str, str]) -> np.ndarray:
    """A picture as Keras 2 opens it and as notebooks prepare it."""
    load = {"target_size": shape[:2], "interpolation": options["resize"]}
    load["color_mode"] = "grayscale" if shape[2] == 1 else "rgb"
    pixels = keras2.utils.img_to_array(keras2.utils.load_img(path, **load))
    if options.get("channels") == "bgr":
        pixels = pixels[..., ::-1]
    scale = options["preprocessing"]
    if scale == "unit":
        return pixels * np.float32(1 / 255)
    return pixels if scale == "none" else imagenet_utils.preprocess_input(pixels, mode=scale)


def spread(network: Any, pixels: np.ndarray) -> None:
    """Give the last layer weights that lay the logits of these pictures wide apart, on both sides of 0."""
    last = next(layer for layer in reversed(network.layers) if layer.get_weights())
    framework = keras if isinstance(network, keras.Model) else keras2
    before = framework.Model(network.inputs, last.input).predict(pixels, verbose=0)
    kernel, _ = last.get_weights()
    factor = RANGE / np.ptp(before @ kernel, axis=0)
    last.set_weights([kernel * factor, -np.median(before @ kernel, axis=0) * factor])


def older(path: Path, form: str) -> None:
    """Put an `.h5` of tf_keras into the form that Keras of that version wrote."""
    with h5py.File(path, "a") as file:
        config = put(json.loads(file.attrs["model_config"]), form)
        del file.attrs["model_config"]
        text = json.dumps(config)
        file.attrs["model_config"] = text.encode() if form == "2.2.4" else text
        file.attrs["keras_version"] = {"2.2.4": "2.2.4", "2.4": "2.4.0", "2.11": "2.11.0"}[form]
        file.attrs.pop("training_config", None)


def put(found: Any, form: str) -> Any:
    if isinstance(found, list):
        return [put(one, form) for one in found]
    if not isinstance(found, dict):
        return found
    new = {"module", "registered_name", "build_config", "optional"}
    done = {key: put(value, form) for key, value in found.items() if key not in new}
    name, config = done.get("class_name"), done.get("config")
    if not isinstance(config, dict):
        return done
    if form != "2.11":
        config.pop("groups", None)
        config.pop("ragged", None)
    if form == "2.4":  # what TensorFlow 2.0 to 2.3 wrote
        for key, value in config.items():
            if key.endswith("_initializer") and isinstance(value, dict):
                value["config"]["dtype"] = "float32"
    if form == "2.2.4":
        if name == "Functional":
            done["class_name"] = "Model"
        if name == "GlorotUniform":
            done["class_name"] = "VarianceScaling"
            done["config"] = {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None}
        if name == "Sequential" and config["layers"][0]["class_name"] == "InputLayer":
            first, second, *more = config["layers"]  # the first layer states the input
            second["config"]["batch_input_shape"] = first["config"]["batch_input_shape"]
            config["layers"] = [second, *more]
    return done


if __name__ == "__main__":
    main()
