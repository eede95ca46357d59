"""Ask a classifier to tell real from synthetic ECG images: the closer their look, the nearer to 0.5 its AUROC.

    python -m benchmarks.looks --data DIR --synthetic DIR --weights PATH

`--synthetic` is a set of `python -m training synthetic`. From each folder as many images are taken, by a seed.
Three logistic regressions in five folds by group: on VGG16's features at 224x224; on the grey image at 48x32, which
sees layout and paper but no trace; and on the isolated trace alone (`training.inspection.trace`), brought to one
place and size.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from edge.images.page import open_page
from edge.images.preprocessing import Preprocessing
from training.data.cache import default_cache
from training.data.folder import DataFolder
from training.data.loaded_images import LoadedImages
from training.fit.cached_features import cached_features
from training.inspection.near_copies import MAP, fingerprint
from training.inspection.trace import isolated
from training.models.vgg16 import vgg16_base

SMALL = (48, 32)  # width and height


def images_of(folder: Path, most: int, seed: int) -> LoadedImages:
    """Return at most so many images of a data folder at 224x224, chosen by the seed."""
    data = DataFolder.read(folder)
    chosen = np.random.default_rng(seed).permutation(len(data.images))[:most]
    return data.load(Preprocessing(224, 224), [data.images[index] for index in sorted(chosen.tolist())])


def trace_map(path: Path) -> np.ndarray:
    """Return where an image has trace, float (3072,): the fingerprint of the near copies at a quarter of its size."""
    cells = fingerprint(isolated(open_page(path))).astype(float).reshape(MAP[0] // 4, 4, MAP[1] // 4, 4)
    return cells.mean(axis=(1, 3)).ravel()


def auroc(inputs: np.ndarray, synthetic: np.ndarray, groups: np.ndarray) -> float:
    """Return the out-of-fold AUROC of telling synthetic ECG images, bool (n,), by inputs, float (n, width)."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    scores = cross_val_predict(model, inputs, synthetic, groups=groups, cv=folds, method="decision_function")
    return float(roc_auc_score(synthetic, scores))


def main() -> None:
    """Print one line a classifier."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("data", "synthetic", "weights"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    count = min(len(DataFolder.read(folder).images) for folder in (options.data, options.synthetic))
    sides = [images_of(folder, count, options.seed) for folder in (options.data, options.synthetic)]
    synthetic = np.repeat([False, True], count)
    groups = np.concatenate([np.char.add(f"{number} ", side.groups) for number, side in enumerate(sides)])
    pixels = np.concatenate([side.pixels for side in sides])
    base = vgg16_base(options.weights, 224, 224)
    features = cached_features(base, iter(pixels), len(pixels), default_cache())
    small = np.stack([np.asarray(Image.fromarray(image).convert("L").resize(SMALL)).ravel() for image in pixels])
    traces = np.stack([trace_map(image.path) for side in sides for image in side.images])
    looked_at = {"VGG16's features": features, f"grey image at {SMALL[0]}x{SMALL[1]}": small, "trace alone": traces}
    for name, inputs in looked_at.items():
        print(
            f"{name:22s} AUROC {auroc(inputs, synthetic, groups):.3f} on {count} real and {count} synthetic ECG images"
        )


if __name__ == "__main__":
    main()
