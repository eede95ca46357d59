"""Compare what VGG16's head may read: which blocks' means, and how many augmentations of each image.

    python -m benchmarks.heads --data DIR --weights PATH

Every choice gets the recipe of `training.fit.run`, in NumPy: standardised features, a linear layer from
zero, Adam at 1e-3, class weights, 10 epochs. The metrics are from five grouped cross-validations of
`train/` with the last epoch kept, so that no image is lost to an inner validation.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedGroupKFold

from edge.images.preprocessing import Preprocessing
from training.data.folder import DataFolder
from training.data.loaded_images import LoadedImages
from training.fit.augmentation import augmented
from training.fit.loop import batch_size, class_weights
from training.models.vgg16 import IMAGENET_MEAN_BGR

BLOCKS = ((5,), (4,), (3,), (4, 5), (3, 4), (3, 4, 5), (2, 3, 4, 5), (1, 2, 3, 4, 5))
AUGMENTATIONS = (1, 2, 3)
SEEDS = range(5)
EPOCHS, RATE = 10, 1e-3


def images_to_learn_from(folder: Path) -> LoadedImages:
    """Return the images of a data folder that are not for test, at 224x224."""
    data = DataFolder.read(folder)
    return data.load(Preprocessing(224, 224), data.but("test"))


def block_means(weights: Path, loaded: LoadedImages, number: int) -> list[np.ndarray]:
    """Return the mean of each block's maps, five of float32 (n, channels), for one augmentation of every image."""
    base = keras.applications.VGG16(include_top=False, weights=str(weights), input_shape=loaded.pixels.shape[1:])
    pools = [base.get_layer(f"block{block}_pool").output for block in range(1, 6)]
    network = keras.Model(base.input, [keras.layers.GlobalAveragePooling2D()(pool) for pool in pools])
    images = np.stack([augmented(*image, number, seed=0) for image in zip(loaded.pixels, loaded.digests, strict=True)])
    return network.predict(images[..., ::-1] - np.array(IMAGENET_MEAN_BGR, np.float32), batch_size=16, verbose=0)


def fit_head(
    features: np.ndarray, targets: np.ndarray, rng: np.random.Generator, sample_weight: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Return kernel and bias of a linear layer trained by Adam on the weighted cross-entropy.

    `sample_weight`, (n, 1), is how many images each counts as.
    """
    parameters = [np.zeros((features.shape[1], targets.shape[1])), np.zeros(targets.shape[1])]
    first, second = ([np.zeros_like(parameter) for parameter in parameters] for _ in range(2))
    weighted = targets * sample_weight
    weights, size, step = weighted @ class_weights(weighted), batch_size(len(features)), 0
    for _ in range(EPOCHS):
        for batch in np.array_split(rng.permutation(len(features)), -(-len(features) // size)):
            scores = features[batch] @ parameters[0] + parameters[1]
            shares = np.exp(scores - scores.max(axis=1, keepdims=True))
            shares /= shares.sum(axis=1, keepdims=True)
            errors = (shares - targets[batch]) * weights[batch, np.newaxis] / len(batch)
            step += 1
            for place, gradient in enumerate((features[batch].T @ errors, errors.sum(axis=0))):
                first[place] = 0.9 * first[place] + 0.1 * gradient
                second[place] = 0.999 * second[place] + 0.001 * gradient**2
                deviation = np.sqrt(second[place] / (1 - 0.999**step)) + 1e-7
                parameters[place] -= RATE * first[place] / (1 - 0.9**step) / deviation
    return parameters[0], parameters[1]


@dataclass(frozen=True, kw_only=True)
class Auxiliary:
    """Hold auxiliary images, which every fold learns from besides its own."""

    features: np.ndarray
    """float (augmentations, n, width)."""
    labels: np.ndarray
    """Of each, str (n,)."""
    sample_weight: float
    """How many images each counts as; 0 leaves them out."""


def out_of_fold(
    features: np.ndarray, labels: np.ndarray, groups: np.ndarray, seed: int, auxiliary: Auxiliary | None = None
) -> np.ndarray:
    """Return the class, str (n,), of each image from a head that learned from the other four folds.

    `features`, float (augmentations, n, width): all augmentations are learned from, the first is predicted.
    """
    classes, predicted = np.unique(labels), np.empty_like(labels)
    for learn, held_out in StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(labels, labels, groups):
        shown, names = np.concatenate(features[:, learn]), np.tile(labels[learn], len(features))
        sample_weight: np.ndarray | float = 1.0
        if auxiliary:
            number = len(auxiliary.features) * len(auxiliary.labels) if auxiliary.sample_weight else 0
            sample_weight = np.repeat([1.0, auxiliary.sample_weight], [len(names), number])[:, np.newaxis]
            shown = np.concatenate([shown, np.concatenate(auxiliary.features)[:number]])
            names = np.concatenate([names, np.tile(auxiliary.labels, len(auxiliary.features))[:number]])
        targets = (names[:, np.newaxis] == classes).astype(np.float32)
        mean, spread = shown.mean(axis=0), np.maximum(shown.std(axis=0), 1e-3)
        kernel, bias = fit_head((shown - mean) / spread, targets, np.random.default_rng(seed), sample_weight)
        predicted[held_out] = classes[((features[0, held_out] - mean) / spread @ kernel + bias).argmax(axis=1)]
    return predicted


def main() -> None:
    """Print one line a choice."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    options = parser.parse_args()

    loaded = images_to_learn_from(options.data)
    means = [block_means(options.weights, loaded, number) for number in range(max(AUGMENTATIONS))]
    for blocks in BLOCKS:
        for count in AUGMENTATIONS if blocks == (3, 4, 5) else (2,):
            features = np.stack(
                [np.concatenate([means[number][block - 1] for block in blocks], axis=1) for number in range(count)]
            )
            scores = [
                f1_score(loaded.labels, out_of_fold(features, loaded.labels, loaded.groups, seed), average="macro")
                for seed in SEEDS
            ]
            mean, spread = np.mean(scores), np.std(scores)
            print(
                f"blocks {', '.join(map(str, blocks)):14s} augmentations {count}  macro-F1 {mean:.3f} ± {spread:.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
