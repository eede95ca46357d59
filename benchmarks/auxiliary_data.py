"""Compare how much an auxiliary image may count: grouped cross-validation of VGG16's head on the real images.

    python -m benchmarks.auxiliary_data --data DIR --auxiliary DIR --weights PATH

The head and the repeats are those of `benchmarks.heads` (blocks 3, 4, 5; two augmentations of each image, of the
auxiliary ones too). Sample weight 0 is the real images alone. Features come from the cache of `train`.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.metrics import f1_score, recall_score
from sklearn.model_selection import StratifiedGroupKFold

from benchmarks.heads import fit_head
from edge.images.preprocessing import Preprocessing
from training.data.cache import default_cache
from training.data.folder import DataFolder
from training.data.loaded_images import LoadedImages
from training.fit.augmentation import augmented
from training.fit.cached_features import cached_features
from training.models.vgg16 import vgg16_base

SAMPLE_WEIGHTS = (0.0, 0.03, 0.1, 0.2, 0.3, 1.0)
AUGMENTATIONS, SEEDS = 2, range(5)


def images_to_learn_from(folder: Path) -> LoadedImages:
    """Return the images of a data folder that are not for test, at 224x224."""
    data = DataFolder.read(folder)
    return data.load(Preprocessing(224, 224), data.but("test"))


def features_of(loaded: LoadedImages, weights: Path) -> np.ndarray:
    """Return the features, float32 (augmentations, n, 1280), of all images."""
    images = list(zip(loaded.pixels, loaded.digests, strict=True))
    shown = (augmented(*image, number, 0) for number in range(AUGMENTATIONS) for image in images)
    base = vgg16_base(weights, 224, 224)
    return cached_features(base, shown, AUGMENTATIONS * len(images), default_cache()).reshape(
        AUGMENTATIONS, len(images), -1
    )


def main() -> None:
    """Print one line a sample weight."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("data", "auxiliary", "weights"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()

    real, auxiliary = images_to_learn_from(options.data), images_to_learn_from(options.auxiliary)
    own, further = features_of(real, options.weights), features_of(auxiliary, options.weights)
    labels, classes = real.labels, np.unique(real.labels)
    for sample_weight in SAMPLE_WEIGHTS:
        scores, sensitivities = [], []
        for seed in SEEDS:
            predicted = np.empty_like(labels)
            splitter = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
            for learn, held_out in splitter.split(labels, labels, real.groups):
                counted = slice(None) if sample_weight else slice(0)
                features = np.concatenate([*own[:, learn], *further[:, counted]])
                names = np.concatenate(
                    [np.tile(labels[learn], AUGMENTATIONS), np.tile(auxiliary.labels[counted], AUGMENTATIONS)]
                )
                targets = (names[:, np.newaxis] == classes).astype(np.float32)
                counts = np.where(np.arange(len(names)) < AUGMENTATIONS * len(learn), 1.0, sample_weight)[:, np.newaxis]
                mean, spread = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-3)
                kernel, bias = fit_head((features - mean) / spread, targets, np.random.default_rng(seed), counts)
                predicted[held_out] = classes[((own[0, held_out] - mean) / spread @ kernel + bias).argmax(axis=1)]
            scores.append(f1_score(labels, predicted, average="macro"))
            sensitivities.append(recall_score(labels, predicted, labels=classes, average=None))
        means = ", ".join(f"{name} {value:.2f}" for name, value in zip(classes, np.mean(sensitivities, 0), strict=True))
        print(
            f"sample weight {sample_weight:4g}  macro-F1 {np.mean(scores):.3f} ± {np.std(scores):.3f}  "
            f"sensitivity: {means}",
            flush=True,
        )


if __name__ == "__main__":
    main()
