"""Measure the shipped model and write its card, which `edge info` shows.

    python -m benchmarks.shipped --measured RUN --unseen FILE.onnx ... --data DIR --ptbxl DIR DIR
        [--photos DIR] [--other-hospital DIR] --out edge/models/card.json

`--measured` is the run with folds on the training images of DIR, `--unseen` its model exported to ONNX, which has not
seen the test images of DIR. The shipped model itself may have learned from these: it is asked about pictures that
neither has seen, photos, pages of another hospital, synthetic images of held-out patients (`synthetic --signals
--label-sets`, one folder a look) and pictures that are no ECG.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import in_distribution, near_misses
from edge import Classifier, load_page
from edge.files import find_images, replacing
from edge.prediction import Outputs
from edge.shipped import FOLDER, NAME, shipped_model
from training.data.folder import DataFolder
from training.data.loaded_images import EcgImage
from training.evaluation.intervals import DEFAULT, Estimate, Sample, count, interval, resampled
from training.evaluation.metrics import overall_metrics
from training.evaluation.rank_metrics import rank_metrics
from training.inspection.trace_area import TraceArea

INFARCTIONS = ("myocardial_infarction", "history_of_mi")


def shown(estimate: Estimate | dict) -> str:
    """Return a metric with its interval."""
    found = estimate if isinstance(estimate, dict) else vars(estimate)
    between = "" if found["low"] is None else f" ({found['low']:.3f} to {found['high']:.3f})"
    return f"{found['value']:.3f}{between}"


def out_of_fold(run: Path) -> Iterator[tuple[str, str]]:
    """Yield what the report of a run says of its out-of-fold predictions."""
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    metrics, photos = report["out_of_fold"], report["out_of_fold_photos"]
    images = metrics["images"]
    yield f"macro-F1, out of fold on {images} real images", shown(metrics["overall"]["macro_f1"])
    yield "accuracy, out of fold", shown(metrics["overall"]["accuracy"])
    yield "macro-AUROC, out of fold", shown(metrics["overall"]["macro_auroc"])
    for name, one in metrics["classes"].items():
        yield (
            f"sensitivity, precision of {name}, out of fold",
            f"{shown(one['sensitivity'])}, {shown(one['precision'])}",
        )
    yield "macro-F1 on simulated phone photos, out of fold", shown(photos["overall"]["macro_f1"])
    statuses = metrics["statuses"]
    answered = f"{statuses['ok']} of {images}, right: {shown(statuses['accuracy_of_ok'])}"
    yield "answered with enough confidence, out of fold", answered


def sample_of(classifier: Classifier, images: tuple[EcgImage, ...], pixels: np.ndarray) -> Sample:
    """Return a model's predictions for labelled images."""
    labels = classifier.contract.labels
    outputs = Outputs(*map(np.concatenate, zip(*(classifier.run(one[np.newaxis]) for one in pixels), strict=True)))
    truth = np.array([labels.index(image.label) for image in images])
    groups = np.array([image.group or str(image.path) for image in images])
    return Sample(labels, truth, outputs.probabilities, groups)


def unseen_images(classifier: Classifier, data: Path) -> Iterator[tuple[str, str]]:
    """Yield what a model makes of the test images, as they are and masked."""
    preprocessing = classifier.contract.preprocessing
    images = tuple(image for image in DataFolder.read(data).images if image.split == "test")
    pixels = np.stack([load_page(image.path, preprocessing) for image in images])
    areas = [TraceArea.of(image.path, preprocessing.height, preprocessing.width) for image in images]
    plain = overall_metrics(sample_of(classifier, images, pixels))
    precision = classifier.contract.precision
    what = f"{len(images)} test images, by the model of {classifier.contract.trained_on.images}, {precision}"
    yield f"macro-F1, {what}", shown(plain.macro_f1)
    yield f"accuracy, {what}", shown(plain.accuracy)
    yield f"macro-AUROC, {what}", shown(plain.macro_auroc)
    statuses = [classifier.predict(image.path).status for image in images]
    yield f"accepted: {what}", f"{len(images) - statuses.count('rejected')} of {len(images)}"
    bare = np.stack([area.without_header(one) for area, one in zip(areas, pixels, strict=True)])
    yield (
        f"macro-F1, header and footer masked, {precision}",
        shown(overall_metrics(sample_of(classifier, images, bare)).macro_f1),
    )
    wiped = np.stack([area.without_traces(one) for area, one in zip(areas, pixels, strict=True)])
    masked = overall_metrics(sample_of(classifier, images, wiped))
    yield f"macro-AUROC, traces masked (guessing: 0.5), {precision}", shown(masked.macro_auroc)


