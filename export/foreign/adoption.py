"""Adoption: a model that others made becomes one of this program, where it still says what it said."""

import json
import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx

from edge.classifier import Classifier
from edge.commands.table import Table
from edge.contract import CONTRACT_KEY, Adopted, Contract, TrainedOn
from edge.errors import ModelError, UsageError
from edge.files import check_output, find_images, replacing
from edge.images.preprocessing import Preprocessing, load_page, preprocessing_id
from edge.selftest import CHECK_KEY, answers, to_json
from export.convert import is_model
from export.foreign.facts import Facts, Told
from export.foreign.job import Settings
from export.parity import ParityError
from training.isolation import run_isolated

log = logging.getLogger(__name__)

SECONDS = 1800
"""Of the process that loads and converts a model."""
PROBABILITY, LOGIT = 1e-5, 1e-4
"""Largest differences to the original."""
SPREAD = 1e-3
"""Range of a probability over the images from which on a model tells them apart."""
THRESHOLD = 0.5
"""Of a sigmoid: from here on a class is named."""
UNKNOWN = TrainedOn(digest="", images=0, seed=0, synthetic=False)


@dataclass(frozen=True, kw_only=True)
class AdoptionParity:
    """Hold how an adopted model and the original differ on images; differences are the largest absolute ones."""

    loaded: str
    """What ran the original."""
    images: int
    """How many were compared."""
    probability_difference: float
    """Of the probabilities."""
    logit_difference: float | None
    """Of the logits, where the original gives these."""
    spread: float
    """How far a probability of the original goes from image to image: where it hardly does, parity proves little."""

    @property
    def failures(self) -> list[str]:
        """Return what is out of bounds, each as one phrase; none where both agree."""
        checks = {
            f"probabilities differ by {self.probability_difference:.3g} (at most {PROBABILITY:g})":
                self.probability_difference <= PROBABILITY,
            f"logits differ by {self.logit_difference or 0:.3g} (at most {LOGIT:g})":
                self.logit_difference is None or self.logit_difference <= LOGIT,
        }  # fmt: skip
        return [phrase for phrase, passed in checks.items() if not passed]

    def table(self) -> Table:
        """Return the comparison for the terminal."""
        logits = "" if self.logit_difference is None else f"{self.logit_difference:.2e}  (at most {LOGIT:g})"
        rows = {
            "original run by": self.loaded,
            "images": str(self.images),
            "largest difference, probability": f"{self.probability_difference:.2e}  (at most {PROBABILITY:g})",
            "largest difference, logits": logits or "the original gives none",
            "range of a probability over the images": f"{self.spread:.2g}",
            "parity": "failed" if self.failures else "holds",
        }
        return Table("Parity", ("with", "the original"), list(rows.items()))

    def as_record(self) -> dict[str, Any]:
        """Return every number and the verdict, as `verify --format json` prints them."""
        return asdict(self) | {"holds": not self.failures, "failures": self.failures}


def adopt(source: Path, out: Path, images: Path, told: Told) -> AdoptionParity:
    """Write the model of others as one of this program, where it says the same of the images below `images`.

    Its file is inspected first, and then loaded in a process of its own. Raises `ModelError` where it cannot be
    adopted, `UsageError` for what does not fit it, and `ParityError` where the two disagree: nothing is then written.
    """
    pictures = find_images(images) if images.is_dir() else []
    check_output(out, (source, *pictures), is_model)
    facts = Facts.read(source)
    contract = _contract(facts, told, source)
    with replacing(out) as unfinished, TemporaryDirectory() as folder:
        unfinished.touch()
        pixels = _pixels(images, pictures, contract)
        found = _isolated(source, facts, Path(folder), pixels, contract, told.activation)
        threshold = THRESHOLD if found["activation"] == "sigmoid" else 0.0
        contract = replace(contract, activation=found["activation"], confidence_threshold=threshold)
        graph = onnx.load(Path(folder) / "model.onnx")
        onnx.helper.set_model_props(graph, {CONTRACT_KEY: contract.to_json()})
        onnx.save(graph, unfinished)
        checked = to_json(answers(Classifier(unfinished)))
        onnx.helper.set_model_props(graph, {CONTRACT_KEY: contract.to_json(), CHECK_KEY: checked})
        onnx.save(graph, unfinished)
        parity = _compared(Classifier(unfinished), pictures, pixels, np.load(Path(folder) / "answers.npy"), found)
        if parity.failures:
            raise ParityError(
                f"{source}: wrapped it gives other predictions, {'; '.join(parity.failures)}: nothing was written"
            )
    return parity


