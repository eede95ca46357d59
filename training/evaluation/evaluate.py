"""The evaluation of saved models, `.h5` or `.onnx`, alone or side by side, on the test images of a data folder."""

import dataclasses
import hashlib
import logging
import platform
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

import numpy as np

from edge import __version__
from edge.classifier import Classifier
from edge.errors import UsageError
from edge.images.preprocessing import Preprocessing
from edge.prediction import Outputs
from training.data.folder import DataFolder
from training.data.history import read_history
from training.data.loaded_images import LoadedImages, groups_of, short_digest
from training.data.splits import are_test
from training.errors import DataError
from training.evaluation.baselines import BaselineInputs, score_baselines
from training.evaluation.heatmap_faithfulness import measure_heatmaps
from training.evaluation.measure import measure
from training.evaluation.metrics import paired_differences
from training.evaluation.prediction_metrics import BaselineMetrics
from training.evaluation.predictions import Predictions
from training.evaluation.result import (
    Evaluation,
    Latency,
    ModelEvaluation,
    ModelFacts,
    PairedComparison,
    ParityDifferences,
    Provenance,
)
from training.evaluation.robustness import measure_robustness
from training.inspection.inspected_image import inspect_all
from training.models.loaded_model import LoadedModel, open_model

log = logging.getLogger(__name__)

TIMED = 50  # images at most whose time from file to answer is taken
BASELINE_FILES = 2000  # of each side, training and test, that the baselines see at most
PACKAGES = (
    "numpy", "pillow", "onnxruntime", "tensorflow", "tensorflow-cpu", "keras", "scikit-learn", "scipy",
    "opencv-python-headless",
)  # fmt: skip


def evaluate(
    models: Sequence[Path], data: DataFolder, *, command: str, robustness: bool = False, heatmaps: bool = False
) -> Evaluation:
    """Measure models on the test images of `data`, each alone and against the first.

    A folder without splits is divided again as the first model's training divided it, from its
    seed. `command` is how this was asked for. Raises `DataError` where there are no test images or a model does not
    know their classes, and `UsageError` for heatmaps of models none of which is exported.
    """
    opened = {str(path): open_model(path) for path in models}
    classifiers = {name: model.classifier for name, model in opened.items() if model.classifier}
    if heatmaps and not classifiers:
        raise UsageError("--heatmaps: none of the models is an .onnx, and an .h5 has no heatmap: give an exported one")
    for classifier in classifiers.values() if heatmaps else ():
        classifier.require_heatmap()
    seed = next(iter(opened.values())).contract.trained_on.seed
    loaded = _load_test_images(opened, data, seed)
    tested = {name: loaded[model.contract.preprocessing] for name, model in opened.items()}
    first = next(iter(tested.values()))
    outputs = {name: model.run(tested[name].pixels) for name, model in opened.items()}
    predictions = {name: _predictions(model, tested[name], outputs[name]) for name, model in opened.items()}
    disturbed = measure_robustness(opened, predictions, first, seed=seed) if robustness else {}
    explained = {
        name: measure_heatmaps(classifier, tested[name], seed=seed)
        for name, classifier in classifiers.items()
        if heatmaps
    }
    baselines, no_baselines = _baselines(data, first, seed)
    labels = [model.contract.labels for model in opened.values()]
    return Evaluation(
        provenance=_provenance(data, first, command),
        models=tuple(
            ModelEvaluation(
                path=name,
                facts=_facts(model),
                metrics=measure(predictions[name], model.contract),
                history=tuple(read_history(model.path.parent / "history.csv")),
                robustness=disturbed.get(name),
                heatmaps=explained.get(name),
            )
            for name, model in opened.items()
        ),
        comparisons=tuple(_comparisons(opened, predictions)),
        not_compared=tuple(name for name, own in zip(opened, labels, strict=True) if own != labels[0]),
        parity=tuple(_parity(opened, outputs)),
        latency=tuple(_latency(name, classifier, first) for name, classifier in classifiers.items()),
        baselines=baselines,
        no_baselines=no_baselines,
    )


def _load_test_images(
    models: Mapping[str, LoadedModel], data: DataFolder, seed: int
) -> dict[Preprocessing, LoadedImages]:
    """Return the test images as the models of each preprocessing take them."""
    images = data.but("train")
    if not images:
        raise DataError(f"{data.path}: has no test images: add a folder 'test', or give a folder without splits")
    loaded: dict[Preprocessing, LoadedImages] = {}
    for model in models.values():
        if model.contract.preprocessing not in loaded:
            everything = data.load(model.contract.preprocessing, images)
            several = np.array([len(image.classes) > 1 for image in everything.images])
            if several.any():
                log.warning("%s: left out %d images whose label is a set of classes", data.path, several.sum())
            chosen = everything.select(are_test(everything, seed) & ~several)
            loaded[model.contract.preprocessing] = dataclasses.replace(chosen, unreadable=everything.unreadable)
    return loaded


