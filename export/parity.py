"""Parity: whether an ONNX file gives, from images on disk, the predictions of its Keras model."""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from tqdm import tqdm

from edge.classifier import Classifier
from edge.commands.table import Table
from edge.commands.terminal import hide_progress
from edge.errors import EcgError
from edge.prediction import Outputs, decide
from export.comparison_images import ComparisonImages
from training.models.saved_model import SavedModel


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Say what an exported model may differ by, at most, from its `.h5`."""

    logit: float
    """Largest difference of a logit."""
    probability: float
    """Largest difference of a probability."""
    in_distribution: float
    """Largest difference of an in-distribution score."""
    margin: float
    """Lead of the first class over the second, as a probability, under which an image may get another class."""
    others: float
    """Share of images that may get another class."""


BOUNDS = {
    # An honest export differs by 1e-7 to 4e-6 in a probability. In an in-distribution score it differs by 1e-6 for a
    # trained model, by 1.5e-5 for one of a single epoch, whose features hardly vary. Every defect of
    # tests/export/test_parity.py is above.
    "float32": Bounds(logit=1e-4, probability=1e-5, in_distribution=1e-4, margin=0, others=0),
    # An int8 model is another one that nearly always predicts the same: the class counts, not the last digit.
    "int8": Bounds(logit=math.inf, probability=0.2, in_distribution=0.1, margin=0.1, others=0.02),
}
HEATMAP_BOUND = 1e-3
"""Largest difference of a logit and the sum of its heatmap and bias: honest ones are 1e-6 to 1e-5."""

BATCH = 4
SATURATED = 0.999
"""From here on, a difference of logits hardly moves the probability."""


class ParityError(EcgError):
    """An ONNX file does not give the predictions of its Keras model."""

    exit_code = 1


@dataclass(frozen=True, kw_only=True)
class Parity:
    """Hold the comparison of two models on a number of images.

    Differences are the largest absolute ones over all images, classes and batch sizes.
    """

    precision: str
    """Of the exported model, "float32" or "int8"."""
    images: int
    """How many images these are."""
    batch_sizes: tuple[int, ...]
    """How many images were given at once."""
    logit_difference: float
    """Of the logits."""
    probability_difference: float
    """Of the probabilities."""
    in_distribution_difference: float
    """Of the in-distribution score."""
    heatmap_difference: float
    """Of a logit and the sum of its heatmap and bias."""
    class_changes: int
    """Images of which the most probable class is another."""
    class_change_margin: float
    """The largest lead that the first class had over the second on one of these images, as a probability."""
    prediction_changes: int
    """Images whose status or label is another."""
    median_certain: float
    """Median over the images of the largest probability that Keras gives."""
    most_certain: float
    """The largest of them."""
    saturated: float
    """Share of images where it is at least 0.999: they prove little about probabilities."""
    bounds: Bounds
    """What the differences are compared with."""
    labelled: int = 0
    """Images with a class of the data folder that the model did not learn from."""
    keras_correct: int = 0
    """How many of these get their label from Keras."""
    exported_correct: int = 0
    """How many of them get it from the exported model."""

    @property
    def failures(self) -> list[str]:
        """Return what is out of bounds, each as one phrase; none where the models agree."""
        bounds = self.bounds
        # Written so that a NaN fails.
        checks = {
            f"logits differ by {self.logit_difference:.3g} (at most {bounds.logit:g})":
                self.logit_difference <= bounds.logit,
            f"probabilities differ by {self.probability_difference:.3g} (at most {bounds.probability:g})":
                self.probability_difference <= bounds.probability,
            f"in-distribution scores differ by {self.in_distribution_difference:.3g} "
            f"(at most {bounds.in_distribution:g})":
                self.in_distribution_difference <= bounds.in_distribution,
            f"heatmaps and logits differ by {self.heatmap_difference:.3g} (at most {HEATMAP_BOUND:g})":
                self.heatmap_difference <= HEATMAP_BOUND,
            f"{self.class_changes} of {self.images} images get another class (at most {bounds.others:.0%})":
                self.class_changes <= bounds.others * self.images,
            f"an image gets another class that led by {self.class_change_margin:.3g} (at most {bounds.margin:g})":
                not self.class_changes or self.class_change_margin <= bounds.margin,
            f"{self.prediction_changes} of {self.images} images get another prediction":
                self.prediction_changes == 0 or self.precision != "float32",
        }  # fmt: skip
        return [phrase for phrase, passed in checks.items() if not passed]

    def held(self) -> list[tuple[str, str]]:
        """Return the rows that the file carries: the bounds that held. Differences vary in their last digits."""
        bounds = self.bounds
        most = {
            "logits": bounds.logit, "probabilities": bounds.probability,
            "in-distribution scores": bounds.in_distribution, "heatmap and bias and a logit": HEATMAP_BOUND,
        }  # fmt: skip
        rows = [(f"{name} differ by at most", f"{value:g}") for name, value in most.items() if value < math.inf]
        return [("images", str(self.images)), *rows, ("images with another class, at most", f"{bounds.others:.0%}")]

    def table(self) -> Table:
        """Return the comparison for the terminal."""
        bounds = self.bounds
        sizes = " and ".join(map(str, self.batch_sizes))
        limit = "" if bounds.logit == math.inf else f"  (at most {bounds.logit:g})"
        changes = f"{self.class_changes}  (at most {bounds.others:.0%})"
        if self.class_changes:
            changes += f", the first class led by at most {self.class_change_margin:.2f} (at most {bounds.margin:g})"
        certain = f"median {self.median_certain:.3f}, highest {self.most_certain:.3f}, "
        accuracy = "no labelled image that was not learned from"
        if self.labelled:
            kept, exported = (f"{n / self.labelled:.3f}" for n in (self.keras_correct, self.exported_correct))
            accuracy = f"{kept} and {exported}, on {self.labelled} images not learned from"
        rows = {
            "images": f"{self.images}, in batches of {sizes}",
            "largest difference, logits": f"{self.logit_difference:.2e}{limit}",
            "largest difference, probability": f"{self.probability_difference:.2e}  (at most {bounds.probability:g})",
            "largest difference, in-distribution score": f"{self.in_distribution_difference:.2e}  "
            f"(at most {bounds.in_distribution:g})",
            "heatmap and bias against logit": f"{self.heatmap_difference:.2e}  (at most {HEATMAP_BOUND:g})",
            "images with another class": changes,
            "images with another prediction": f"{self.prediction_changes}",
            "how sure the model was": f"{certain}{self.saturated:.0%} of images at {SATURATED} or more",
            "accuracy, .h5 and exported": accuracy,
            "parity": "failed" if self.failures else "holds",
        }
        return Table("Parity", ("precision", self.precision), list(rows.items()))

    def as_record(self) -> dict[str, Any]:
        """Return every number, the bounds and the verdict, as `verify --format json` prints them."""
        record = asdict(self)
        bounds = {f"largest_{name}": value for name, value in record.pop("bounds").items() if value < math.inf}
        bounds["largest_heatmap"] = HEATMAP_BOUND
        return record | bounds | {"holds": not self.failures, "failures": self.failures}


def compare(model: SavedModel, classifier: Classifier, shown: ComparisonImages, bounds: Bounds | None = None) -> Parity:
    """Compare a Keras model with an ONNX model on images.

    First the contracts, then the outputs, then the values: image by image from the file through
    `Classifier`, and in batches of 4. `bounds` are those of `BOUNDS` if not given.
    Raises `ParityError` where contracts or outputs differ.
    """
    _check_contract(model, classifier)
    kept = model.run(shown.pixels)
    expected = [
        decide(str(path), Outputs(*(rows[[index]] for rows in kept)), model.contract)
        for index, path in enumerate(shown.paths)
    ]
    served = [
        classifier.predict(path)
        for path in tqdm(shown.paths, "comparison, files", unit="image", disable=hide_progress())
    ]
    differences, heatmap_difference, exported = _differences(model, classifier, shown.pixels, kept)
    first, certain = kept.probabilities.argmax(axis=1), kept.probabilities.max(axis=1)
    lead = certain - np.sort(kept.probabilities, axis=1)[:, -2]
    changed = exported != first
    labels, names = np.array(shown.labels), np.array(model.contract.labels)
    labelled = shown.unseen & np.isin(labels, names)
    return Parity(
        precision=classifier.contract.precision,
        bounds=bounds or BOUNDS[classifier.contract.precision],
        images=len(shown.paths),
        batch_sizes=(1, BATCH),
        logit_difference=differences.logits,
        probability_difference=differences.probabilities,
        in_distribution_difference=differences.in_distribution,
        heatmap_difference=heatmap_difference,
        class_changes=int(changed.sum()),
        class_change_margin=float(lead[changed].max(initial=0)),
        prediction_changes=sum(
            (found.status, found.label) != (known.status, known.label)
            for found, known in zip(served, expected, strict=True)
        ),
        median_certain=float(np.median(certain)),
        most_certain=float(certain.max()),
        saturated=float((certain >= SATURATED).mean()),
        labelled=int(labelled.sum()),
        keras_correct=int((names[first] == labels)[labelled].sum()),
        exported_correct=int((names[exported] == labels)[labelled].sum()),
    )


def _check_contract(model: SavedModel, classifier: Classifier) -> None:
    """Raise `ParityError` where an ONNX model has another contract than the Keras model, its precision aside."""
    expected = replace(model.contract, precision=classifier.contract.precision)
    if expected != classifier.contract:
        ours, given = asdict(expected), asdict(classifier.contract)
        name = next(name for name in ours if ours[name] != given[name])
        raise ParityError(
            f"{classifier.path}: its contract has other {name} than the .h5 ({given[name]}, not {ours[name]}): "
            "it is not an export of this .h5, convert it again"
        )


def _differences(
    model: SavedModel, classifier: Classifier, pixels: np.ndarray, kept: Outputs
) -> tuple[Outputs, float, np.ndarray]:
    """Return the largest differences of outputs and heatmaps, and the exported model's most probable classes.

    `kept` are the Keras model's outputs. Images go through one by one, then in batches.
    """
    # A set smaller than a batch is repeated: the second batch size has to be another than 1.
    repeated = np.resize(np.arange(len(pixels)), max(len(pixels), BATCH))
    parts = [*np.arange(len(pixels))[:, np.newaxis], *np.array_split(repeated, -(-len(repeated) // BATCH))]
    bias = model.network.get_layer("logits").get_weights()[1]
    largest, mapped, exported = [], [], np.empty(len(pixels), int)
    for part in tqdm(parts, "comparison, batches", unit="batch", disable=hide_progress()):
        outputs, heatmap = classifier.explain(pixels[part])
        largest.append([np.abs(rows - known[part]).max() for rows, known in zip(outputs, kept, strict=True)])
        mapped.append(np.abs(heatmap.sum(axis=(1, 2)) + bias - outputs.logits).max())
        exported[part] = outputs.probabilities.argmax(axis=1)
    return Outputs(*np.max(largest, axis=0).tolist()), float(np.max(mapped)), exported
