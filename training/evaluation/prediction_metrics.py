"""The typed metrics of a model's predictions for labelled images, as reports and `report.json` read them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from training.evaluation.intervals import Estimate


@dataclass(frozen=True, kw_only=True)
class ImagePrediction:
    """Hold what a model answers for one image whose label is known."""

    image: str
    """Path of the file, as it can be opened from the working directory."""
    label: str
    """The true class, by the data folder."""
    predicted: str
    """The most probable class."""
    probabilities: dict[str, float]
    """Of every class, calibrated; their sum is 1."""
    in_distribution: float | None
    """The in-distribution score, 0 to 1; None where a model of others has none."""
    status: str
    """What the device would say: "ok", "uncertain" or "rejected"."""
    seen_in_training: bool
    """Whether the model was trained on this image, so that its answer proves nothing."""


@dataclass(frozen=True, kw_only=True)
class ClassMetrics:
    """Hold the metrics of one class against the rest."""

    images: int
    """Images of this class."""
    sensitivity: Estimate
    """Share of its images that are found (recall)."""
    specificity: Estimate
    """Share of the other images that are not taken for it."""
    precision: Estimate
    """Share of the images taken for it that are of it."""
    f1: Estimate
    """Harmonic mean of sensitivity and precision."""
    auroc: Estimate
    """Area under the ROC curve of its probability."""
    average_precision: Estimate
    """Area under the precision-recall curve."""


@dataclass(frozen=True, kw_only=True)
class OverallMetrics:
    """Hold the metrics over all classes; `macro` is the mean over the classes that have images."""

    accuracy: Estimate
    """Share of the images whose most probable class is the true one."""
    macro_f1: Estimate
    """Mean of the classes' F1."""
    weighted_f1: Estimate
    """Mean of the classes' F1, weighted by their images."""
    balanced_accuracy: Estimate
    """Mean of the classes' sensitivities."""
    macro_auroc: Estimate
    """Mean of the classes' AUROC."""
    weighted_auroc: Estimate
    """Mean of the classes' AUROC, weighted by their images."""
    macro_average_precision: Estimate
    """Mean of the classes' average precision."""
    brier_score: Estimate
    """Sum over the classes of squared differences of probabilities, 0 to 2 (Brier, Monthly Weather Review 78, 1950)."""
    log_loss: Estimate
    """Nats."""
    calibration_error: Estimate
    """Expected calibration error, ten bins of equal width (Naeini et al., AAAI 2015; Guo et al., ICML 2017)."""


@dataclass(frozen=True, kw_only=True)
class CalibrationBin:
    """Hold the images whose confidence lies above `low` and up to `high`."""

    low: float
    """Lower edge, excluded."""
    high: float
    """Upper edge, included."""
    images: int
    """How many images these are."""
    confidence: float | None
    """Mean probability of the most probable class; None where there is no image."""
    accuracy: Estimate
    """Share of the images whose most probable class is the true one."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Hold how far the probabilities can be believed, with and without the temperature."""

    temperature: float
    """What the logits are divided by."""
    uncalibrated: OverallMetrics
    """The metrics that a temperature of 1 gives."""
    uncalibrated_bins: tuple[CalibrationBin, ...]
    """Bins that a temperature of 1 gives."""
    bins: tuple[CalibrationBin, ...]
    """Bins of the calibrated probabilities."""


@dataclass(frozen=True, kw_only=True)
class RiskCoverage:
    """Hold the share that is wrong (`risk`) among the share that is answered (`coverage`), most confident first."""

    coverage: tuple[float, ...]
    """Share of the images that is answered, most confident first."""
    risk: tuple[float, ...]
    """Share of these that is wrong."""


@dataclass(frozen=True, kw_only=True)
class StatusCounts:
    """Hold what the device would say of the images, by the thresholds of the contract."""

    confidence_threshold: float
    """An answer whose probability is not above it is uncertain."""
    in_distribution_threshold: float
    """An image whose score is under it is rejected."""
    ok: int
    """Images that are answered."""
    uncertain: int
    """Images of which no class is probable enough."""
    rejected: int
    """Images that are out of distribution."""
    accuracy_of_ok: Estimate
    """Share of the images with status "ok" whose answer is right."""


@dataclass(frozen=True, kw_only=True)
class SubgroupMetrics:
    """Hold the metrics of the images that share a value of a manifest's column."""

    images: int
    """How many images these are."""
    accuracy: Estimate
    """Share of the images whose most probable class is the true one."""
    macro_f1: Estimate
    """Mean of the classes' F1."""


@dataclass(frozen=True, kw_only=True)
class PredictionMetrics:
    """Hold everything about a model's predictions for labelled images."""

    images: int
    """How many images these are."""
    groups: int
    """Different groups (patients, say) among the images."""
    seen_in_training: int
    """Images that the model was trained on."""
    synthetic: bool
    """Whether synthetic ECG images are among them."""
    overall: OverallMetrics
    """Over all classes."""
    classes: dict[str, ClassMetrics]
    """By class, in the order of the model's outputs."""
    confusion: tuple[tuple[int, ...], ...]
    """Images by true class (rows) and predicted class (columns), in the order of `classes`."""
    calibration: Calibration
    """How far the probabilities can be believed."""
    risk_coverage: RiskCoverage
    """What answering fewer images would bring."""
    statuses: StatusCounts
    """What the device would say."""
    subgroups: dict[str, dict[str, SubgroupMetrics]]
    """By the manifest's column, then by its value."""
    predictions: tuple[ImagePrediction, ...]
    """Image by image."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the classes in the order of the model's outputs."""
        return tuple(self.classes)

    @cached_property
    def truth(self) -> np.ndarray:
        """Return the index of each image's class, int (n,)."""
        return np.array([self.labels.index(one.label) for one in self.predictions])

    @cached_property
    def predicted(self) -> np.ndarray:
        """Return the index of each image's most probable class, int (n,)."""
        return np.array([self.labels.index(one.predicted) for one in self.predictions])

    @cached_property
    def probabilities(self) -> np.ndarray:
        """Return the probabilities, float (n, classes)."""
        return np.array([list(one.probabilities.values()) for one in self.predictions])


@dataclass(frozen=True, kw_only=True)
class ConditionMetrics:
    """Hold the metrics of the images under one condition; undefined where no image stays legible."""

    images: int
    """How many images these are."""
    macro_f1: Estimate
    """Mean of the classes' F1."""
    accuracy: Estimate
    """Share of the images whose most probable class is the true one."""
    uncertain: Estimate
    """Share of the images with status "uncertain"."""
    rejected: Estimate
    """Share of the images with status "rejected"."""


@dataclass(frozen=True, kw_only=True)
class RobustnessCondition:
    """Hold one step of one perturbation, and what the model answers there."""

    perturbation: str
    """Its name."""
    step: float
    """How strongly it is done."""
    illegible: int
    """Images of which no trace stays legible; `metrics` is of the others."""
    metrics: ConditionMetrics
    """Of the images that stay legible."""


@dataclass(frozen=True, kw_only=True)
class Robustness:
    """Hold what a model answers for the same images, perturbed."""

    seed: int
    """Makes what is random."""
    undisturbed: ConditionMetrics
    """Of the images as they are."""
    conditions: tuple[RobustnessCondition, ...]
    """Every step of every perturbation."""


@dataclass(frozen=True, kw_only=True)
class BaselineMetrics:
    """Hold what a baseline reaches."""

    macro_f1: Estimate
    """Mean of the classes' F1."""
    accuracy: Estimate
    """Share of the images whose most probable class is the true one."""
