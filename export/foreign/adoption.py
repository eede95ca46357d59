"""Adoption: a model that others made becomes one of this program, where it still says what it said."""

import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onnx

from edge.classifier import Classifier
from edge.commands.table import Table
from edge.contract import Adopted, Contract, TrainedOn
from edge.errors import ModelError, UsageError
from edge.files import check_output, find_images, replacing
from edge.images.preprocessing import Preprocessing, preprocessing_id
from edge.model_file import ARCHIVE, ONNX, head_of_model
from edge.selftest import PARITY_KEY
from export.convert import carry, is_model
from export.foreign.facts import Facts, Told
from export.foreign.job import SPREAD, Compared, Settings
from export.parity import ParityError
from training.isolation import run_isolated

log = logging.getLogger(__name__)

SECONDS = 1800
"""Of the process that loads and converts a model."""
PROBABILITY, LOGIT = 1e-5, 1e-4
"""Largest differences to the original."""
LEAST_SIDE, MOST_SIDE = 8, 4096
"""Of the input, pixels."""
UNKNOWN = TrainedOn(digest="", images=0, seed=0, synthetic=False)


@dataclass(frozen=True, kw_only=True)
class AdoptionParity(Compared):
    """Hold a comparison with its verdict."""

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

    def held(self) -> list[tuple[str, str]]:
        """Return the rows that the file carries: the bounds that held. Differences vary in their last digits."""
        return [
            ("original run by", self.loaded),
            ("images", str(self.images)),
            ("probabilities differ by at most", f"{PROBABILITY:g}"),
            *([] if self.logit_difference is None else [("logits differ by at most", f"{LOGIT:g}")]),
        ]

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

    Its file is inspected first, and then loaded, converted and compared in a process of its own. Raises `ModelError`
    where it cannot be adopted, `UsageError` for what does not fit it, and `ParityError` where the two disagree:
    nothing is then written.
    """
    pictures = _pictures(images)
    check_output(out, (source, *pictures), is_model)
    with replacing(out) as unfinished, TemporaryDirectory(prefix="ecg-") as folder:
        unfinished.touch()
        parity = _isolated(source, Path(folder), pictures, told.activation, partial(_contract, told, source))
        if parity.failures:
            raise ParityError(
                f"{source}: wrapped it gives other predictions, {'; '.join(parity.failures)}: nothing was written"
            )
        graph = onnx.load(Path(folder) / "model.onnx")
        carry(graph, PARITY_KEY, json.dumps(parity.held()))
        onnx.save(graph, unfinished)
    return parity


def verify(source: Path, classifier: Classifier, images: Path) -> AdoptionParity:
    """Compare an adopted model with the file that it was made of; raise as `adopt` does."""
    contract, pictures = classifier.contract, _pictures(images)
    with TemporaryDirectory(prefix="ecg-") as folder:
        exported = classifier.path.absolute()
        return _isolated(source, Path(folder), pictures, contract.activation, lambda _: contract, exported)


def _pictures(images: Path) -> list[Path]:
    pictures = find_images(images) if images.is_dir() else []
    if not pictures:
        raise UsageError(f"{images}: is no folder with images to compare the models on: give one with ECG images")
    return pictures


def _copied(source: Path, folder: Path) -> Path:
    """Return a copy of a Keras file, which nobody replaces between the look and the loading, with the right suffix.

    An ONNX file, which may have others beside it, stays where it is.
    """
    head = head_of_model(source)
    if head.startswith(ONNX):
        return source.absolute()
    return shutil.copy(source, folder / ("theirs.keras" if head.startswith(ARCHIVE) else "theirs.h5"))


def _contract(told: Told, source: Path, facts: Facts) -> Contract:
    """Return the contract, whose activation the graph has still to say."""
    height, width = (one or other for one, other in zip(facts.size, told.size or (None, None), strict=True))
    if height is None or width is None:
        raise UsageError(f"{source}: does not say the size of its input: give --image-size HEIGHTxWIDTH")
    if not LEAST_SIDE <= min(height, width) <= max(height, width) <= MOST_SIDE:
        raise UsageError(f"{source}: takes {height}x{width}, each side has to have {LEAST_SIDE} to {MOST_SIDE} pixels")
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


def _isolated(
    source: Path,
    folder: Path,
    pictures: list[Path],
    activation: str | None,
    contract_of: Callable[[Facts], Contract],
    exported: Path | None = None,
) -> AdoptionParity:
    """Have the model inspected, and then loaded, made or compared with `exported`, in processes of their own."""
    copy = _copied(source, folder)
    facts = Facts.read(copy, source)
    contract, faults = contract_of(facts).to_json(), []
    for form in facts.forms:
        settings = Settings(
            source=str(copy),
            form=form,
            contract=contract,
            activation=activation,
            images=[str(picture.absolute()) for picture in pictures],
            exported=exported and str(exported),
        )
        (folder / "settings.json").write_text(json.dumps(asdict(settings)), encoding="utf-8")
        found = run_isolated("export.foreign.source", str(folder), seconds=SECONDS, folder=folder)
        if found is None:
            raise ModelError(f"{source}: could not be converted within {SECONDS // 60} minutes and the memory allowed")
        if "error" not in found:
            if found["images"] > 1 and found["spread"] < SPREAD:
                log.warning("the model says the same of every image: is it trained, and is the preprocessing its own?")
            return AdoptionParity(**found)
        faults.append(found["error"])
        if not found.get("not_loaded"):
            break
    raise ModelError(f"{source}: {'; '.join(faults)}: nothing was written")
