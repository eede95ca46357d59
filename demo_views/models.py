"""Models: those that the demo answers with and compares, by the names that the page shows."""

from pathlib import Path

from edge import Classifier, ModelError
from edge.shipped import FOLDER, digests, shipped_model


def open_models(model: Path | None = None, folder: Path | None = None) -> dict[str, Classifier]:
    """Return the models by their file names; the first one answers.

    They are `model` and those of `folder`, or without both the shipped one in each precision. Raises `ModelError` for
    one that cannot be used, and for a folder without any.
    """
    paths = [] if model is None else [model]
    if folder is not None:
        found = sorted(folder.glob("*.onnx"))
        if not found:
            raise ModelError(f"{folder}: holds no .onnx file: give a folder of models")
        paths += [path for path in found if model is None or not (model.exists() and path.samefile(model))]
    if not paths:
        paths = [shipped_model(), *(FOLDER / name for name in digests() if FOLDER / name != shipped_model())]
    return {path.name: Classifier(path) for path in paths}
