"""What an exported model's heatmaps are worth: do they add up, and do they show what its answers rest on."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, numpy_helper
from PIL import Image
from tqdm import tqdm

from edge.classifier import Classifier
from edge.contract import Contract
from edge.heatmap import contributions
from edge.images.preprocessing import load_page
from edge.prediction import Outputs
from training.data.folder import LoadedImages
from training.evaluation.intervals import mean
from training.synthetic.paper.layout import LOOKS
from training.synthetic.paper.printed_page import altered_mask, print_page
from training.synthetic.signals.ecg import CLASSES, LEADS, draw_heart, record

PAGES = 40
"""Test images that are shown at most: each is answered again 24 times."""
DRAWN = 25
"""Synthetic ECG images of each class."""
SHARES = (0.02, 0.05, 0.1, 0.2)  # of the map's cells, deleted
RANDOM = 5  # choices at random that the map's choice is compared with


@dataclass(frozen=True)
class SyntheticHeart:
    """Hold a synthetic ECG image, uint8 (height, width, 3), RGB, its class, and where on it the disease is.

    `leads` are boxes (left, top, right, bottom) in pixels, each with the share of its samples that the disease
    altered; `altered` is bool (height, width), the altered parts of the traces.
    """

    pixels: np.ndarray
    label: str
    leads: tuple[tuple[tuple[int, int, int, int], float], ...]
    altered: np.ndarray


def heatmap_faithfulness(classifier: Classifier, tested: LoadedImages, seed: int) -> dict:
    """Return what a model's heatmaps are worth, ready for JSON; `HEATMAPS` says what each figure means.

    `tested` are the test images, `PAGES` of them at most are shown. Raises `ModelError` for a model without
    a heatmap.
    """
    shown = tested.select(np.argsort(tested.digests)[:PAGES])
    graph = onnx.load(classifier.path)
    rng = np.random.default_rng(seed)
    answers = [classifier.explain(image[np.newaxis]) for image in shown.pixels]
    labels = [int(outputs.logits[0].argmax()) for outputs, _ in answers]
    maps = [contributions(heatmap[0], label) for (_, heatmap), label in zip(answers, labels, strict=True)]
    progress = tqdm(zip(shown.pixels, maps, labels, strict=True), total=len(shown), unit="image", disable=None)
    falls = np.array([_deletion(classifier, image, found, label, rng) for image, found, label in progress])
    by_map, at_random = falls[:, 0], falls[:, 1:].mean(axis=1)  # (images, shares)

    def estimated(values: np.ndarray) -> dict:
        return mean(values, shown.groups, seed).as_record()

    steps = zip(SHARES, by_map.T, at_random.T, strict=True)
    return {
        "images": len(shown),
        "completeness": _adds_up(graph, answers),
        "deletion": [
            {"share": share, "by_map": estimated(ours), "at_random": estimated(chance)} for share, ours, chance in steps
        ],
        "gain": estimated((by_map - at_random).mean(axis=1)),
        "shuffled_weights": estimated(_other_weights(graph, shown.pixels, maps, labels, seed)),
    } | _on_altered(classifier, seed)


def _adds_up(graph: ModelProto, answers: list[tuple[Outputs, np.ndarray]]) -> float:
    """Return the largest difference of a logit and the sum of its map and its class's bias."""
    names = next(node.input for node in graph.graph.node if "logits" in node.output)
    weights = [numpy_helper.to_array(weight) for weight in graph.graph.initializer if weight.name in names]
    bias = next(values for values in weights if values.ndim == 1)
    return float(max(np.abs(heatmap.sum(axis=(1, 2)) + bias - outputs.logits).max() for outputs, heatmap in answers))


def _explained(classifier: Classifier, image: np.ndarray, label: int) -> np.ndarray:
    """Return what speaks for a class on an image, float32 (rows, columns)."""
    return contributions(classifier.explain(image[np.newaxis])[1][0], label)


def _deletion(
    classifier: Classifier, image: np.ndarray, found: np.ndarray, label: int, rng: np.random.Generator
) -> np.ndarray:
    """Return how far a class's lead falls, float (1 + RANDOM, shares): by the map `found` first, then at random.

    Deleted cells get the image's median colour; the lead is a logit's, against the mean of all. The deletion
    curve is that of Samek et al., IEEE TNNLS 28, 2017.
    """
    paper = np.median(image.reshape(-1, 3), axis=0).astype(np.uint8)

    def lead(pixels: np.ndarray) -> float:
        logits = classifier.run(pixels[np.newaxis]).logits[0]
        return float(logits[label] - logits.mean())

    def without(cells: np.ndarray) -> np.ndarray:
        mask = np.zeros(found.size, np.uint8)
        mask[cells] = 1
        deleted = Image.fromarray(mask.reshape(found.shape)).resize(image.shape[1::-1], Image.Resampling.NEAREST)
        return np.where(np.asarray(deleted)[..., np.newaxis] > 0, paper, image)

    before = lead(image)
    orders = [np.argsort(-found, axis=None), *(rng.permutation(found.size) for _ in range(RANDOM))]
    return np.array(
        [[before - lead(without(order[: max(1, round(share * found.size))])) for share in SHARES] for order in orders]
    )


