"""Faithfulness of heatmaps: are they complete, and do they show what a model's answers rest on."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, numpy_helper
from PIL import Image
from tqdm import tqdm

from edge.classifier import Classifier
from edge.commands.terminal import hide_progress
from edge.contract import Contract
from edge.heatmap import contributions
from edge.images.preprocessing import load_page
from edge.prediction import Outputs, decide
from training.data.loaded_images import LoadedImages
from training.evaluation.intervals import Bootstrap, Estimate, mean
from training.evaluation.result import Box, DeletionStep, HeatmapExample, HeatmapFaithfulness
from training.synthetic.paper.layout import LOOKS
from training.synthetic.paper.printed_page import altered_mask, print_page
from training.synthetic.signals.ecg import record
from training.synthetic.signals.hearts import CLASSES, draw_heart
from training.synthetic.signals.recording import LEADS

SHARES = (0.02, 0.05, 0.1, 0.2)  # of the heatmap's cells, deleted
RANDOM = 5  # choices at random that the heatmap's choice is compared with
EXAMPLES, SYNTHETIC_EXAMPLES = 8, 2  # test images that a report shows; synthetic ones of each class


@dataclass(frozen=True)
class SyntheticHeart:
    """Hold a synthetic ECG image, and where on it the disease is."""

    pixels: np.ndarray
    """uint8 (height, width, 3), RGB."""
    label: str
    """Its class."""
    leads: tuple[tuple[Box, float], ...]
    """Where each lead lies, and the share of its samples that the disease altered."""
    altered: np.ndarray
    """bool (height, width), the altered parts of the traces."""


def measure_heatmaps(
    classifier: Classifier, tested: LoadedImages, *, seed: int, most_images: int = 40, synthetic_per_class: int = 25
) -> HeatmapFaithfulness:
    """Return whether a model's heatmaps show what its answers rest on.

    `tested` are the test images, `most_images` of them at most are asked about: each is answered again 24 times.
    Raises `ModelError` for a model without a heatmap.
    """
    shown = tested.select(np.argsort(tested.digests)[:most_images])
    graph, rng = onnx.load(classifier.path), np.random.default_rng(seed)
    explained = [classifier.explain(image[np.newaxis]) for image in shown.pixels]
    labels = [int(outputs.logits[0].argmax()) for outputs, _ in explained]
    maps = [contributions(heatmap[0], label) for (_, heatmap), label in zip(explained, labels, strict=True)]
    progress = tqdm(
        zip(shown.pixels, maps, labels, strict=True), total=len(shown), unit="image", disable=hide_progress()
    )
    falls = np.array([_deletion(classifier, image, found, label, rng) for image, found, label in progress])
    by_heatmap, at_random = falls[:, 0], falls[:, 1:].mean(axis=1)  # (images, shares)

    def estimated(values: np.ndarray) -> Estimate:
        return mean(values, shown.groups, Bootstrap(seed))

    hearts = list(synthetic_hearts(classifier.contract, synthetic_per_class, seed))
    return HeatmapFaithfulness(
        images=len(shown),
        completeness_error=_completeness_error(graph, explained),
        deletion=tuple(
            DeletionStep(share=share, by_heatmap=estimated(ours), at_random=estimated(chance))
            for share, ours, chance in zip(SHARES, by_heatmap.T, at_random.T, strict=True)
        ),
        deletion_gain=estimated((by_heatmap - at_random).mean(axis=1)),
        shuffled_weights_correlation=estimated(_shuffled_weights(graph, shown.pixels, maps, labels, seed)),
        **_on_altered(classifier, hearts, seed),
        examples=(*_test_examples(classifier, tested), *_synthetic_examples(classifier, seed)),
    )


def _test_examples(classifier: Classifier, tested: LoadedImages) -> Iterator[HeatmapExample]:
    """Yield some test images with what speaks for their most probable class."""
    for place in np.argsort(tested.digests)[:EXAMPLES]:
        image, contract = tested.images[place], classifier.contract
        outputs, heatmap = classifier.explain(tested.pixels[[place]])
        index = int(outputs.logits[0].argmax())
        yield HeatmapExample(
            picture=image.path,
            label=image.label,
            predicted=contract.labels[index],
            probability=float(outputs.probabilities[0, index]),
            status=str(decide(image.path.name, outputs, contract).status),
            contributions=contributions(heatmap[0], index),
        )


def _synthetic_examples(classifier: Classifier, seed: int) -> Iterator[HeatmapExample]:
    """Yield some synthetic ECG images with what speaks for their true class, and the leads that the disease altered."""
    for heart in synthetic_hearts(classifier.contract, SYNTHETIC_EXAMPLES, seed):
        pixels = load_page(Image.fromarray(heart.pixels), classifier.contract.preprocessing)
        most = max(share for _, share in heart.leads)
        yield HeatmapExample(
            picture=heart.pixels,
            label=heart.label,
            contributions=_explained(classifier, pixels, classifier.contract.labels.index(heart.label)),
            frames=tuple(box for box, share in heart.leads if share > 0.75 * most),
        )


def _completeness_error(graph: ModelProto, explained: list[tuple[Outputs, np.ndarray]]) -> float:
    """Return the largest difference of a logit and the sum of its heatmap and its class's bias."""
    names = next(node.input for node in graph.graph.node if "logits" in node.output)
    weights = [numpy_helper.to_array(weight) for weight in graph.graph.initializer if weight.name in names]
    bias = next(values for values in weights if values.ndim == 1)
    return float(max(np.abs(heatmap.sum(axis=(1, 2)) + bias - outputs.logits).max() for outputs, heatmap in explained))