def held_out_patients(classifier: Classifier, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the AUROC for normal and for any infarction on the test images of a synthetic folder."""
    labels = classifier.contract.labels
    images = [image for image in DataFolder.read(folder).images if image.split == "test"]
    pixels = [load_page(image.path, classifier.contract.preprocessing)[np.newaxis] for image in images]
    probabilities = np.concatenate([classifier.run(one).probabilities for one in pixels])
    groups = np.array([image.group or str(image.path) for image in images])
    for name, classes in (("normal", ("normal",)), ("any infarction", INFARCTIONS)):
        score = probabilities[:, [labels.index(one) for one in classes]].sum(axis=1).clip(0, 1)
        truth = np.array([set(image.classes) <= set(classes) for image in images])
        sample = Sample(("other", name), truth.astype(int), np.stack([1 - score, score], axis=1), groups)
        value, draws = resampled(rank_metrics(sample), sample, DEFAULT)
        auroc = interval(value["auroc"][1], draws["auroc"][1], "no such patient", count(groups))
        yield f"AUROC {name}, {len(images)} held-out PTB-XL records, {folder.name}", shown(auroc)


def accepted(classifier: Classifier, folder: Path) -> str:
    """Return how many images of a folder of ECGs are not rejected."""
    found = [prediction.status for prediction in classifier.predict_many(find_images(folder))]
    return f"{sum(status in ('ok', 'uncertain') for status in found)} of {len(found)}"


def no_ecgs(classifier: Classifier, data: Path) -> Iterator[tuple[str, str]]:
    """Yield how many pictures that are no ECG are rejected."""
    images = [image.path for image in DataFolder.read(data).images if image.split == "test"]

    def rejected(pictures: Iterator[Image.Image]) -> tuple[int, int]:
        return in_distribution.rejected(classifier, pictures, None)

    kinds = [rejected(pictures) for pictures in in_distribution.kinds(images).values()]
    hits, total = map(sum, zip(*kinds, strict=True))
    yield "rejected: photographs, plots, text, grid paper, noise, single beats", f"{hits} of {total}"
    counts = near_misses.rejected(classifier)
    per_kind = ", ".join(f"{kind.replace('_', ' ')} {hits}" for kind, hits in counts.items())
    yield f"rejected: near misses, of {near_misses.EACH} each", per_kind
    hits, total = rejected(in_distribution.blanked(images, np.random.default_rng(10)))
    yield "rejected: ECG pages without traces", f"{hits} of {total}"


def main() -> None:
    """Print the card as Markdown, and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("measured", "data", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("photos", "other-hospital"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--unseen", type=Path, nargs="+", required=True)
    parser.add_argument("--ptbxl", type=Path, nargs="+", required=True)
    options = parser.parse_args()
    shipped = Classifier(shipped_model())
    learned = shipped.contract.trained_on
    rows = [("learned from", f"{learned.images} real images, {learned.auxiliary_images} auxiliary ones")]
    rows += out_of_fold(options.measured)
    for model in options.unseen:
        rows += unseen_images(Classifier(model), options.data)
    for folder in options.ptbxl:
        rows += held_out_patients(shipped, folder)
    if options.photos:
        rows.append(("accepted: real photos and prints", accepted(shipped, options.photos)))
    if options.other_hospital:
        rows.append(("accepted: pages of another hospital", accepted(shipped, options.other_hospital)))
    rows += no_ecgs(shipped, options.data)
    sizes = [(FOLDER / name).stat().st_size / 1e6 for name in (NAME, "ecg.onnx")]
    rows.append(("size, int8 and float32", f"{sizes[0]:.1f} and {sizes[1]:.1f} MB"))
    command = "python -m benchmarks.shipped"
    with replacing(options.out) as unfinished:
        card = [{"what": what, "value": value, "command": command} for what, value in rows]
        unfinished.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    print("| measured | |", "| --- | --- |", *(f"| {what} | {value} |" for what, value in rows), sep="\n")


if __name__ == "__main__":
    main()