def verify(source: Path, classifier: Classifier, images: Path) -> AdoptionParity:
    """Compare an adopted model with the file that it was made of; raise as `adopt` does."""
    contract, pictures = classifier.contract, find_images(images) if images.is_dir() else []
    facts = Facts.read(source)
    with TemporaryDirectory() as folder:
        pixels = _pixels(images, pictures, contract)
        found = _isolated(source, facts, Path(folder), pixels, contract, contract.activation)
        return _compared(classifier, pictures, pixels, np.load(Path(folder) / "answers.npy"), found)


def _contract(facts: Facts, told: Told, source: Path) -> Contract:
    """Return the contract, whose activation the graph has still to say."""
    height, width = (one or other for one, other in zip(facts.size, told.size or (None, None), strict=True))
    if height is None or width is None:
        raise UsageError(f"{source}: does not say the size of its input: give --image-size HEIGHTxWIDTH")
    if told.size not in (None, (height, width)):
        raise UsageError(f"{source}: takes {height}x{width}, --image-size says {told.size[0]}x{told.size[1]}")
    if facts.channels is not None and (facts.channels == 1) != (told.channels == "grey"):
        raise UsageError(f"{source}: takes {facts.channels} channels, --channels says {told.channels}")
    if told.channels == "grey" and told.scale in ("caffe", "torch"):
        raise UsageError(f"--preprocessing {told.scale}: is for three channels, --channels says grey")
    return Contract(
        labels=told.labels,
        preprocessing=Preprocessing(height, width, preprocessing_id(told.resize, grey=told.channels == "grey")),
        architecture=facts.architecture,
        trained_on=UNKNOWN,
        adopted=Adopted(framework=facts.framework, scale=told.scale, channels=told.channels),
    )


def _pixels(images: Path, pictures: list[Path], contract: Contract) -> np.ndarray:
    if not pictures:
        raise UsageError(f"{images}: is no folder with images to compare the models on: give one with ECG images")
    return np.stack([load_page(path, contract.preprocessing) for path in pictures])


def _isolated(
    source: Path, facts: Facts, folder: Path, pixels: np.ndarray, contract: Contract, activation: str | None
) -> dict[str, Any]:
    """Have the model loaded, asked and converted in a process of its own; return what that says."""
    assert contract.adopted is not None
    np.save(folder / "pixels.npy", pixels)
    settings = Settings(
        source=str(source.absolute()),
        form="",
        scale=contract.adopted.scale,
        channels=contract.adopted.channels,
        labels=len(contract.labels),
        activation=activation,
    )
    faults = []
    for form in facts.forms:
        (folder / "settings.json").write_text(json.dumps(asdict(replace(settings, form=form))), encoding="utf-8")
        found = run_isolated("export.foreign.source", str(folder), seconds=SECONDS, folder=folder)
        if found is None:
            raise ModelError(f"{source}: could not be converted within {SECONDS // 60} minutes and the memory allowed")
        if "error" not in found:
            return found
        faults.append(found["error"])
        if not found.get("not_loaded"):
            break
    raise ModelError(f"{source}: {'; '.join(faults)}: nothing was written")


def _compared(
    classifier: Classifier, pictures: list[Path], pixels: np.ndarray, said: np.ndarray, found: dict[str, Any]
) -> AdoptionParity:
    """Compare what the original said, (n, classes), with what the device answers from the files."""
    softmax, logits = classifier.contract.activation == "softmax", None
    said = said.astype(float)
    if found["gives_logits"]:
        if said.shape[1] < len(classifier.contract.labels):
            said = np.concatenate([np.zeros_like(said), said], axis=1)
        logits, said = said, _softmax(said) if softmax else 1 / (1 + np.exp(-said))
    elif said.shape[1] < len(classifier.contract.labels):
        said = np.concatenate([1 - said, said], axis=1)
    served = np.array([list(classifier.predict(path).probabilities.values()) for path in pictures])
    spread = float(np.ptp(said, axis=0).max())
    if len(pictures) > 1 and spread < SPREAD:
        log.warning("the model says the same of every image: is it trained, and is the preprocessing its own?")
    given = None if logits is None else np.concatenate([classifier.run(one[np.newaxis]).logits for one in pixels])
    return AdoptionParity(
        loaded=found["loaded"],
        images=len(pictures),
        probability_difference=float(np.abs(served - said).max()),
        spread=spread,
        logit_difference=None if given is None else float(np.abs(given - logits).max()),
    )


def _softmax(logits: np.ndarray) -> np.ndarray:
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)
