"""Parity: whether an ONNX file gives, from pictures on disk, the answer of its Keras model."""

import math
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge.classifier import Classifier
from edge.errors import EcgError, UsageError
from edge.files import find_images
from edge.images.page import open_page
from edge.images.preprocessing import load_page
from edge.prediction import Outputs, decide
from training.data.folder import digest, read_folder, short_digest
from training.errors import DataError
from training.models.saved_model import SavedModel


@dataclass(frozen=True)
class Bounds:
    """Say what an exported model may differ by, at most, from its `.h5`.

    `margin` is the lead of the first class over the second under which an image may get another class,
    `others` the share of images that may.
    """

    logit: float
    probability: float
    in_distribution: float
    margin: float
    others: float


BOUNDS = {
    # An honest export differs by 1e-7 to 4e-6 in a probability, and in an in-distribution score by 1e-6 for a trained model, by
    # 1.5e-5 for one of a single epoch, whose features hardly vary; every defect of tests/export/test_convert.py is above.
    "float32": Bounds(logit=1e-4, probability=1e-5, in_distribution=1e-4, margin=0, others=0),
    # int8 are another model that nearly always answers the same: the class counts, not the last digit.
    "int8": Bounds(logit=math.inf, probability=0.2, in_distribution=0.1, margin=0.1, others=0.02),
}
HEATMAP_BOUND = 1e-3
"""Largest difference of a logit and the sum of its heatmap and bias: honest ones are 1e-6 to 1e-5."""

BATCH = 4
SATURATED = 0.999
"""From here on, a difference of logits hardly moves the probability."""


class ParityError(EcgError):
    """An ONNX file does not give the answer of its Keras model."""

    exit_code = 1


@dataclass(frozen=True)
class Parity:
    """Hold the comparison of two models on a number of images.

    Differences are the largest absolute ones over all images, classes and batch sizes; `heatmap_difference`
    is that of a logit and the sum of its heatmap and bias. Of `flips` images the most probable class is
    another, and `flip_margin` is the largest lead that it had over the second; `other_answer` counts
    images whose status or label is another. `most_certain` and `median_certain` are of the largest
    probability that Keras gives an image, `saturated` is the share of images where it is at least 0.999: such
    images prove little about probabilities. `right` counts the `labelled` images, by the data folder
    and not learned from, that Keras and the exported model answer with their label.
    """

    precision: str
    images: int
    batch_sizes: tuple[int, ...]
    logit_difference: float
    probability_difference: float
    in_distribution_difference: float
    heatmap_difference: float
    flips: int
    flip_margin: float
    other_answer: int
    median_certain: float
    most_certain: float
    saturated: float
    labelled: int = 0
    right: tuple[int, int] = (0, 0)

    @property
    def failures(self) -> list[str]:
        """Return what is out of bounds, each as one phrase; none where the models agree."""
        bounds = BOUNDS[self.precision]
        # Written so that a NaN fails.
        checks = {
            f"logits differ by {self.logit_difference:.3g} (at most {bounds.logit:g})":
                self.logit_difference <= bounds.logit,
            f"probabilities differ by {self.probability_difference:.3g} (at most {bounds.probability:g})":
                self.probability_difference <= bounds.probability,
            f"in-distribution scores differ by {self.in_distribution_difference:.3g} (at most {bounds.in_distribution:g})":
                self.in_distribution_difference <= bounds.in_distribution,
            f"heatmaps and logits differ by {self.heatmap_difference:.3g} (at most {HEATMAP_BOUND:g})":
                self.heatmap_difference <= HEATMAP_BOUND,
            f"{self.flips} of {self.images} images get another class (at most {bounds.others:.0%})":
                self.flips <= bounds.others * self.images,
            f"an image gets another class that led by {self.flip_margin:.3g} (at most {bounds.margin:g})":
                not self.flips or self.flip_margin <= bounds.margin,
            f"{self.other_answer} of {self.images} images get another answer":
                self.other_answer == 0 or self.precision != "float32",
        }  # fmt: skip
        return [phrase for phrase, passed in checks.items() if not passed]

    def table(self) -> str:
        """Return the comparison as lines for the terminal."""
        bounds = BOUNDS[self.precision]
        sizes = " and ".join(map(str, self.batch_sizes))
        limit = "" if bounds.logit == math.inf else f"  (at most {bounds.logit:g})"
        flips = f"{self.flips}  (at most {bounds.others:.0%})"
        if self.flips:
            flips += f", the first class led by at most {self.flip_margin:.2f} (at most {bounds.margin:g})"
        rows = {
            "precision": self.precision,
            "images": f"{self.images}, in batches of {sizes}",
            "largest difference, logits": f"{self.logit_difference:.2e}{limit}",
            "largest difference, probability": f"{self.probability_difference:.2e}  (at most {bounds.probability:g})",
            "largest difference, in-distribution score": f"{self.in_distribution_difference:.2e}  (at most {bounds.in_distribution:g})",
            "heatmap and bias against logit": f"{self.heatmap_difference:.2e}  (at most {HEATMAP_BOUND:g})",
            "images with another class": flips,
            "images with another answer": f"{self.other_answer}",
            "how sure the model was": f"median {self.median_certain:.3f}, highest {self.most_certain:.3f}, "
            f"{self.saturated:.0%} of images at {SATURATED} or more",
        }
        rows["accuracy, .h5 and exported"] = "no labelled image that was not learned from"
        if self.labelled:
            ours, theirs = (f"{right / self.labelled:.3f}" for right in self.right)
            rows["accuracy, .h5 and exported"] = f"{ours} and {theirs}, on {self.labelled} images not learned from"
        rows["parity"] = "failed" if self.failures else "holds"
        return "\n".join(f"{name:32s} {value}" for name, value in rows.items())

    def as_record(self) -> dict[str, Any]:
        """Return every number, the bounds and the verdict."""
        bounds = {
            f"largest_{name}": value for name, value in asdict(BOUNDS[self.precision]).items() if value < math.inf
        }
        bounds["largest_heatmap"] = HEATMAP_BOUND
        return asdict(self) | bounds | {"holds": not self.failures, "failures": self.failures}