def _predictions(model: LoadedModel, tested: LoadedImages, outputs: Outputs) -> Predictions:
    unknown = sorted(set(tested.labels.tolist()) - set(model.contract.labels))
    if unknown:
        raise DataError(
            f"{model.path}: does not know the class {unknown[0]!r} of the test images: train it again with it"
        )
    seen = np.array([short_digest(digest) in model.trained_on for digest in tested.digests])
    return Predictions.of(outputs, tested, model.contract.labels, seen)


def _provenance(data: DataFolder, tested: LoadedImages, command: str) -> Provenance:
    """Return what the metrics come from: images, digest, versions, command line."""
    installed = {
        distribution.name.lower().replace("_", "-"): distribution.version for distribution in metadata.distributions()
    }
    return Provenance(
        folder=str(data.path),
        test_images=len(tested),
        test_groups=len(set(tested.groups.tolist())),
        digest=hashlib.sha256("".join(sorted(map(short_digest, tested.digests))).encode()).hexdigest(),
        unreadable=tested.unreadable,
        synthetic=any(image.synthetic for image in tested.images),
        command=command,
        python=platform.python_version(),
        machine=f"{platform.system()} {platform.machine()}",
        versions={"ecg-edge": __version__} | {name: installed[name] for name in PACKAGES if name in installed},
    )


def _facts(model: LoadedModel) -> ModelFacts:
    """Return what the model is."""
    content = model.path.read_bytes()
    return ModelFacts(
        file=model.path.name,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        contract=model.contract,
    )


def _comparisons(models: Mapping[str, LoadedModel], predictions: Mapping[str, Predictions]) -> list[PairedComparison]:
    """Return what each further model gains over the first, on the same images; an export is no other model."""
    (reference, old), *others = predictions.items()
    seen, found = {models[reference].contract}, []
    for name, new in others:
        if new.labels == old.labels and models[name].contract not in seen:
            seen.add(models[name].contract)
            differences = paired_differences(new.sample, old.sample)
            found.append(PairedComparison(model=name, reference=reference, differences=differences))
    return found


def _parity(models: Mapping[str, LoadedModel], outputs: Mapping[str, Outputs]) -> list[ParityDifferences]:
    """Return the largest differences between an `.h5` and the `.onnx` that has its contract, on the test images."""
    found = []
    for h5, kept in models.items():
        for onnx, exported in models.items():
            if kept.classifier or not exported.classifier:
                continue
            if dataclasses.replace(exported.contract, precision=kept.contract.precision) == kept.contract:
                pairs = zip(Outputs._fields, outputs[onnx], outputs[h5], strict=True)
                largest = {name: float(np.abs(ours - theirs).max()) for name, ours, theirs in pairs}
                found.append(ParityDifferences(onnx=onnx, h5=h5, **largest))
    return found


def _latency(name: str, classifier: Classifier, tested: LoadedImages) -> Latency:
    """Return the milliseconds from a file to its answer, one image at a time."""
    times = []
    for image in tested.images[:TIMED]:
        begin = time.perf_counter()
        classifier.predict(image.path)
        times.append(1000 * (time.perf_counter() - begin))
    median, p95 = float(np.median(times)), float(np.percentile(times, 95))
    return Latency(model=name, images=len(times), median_ms=median, p95_ms=p95)


def _baselines(data: DataFolder, tested: LoadedImages, seed: int) -> tuple[dict[str, BaselineMetrics], str]:
    """Return the baselines' metrics on the test images, and why there are none."""
    paths = {image.path for image in tested.images}
    rng, chosen = np.random.default_rng(seed), []
    for side in ([image for image in data.images if image.path not in paths], tested.images):
        kept = rng.permutation(len(side))[:BASELINE_FILES]
        chosen += [side[index] for index in sorted(kept.tolist())]
    inspected, _ = inspect_all(chosen)
    asked = np.array([one.image.path in paths for one in inspected])
    labels = np.array([one.image.label for one in inspected])
    if len(set(labels[~asked])) < 2:
        return {}, "the folder has no training images that they could learn from"
    groups = groups_of([one.image for one in inspected], [one.digest for one in inspected])
    division = np.flatnonzero(~asked), np.flatnonzero(asked)
    return score_baselines(BaselineInputs.of(inspected), labels, groups, [division]), ""
