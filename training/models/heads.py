"""What stands between features and probabilities: standardised features, and the layer that calibrates."""

import keras
import numpy as np

LEAST_SPREAD = 0.01
"""Smallest standard deviation of a feature as a share of its mean: less is not told from rounding, and
dividing by it would make the prediction depend on the machine."""

USUAL_SPREAD = 0.5
"""Smallest standard deviation as a share of the median of its block. A feature that hardly any training image
excites would else count forty times what others do on the image that does, and 8-bit rounding alone excites it.
MODELS.md has the cross-validation: 0.810 with it, 0.806 without."""


def standardised(features: keras.KerasTensor) -> keras.KerasTensor:
    """Add the layer `standardise`: a frozen batch normalisation that waits for `fit_standardise`."""
    layer = keras.layers.BatchNormalization(center=False, scale=False, epsilon=1e-6, name="standardise")
    layer.trainable = False
    return layer(features)


def fit_standardise(network: keras.Model, features: np.ndarray) -> None:
    """Give `standardise` the mean and the variance of the training images' features, float32 (n, width)."""
    mean, spread = features.mean(axis=0), features.std(axis=0)
    joined = network.get_layer("features")
    blocks = joined.input if isinstance(joined, keras.layers.Concatenate) else [joined.output]
    ends = np.cumsum([block.shape[-1] for block in blocks])[:-1]
    usual = np.concatenate([np.full(len(block), np.median(block)) for block in np.split(spread, ends)])
    spread = np.maximum(spread, np.maximum(LEAST_SPREAD * mean, USUAL_SPREAD * usual))
    network.get_layer("standardise").set_weights([mean, spread**2])


def refit_standardise(network: keras.Model, features: np.ndarray) -> None:
    """Do as `fit_standardise` after the class layer was trained, and change that layer so that the logits stay."""
    standard, head = network.get_layer("standardise"), network.get_layer("logits")
    mean, variance = standard.get_weights()
    fit_standardise(network, features)
    new_mean, new_variance = standard.get_weights()
    spread, new_spread = np.sqrt(variance + standard.epsilon), np.sqrt(new_variance + standard.epsilon)
    kernel, bias = head.get_weights()  # (features, classes), (classes,)
    shift = (new_mean - mean) / spread
    head.set_weights([kernel * (new_spread / spread)[:, np.newaxis], bias + shift @ kernel])


def with_probabilities(network: keras.Model, temperature: float) -> keras.Model:
    """Return the network with its third output, probabilities = softmax(logits / temperature)."""
    divided = keras.layers.Rescaling(1 / temperature, name="calibrate")(network.output["logits"])
    probabilities = keras.layers.Softmax(name="probabilities")(divided)
    return keras.Model(network.input, network.output | {"probabilities": probabilities}, name="ecg")
