"""Typicality: how much a page looks like those that a model was trained on, from the model's own features."""

import keras
import numpy as np

COMPONENTS = 32
"""Principal components that count. 16 to 64 separate pages from other pictures alike; with more, unseen
pages of the same machine begin to look strange, because there are few pages."""

LEAST_SPREAD = 0.1  # share of the first component's; on real pages the 32nd has 0.19 (VGG16), the 9th 0.11 (CNN)

PAGE_SHARE, MARGIN = 0.95, 2.0
"""A page may deviate this many times as much as all but one in twenty unseen pages do. In a trial on real
pages (VGG16, 15 grouped splits): 98 % of unseen pages are accepted, at least 96 % in each split, while the
deviation of other pictures is three times the limit and more. The largest value or a normal fit
follow single strange pages instead, and let everything pass."""


def typicality(features: keras.KerasTensor) -> keras.KerasTensor:
    """Return the typicality, float32 (n, 1), of pages by their standardised features, float32 (n, width).

    The features are projected on `COMPONENTS` principal components, each divided by its standard
    deviation: the mean square m is the squared Mahalanobis distance to the training pages in that
    space, divided by its dimension, and about 1 for these pages. The typicality is 1 / (1 + m).
    The layers wait for `fit_typicality`; until then every page is wholly typical.
    """
    projection = keras.layers.Dense(COMPONENTS, use_bias=False, kernel_initializer="zeros", name="components")
    mean = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros", name="mean_square")
    z = projection(features)  # (n, components)
    deviation = mean(keras.layers.Multiply(name="square")([z, z]))  # (n, 1)
    projection.trainable = mean.trainable = False
    share = keras.layers.Activation("softsign", name="atypicality")(deviation)  # m / (1 + m)
    return keras.layers.Rescaling(-1.0, offset=1.0, name="typicality")(share)


def fit_typicality(network: keras.Model, features: np.ndarray) -> None:
    """Fit the layers of `typicality` to the features, float32 (n, width), of training pages and their views."""
    standard = network.get_layer("standardise")
    mean, variance = standard.get_weights()
    features = (features - mean) / np.sqrt(variance + standard.epsilon)
    _, singular, directions = np.linalg.svd(features, full_matrices=False)
    spread = singular[:COMPONENTS] / np.sqrt(len(features))
    # Fewer where there are fewer pages; a smaller spread would magnify the rounding of another machine.
    spread = spread[spread > spread.max(initial=0) * LEAST_SPREAD]
    kernel = np.zeros((features.shape[1], COMPONENTS), np.float32)
    kernel[:, : len(spread)] = directions[: len(spread)].T / spread
    network.get_layer("components").set_weights([kernel])
    network.get_layer("mean_square").set_weights([np.full((COMPONENTS, 1), 1 / max(len(spread), 1), np.float32)])


def least_typicality(typicality: np.ndarray) -> float:
    """Return the typicality under which a page is rejected, from that of unseen pages, float (n, 1)."""
    deviation = 1 / np.clip(typicality.astype(float), 1e-9, None) - 1
    return float(1 / (1 + MARGIN * np.quantile(deviation, PAGE_SHARE)))
