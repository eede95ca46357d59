"""What a model's answers are worth, as numbers that JSON can hold."""

import numpy as np

from edge.classifier import Outputs, decide
from edge.contract import Contract
from training.data.folder import ATTRIBUTES
from training.evaluation.intervals import Estimate, Sample, proportion
from training.evaluation.metrics import class_measures, overall_measures, reliability, risk_coverage, subgroup_measures
from training.evaluation.predictions import Answers

POINTS = 200  # of the curve of risk over coverage, in report.json
AGES = ((40, "under 40"), (60, "40 to 59"), (80, "60 to 79"), (np.inf, "80 and over"))


def judge(answers: Answers, contract: Contract) -> dict:
    """Return every number of a report on a model's answers, ready for JSON."""
    after = answers.sample
    overall = records(overall_measures(after))
    coverage, risk = risk_coverage(after)
    points = np.unique(np.linspace(0, len(coverage) - 1, POINTS).astype(int))
    status = statuses(answers, contract)
    answered = status == "ok"
    return {
        "pages": len(answers.pages),
        "groups": len(set(answers.groups.tolist())),
        "pages_seen_in_training": int(answers.seen.sum()),
        "drawn": any(page.drawn for page in answers.pages),
        "overall": overall,
        "classes": {
            label: {"pages": int((answers.truth == index).sum())} | records(figures)
            for index, (label, figures) in enumerate(class_measures(after).items())
        },
        "confusion": answers.confusion.tolist(),
        "calibration": {
            "temperature": contract.temperature,
            "before": {
                "overall": records(overall_measures(answers.uncalibrated)),
                "bins": reliability(answers.uncalibrated),
            },
            "after": {"overall": overall, "bins": reliability(after)},
        },
        "risk_coverage": {"coverage": coverage[points].tolist(), "risk": risk[points].tolist()},
        "status": {
            "least_probability": contract.least_probability,
            "least_typicality": contract.least_typicality,
            **{name: int((status == name).sum()) for name in ("ok", "uncertain", "rejected")},
            "accuracy_of_ok": proportion(
                after.right[answered], answers.groups[answered], "no page is answered"
            ).as_record(),
        },
        "subgroups": {name: _subgroup(after, values) for name, values in _columns(answers).items()},
        "answers": [
            {
                "image": str(page.path),
                "label": page.label,
                "predicted": answers.labels[predicted],
                "probabilities": dict(zip(answers.labels, map(float, row), strict=True)),
                "typicality": float(typicality),
                "status": stand,
                "seen_in_training": bool(seen),
            }
            for page, predicted, row, typicality, stand, seen in zip(
                answers.pages,
                answers.predicted,
                answers.probabilities,
                answers.typicality[:, 0],
                status.tolist(),
                answers.seen,
                strict=True,
            )
        ],
    }


def statuses(answers: Answers, contract: Contract) -> np.ndarray:
    """Return what the device would say of each page, str (n,): ok, uncertain or rejected."""
    rows = zip(answers.logits, answers.probabilities, answers.typicality, strict=True)
    return np.array([decide("", Outputs(*(row[np.newaxis] for row in outputs)), contract).status for outputs in rows])


def records(figures: dict[str, Estimate]) -> dict[str, dict]:
    """Return figures by name, ready for JSON."""
    return {name: figure.as_record() for name, figure in figures.items()}


def _columns(answers: Answers) -> dict[str, list[str | None]]:
    """Return the manifest's columns that say something of these pages; ages in bands."""
    columns = {
        name: [page.attributes[place] or None for page in answers.pages] for place, name in enumerate(ATTRIBUTES)
    }
    columns["age"] = [_band(age) for age in columns["age"]]
    return {name: values for name, values in columns.items() if any(values)}


def _band(age: str | None) -> str | None:
    try:
        return next(name for limit, name in AGES if float(age or "nan") < limit)
    except (ValueError, StopIteration):
        return age and "not a number"


def _subgroup(sample: Sample, values: list[str | None]) -> dict[str, dict]:
    return {value: records(figures) for value, figures in subgroup_measures(sample, values).items()}


def from_record(record: dict) -> Estimate:
    """Return the figure that `Estimate.as_record` was made of."""
    return Estimate(**record)
