"""Evaluation of saved models, `.h5` or `.onnx`, alone or side by side, on the test images of a folder."""

import dataclasses
import hashlib
import platform
import sys
import time
from importlib import metadata
from pathlib import Path

import numpy as np

from edge import __version__
from edge.classifier import Classifier
from edge.contract import Contract
from edge.errors import UsageError
from edge.prediction import Outputs
from training.data.folder import EcgImage, LoadedImages, groups_of, load_images, read_folder, short_digest
from training.data.splits import are_test
from training.errors import DataError
from training.evaluation.audit import ASKED, look_at, views_of
from training.evaluation.baselines import compare
from training.evaluation.heatmap_faithfulness import heatmap_faithfulness
from training.evaluation.loaded_model import LoadedModel, open_model
from training.evaluation.measure import records
from training.evaluation.metrics import paired_differences
from training.evaluation.predictions import Predictions
from training.evaluation.robustness import robustness
from training.fit.loop import read_history
from training.reports import plots
from training.reports.evaluation import add_answers
from training.reports.heatmaps import add_heatmaps
from training.reports.model_card import add_comparison, add_facts, add_frame, model_cards
from training.reports.report import Report
from training.reports.robustness import add_robustness

TIMED = 50  # images at most whose time from file to answer is taken


def evaluate(
    models: list[Path],
    data: Path,
    out: Path,
    skip_unreadable: bool,
    command: str,
    disturbed: bool = False,
    explained: bool = False,
) -> dict:
    """Score the models on the test images of `data`, write the report, and return its numbers.

    A folder without splits is divided again as the first model's training divided it, from its
    seed. `command` is how this was asked for, for the report. `disturbed` says whether the images are
    shown captured and disturbed too (see `training.evaluation.robustness`), `explained` whether the heatmaps of the
    exported models are tested (see `training.evaluation.heatmap_faithfulness`). Raises `DataError` where there are no test images
    or a model does not know their classes.
    """
    subjects = [open_model(path) for path in models]
    classifiers = {str(subject.path): subject.classifier for subject in subjects if subject.classifier}
    if explained and not classifiers:
        raise UsageError("--heatmaps: none of the models is an .onnx, and an .h5 has no heatmap: give an exported one")
    for classifier in classifiers.values() if explained else ():
        classifier.require_heatmap()
    seed = subjects[0].contract.trained_on.seed
    every_page = read_folder(data)
    images = [image for image in every_page if image.split != "train"]
    if not images:
        raise DataError(f"{data}: has no test images: add a folder 'test', or give a folder without splits")
    loaded: dict[tuple[int, int], LoadedImages] = {}
    skipped: list[str] = []
    answers: dict[str, Predictions] = {}
    outputs: dict[str, Outputs] = {}
    for subject in subjects:
        size = subject.contract.preprocessing.height, subject.contract.preprocessing.width
        if size not in loaded:
            readable, skipped = load_images(images, subject.contract, skip_unreadable)
            loaded[size] = readable.select(are_test(readable, seed))
        name = str(subject.path)
        outputs[name] = subject.run(loaded[size].pixels)
        answers[name] = _answers(subject, loaded[size], outputs[name])
    tested = next(iter(loaded.values()))
    for line in skipped:
        print(f"skipped {line}", file=sys.stderr)
    report = Report("Evaluation")
    numbers: dict = {"data": _provenance(data, tested, skipped, command)}
    add_frame(report, numbers["data"])
    numbers["models"] = _add_models(report, subjects, answers)
    contracts = {str(subject.path): subject.contract for subject in subjects}
    numbers["differences"] = _differences(answers, contracts)
    numbers["not_compared"] = [name for name in contracts if contracts[name].labels != subjects[0].contract.labels]
    numbers["parity"] = _parity(subjects, outputs)
    numbers["latency"] = {name: _latency(classifier, tested) for name, classifier in classifiers.items()}
    numbers["baselines"] = _baselines(every_page, tested, seed)
    if disturbed:
        named = {str(subject.path): subject for subject in subjects}
        for name, found in robustness(named, answers, tested, seed).items():
            numbers["models"][name]["robustness"] = found
        add_robustness(report, numbers["models"], tested, seed)
    if explained:
        shown = {
            name: loaded[one.contract.preprocessing.height, one.contract.preprocessing.width]
            for name, one in classifiers.items()
        }
        for name, classifier in classifiers.items():
            numbers["models"][name]["heatmaps"] = heatmap_faithfulness(classifier, shown[name], seed)
        add_heatmaps(report, numbers["models"], classifiers, shown)
    add_comparison(report, numbers)
    report.write(out, numbers, {"model_card.md": model_cards(numbers)})
    return numbers