def _explained(classifier: Classifier, image: np.ndarray, label: int) -> np.ndarray:
    """Return what speaks for a class on an image, float32 (rows, columns)."""
    return contributions(classifier.explain(image[np.newaxis])[1][0], label)


def _deletion(
    classifier: Classifier, image: np.ndarray, found: np.ndarray, label: int, rng: np.random.Generator
) -> np.ndarray:
    """Return how far a class's lead falls, float (1 + RANDOM, shares): by the heatmap `found` first, then at random.

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


def _shuffled_weights(
    graph: ModelProto, images: np.ndarray, maps: list[np.ndarray], labels: list[int], seed: int
) -> np.ndarray:
    """Return, for each image, the correlation of its heatmap with that of the graph once its weights are shuffled.

    A heatmap that hardly depends on what was learned would stay (Adebayo et al., NeurIPS 2018).
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
    return np.nan_to_num(alike)  # a heatmap that is the same everywhere is like none


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


def _on_altered(classifier: Classifier, hearts: Sequence[SyntheticHeart], seed: int) -> dict[str, int | Estimate]:
    """Return, by field, the enrichment of what speaks for the true class where the disease is."""
    contract, rows = classifier.contract, []
    for heart in hearts:
        pixels = load_page(Image.fromarray(heart.pixels), contract.preprocessing)
        found = _explained(classifier, pixels, contract.labels.index(heart.label))
        if not (found > 0).any():
            continue
        shares, leads = (np.zeros(heart.altered.shape, np.float32) for _ in range(2))
        for (left, top, right, bottom), share in heart.leads:
            shares[top:bottom, left:right] = share
            leads[top:bottom, left:right] = 1
        asked = (shares, leads), (heart.altered.astype(np.float32), np.ones_like(leads))
        of_cells = [[_cells(pixels, found.shape) for pixels in pair] for pair in asked]
        rows.append(np.ravel([enrichment(np.clip(found, 0, None), *pair) for pair in of_cells]))
    silent = len(hearts) - len(rows)
    names = "altered_leads", "altered_leads_at_most", "altered_samples", "altered_samples_at_most"
    groups = np.arange(len(rows)).astype(str)
    unknown = "nothing speaks for the class" if silent else "the model has other classes than the synthetic ECG images"
    return {"synthetic_images": len(rows), "silent_images": silent} | {
        name: mean(values, groups, Bootstrap(seed), unknown)
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
