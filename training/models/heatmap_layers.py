"""Heatmap layers: where on the image the logits come from, as layers beside the network."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from edge.errors import ModelError

BATCH = 8


@dataclass(frozen=True)
class HeatmapPart:
    """Say what one of the network's maps contributes to the logits: cell by cell, maps @ `weights` + `offset`."""

    maps: keras.KerasTensor
    """The tensor (n, rows, columns, channels)."""
    weights: np.ndarray
    """float32 (rows or 1, columns or 1, channels, classes)."""
    offset: np.ndarray
    """float32 (classes,)."""


def heatmap_parts(network: keras.Model) -> list[HeatmapPart]:
    """Return the parts whose contributions, summed over all cells, are the logits less their bias.

    The class layer is linear on the last map (the CNN) or on standardised means of maps (VGG16). So the
    weight is the gradient, and weight times activation is complete: it sums to the logit. A mean's part counts from the
    mean image of training: what all images have contributes nothing. Raises `ModelError` for another head.
    """
    head = network.get_layer("logits")
    kernel = head.get_weights()[0]  # (features, classes)
    source = _maker(network, head.input)
    if isinstance(source, keras.layers.Flatten):
        maps = source.input
        return [HeatmapPart(maps, kernel.reshape(*maps.shape[1:], -1), np.zeros(kernel.shape[1], np.float32))]
    if not isinstance(source, keras.layers.BatchNormalization):
        raise ModelError(f"its class layer reads {type(source).__name__}: for such a head no heatmap is known")
    mean, variance = source.get_weights()
    kernel = kernel / np.sqrt(variance + source.epsilon)[:, np.newaxis]
    found, start = [], 0
    for pooled in _maker(network, source.input).input:  # of the concatenation
        maps = _maker(network, pooled).input
        rows, columns, channels = maps.shape[1:]
        own = slice(start, start := start + channels)
        weights = kernel[own] / (rows * columns)
        found.append(HeatmapPart(maps, weights[np.newaxis, np.newaxis].astype(np.float32), -mean[own] @ weights))
    return found


def heatmap_of(found: list[HeatmapPart], maps: Sequence[keras.KerasTensor | np.ndarray]) -> keras.KerasTensor:
    """Return the contributions (n, rows, columns, classes) of all maps, at the size of the finest one.

    Their sum over rows and columns, plus the class layer's bias, is the logit. `maps` are those of the parts.
    """
    rows = max(part.maps.shape[1] for part in found)
    columns = max(part.maps.shape[2] for part in found)
    total = 0
    for part, activations in zip(found, maps, strict=True):
        cells = ops.squeeze(ops.matmul(ops.expand_dims(activations, 3), part.weights), 3) + part.offset
        planes = ops.transpose(cells, (0, 3, 1, 2))  # (n, classes, rows, columns)
        across = enlargement(part.maps.shape[2], columns).T
        total += ops.matmul(ops.matmul(enlargement(part.maps.shape[1], rows), planes), across)
    return ops.transpose(total, (0, 2, 3, 1))


def mean_training_heatmap(network: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return by how much the mean heatmap of uint8 images (n, height, width, 3) is above its own mean at each place.

    float32 (rows, columns, classes). What every image has at a place, the header say, says nothing about this one;
    taken off its heatmap, it leaves the sum as it is.
    """
    found = heatmap_parts(network)
    maps = keras.Model(network.input, {"maps": [part.maps for part in found]})
    sums = [np.zeros(part.maps.shape[1:]) for part in found]
    for begin in range(0, len(images), BATCH):
        batch = maps.predict_on_batch(images[begin : begin + BATCH])["maps"]
        for total, activations in zip(sums, batch, strict=True):
            total += activations.sum(axis=0, dtype=float)
    # Contributions are linear: those of the mean maps are the mean of the contributions.
    means = [(total[np.newaxis] / len(images)).astype(np.float32) for total in sums]
    mean = ops.convert_to_numpy(heatmap_of(found, means))[0]
    return mean - mean.mean(axis=(0, 1))


def enlargement(cells: int, wanted: int) -> np.ndarray:
    """Return the matrix, float32 (wanted, cells), that spreads cells by bilinear interpolation and keeps their sum."""
    place = np.clip((np.arange(wanted) + 0.5) * cells / wanted - 0.5, 0, cells - 1)
    near = np.maximum(0, 1 - np.abs(place[:, np.newaxis] - np.arange(cells)))
    return (near / near.sum(axis=0)).astype(np.float32)


def _maker(network: keras.Model, tensor: keras.KerasTensor) -> keras.Layer:
    """Return the layer of the network that makes a tensor."""
    return next(layer for layer in network.layers if layer.output is tensor)