def _add_models(report: Report, subjects: list[LoadedModel], answers: dict[str, Predictions]) -> dict[str, dict]:
    """Add what each model is and what its answers are worth; return that by the models' paths."""
    numbers = {}
    for number, subject in enumerate(subjects, start=1):
        name = str(subject.path)
        report.heading(name)
        facts = _facts(subject)
        add_facts(report, facts)
        found = add_answers(report, f"model-{number}", answers[name], subject.contract)
        numbers[name] = {"facts": facts} | found
        history = read_history(subject.path.parent / "history.csv")
        if history:
            report.figure(
                f"model-{number}-curves", plots.curves(history), "Loss and accuracy of training and validation"
            )
    return numbers


def _answers(subject: LoadedModel, loaded: LoadedImages, outputs: Outputs) -> Predictions:
    unknown = sorted(set(loaded.labels.tolist()) - set(subject.contract.labels))
    if unknown:
        raise DataError(
            f"{subject.path}: does not know the class {unknown[0]!r} of the test images: train it again with it"
        )
    seen = np.array([short_digest(digest) in subject.trained_on for digest in loaded.digests])
    return Predictions.of(outputs, loaded, subject.contract.labels, seen)


def _provenance(data: Path, loaded: LoadedImages, skipped: list[str], command: str) -> dict:
    """Return what the figures come from: images, digest, versions, command line."""
    packages = (
        "numpy", "pillow", "onnxruntime", "tensorflow", "tensorflow-cpu", "keras", "scikit-learn", "scipy",
        "opencv-python-headless",
    )  # fmt: skip
    installed = {
        distribution.name.lower().replace("_", "-"): distribution.version for distribution in metadata.distributions()
    }
    return {
        "folder": str(data),
        "test_images": len(loaded),
        "test_groups": len(set(loaded.groups.tolist())),
        "digest": hashlib.sha256("".join(sorted(map(short_digest, loaded.digests))).encode()).hexdigest(),
        "skipped": skipped,
        "synthetic": any(image.synthetic for image in loaded.images),
        "command": command,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "versions": {"ecg-edge": __version__} | {name: installed[name] for name in packages if name in installed},
    }


def _facts(subject: LoadedModel) -> dict:
    """Return what the model is."""
    content = subject.path.read_bytes()
    return {
        "file": subject.path.name,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "contract": dataclasses.asdict(subject.contract),
    }


def _differences(answers: dict[str, Predictions], contracts: dict[str, Contract]) -> dict[str, dict]:
    """Return what each further model gains over the first, on the same images; an export is no other model."""
    (old_name, old), *others = answers.items()
    seen, found = {contracts[old_name]}, {}
    for name, new in others:
        if new.labels == old.labels and contracts[name] not in seen:
            seen.add(contracts[name])
            found[f"{name} minus {old_name}"] = records(paired_differences(new.sample, old.sample))
    return found


def _parity(subjects: list[LoadedModel], outputs: dict[str, Outputs]) -> dict[str, dict[str, float]]:
    """Return the largest differences between an `.h5` and the `.onnx` that has its contract, on the test images."""
    found = {}
    for kept in subjects:
        for exported in subjects:
            if kept.classifier or not exported.classifier:
                continue
            if dataclasses.replace(exported.contract, precision=kept.contract.precision) == kept.contract:
                pair = zip(outputs[str(exported.path)], outputs[str(kept.path)], Outputs._fields, strict=True)
                found[f"{exported.path} against {kept.path}"] = {
                    name: float(np.abs(ours - theirs).max()) for ours, theirs, name in pair
                }
    return found


def _latency(classifier: Classifier, loaded: LoadedImages) -> dict[str, float]:
    """Return median and 95th percentile of the milliseconds from a file to its answer, one image at a time."""
    times = []
    for image in loaded.images[:TIMED]:
        begin = time.perf_counter()
        classifier.predict(image.path)
        times.append(1000 * (time.perf_counter() - begin))
    return {"images": len(times), "median_ms": float(np.median(times)), "p95_ms": float(np.percentile(times, 95))}


def _baselines(images: list[EcgImage], tested: LoadedImages, seed: int) -> dict | str:
    """Return the baselines' figures on the test images, `ASKED` of them at most, or why there are none."""
    paths = {image.path for image in tested.images}
    rng = np.random.default_rng(seed)
    chosen = []
    for side in ([image for image in images if image.path not in paths], tested.images):
        kept = rng.permutation(len(side))[:ASKED]
        chosen += [side[index] for index in sorted(kept.tolist())]
    looks, _ = look_at(chosen)
    asked = np.array([look.image.path in paths for look in looks])
    labels = np.array([look.image.label for look in looks])
    if len(set(labels[~asked])) < 2:
        return "the folder has no training images that they could learn from"
    groups = groups_of([look.image for look in looks], [look.digest for look in looks])
    found = compare(views_of(looks), labels, groups, [(np.flatnonzero(~asked), np.flatnonzero(asked))])
    return {name: records(figures) for name, figures in found.items()}
