"""The custom CNN."""

import keras

from edge.classifier import INPUT
from training.models.heads import standardised
from training.models.in_distribution import in_distribution

SMALLEST_MAP = 7
"""The CNN halves its maps until both sides are at most this, which keeps Flatten small."""


def build_cnn(classes: int, height: int, width: int) -> keras.Model:
    """Build the custom CNN: uint8 (n, height, width, 3) to logits, float32 (n, classes), and in-distribution score.

    Convolution, batch normalisation and 2x2 maximum, repeated until the map is at most 7x7, then
    Flatten and the class layer: 0.2 million parameters at 224x224. The in-distribution score reads the means of
    the last maps.
    """
    image = keras.Input((height, width, 3), dtype="uint8", name=INPUT)
    x = keras.layers.Rescaling(1 / 255, name="rescale")(image)
    filters, stage = 16, 1
    while max(x.shape[1:3]) > SMALLEST_MAP:
        # Every layer has a name of its own: Keras' numbered ones depend on what was built before.
        x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"conv_{stage}")(x)
        # The default momentum of 0.99 still carries the initial mean after the few steps of a small set.
        x = keras.layers.BatchNormalization(momentum=0.9, name=f"norm_{stage}")(x)
        x = keras.layers.ReLU(name=f"relu_{stage}")(x)
        x = keras.layers.MaxPooling2D(padding="same", name=f"pool_{stage}")(x)
        filters, stage = min(2 * filters, 128), stage + 1
    features = standardised(keras.layers.GlobalAveragePooling2D(name="features")(x))
    logits = keras.layers.Dense(classes, name="logits")(keras.layers.Flatten(name="flatten")(x))
    return keras.Model(image, {"logits": logits, "in_distribution": in_distribution(features)}, name="ecg")
