"""The in-distribution score: how much an image looks like those that a model was trained on, by its own features."""

import keras
import numpy as np
from scipy.linalg import eigh
from sklearn.linear_model import LogisticRegression

COMPONENTS = 32
"""Principal components that count. 16 to 64 separate images from other pictures alike; with more, unseen
images of the same machine begin to look strange, because there are few images."""

CERTAIN = 30.0  # of a sigmoid: 1 in float32

LEAST_SPREAD = 0.1  # share of the first component's; on real images the 32nd has 0.19 (VGG16), the 9th 0.11 (CNN)

IMAGE_SHARE, MARGIN = 0.95, 2.0
"""An image may deviate this many times as much as all but one in twenty unseen images do. In a trial on real
images (VGG16, 15 grouped splits): 98 % of unseen images are accepted, at least 96 % in each split, while the
deviation of other pictures is three times the limit and more. The largest value or a normal fit
follow single strange images instead, and let everything pass."""

HIGHEST = 0.5
"""Highest threshold: at this score a picture is as probably an ECG image as none."""

STRENGTH = 1e-4
"""Inverse of the regularisation of the model that tells ECG images from other pictures. Of 0.0001 to 0.01 that which
rejected most pictures of a kind that it had not learned from: 69 % of ten kinds, each left out once."""


def in_distribution(features: keras.KerasTensor) -> keras.KerasTensor:
    """Return the in-distribution score, float32 (n, 1), of images by their standardised features, float32 (n, width).

    The features are projected on `COMPONENTS` components, each divided by its standard deviation: the mean
    square m is the squared Mahalanobis distance to the training images in that space, divided by its
    dimension, and about 1 for these images. The in-distribution score is 1 / (1 + m), and at most the probability
    that the picture is an ECG image, by a logistic model that knows pictures that are none.
    The layers wait for `fit_in_distribution`; until then every image has a score of 1.
    """
    projection = keras.layers.Dense(COMPONENTS, use_bias=False, kernel_initializer="zeros", name="components")
    mean = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros", name="mean_square")
    z = projection(features)  # (n, components)
    deviation = mean(keras.layers.Multiply(name="square")([z, z]))  # (n, 1)
    share = keras.layers.Activation("softsign", name="out_of_distribution")(deviation)  # m / (1 + m)
    near = keras.layers.Rescaling(-1.0, offset=1.0, name="near_training_images")(share)
    ecg = keras.layers.Dense(
        1, "sigmoid", kernel_initializer="zeros", bias_initializer=keras.initializers.Constant(CERTAIN), name="is_ecg"
    )
    projection.trainable = mean.trainable = ecg.trainable = False
    return keras.layers.Minimum(name="in_distribution")([near, ecg(features)])


def fit_in_distribution(network: keras.Model, features: np.ndarray, others: np.ndarray | None = None) -> None:
    """Fit the layers of `in_distribution` to features of training images, augmented, float32 (n, width).

    Without `others`, features of pictures that are no ECG, the components are the principal ones of the training
    images. With them they are those along which other pictures deviate most, measured by what ECG images do; a
    deviation of 1 is then that of half of the other pictures; and a logistic model tells one from the other, as
    classifiers that have seen outliers do (Hendrycks, Mazeika and Dietterich, ICLR 2019).
    """
    standard = network.get_layer("standardise")
    mean, variance = standard.get_weights()
    features = (features - mean) / np.sqrt(variance + standard.epsilon)
    if others is None:
        kernel, divisor = _principal(features)
    else:
        others = (others - mean) / np.sqrt(variance + standard.epsilon)
        kernel = _discriminating(features, others)
        divisor = COMPONENTS * max(float(np.median(((others @ kernel) ** 2).mean(axis=1))), 1.0)
        ecg = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=1000)
        ecg.fit(np.concatenate([others, features]), np.repeat([False, True], [len(others), len(features)]))
        network.get_layer("is_ecg").set_weights([ecg.coef_.T, ecg.intercept_])
    network.get_layer("components").set_weights([kernel])
    network.get_layer("mean_square").set_weights([np.full((COMPONENTS, 1), 1 / divisor, np.float32)])


def _principal(features: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the principal components by their standard deviation, float32 (width, COMPONENTS), and their number."""
    _, singular, directions = np.linalg.svd(features, full_matrices=False)
    spread = singular[:COMPONENTS] / np.sqrt(len(features))
    # Fewer where there are fewer images; a smaller spread would magnify the rounding of another machine.
    spread = spread[spread > spread.max(initial=0) * LEAST_SPREAD]
    kernel = np.zeros((features.shape[1], COMPONENTS), np.float32)
    kernel[:, : len(spread)] = directions[: len(spread)].T / spread
    return kernel, max(len(spread), 1)


def _discriminating(features: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the directions, float32 (width, components), in which others deviate most for what `features` do.

    The generalised eigenvectors of both second moments. In directions that ECG images hardly use, these count as
    varying by a tenth of what they do in their first component, as in the other fit.
    """
    own, foreign = (part.T @ part / len(part) for part in (features.astype(float), others.astype(float)))
    floor = LEAST_SPREAD**2 * np.linalg.eigvalsh(own)[-1]
    width = len(own)
    first = max(width - COMPONENTS, 0)
    _, vectors = eigh(foreign, own + floor * np.eye(width), subset_by_index=(first, width - 1))
    kernel = np.zeros((width, COMPONENTS), np.float32)
    kernel[:, : width - first] = vectors
    return kernel


def choose_in_distribution_threshold(in_distribution: np.ndarray) -> float:
    """Return the in-distribution score under which an image is rejected, from that of unseen images, float (n, 1)."""
    deviation = 1 / np.clip(in_distribution.astype(float), 1e-9, None) - 1
    return min(float(1 / (1 + MARGIN * np.quantile(deviation, IMAGE_SHARE))), HIGHEST)
