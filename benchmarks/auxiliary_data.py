"""Compare how much an extra page may count: grouped cross-validation of VGG16's head on the real pages.

    python -m benchmarks.auxiliary_data --data DIR --extra DIR --weights PATH

The head and the repeats are those of `benchmarks.heads` (blocks 3, 4, 5; two views of each page, of the extra
ones too). Worth 0 is the real pages alone. Features come from the cache of `train`.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.metrics import f1_score, recall_score
from sklearn.model_selection import StratifiedGroupKFold

from benchmarks.heads import fit_head
from training.data.folder import Loaded, first_contract, load_pages, read_folder
from training.fit.augmentation import view
from training.fit.cached_features import cached_features, default_cache
from training.models.networks import frozen_vgg16

WORTHS = (0.0, 0.03, 0.1, 0.2, 0.3, 1.0)
VIEWS, SEEDS = 2, range(5)


def learned_pages(folder: Path) -> Loaded:
    """Return the pages of a data folder that are not for test, at 224x224."""
    pages = [page for page in read_folder(folder) if page.split != "test"]
    return load_pages(pages, first_contract(folder, pages, 224, 224, "vgg16", 0))[0]


def features_of(loaded: Loaded, weights: Path) -> np.ndarray:
    """Return the features, float32 (views, n, 1280), of the views of all pages."""
    pages = list(zip(loaded.pixels, loaded.digests, strict=True))
    views = (view(*page, number, 0) for number in range(VIEWS) for page in pages)
    base = frozen_vgg16(weights, 224, 224)
    return cached_features(base, views, VIEWS * len(pages), default_cache()).reshape(VIEWS, len(pages), -1)


def main() -> None:
    """Print one line a worth."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("data", "extra", "weights"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()

    real, extra = learned_pages(options.data), learned_pages(options.extra)
    own, further = features_of(real, options.weights), features_of(extra, options.weights)
    labels, classes = real.labels, np.unique(real.labels)
    for worth in WORTHS:
        scores, sensitivities = [], []
        for seed in SEEDS:
            predicted = np.empty_like(labels)
            splitter = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
            for learn, held_out in splitter.split(labels, labels, real.groups):
                counted = slice(None) if worth else slice(0)
                features = np.concatenate([*own[:, learn], *further[:, counted]])
                names = np.concatenate([np.tile(labels[learn], VIEWS), np.tile(extra.labels[counted], VIEWS)])
                targets = (names[:, np.newaxis] == classes).astype(np.float32)
                counts = np.where(np.arange(len(names)) < VIEWS * len(learn), 1.0, worth)[:, np.newaxis]
                mean, spread = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-3)
                kernel, bias = fit_head((features - mean) / spread, targets, np.random.default_rng(seed), counts)
                predicted[held_out] = classes[((own[0, held_out] - mean) / spread @ kernel + bias).argmax(axis=1)]
            scores.append(f1_score(labels, predicted, average="macro"))
            sensitivities.append(recall_score(labels, predicted, labels=classes, average=None))
        means = ", ".join(f"{name} {value:.2f}" for name, value in zip(classes, np.mean(sensitivities, 0), strict=True))
        print(
            f"worth {worth:4g}  macro-F1 {np.mean(scores):.3f} ± {np.std(scores):.3f}  sensitivity: {means}", flush=True
        )


if __name__ == "__main__":
    main()
