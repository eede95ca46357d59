"""Reading: the models, and one page with a model's answer, where it comes from, and how long that took."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from edge import Classifier, ModelError, PageError, Prediction
from edge.classifier import HEATMAP
from edge.heatmap import contributions, overlay
from edge.images.page import count_pages, open_page
from edge.images.preprocessing import load_page
from edge.prediction import Status, decide
from edge.shipped import FOLDER, digests, shipped_model

SHOWN = (1400, 1400)
"""Pixels of a page on the screen, at most: traces can be read, and a phone need not load more."""


def open_models(model: Path | None = None, folder: Path | None = None) -> dict[str, Classifier]:
    """Return the models by their file names; the first one answers.

    They are `model` and those of `folder`, or without both the shipped one in each precision. Raises `ModelError` for
    one that cannot be used, for two of one name, and for a folder without any.
    """
    paths = [] if model is None else [model]
    if folder is not None:
        found = sorted(folder.glob("*.onnx"))
        if not found:
            raise ModelError(f"{folder}: holds no .onnx file: give a folder of models")
        paths += [path for path in found if model is None or not (model.exists() and path.samefile(model))]
    if not paths:
        paths = [shipped_model(), *(FOLDER / name for name in digests() if FOLDER / name != shipped_model())]
    models: dict[str, Classifier] = {}
    for path in paths:
        if path.name in models:
            raise ModelError(f"{path}: has the name of {models[path.name].path}: rename one, the page tells them by it")
        models[path.name] = Classifier(path)
    return models


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Hold a page and what a model says of it."""

    prediction: Prediction
    """Named as the person named the file, without a folder."""
    page: Image.Image | None
    """Upright RGB at its own size; None where it cannot be read."""
    heatmap: np.ndarray | None
    """float32 (rows, columns, classes); None where the model has none."""
    seconds: float
    """From the file to the answer."""

    def shown(self, strength: float = 1.0) -> tuple[Image.Image, Image.Image] | None:
        """Return the page and its overlay, of one size; None where the page cannot be read.

        `strength`, 0 to 1, is the overlay's. Without an answer, or a heatmap, both are the page.
        """
        return None if self.page is None else self.over(self.page, strength)

    def over(self, picture: Image.Image, strength: float = 1.0) -> tuple[Image.Image, Image.Image]:
        """Return what `shown` does with another picture in the page's place, of its form."""
        if max(picture.size) > max(SHOWN):
            picture = ImageOps.contain(picture, SHOWN, Image.Resampling.BILINEAR)
        if self.heatmap is None or self.prediction.label is None:
            return picture, picture
        label = list(self.prediction.probabilities).index(self.prediction.label)
        return picture, Image.blend(picture, overlay(picture, contributions(self.heatmap, label)), strength)


def read(classifier: Classifier, path: str | Path, number: int | None = None) -> Reading:
    """Return what a model makes of a picture, or of page `number` of a file that holds several."""
    name, start = Path(path).name, time.perf_counter()
    try:
        page = open_page(path, number)
    except PageError as error:
        # The person knows the picture by its own name, not by that of the upload's folder.
        said = str(error).replace(str(path), name)
        found = Prediction(image=name, status=Status.ERROR, page=number, error=said)
        return Reading(prediction=found, page=None, heatmap=None, seconds=time.perf_counter() - start)
    pixels, heatmap = load_page(page, classifier.contract.preprocessing)[np.newaxis], None
    if HEATMAP in classifier.outputs:
        outputs, heatmaps = classifier.explain(pixels)
        heatmap = heatmaps[0]
    else:
        outputs = classifier.run(pixels)
    found = decide(name, outputs, classifier.contract, number)
    return Reading(prediction=found, page=page, heatmap=heatmap, seconds=time.perf_counter() - start)


def pages_of(paths: list[str]) -> list[tuple[str, int | None]]:
    """Return every page of every file, in their order: the path, and the number where a file holds several."""
    found: list[tuple[str, int | None]] = []
    for path in paths:
        pages = count_pages(path)
        found += [(path, None)] if pages is None else [(path, number) for number in range(1, pages + 1)]
    return found
