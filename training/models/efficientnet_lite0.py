"""EfficientNet-Lite0 with ImageNet weights and a linear head on the means of three of its blocks.

Tan and Le, EfficientNet, ICML 2019; the Lite variants have ReLU6 and no squeeze-and-excitation, made for int8.
"""

from pathlib import Path

import h5py
import keras

from edge.classifier import INPUT
from edge.errors import ModelError
from training.models.heads import standardised
from training.models.in_distribution import in_distribution

STEM = 32  # filters
# Kernel, stride of the first block, expansion, filters and number of blocks of each stage. The last stage of the
# published network, one block of 320 filters, is left out: no head reads it.
STAGES = ((3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4))
HEAD_BLOCKS = (7, 10, 14)
"""Blocks whose means the head reads: the last ones of the stages with 80, 112 and 192 filters."""
EPSILON = 1e-3
"""Of the published batch normalisation."""


def build_efficientnet_lite0(classes: int, height: int, width: int, weights: Path | None) -> keras.Model:
    """Build the network: uint8 (n, height, width, 3) to logits, float32 (n, classes), and in-distribution score.

    `weights` is a file of ImageNet weights in Keras' axis order; None leaves the layers at random. Batch
    normalisation is frozen for good: on few images its statistics would be those of a batch.
    """
    image = keras.Input((height, width, 3), dtype="uint8", name=INPUT)
    x = keras.layers.Rescaling(1 / 128, offset=-127 / 128, name="rescale")(image)
    x = _convolution(x, "stem", keras.layers.Conv2D(STEM, 3, 2, padding="same", use_bias=False, name="stem"))
    number, means = 0, []
    for kernel, stride, expansion, filters, repeats in STAGES:
        for repeat in range(repeats):
            x = _block(x, f"block{number}", kernel, stride if repeat == 0 else 1, expansion, filters)
            if number in HEAD_BLOCKS:
                means.append(keras.layers.GlobalAveragePooling2D(name=f"block{number}_mean")(x))
            number += 1
    features = standardised(keras.layers.Concatenate(name="features")(means))  # (n, 80 + 112 + 192)
    logits = keras.layers.Dense(classes, kernel_initializer="zeros", name="logits")(features)
    network = keras.Model(image, {"logits": logits, "in_distribution": in_distribution(features)}, name="ecg")
    for layer in network.layers:
        if layer.name != "logits":
            layer.trainable = False
    if weights:
        _load(network, weights)
    return network


def _convolution(x: keras.KerasTensor, name: str, layer: keras.Layer, active: bool = True) -> keras.KerasTensor:
    """Add a convolution, its batch normalisation and, where it is active, ReLU6."""
    x = keras.layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_bn")(layer(x))
    return keras.layers.ReLU(6.0, name=f"{name}_relu")(x) if active else x


def _block(
    x: keras.KerasTensor, name: str, kernel: int, stride: int, expansion: int, filters: int
) -> keras.KerasTensor:
    """Add an inverted residual block: expansion, depthwise convolution, projection."""
    inputs, channels = x, x.shape[-1]
    if expansion > 1:
        expand = keras.layers.Conv2D(expansion * channels, 1, use_bias=False, name=f"{name}_expand")
        x = _convolution(x, f"{name}_expand", expand)
    depthwise = keras.layers.DepthwiseConv2D(kernel, stride, padding="same", use_bias=False, name=f"{name}_depthwise")
    x = _convolution(x, f"{name}_depthwise", depthwise)
    project = keras.layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_project")
    x = _convolution(x, f"{name}_project", project, active=False)
    if stride > 1 or channels != filters:
        return x
    return keras.layers.Add(name=f"{name}_add")([inputs, x])


def _load(network: keras.Model, weights: Path) -> None:
    """Give every convolution and batch normalisation its published weights; raise `ModelError` for another file."""
    try:
        with h5py.File(weights) as file:
            for layer in network.layers:
                if layer.name == "standardise":
                    continue
                group = layer.name.replace("_", "/", 1) if layer.name.startswith("block") else layer.name
                if isinstance(layer, keras.layers.BatchNormalization):
                    names = ("gamma", "beta", "moving_mean", "moving_variance")
                    layer.set_weights([file[group][name][:].astype("float32") for name in names])
                elif isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
                    layer.set_weights([file[group]["kernel"][:].astype("float32")])
    except (OSError, KeyError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{weights}: are not the weights of EfficientNet-Lite0 ({reason}): give that file") from error
