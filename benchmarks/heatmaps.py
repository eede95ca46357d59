"""Test what a heatmap shows: deletion, other weights, and where the disease is on drawn pages.

    python -m training pages --out DRAWN --per-class 25 --truth
    python -m benchmarks.heatmaps --model MODEL.onnx --data DIR --drawn DRAWN

Deletion: the cells that speak most for the class are painted with the page's median colour, a few more each
time; how far the class's logit falls behind (against the mean of all classes), less what it falls where as
many cells are chosen at random, with a bootstrap interval over pages. Other weights: the correlation of the
map with that of the same graph, every weight of it shuffled. Drawn pages: how much of what speaks for the
true class lies on leads that the disease altered, and on altered samples, over what chance would put there.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from PIL import Image, ImageDraw

from edge.classifier import Classifier
from edge.files import pictures
from edge.page import load_page
from training.dataset import read_folder

SHARES = (0.02, 0.05, 0.1, 0.2)  # of the cells
RANDOM = 5  # choices of cells that the map's is compared with
RESAMPLES = 2000


def contributions(classifier: Classifier, page: np.ndarray, label: int | None = None) -> tuple[np.ndarray, int]:
    """Return what speaks for a class, float32 (rows, columns), and which class that is: the first if not given."""
    outputs, heatmap = classifier.explain(page[np.newaxis])
    label = int(outputs.logits[0].argmax()) if label is None else label
    return heatmap[0, :, :, label] - heatmap[0].mean(axis=2), label


def lead(classifier: Classifier, pages: np.ndarray, label: int) -> np.ndarray:
    """Return by how much a class's logit is above the mean of all, float32 (n,)."""
    logits = np.concatenate([classifier.run(page[np.newaxis]).logits for page in pages])
    return logits[:, label] - logits.mean(axis=1)


def deletion(classifier: Classifier, page: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """Return the mean fall of the class over the shares: by the map, and at random."""
    found, label = contributions(classifier, page)
    paper = np.median(page.reshape(-1, 3), axis=0).astype(np.uint8)
    orders = [np.argsort(-found, axis=None), *(rng.permutation(found.size) for _ in range(RANDOM))]
    deleted = []
    for order in orders:
        for share in SHARES:
            chosen = np.zeros(found.size, bool)
            chosen[order[: round(share * found.size)]] = True
            cells = Image.fromarray(chosen.reshape(found.shape).astype(np.uint8))
            mask = np.asarray(cells.resize(page.shape[1::-1], Image.Resampling.NEAREST)) > 0
            deleted.append(np.where(mask[..., np.newaxis], paper, page))
    before, *after = lead(classifier, np.stack([page, *deleted]), label)
    falls = before - np.reshape(after, (len(orders), len(SHARES))).mean(axis=1)
    return float(falls[0]), float(falls[1:].mean())


def shuffled(model: Path, out: Path) -> Path:
    """Write the model with every weight of its convolutions and its class layer in another place."""
    graph, rng = onnx.load(model), np.random.default_rng(0)
    for weight in graph.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.ndim >= 2:
            changed = rng.permutation(values.ravel()).reshape(values.shape)
            weight.CopyFrom(numpy_helper.from_array(changed, weight.name))
    onnx.save(graph, out)
    return out


def on_altered(classifier: Classifier, path: Path, label: str) -> tuple[float, float] | None:
    """Return how much of the map is on altered leads and samples, over chance; None for a heart without any."""
    truth = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    altered = [item["outline"] for item in truth["leads"] if item["altered"] > 0]
    if not altered or len(altered) == len(truth["leads"]):
        return None
    found, _ = contributions(classifier, load_page(path, classifier.contract), classifier.contract.labels.index(label))
    speaks = np.clip(found, 0, None)
    lengths, size = truth["mask"], tuple(truth["size"])
    samples = np.repeat(np.arange(len(lengths)) % 2, lengths).reshape(size[::-1]).astype(np.uint8) * 255
    of_leads, of_altered = (
        _cells(_filled(outlines, size), found.shape)
        for outlines in ([item["outline"] for item in truth["leads"]], altered)
    )
    of_samples = _cells(samples, found.shape)
    leads = (speaks * of_altered).sum() / (speaks * of_leads).sum() / (of_altered.sum() / of_leads.sum())
    return float(leads), float((speaks * of_samples).sum() / speaks.sum() / of_samples.mean())


def _filled(outlines: list, size: tuple[int, int]) -> np.ndarray:
    picture = Image.new("L", size)
    for outline in outlines:
        ImageDraw.Draw(picture).polygon([tuple(point) for point in outline], fill=255)
    return np.asarray(picture)


def _cells(mask: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    cells = Image.fromarray(mask).resize(shape[::-1], Image.Resampling.BOX)
    return np.asarray(cells, float) / 255


def interval(values: np.ndarray) -> str:
    """Return mean and 95 % bootstrap interval over pages."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(0, len(values), (RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return f"{values.mean():.2f} (95 %: {low:.2f} to {high:.2f}, {len(values)} pages)"


def main() -> None:
    """Print one line a test."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--drawn", type=Path, required=True)
    parser.add_argument("--pages", type=int, default=40)
    parser.add_argument("--out", type=Path, default=Path("shuffled.onnx"))
    options = parser.parse_args()

    classifier = Classifier(options.model)
    rng = np.random.default_rng(0)
    paths = [page.path for page in read_folder(options.data) if page.split != "train"]
    chosen = [paths[index] for index in np.linspace(0, len(paths) - 1, min(options.pages, len(paths))).astype(int)]
    pages = [load_page(path, classifier.contract) for path in chosen]
    falls = np.array([deletion(classifier, page, rng) for page in pages])
    print(f"deletion by the map: the class falls by {falls[:, 0].mean():.2f}, at random by {falls[:, 1].mean():.2f}")
    print(f"difference: {interval(falls[:, 0] - falls[:, 1])}")

    other = Classifier(shuffled(options.model, options.out))
    options.out.unlink()
    alike = []
    for page in pages:
        ours, label = contributions(classifier, page)
        alike.append(np.corrcoef(ours.ravel(), contributions(other, page, label)[0].ravel())[0, 1])
    print(f"correlation with the map of shuffled weights: {interval(np.nan_to_num(alike))}")

    labels = {page.path: page.label for page in read_folder(options.drawn)}
    shares = [
        share
        for path in pictures(options.drawn)
        if labels[path] in classifier.contract.labels and (share := on_altered(classifier, path, labels[path]))
    ]
    leads, samples = np.array(shares).T
    print(f"on altered leads, over chance: {interval(leads)}")
    print(f"on altered samples, over chance: {interval(samples)}")


if __name__ == "__main__":
    main()
