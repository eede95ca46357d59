"""A model under evaluation, an `.h5` or an `.onnx`, opened."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.classifier import Classifier
from edge.contract import Contract
from edge.errors import ModelError
from edge.prediction import Outputs
from training.models.saved_model import TRAINED_ON_KEY, load_model

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadedModel:
    """Hold a model under evaluation."""

    path: Path
    """Its file."""
    contract: Contract
    """What it takes and what its outputs mean."""
    trained_on: frozenset[str]
    """Short digests of the images that it has seen."""
    run: Callable[[np.ndarray], Outputs]
    """Turns uint8 images (n, height, width, 3) into outputs."""
    classifier: Classifier | None = None
    """There for an `.onnx`."""


def open_model(path: Path) -> LoadedModel:
    """Open an `.h5` with Keras or an `.onnx` with onnxruntime; raise `ModelError` for anything else."""
    if path.suffix == ".h5":
        model = load_model(path)
        return LoadedModel(path, model.contract, model.trained_on, model.run)
    if path.suffix != ".onnx":
        raise ModelError(f"{path}: is neither .h5 nor .onnx: give a model of this program")
    classifier = Classifier(path)
    if classifier.contract.activation != "softmax":
        raise ModelError(f"{path}: its classes do not exclude each other: evaluation is for one class an image")
    if classifier.contract.adopted:
        log.warning("%s: was made by others: images that it has learned from cannot be told, and count as unseen", path)
    elif TRAINED_ON_KEY not in classifier.metadata:
        raise ModelError(f"{path}: does not say on which images it was trained: export the .h5 again")

    def run(images: np.ndarray) -> Outputs:
        outputs = [classifier.run(image[np.newaxis]) for image in images]
        return Outputs(*(np.concatenate(rows) for rows in zip(*outputs, strict=True)))

    trained_on = frozenset(classifier.metadata.get(TRAINED_ON_KEY, "").split())
    return LoadedModel(path, classifier.contract, trained_on, run, classifier)
