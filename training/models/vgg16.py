"""VGG16 with ImageNet weights, frozen, and a linear head on the means of its last blocks."""

from pathlib import Path

import keras
import numpy as np

from edge.classifier import INPUT
from edge.errors import ModelError
from training.models.heads import standardised
from training.models.in_distribution import in_distribution

# The blocks of VGG16 whose means the head reads; MODELS.md has the cross-validation that chose them.
VGG16_BLOCKS = (3, 4, 5)
IMAGENET_MEAN_BGR = (103.939, 116.779, 123.68)
"""Mean of ImageNet in the order blue, green, red, as the published weights expect (keras.applications.vgg16)."""


def build_vgg16(classes: int, height: int, width: int, weights: Path | None) -> keras.Model:
    """Build VGG16 without its top, frozen, with a linear head on the means of its last three blocks.

    uint8 (n, height, width, 3) to logits, float32 (n, classes), and in-distribution score. `weights` is a file
    of Keras' VGG16 without its top, or None for random weights.
    """
    base = vgg16_base(weights, height, width)
    base.trainable = False
    features = standardised(base.output)
    # From zero, a feature that no training image shows keeps the weight zero, whatever another image has there.
    logits = keras.layers.Dense(classes, kernel_initializer="zeros", name="logits")(features)
    return keras.Model(base.input, {"logits": logits, "in_distribution": in_distribution(features)}, name="ecg")


def vgg16_base(weights: Path | None, height: int, width: int) -> keras.Model:
    """Build the base alone: uint8 (n, height, width, 3) to features, float32 (n, 1280)."""
    try:
        vgg16 = keras.applications.VGG16(
            include_top=False, weights=weights and str(weights), input_shape=(height, width, 3)
        )
    except (ValueError, OSError, KeyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(
            f"{weights}: are not the weights of VGG16 without its top ({reason}): give that file"
        ) from error
    image = keras.Input((height, width, 3), dtype="uint8", name=INPUT)
    x = keras.layers.Rescaling(1.0, name="to_float")(image)
    # `preprocess_input` in a model saves to .h5 and then does not load; a 1x1 convolution does both.
    to_bgr = keras.layers.Conv2D(3, 1, name="to_bgr_without_mean")
    x = to_bgr(x)
    to_bgr.set_weights(
        [np.eye(3, dtype=np.float32)[::-1].reshape(1, 1, 3, 3), -np.array(IMAGENET_MEAN_BGR, np.float32)]
    )
    means = []
    for layer in vgg16.layers[1:]:
        x = layer(x)
        if layer.name in {f"block{block}_pool" for block in VGG16_BLOCKS}:
            means.append(keras.layers.GlobalAveragePooling2D(name=f"{layer.name}_mean")(x))
    features = keras.layers.Concatenate(name="features")(means)  # (n, 256 + 512 + 512)
    return keras.Model(image, features, name="vgg16")