@dataclass(frozen=True)
class Judges:
    """Hold the images that two models are compared on.

    `images` is uint8 (n, height, width, 3), RGB; `labels` has the class of each, "" where it has none, and
    `unseen` is bool (n,), whether the model did not learn from it.
    """

    paths: tuple[Path, ...]
    images: np.ndarray
    labels: tuple[str, ...]
    unseen: np.ndarray

    @classmethod
    def of(cls, folder: Path, model: SavedModel, but: Collection[str] = ()) -> "Judges":
        """Read every picture below `folder`, but those with the digests `but`; raise `UsageError` for none."""
        paths, images, unseen = [], [], []
        for path in find_images(folder) if folder.is_dir() else []:
            image = open_page(path)
            if (name := digest(image)) not in but:
                paths.append(path)
                images.append(load_page(image, model.contract.preprocessing))
                unseen.append(short_digest(name) not in model.trained_on)
        if not paths:
            raise UsageError(f"{folder}: is no folder with pictures to compare the models on: give one with ECG images")
        try:
            known = {image.path: image.label for image in read_folder(folder)}
        except DataError:  # pictures without classes can be compared as well, only not be called right or wrong
            known = {}
        return cls(tuple(paths), np.stack(images), tuple(known.get(path, "") for path in paths), np.array(unseen))


def compare(model: SavedModel, classifier: Classifier, judges: Judges) -> Parity:
    """Compare a Keras model with an ONNX model on images.

    First the contracts, then the outputs, then the values: image by image from the file through
    `Classifier`, and in batches of 4. Raises `ParityError` where contracts or outputs differ.
    """
    theirs = classifier.contract
    expected_contract = replace(model.contract, precision=theirs.precision)
    if expected_contract != theirs:
        ours, given = asdict(expected_contract), asdict(theirs)
        name = next(name for name in ours if ours[name] != given[name])
        raise ParityError(
            f"{classifier.path}: its contract has other {name} than the .h5 ({given[name]}, not {ours[name]}): "
            "it is not an export of this .h5, convert it again"
        )
    paths, images = judges.paths, judges.images
    kept = model.run(images)
    expected = [
        decide(str(path), Outputs(*(rows[[index]] for rows in kept)), model.contract)
        for index, path in enumerate(paths)
    ]
    served = [classifier.predict(path) for path in paths]
    # A set smaller than a batch is repeated: the second batch size has to be another than 1.
    repeated = np.resize(np.arange(len(images)), max(len(images), BATCH))
    parts = [*np.arange(len(images))[:, np.newaxis], *np.array_split(repeated, -(-len(repeated) // BATCH))]
    bias = model.network.get_layer("logits").get_weights()[1]
    differences = Outputs(*([] for _ in Outputs._fields))
    mapped, exported = [], np.empty(len(images), int)
    for part in parts:
        outputs, heatmap = classifier.explain(images[part])
        for largest, rows, known in zip(differences, outputs, kept, strict=True):
            largest.append(np.abs(rows - known[part]).max())
        mapped.append(np.abs(heatmap.sum(axis=(1, 2)) + bias - outputs.logits).max())
        exported[part] = outputs.probabilities.argmax(axis=1)
    first, certain = kept.probabilities.argmax(axis=1), kept.probabilities.max(axis=1)
    lead = certain - np.sort(kept.probabilities, axis=1)[:, -2]
    flipped = exported != first
    labels, names = np.array(judges.labels), np.array(model.contract.labels)
    judged = judges.unseen & np.isin(labels, names)
    return Parity(
        precision=theirs.precision,
        images=len(paths),
        batch_sizes=(1, BATCH),
        logit_difference=float(np.max(differences.logits)),
        probability_difference=float(np.max(differences.probabilities)),
        in_distribution_difference=float(np.max(differences.in_distribution)),
        heatmap_difference=float(np.max(mapped)),
        flips=int(flipped.sum()),
        flip_margin=float(lead[flipped].max(initial=0)),
        other_answer=sum(
            (found.status, found.label) != (known.status, known.label)
            for found, known in zip(served, expected, strict=True)
        ),
        median_certain=float(np.median(certain)),
        most_certain=float(certain.max()),
        saturated=float((certain >= SATURATED).mean()),
        labelled=int(judged.sum()),
        right=(int((names[first] == labels)[judged].sum()), int((names[exported] == labels)[judged].sum())),
    )
