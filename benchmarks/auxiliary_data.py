"""Compare how much an auxiliary image may count: grouped cross-validation of VGG16's head on the real images.

    python -m benchmarks.auxiliary_data --data DIR --auxiliary DIR --weights PATH

The head and the repeats are those of `benchmarks.heads` (blocks 3, 4, 5; two augmentations of each image, of the
auxiliary ones too). Sample weight 0 is the real images alone. Features come from the cache of `train`.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.metrics import f1_score, recall_score

from benchmarks.heads import SEEDS, Auxiliary, images_to_learn_from, out_of_fold
from training.data.cache import default_cache
from training.data.loaded_images import LoadedImages
from training.fit.augmentation import augmented
from training.fit.cached_features import cached_features
from training.models.vgg16 import vgg16_base

SAMPLE_WEIGHTS = (0.0, 0.03, 0.1, 0.2, 0.3, 1.0)
AUGMENTATIONS = 2


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
        added = Auxiliary(features=further, labels=auxiliary.labels, sample_weight=sample_weight)
        found = [out_of_fold(own, labels, real.groups, seed, added) for seed in SEEDS]
        scores = [f1_score(labels, predicted, average="macro") for predicted in found]
        sensitivities = [recall_score(labels, predicted, labels=classes, average=None) for predicted in found]
        means = ", ".join(f"{name} {value:.2f}" for name, value in zip(classes, np.mean(sensitivities, 0), strict=True))
        print(
            f"sample weight {sample_weight:4g}  macro-F1 {np.mean(scores):.3f} ± {np.std(scores):.3f}  "
            f"sensitivity: {means}",
            flush=True,
        )


if __name__ == "__main__":
    main()
