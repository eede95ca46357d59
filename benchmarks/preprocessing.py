"""Compare the ways to bring an image to the model's size: what each costs in time and in macro-F1.

    python -m benchmarks.preprocessing --data DIR --full-resolution DIR --weights PATH

Every variant gets the same frozen VGG16 (blocks 3, 4 and 5, mean-pooled and standardised), the same
linear classifier and the same grouped folds of `train/`. Times are medians of alternating runs on the
images of `--full-resolution`, one thread.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from training.data.folder import DataFolder
from training.models.vgg16 import vgg16_base

SIZE = (224, 224)  # width, height


def whole(path: Path) -> Image.Image:
    """Decode every pixel."""
    return Image.open(path).convert("RGB")


def drafted(path: Path) -> Image.Image:
    """Let the JPEG decoder halve the image as often as leaves it at least as large as needed."""
    image = Image.open(path)
    image.draft("RGB", SIZE)
    return image.convert("RGB")


def stretch(image: Image.Image, reducing_gap: float | None = None) -> Image.Image:
    """Resize to the model's size and give up the aspect ratio."""
    return image.resize(SIZE, Image.Resampling.BILINEAR, reducing_gap=reducing_gap)


def fit(image: Image.Image, reducing_gap: float | None = None) -> Image.Image:
    """Resize inside the model's size, aspect ratio kept, on white."""
    scale = min(SIZE[0] / image.width, SIZE[1] / image.height)
    inside = (round(image.width * scale), round(image.height * scale))
    resized = image.resize(inside, Image.Resampling.BILINEAR, reducing_gap=reducing_gap)
    canvas = Image.new("RGB", SIZE, "white")
    canvas.paste(resized, ((SIZE[0] - inside[0]) // 2, (SIZE[1] - inside[1]) // 2))
    return canvas


VARIANTS: dict[str, Callable[[Path], Image.Image]] = {
    "stretch, every pixel": lambda path: stretch(whole(path)),
    "stretch, box reduction first": lambda path: stretch(whole(path), 2.0),
    "stretch, decoder's downscaling": lambda path: stretch(drafted(path)),
    "fit, every pixel": lambda path: fit(whole(path)),
    "fit, box reduction first": lambda path: fit(whole(path), 2.0),
    "fit, decoder's downscaling": lambda path: fit(drafted(path)),
}


def milliseconds(paths: list[Path], runs: int = 7) -> dict[str, float]:
    """Time each variant from file to pixels; median over the images and `runs` alternating rounds."""
    spent: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for _ in range(runs):
        for path in paths:
            for name, variant in VARIANTS.items():
                start = time.perf_counter()
                variant(path)
                spent[name].append(1000 * (time.perf_counter() - start))
    return {name: statistics.median(times) for name, times in spent.items()}


def score_predictions(
    features: np.ndarray, twin: np.ndarray, labels: np.ndarray, groups: np.ndarray
) -> tuple[float, float, float]:
    """Return mean and spread of macro-F1 over ten grouped cross-validations, and how often the twin gets another class.

    The twin of an image is the same picture saved as PNG, which no decoder can scale down.
    """
    scores, other_class = [], []
    for seed in range(10):
        predicted = np.empty_like(labels)
        for learn, held_out in StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(features, labels, groups):
            classifier = make_pipeline(
                StandardScaler(), LogisticRegression(C=0.01, max_iter=2000, class_weight="balanced")
            ).fit(features[learn], labels[learn])
            predicted[held_out] = classifier.predict(features[held_out])
            other_class.append(predicted[held_out] != classifier.predict(twin[held_out]))
        scores.append(f1_score(labels, predicted, average="macro"))
    return float(np.mean(scores)), float(np.std(scores)), float(np.concatenate(other_class).mean())


def main() -> None:
    """Print one line a variant."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--full-resolution", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    options = parser.parse_args()

    times = milliseconds(sorted(options.full_resolution.glob("*.jpg")))
    images = DataFolder.read(options.data).but("test")
    labels = np.array([image.label for image in images])
    groups = np.array([image.group or str(image.path) for image in images])
    network = vgg16_base(options.weights, height=SIZE[1], width=SIZE[0])
    features = {
        name: network.predict(np.stack([np.asarray(variant(image.path)) for image in images]), batch_size=16, verbose=0)
        for name, variant in VARIANTS.items()
    }
    print(f"{'':32s} {'ms an image':>9s}  {'macro-F1':14s} PNG twin gets another class")
    for name in VARIANTS:
        twin = name.replace("decoder's downscaling", "every pixel")
        mean, spread, other_class = score_predictions(features[name], features[twin], labels, groups)
        print(f"{name:32s} {times[name]:9.1f}  {mean:.3f} ± {spread:.3f}  {other_class:.1%}", flush=True)


if __name__ == "__main__":
    main()
