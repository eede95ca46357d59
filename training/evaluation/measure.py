"""From a model's predictions to everything that is measured on them."""

from collections import Counter

import numpy as np

from edge.contract import Contract
from edge.prediction import Outputs, decide
from training.data.loaded_images import ATTRIBUTES
from training.evaluation.intervals import proportion
from training.evaluation.metrics import (
    calibration_bins,
    class_metrics,
    overall_metrics,
    risk_coverage,
    subgroup_metrics,
)
from training.evaluation.prediction_metrics import Calibration, ImagePrediction, PredictionMetrics, StatusCounts
from training.evaluation.predictions import Predictions

AGES = ((40, "under 40"), (60, "40 to 59"), (80, "60 to 79"), (np.inf, "80 and over"))


def measure(predictions: Predictions, contract: Contract) -> PredictionMetrics:
    """Return all metrics of a model's predictions, by the temperature and the thresholds of its contract."""
    sample, uncalibrated = predictions.sample, predictions.uncalibrated
    statuses = statuses_of(predictions, contract)
    return PredictionMetrics(
        images=len(predictions.images),
        groups=len(set(predictions.groups.tolist())),
        seen_in_training=int(predictions.seen.sum()),
        synthetic=any(image.synthetic for image in predictions.images),
        overall=overall_metrics(sample),
        classes=class_metrics(sample),
        confusion=tuple(map(tuple, predictions.confusion.tolist())),
        calibration=Calibration(
            temperature=contract.temperature,
            uncalibrated=overall_metrics(uncalibrated),
            uncalibrated_bins=calibration_bins(uncalibrated),
            bins=calibration_bins(sample),
        ),
        risk_coverage=risk_coverage(sample),
        statuses=_counted(statuses, predictions, contract),
        subgroups={name: subgroup_metrics(sample, values) for name, values in _columns(predictions).items()},
        predictions=_listed(predictions, statuses),
    )


def statuses_of(predictions: Predictions, contract: Contract) -> np.ndarray:
    """Return what the device would say of each image, str (n,): ok, uncertain or rejected."""
    rows = zip(predictions.logits, predictions.probabilities, predictions.in_distribution, strict=True)
    return np.array(
        [str(decide("", Outputs(*(row[np.newaxis] for row in outputs)), contract).status) for outputs in rows]
    )


def _counted(statuses: np.ndarray, predictions: Predictions, contract: Contract) -> StatusCounts:
    counts, ok = Counter(statuses.tolist()), statuses == "ok"
    return StatusCounts(
        confidence_threshold=contract.confidence_threshold,
        in_distribution_threshold=contract.in_distribution_threshold,
        ok=counts["ok"],
        uncertain=counts["uncertain"],
        rejected=counts["rejected"],
        accuracy_of_ok=proportion(predictions.sample.right[ok], predictions.groups[ok], "no image is answered"),
    )


def _listed(predictions: Predictions, statuses: np.ndarray) -> tuple[ImagePrediction, ...]:
    return tuple(
        ImagePrediction(
            image=str(image.path),
            label=image.label,
            predicted=predictions.labels[predicted],
            probabilities=dict(zip(predictions.labels, map(float, row), strict=True)),
            in_distribution=None if np.isnan(score) else float(score),
            status=status,
            seen_in_training=bool(seen),
        )
        for image, predicted, row, score, status, seen in zip(
            predictions.images,
            predictions.predicted,
            predictions.probabilities,
            predictions.in_distribution[:, 0],
            statuses.tolist(),
            predictions.seen,
            strict=True,
        )
    )


def _columns(predictions: Predictions) -> dict[str, list[str | None]]:
    """Return the manifest's columns that say something of these images; ages in bands."""
    columns = {name: [getattr(image, name) or None for image in predictions.images] for name in ATTRIBUTES}
    columns["age"] = [_band(age) for age in columns["age"]]
    return {name: values for name, values in columns.items() if any(values)}


def _band(age: str | None) -> str | None:
    try:
        return next(name for limit, name in AGES if float(age or "nan") < limit)
    except (ValueError, StopIteration):
        return age and "not a number"
