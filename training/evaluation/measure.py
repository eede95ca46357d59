"""What a model's answers are worth, as numbers that JSON can hold."""

import numpy as np

from edge.contract import Contract
from edge.prediction import Outputs, decide
from training.data.folder import ATTRIBUTES
from training.evaluation.intervals import Estimate, Sample, proportion
from training.evaluation.metrics import class_metrics, overall_metrics, reliability, risk_coverage, subgroup_metrics
from training.evaluation.predictions import Predictions

POINTS = 200  # of the curve of risk over coverage, in report.json
AGES = ((40, "under 40"), (60, "40 to 59"), (80, "60 to 79"), (np.inf, "80 and over"))


def score_predictions(answers: Predictions, contract: Contract) -> dict:
    """Return every number of a report on a model's answers, ready for JSON."""
    after = answers.sample
    overall = records(overall_metrics(after))
    coverage, risk = risk_coverage(after)
    points = np.unique(np.linspace(0, len(coverage) - 1, POINTS).astype(int))
    status = statuses(answers, contract)
    answered = status == "ok"
    return {
        "images": len(answers.images),
        "groups": len(set(answers.groups.tolist())),
        "images_seen_in_training": int(answers.seen.sum()),
        "synthetic": any(image.synthetic for image in answers.images),
        "overall": overall,
        "classes": {
            label: {"images": int((answers.truth == index).sum())} | records(figures)
            for index, (label, figures) in enumerate(class_metrics(after).items())
        },
        "confusion": answers.confusion.tolist(),
        "calibration": {
            "temperature": contract.temperature,
            "before": {
                "overall": records(overall_metrics(answers.uncalibrated)),
                "bins": reliability(answers.uncalibrated),
            },
            "after": {"overall": overall, "bins": reliability(after)},
        },
        "risk_coverage": {"coverage": coverage[points].tolist(), "risk": risk[points].tolist()},
        "status": {
            "confidence_threshold": contract.confidence_threshold,
            "in_distribution_threshold": contract.in_distribution_threshold,
            **{name: int((status == name).sum()) for name in ("ok", "uncertain", "rejected")},
            "accuracy_of_ok": proportion(
                after.right[answered], answers.groups[answered], "no image is answered"
            ).as_record(),
        },
        "subgroups": {name: _subgroup(after, values) for name, values in _columns(answers).items()},
        "answers": [
            {
                "image": str(image.path),
                "label": image.label,
                "predicted": answers.labels[predicted],
                "probabilities": dict(zip(answers.labels, map(float, row), strict=True)),
                "in_distribution": float(in_distribution),
                "status": stand,
                "seen_in_training": bool(seen),
            }
            for image, predicted, row, in_distribution, stand, seen in zip(
                answers.images,
                answers.predicted,
                answers.probabilities,
                answers.in_distribution[:, 0],
                status.tolist(),
                answers.seen,
                strict=True,
            )
        ],
    }


def statuses(answers: Predictions, contract: Contract) -> np.ndarray:
    """Return what the device would say of each image, str (n,): ok, uncertain or rejected."""
    rows = zip(answers.logits, answers.probabilities, answers.in_distribution, strict=True)
    return np.array([decide("", Outputs(*(row[np.newaxis] for row in outputs)), contract).status for outputs in rows])


def records(figures: dict[str, Estimate]) -> dict[str, dict]:
    """Return figures by name, ready for JSON."""
    return {name: figure.as_record() for name, figure in figures.items()}


def _columns(answers: Predictions) -> dict[str, list[str | None]]:
    """Return the manifest's columns that say something of these images; ages in bands."""
    columns = {
        name: [image.attributes[place] or None for image in answers.images] for place, name in enumerate(ATTRIBUTES)
    }
    columns["age"] = [_band(age) for age in columns["age"]]
    return {name: values for name, values in columns.items() if any(values)}


def _band(age: str | None) -> str | None:
    try:
        return next(name for limit, name in AGES if float(age or "nan") < limit)
    except (ValueError, StopIteration):
        return age and "not a number"


def _subgroup(sample: Sample, values: list[str | None]) -> dict[str, dict]:
    return {value: records(figures) for value, figures in subgroup_metrics(sample, values).items()}


def from_record(record: dict) -> Estimate:
    """Return the figure that `Estimate.as_record` was made of."""
    return Estimate(**record)
