"""Time the report on many predictions, and what a prediction costs in it.

    python -m benchmarks.report --data DIR [--images 10000]

The predictions are made up from a seed, for the images of DIR repeated as often as it takes; the report is
written to a temporary folder, with every metric, interval and picture.
"""

import argparse
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge.contract import Contract, TrainedOn
from edge.images.preprocessing import Preprocessing
from training.data.folder import DataFolder
from training.evaluation.measure import measure
from training.evaluation.predictions import Predictions
from training.models.calibration import calibrated
from training.reports.predictions import add_predictions
from training.reports.report import Report


def main() -> None:
    """Print the seconds and the memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--images", type=int, default=10_000)
    options = parser.parse_args()

    rng = np.random.default_rng(0)
    known = DataFolder.read(options.data).images
    labels = tuple(sorted({image.label for image in known}))
    images = tuple(
        replace(known[number % len(known)], sex="fm"[number % 2], age=str(20 + number % 70))
        for number in range(options.images)
    )
    truth = np.array([labels.index(image.label) for image in images])
    logits = rng.normal(0, 2, (len(images), len(labels))) + 2 * np.eye(len(labels))[truth]
    groups = np.array([f"group {number // 2}" for number in range(len(images))])
    in_distribution = rng.uniform(0.2, 0.8, (len(images), 1))
    predictions = Predictions(
        labels=labels,
        images=images,
        groups=groups,
        logits=logits,
        probabilities=calibrated(logits, 1.2),
        in_distribution=in_distribution,
        seen=np.zeros(len(images), bool),
    )
    contract = Contract(
        labels=labels,
        preprocessing=Preprocessing(224, 224),
        architecture="none",
        trained_on=TrainedOn(digest="", images=0, seed=0, synthetic=False),
        temperature=1.2,
        confidence_threshold=0.5,
        in_distribution_threshold=0.25,
    )

    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        report = Report("Benchmark", "evaluate")
        metrics = measure(predictions, contract)
        report.section("Model")
        add_predictions(report, "model", metrics, images="Images", show_header=False)
        report.write(Path(folder), metrics)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(images)} predictions: {time.perf_counter() - begin:.1f} s, at most {memory:.0f} MB")


if __name__ == "__main__":
    main()
