"""A model under evaluation, an `.h5` or an `.onnx`, opened."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.classifier import Classifier
from edge.contract import Contract
from edge.errors import ModelError
from edge.prediction import Outputs
from training.models.saved_model import TRAINED_ON_KEY, load_model


@dataclass(frozen=True)
class LoadedModel:
    """Hold a model under evaluation; `run` turns uint8 images into outputs, `classifier` is there for an `.onnx`."""

    path: Path
    contract: Contract
    trained_on: frozenset[str]
    run: Callable[[np.ndarray], Outputs]
    classifier: Classifier | None = None


def open_model(path: Path) -> LoadedModel:
    """Open an `.h5` with Keras or an `.onnx` with onnxruntime; raise `ModelError` for anything else."""
    if path.suffix == ".h5":
        model = load_model(path)
        return LoadedModel(path, model.contract, model.trained_on, model.run)
    if path.suffix != ".onnx":
        raise ModelError(f"{path}: is neither .h5 nor .onnx: give a model of this program")
    classifier = Classifier(path)
    if TRAINED_ON_KEY not in classifier.metadata:
        raise ModelError(f"{path}: does not say on which images it was trained: export the .h5 again")

    def run(images: np.ndarray) -> Outputs:
        answers = [classifier.run(image[np.newaxis]) for image in images]
        return Outputs(*(np.concatenate(rows) for rows in zip(*answers, strict=True)))

    trained_on = frozenset(classifier.metadata[TRAINED_ON_KEY].split())
    return LoadedModel(path, classifier.contract, trained_on, run, classifier)
