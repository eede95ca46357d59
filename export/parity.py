"""Parity: whether an ONNX file gives, from pictures on disk, the answer of its Keras model."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.classifier import Classifier, Outputs, decide
from edge.errors import EcgError, UsageError
from edge.files import pictures
from edge.page import load_page
from training.models import SavedModel

LOGIT_TOLERANCE = 1e-4
PROBABILITY_TOLERANCE = 1e-5
TYPICALITY_TOLERANCE = 1e-4
"""An honest export differs by 1e-7 to 4e-6 in a probability, and in a typicality by 1e-6 for a trained model, by
1.5e-5 for one of a single epoch, whose features hardly vary; every defect of tests/full/test_export.py is above."""

BATCH = 4
SATURATED = 0.999
"""From here on, a difference of logits hardly moves the probability."""


class ParityError(EcgError):
    """An ONNX file does not give the answer of its Keras model."""

    exit_code = 1


@dataclass(frozen=True)
class Parity:
    """Hold the comparison of two models on a number of pages.

    Differences are the largest absolute ones over all pages, classes and batch sizes; `most_certain`
    and `median_certain` are of the largest probability that Keras gives a page, `saturated` is the
    share of pages where it is at least 0.999: such pages prove little about probabilities.
    """

    pages: int
    batch_sizes: tuple[int, ...]
    logit_difference: float
    probability_difference: float
    typicality_difference: float
    other_answer: int
    median_certain: float
    most_certain: float
    saturated: float

    @property
    def failures(self) -> list[str]:
        """Return what is out of bounds, each as one phrase; none where the models agree."""
        # Written so that a NaN fails.
        checks = {
            f"logits differ by {self.logit_difference:.3g} (at most {LOGIT_TOLERANCE:g})":
                self.logit_difference <= LOGIT_TOLERANCE,
            f"probabilities differ by {self.probability_difference:.3g} (at most {PROBABILITY_TOLERANCE:g})":
                self.probability_difference <= PROBABILITY_TOLERANCE,
            f"typicalities differ by {self.typicality_difference:.3g} (at most {TYPICALITY_TOLERANCE:g})":
                self.typicality_difference <= TYPICALITY_TOLERANCE,
            f"{self.other_answer} of {self.pages} pages get another answer": self.other_answer == 0,
        }  # fmt: skip
        return [phrase for phrase, passed in checks.items() if not passed]

    def table(self) -> str:
        """Return the comparison as lines for the terminal."""
        sizes = " and ".join(map(str, self.batch_sizes))
        rows = {
            "pages": f"{self.pages}, in batches of {sizes}",
            "largest difference, logits": f"{self.logit_difference:.2e}  (at most {LOGIT_TOLERANCE:g})",
            "largest difference, probability": f"{self.probability_difference:.2e}"
            f"  (at most {PROBABILITY_TOLERANCE:g})",
            "largest difference, typicality": f"{self.typicality_difference:.2e}  (at most {TYPICALITY_TOLERANCE:g})",
            "pages with another answer": f"{self.other_answer}",
            "how sure the model was": f"median {self.median_certain:.3f}, highest {self.most_certain:.3f}, "
            f"{self.saturated:.0%} of pages at {SATURATED} or more",
            "parity": "failed" if self.failures else "holds",
        }
        return "\n".join(f"{name:32s} {value}" for name, value in rows.items())

    def as_record(self) -> dict[str, Any]:
        """Return every number, the bounds and the verdict."""
        bounds = {
            "logit_tolerance": LOGIT_TOLERANCE,
            "probability_tolerance": PROBABILITY_TOLERANCE,
            "typicality_tolerance": TYPICALITY_TOLERANCE,
        }
        return asdict(self) | bounds | {"holds": not self.failures, "failures": self.failures}


def compare(model: SavedModel, classifier: Classifier, images: Path) -> Parity:
    """Compare a Keras model with an ONNX model on every picture below `images`.

    First the contracts, then the outputs, then the values: page by page from the file through
    `Classifier`, and in batches of 4. Raises `ParityError` where contracts or outputs differ and
    `UsageError` where there are no pictures.
    """
    if model.contract != classifier.contract:
        ours, theirs = asdict(model.contract), asdict(classifier.contract)
        name = next(name for name in ours if ours[name] != theirs[name])
        raise ParityError(
            f"{classifier.path}: its contract has other {name} than the .h5 ({theirs[name]}, not {ours[name]}): "
            "it is not an export of this .h5, convert it again"
        )
    paths = pictures(images) if images.is_dir() else []
    if not paths:
        raise UsageError(f"{images}: is no folder with pictures: give ECG pages to compare the models on")
    pages = np.stack([load_page(path, model.contract) for path in paths])  # (n, height, width, 3)
    kept = model.run(pages)
    expected = [
        decide(str(path), Outputs(*(rows[[index]] for rows in kept)), model.contract)
        for index, path in enumerate(paths)
    ]
    served = [classifier.predict(path) for path in paths]
    # A set smaller than a batch is repeated: the second batch size has to be another than 1.
    repeated = np.resize(np.arange(len(pages)), max(len(pages), BATCH))
    parts = [*np.arange(len(pages))[:, np.newaxis], *np.array_split(repeated, -(-len(repeated) // BATCH))]
    differences = Outputs(*([] for _ in Outputs._fields))
    for part in parts:
        for found, rows, known in zip(differences, classifier.run(pages[part]), kept, strict=True):
            found.append(np.abs(rows - known[part]).max())
    certain = kept.probabilities.max(axis=1)
    return Parity(
        pages=len(paths),
        batch_sizes=(1, BATCH),
        logit_difference=float(np.max(differences.logits)),
        probability_difference=float(np.max(differences.probabilities)),
        typicality_difference=float(np.max(differences.typicality)),
        other_answer=sum(
            (found.status, found.label) != (known.status, known.label)
            for found, known in zip(served, expected, strict=True)
        ),
        median_certain=float(np.median(certain)),
        most_certain=float(certain.max()),
        saturated=float((certain >= SATURATED).mean()),
    )
