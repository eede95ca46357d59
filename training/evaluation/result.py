"""The typed result of an evaluation: what tables, charts, `report.json` and the model card read, and nothing else.

`as_record` turns a result into what JSON can hold; `docs/evaluation.md` explains each field.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from edge.contract import Contract
from training.data.history import HistoryRow
from training.evaluation.intervals import Estimate
from training.evaluation.prediction_metrics import PredictionMetrics

SCHEMA = 1
"""Version of the form of `report.json`; a field that is renamed, removed or means something else makes a new one."""


@dataclass(frozen=True, kw_only=True)
class ConditionMetrics:
    """Hold the metrics of the images under one condition; undefined where no image stays legible."""

    images: int
    macro_f1: Estimate
    accuracy: Estimate
    uncertain: Estimate
    """Share of the images with status "uncertain"."""
    rejected: Estimate
    """Share of the images with status "rejected"."""


@dataclass(frozen=True, kw_only=True)
class RobustnessCondition:
    """Hold one step of one perturbation, and what the model answers there."""

    perturbation: str
    step: float
    illegible: int
    """Images of which no trace stays legible; `metrics` is of the others."""
    metrics: ConditionMetrics


@dataclass(frozen=True, kw_only=True)
class Robustness:
    """Hold what a model answers for the same images, perturbed."""

    seed: int
    undisturbed: ConditionMetrics
    conditions: tuple[RobustnessCondition, ...]


@dataclass(frozen=True, kw_only=True)
class DeletionStep:
    """Hold how far the answer's logit falls where a share of the heatmap's cells is deleted."""

    share: float
    by_heatmap: Estimate
    """Those cells that speak most for the answer."""
    at_random: Estimate


@dataclass(frozen=True, kw_only=True)
class HeatmapFaithfulness:
    """Hold whether an exported model's heatmaps show what its answers rest on."""

    images: int
    completeness_error: float
    """Largest difference of a logit and the sum of its heatmap and its class's bias."""
    deletion: tuple[DeletionStep, ...]
    deletion_gain: Estimate
    """Fall of the logit by the heatmap less that at random, mean over the steps."""
    shuffled_weights_correlation: Estimate
    """Correlation with the heatmap of the same graph, its weights in another order (Adebayo et al., NeurIPS 2018)."""
    synthetic_images: int
    silent_images: int
    """Synthetic ECG images on which nothing speaks for the true class; not among `synthetic_images`."""
    altered_leads: Estimate
    """Enrichment of what speaks for the class on leads, by the share of their samples that the disease altered."""
    altered_leads_at_most: Estimate
    altered_samples: Estimate
    """Enrichment on the altered samples themselves."""
    altered_samples_at_most: Estimate


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """Hold what a model file is."""

    file: str
    bytes: int
    sha256: str
    contract: Contract


@dataclass(frozen=True, kw_only=True)
class ModelEvaluation:
    """Hold all that was found out about one model."""

    path: str
    facts: ModelFacts
    metrics: PredictionMetrics
    history: tuple[HistoryRow, ...] = ()
    """Loss and accuracy by epoch, where `history.csv` lies beside the model."""
    robustness: Robustness | None = None
    heatmaps: HeatmapFaithfulness | None = None


@dataclass(frozen=True, kw_only=True)
class PairedComparison:
    """Hold the metrics of `model` minus those of `reference`, drawn in pairs on the same images."""

    model: str
    reference: str
    differences: dict[str, Estimate]


@dataclass(frozen=True, kw_only=True)
class ParityDifferences:
    """Hold the largest differences between an exported model and its `.h5` on the test images."""

    onnx: str
    h5: str
    logits: float
    probabilities: float
    in_distribution: float


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Hold the milliseconds from a file to its answer, one image at a time, on the machine of the evaluation."""

    model: str
    images: int
    median_ms: float
    p95_ms: float


@dataclass(frozen=True, kw_only=True)
class BaselineMetrics:
    """Hold what a baseline reaches."""

    macro_f1: Estimate
    accuracy: Estimate


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Hold what the metrics come from."""

    folder: str
    test_images: int
    test_groups: int
    digest: str
    """SHA-256 of the sorted digests of the test images."""
    unreadable: tuple[str, ...]
    """One line for each image that was left out."""
    synthetic: bool
    command: str
    python: str
    machine: str
    versions: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Hold the evaluation of one or more models on the test images of a data folder."""

    schema: int = SCHEMA
    provenance: Provenance
    models: tuple[ModelEvaluation, ...]
    comparisons: tuple[PairedComparison, ...]
    """Each further model against the first; an export is no other model than its `.h5`."""
    not_compared: tuple[str, ...]
    """Paths of models that have other classes than the first."""
    parity: tuple[ParityDifferences, ...]
    latency: tuple[Latency, ...]
    baselines: dict[str, BaselineMetrics]
    no_baselines: str = ""
    """Why there are no baselines, where there are none."""


@dataclass(frozen=True, kw_only=True)
class TrainingEvaluation:
    """Hold what a training run says of its own model: no substitute for an evaluation on test images."""

    schema: int = SCHEMA
    contract: Contract
    target_accuracy: float
    """Share of the answers that the confidence threshold was chosen for."""
    history: tuple[HistoryRow, ...]
    validation: PredictionMetrics
    """On the images that chose the epoch: flatters the model."""
    out_of_fold: PredictionMetrics | None = None
    """On every training image, by a network that has not seen its group; with `--folds`."""
    out_of_fold_photos: PredictionMetrics | None = None
    """On a simulated phone photo of each; with `--folds` and `--acquisitions`."""


def as_record(result: Any) -> Any:  # noqa: ANN401 - dataclasses in dicts and tuples, any depth
    """Return a result as what JSON can hold: dataclasses as dicts by field, tuples as lists."""
    if is_dataclass(result):
        return {field.name: as_record(getattr(result, field.name)) for field in fields(result)}
    if isinstance(result, Mapping):
        return {str(key): as_record(value) for key, value in result.items()}
    if isinstance(result, Sequence) and not isinstance(result, str):
        return [as_record(value) for value in result]
    return result
