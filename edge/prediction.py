"""The answer for one image: what a model's outputs mean by its contract."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from edge.contract import Contract


class Outputs(NamedTuple):
    """Hold what a model's graph answers for n pages, float32.

    `logits` and `probabilities` are (n, classes); `in_distribution` is (n, 1), between 0 and 1, and says how
    much a page looks like those that the model was trained on (see `training.models.in_distribution`).
    """

    logits: np.ndarray
    probabilities: np.ndarray
    in_distribution: np.ndarray


OUTPUTS = Outputs._fields


def widths(contract: Contract) -> dict[str, int]:
    """Return how many numbers a page each output has."""
    return dict.fromkeys(OUTPUTS, len(contract.labels)) | {"in_distribution": 1}


STATUSES = ("ok", "uncertain", "rejected", "error")


@dataclass(frozen=True)
class Prediction:
    """Hold the answer for one picture, or the reason why there is none.

    `status` is "ok", "uncertain", "rejected" or "error". With the first two, `probabilities` maps every
    label to its share of 1 and `label` is the most probable; "uncertain" says that its probability is
    under the model's confidence threshold. With "rejected" the picture looks like no page that the model
    was trained on, and `reason` says so: there is no label. With "error", `error` alone is given:
    there is no default answer. `page`, from 1, is given where the file holds several, and `heatmap` is the
    path of the picture that shows where the answer comes from, where one was asked for.
    """

    image: str
    status: str
    page: int | None = None
    label: str | None = None
    probabilities: dict[str, float] = field(default_factory=dict)
    in_distribution: float | None = None
    reason: str | None = None
    error: str | None = None
    heatmap: str | None = None

    def __post_init__(self) -> None:
        """Refuse an answer that contradicts itself."""
        answered = self.status in ("ok", "uncertain")
        if self.status not in STATUSES or answered != (self.label in self.probabilities):
            raise ValueError(f"status {self.status!r} with label {self.label!r} is no prediction")
        if (self.status == "error") != (self.error is not None) or (self.status == "rejected") != bool(self.reason):
            raise ValueError(f"status {self.status!r}, error {self.error!r}, reason {self.reason!r}: no prediction")

    @property
    def probability(self) -> float | None:
        """Return the probability of `label`, None where there is no label."""
        return None if self.label is None else self.probabilities[self.label]

    def as_record(self) -> dict[str, Any]:
        """Return what a line of JSON holds: the answer with every class unrounded, the reason, or the error."""
        record: dict[str, Any] = {"image": self.image}
        if self.page is not None:
            record["page"] = self.page
        record["status"] = self.status
        if self.status == "error":
            return record | {"error": self.error}
        if self.status == "rejected":
            return record | {"label": None, "reason": self.reason, "in_distribution": self.in_distribution}
        record |= {
            "label": self.label,
            "probability": self.probability,
            "probabilities": self.probabilities,
            "in_distribution": self.in_distribution,
        }
        return record if self.heatmap is None else record | {"heatmap": self.heatmap}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Prediction":
        """Read what `as_record` returned."""
        return cls(**{name: value for name, value in record.items() if name != "probability"})


def decide(image: str, outputs: Outputs, contract: Contract, page: int | None = None) -> Prediction:
    """Turn the outputs for one page into its answer, by the contract's thresholds."""
    in_distribution, least = outputs.in_distribution.item(), contract.in_distribution_threshold
    if not in_distribution >= least:  # so that a NaN is rejected
        reason = (
            "does not look like the ECG images that the model was trained on "
            f"(in-distribution score {in_distribution:.2g}, at least {least:.2g} is asked for)"
        )
        return Prediction(image, "rejected", page, in_distribution=in_distribution, reason=reason)
    shares = dict(zip(contract.labels, outputs.probabilities[0].tolist(), strict=True))
    label = max(shares, key=shares.__getitem__)
    status = "ok" if shares[label] > contract.confidence_threshold else "uncertain"
    return Prediction(image, status, page, label, shares, in_distribution)