def _other_weights(
    graph: ModelProto, images: np.ndarray, maps: list[np.ndarray], labels: list[int], seed: int
) -> np.ndarray:
    """Return, for each image, the correlation of its map with that of the graph once its weights are shuffled.

    A map that hardly depends on what was learned would stay (Adebayo et al., NeurIPS 2018).
    """
    rng = np.random.default_rng(seed)
    for weight in graph.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.ndim >= 2:
            shuffled = rng.permutation(values.ravel()).reshape(values.shape)
            weight.CopyFrom(numpy_helper.from_array(shuffled, weight.name))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "shuffled.onnx")
        onnx.save(graph, path)
        other = Classifier(path)
    alike = [
        np.corrcoef(ours.ravel(), _explained(other, image, label).ravel())[0, 1]
        for image, ours, label in zip(images, maps, labels, strict=True)
    ]
    return np.nan_to_num(alike)  # a map that is the same everywhere is like none


def synthetic_hearts(contract: Contract, count: int, seed: int) -> Iterator[SyntheticHeart]:
    """Yield `count` images of each class that the contract knows, but those whose disease is nowhere or everywhere.

    They are none of those of a set with the same seed.
    """
    for place, label in enumerate(sorted(set(CLASSES) & set(contract.labels))):
        for number in range(count):
            rng = np.random.default_rng((seed, len(CLASSES) + place, number))
            recording, style = record(draw_heart(label, rng), rng), LOOKS["report"]
            image = print_page(recording, style, rng)
            if not 0 < recording.altered.mean() < 1:
                continue
            leads = []
            for box in image.boxes:
                right = box.left + (box.end - box.start) * style.speed
                left, top, right, bottom = (round(x * image.scale) for x in (box.left, box.top, right, box.bottom))
                share = recording.altered[LEADS.index(box.lead), box.samples].mean()
                leads.append(((left, top, right, bottom), float(share)))
            yield SyntheticHeart(image.pixels, label, tuple(leads), altered_mask(recording, style))


def _on_altered(classifier: Classifier, seed: int) -> dict:
    """Return how much of what speaks for the true class is where the disease is on synthetic ECG images, enrichment."""
    contract, rows, silent = classifier.contract, [], 0
    for heart in synthetic_hearts(contract, DRAWN, seed):
        pixels = load_page(Image.fromarray(heart.pixels), contract.preprocessing)
        found = _explained(classifier, pixels, contract.labels.index(heart.label))
        if not (found > 0).any():
            silent += 1
            continue
        shares, leads = (np.zeros(heart.altered.shape, np.float32) for _ in range(2))
        for (left, top, right, bottom), share in heart.leads:
            shares[top:bottom, left:right] = share
            leads[top:bottom, left:right] = 1
        asked = (shares, leads), (heart.altered.astype(np.float32), np.ones_like(leads))
        of_cells = [[_cells(pixels, found.shape) for pixels in pair] for pair in asked]
        rows.append(np.ravel([enrichment(np.clip(found, 0, None), *pair) for pair in of_cells]))
    names = "altered_leads", "altered_leads_at_most", "altered_samples", "altered_samples_at_most"
    groups = np.arange(len(rows)).astype(str)
    unknown = "nothing speaks for the class" if silent else "the model has other classes than the synthetic ECG images"
    return {"synthetic_images": len(rows), "silent_images": silent} | {
        name: mean(values, groups, seed, unknown).as_record()
        for name, values in zip(names, np.reshape(rows, (-1, len(names))).T, strict=True)
    }


def enrichment(speaks: np.ndarray, inside: np.ndarray, among: np.ndarray) -> tuple[float, float]:
    """Return the share of what speaks among some cells that is inside of others, over that of area; and the most.

    `inside` and `among` are the shares of each cell that are covered. Where nothing speaks among them, nothing is
    inside.
    """
    total, chance = (speaks * among).sum(), inside.sum() / among.sum()
    covered = inside[among > 0] / among[among > 0]
    return float((speaks * inside).sum() / max(total, 1e-12) / chance), float(covered.max() / chance)


def _cells(shares: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the mean of float32 pixels (height, width) in each cell, float (rows, columns)."""
    cells = Image.fromarray(shares).resize((shape[1], shape[0]), Image.Resampling.BOX)
    return np.asarray(cells, float)
