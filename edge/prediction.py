"""The answer for one image: what a model's outputs mean by its contract."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np

from edge.contract import Contract


class Outputs(NamedTuple):
    """Hold what a model's graph answers for n images, float32."""

    logits: np.ndarray
    """(n, classes)."""
    probabilities: np.ndarray
    """(n, classes), 0 to 1."""
    in_distribution: np.ndarray
    """(n, 1), 0 to 1: how much an image looks like those that the model was trained on; NaN where a model of others
    does not say."""


OUTPUTS = Outputs._fields


def widths(contract: Contract) -> dict[str, int]:
    """Return how many numbers an image each output has; a model of others has no in-distribution score."""
    found = dict.fromkeys(OUTPUTS, len(contract.labels)) | {"in_distribution": 1}
    if contract.adopted:
        del found["in_distribution"]
    return found


class Status(StrEnum):
    """Say what became of an image."""

    OK = "ok"
    """An answer."""
    UNCERTAIN = "uncertain"
    """No class is probable enough: the probability of the first is not above the confidence threshold."""
    REJECTED = "rejected"
    """Out of distribution: the image looks unlike those that the model was trained on."""
    ERROR = "error"
    """The file cannot be read."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """Hold the answer for one image, or the reason why there is none. There is no default answer.

    Raises `ValueError` for one that contradicts itself.
    """

    image: str
    """The path as it was given, or the name of an open file."""
    status: Status
    """"ok" and "uncertain" have a label, "rejected" has a reason, "error" has an error alone."""
    page: int | None = None
    """From 1, where the file holds several."""
    label: str | None = None
    """The most probable class; None where a model's classes do not exclude each other."""
    labels: tuple[str, ...] | None = None
    """Every class that is probable enough, perhaps none, by a model whose classes do not exclude each other."""
    probabilities: dict[str, float] = field(default_factory=dict)
    """Of every class; their sum is 1, but where there are `labels`."""
    in_distribution: float | None = None
    """The in-distribution score, 0 to 1; None where a model of others has none."""
    reason: str | None = None
    """Why the image is rejected."""
    error: str | None = None
    """Why the file cannot be read."""
    heatmap: str | None = None
    """Path of the picture that shows where the answer comes from, where one was asked for."""

    def __post_init__(self) -> None:
        """Refuse an answer that contradicts itself."""
        answered = self.status in (Status.OK, Status.UNCERTAIN)
        named = self.labels is not None or self.label in self.probabilities
        if self.status not in list(Status) or answered != named or (self.label and self.labels is not None):
            raise ValueError(f"status {self.status!r} with label {self.label!r} is no prediction")
        failed, rejected = self.status == Status.ERROR, self.status == Status.REJECTED
        if failed != (self.error is not None) or rejected != bool(self.reason):
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
        record["status"] = str(self.status)
        if self.status == Status.ERROR:
            return record | {"error": self.error}
        if self.status == Status.REJECTED:
            return record | {"label": None, "reason": self.reason, "in_distribution": self.in_distribution}
        several = {} if self.labels is None else {"labels": list(self.labels)}
        record |= {
            "label": self.label,
            **several,
            "probability": self.probability,
            "probabilities": self.probabilities,
            "in_distribution": self.in_distribution,
        }
        return record if self.heatmap is None else record | {"heatmap": self.heatmap}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Prediction":
        """Read what `as_record` returned; raise `ValueError` or `TypeError` for what it never returns."""
        fields = {name: value for name, value in record.items() if name != "probability"}
        if "labels" in fields:
            fields["labels"] = tuple(fields["labels"])
        found = cls(**(fields | {"status": Status(record["status"])}))
        numbers = [*found.probabilities.values(), *(() if found.in_distribution is None else (found.in_distribution,))]
        if not all(0 <= number <= 1 for number in numbers):
            raise ValueError(f"{numbers} are no probabilities")
        return found


def decide(image: str, outputs: Outputs, contract: Contract, page: int | None = None) -> Prediction:
    """Turn the outputs for one image into its answer, by the contract's thresholds."""
    score, least = outputs.in_distribution.item(), contract.in_distribution_threshold
    if contract.adopted:
        score = None
    elif not score >= least:  # so that a NaN is rejected
        reason = (
            "does not look like the ECG images that the model was trained on "
            f"(in-distribution score {score:.2g}, at least {least:.2g} is asked for)"
        )
        return Prediction(image=image, status=Status.REJECTED, page=page, in_distribution=score, reason=reason)
    shares = dict(zip(contract.labels, outputs.probabilities[0].tolist(), strict=True))
    if contract.activation == "sigmoid":
        several = tuple(name for name, share in shares.items() if share > contract.confidence_threshold)
        return Prediction(
            image=image, status=Status.OK, page=page, labels=several, probabilities=shares, in_distribution=score
        )
    label = max(shares, key=shares.__getitem__)
    return Prediction(
        image=image,
        status=Status.OK if shares[label] > contract.confidence_threshold else Status.UNCERTAIN,
        page=page,
        label=label,
        probabilities=shares,
        in_distribution=score,
    )
