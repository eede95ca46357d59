"""The typed result of an evaluation: what tables, charts, `report.json` and the model card read, and nothing else.

`as_record` turns a result into what JSON can hold; `docs/evaluation.md` explains each field.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract import Contract
from training.data.history import HistoryRow
from training.evaluation.intervals import Estimate
from training.evaluation.prediction_metrics import BaselineMetrics, PredictionMetrics, Robustness

NOT_IN_JSON = {"json": False}
"""Metadata of fields that reports draw and `report.json` leaves out."""

SCHEMA = 1
"""Version of the form of `report.json`; a field that is renamed, removed or means something else makes a new one."""


@dataclass(frozen=True, kw_only=True)
class DeletionStep:
    """Hold how far the answer's logit falls where a share of the heatmap's cells is deleted."""

    share: float
    """Of the heatmap's cells."""
    by_heatmap: Estimate
    """Those cells that speak most for the answer."""
    at_random: Estimate
    """As many cells chosen at random."""


@dataclass(frozen=True, kw_only=True)
class HeatmapFaithfulness:
    """Hold whether an exported model's heatmaps show what its answers rest on."""

    images: int
    """How many images these are."""
    completeness_error: float
    """Largest difference of a logit and the sum of its heatmap and its class's bias."""
    deletion: tuple[DeletionStep, ...]
    """The deletion curve (Samek et al., IEEE TNNLS 28, 2017)."""
    deletion_gain: Estimate
    """Fall of the logit by the heatmap less that at random, mean over the steps."""
    shuffled_weights_correlation: Estimate
    """Correlation with the heatmap of the same graph, its weights in another order (Adebayo et al., NeurIPS 2018)."""
    synthetic_images: int
    """Synthetic ECG images on which something speaks for the true class."""
    silent_images: int
    """Synthetic ECG images on which nothing speaks for the true class; not among `synthetic_images`."""
    altered_leads: Estimate
    """Enrichment of what speaks for the class on leads, by the share of their samples that the disease altered."""
    altered_leads_at_most: Estimate
    """What a heatmap would reach that is nowhere else."""
    altered_samples: Estimate
    """Enrichment on the altered samples themselves."""
    altered_samples_at_most: Estimate
    """What a heatmap would reach that is nowhere else."""
    examples: tuple["HeatmapExample", ...] = field(default=(), metadata=NOT_IN_JSON)
    """Test images, then synthetic ones, that a report shows."""


Box = tuple[int, int, int, int]
"""Left, top, right and bottom, pixels."""


@dataclass(frozen=True, kw_only=True)
class HeatmapExample:
    """Hold an image and where on it a class comes from."""

    picture: Path | np.ndarray
    """The file, or a synthetic ECG image, uint8 (height, width, 3), RGB."""
    label: str
    """The true class."""
    contributions: np.ndarray
    """What each part adds to the class against the mean of all, float32 (rows, columns)."""
    predicted: str = ""
    """The most probable class; "" where the contributions are those to the true class."""
    probability: float = 0.0
    """Of the most probable class."""
    status: str = ""
    """What the device would say."""
    frames: tuple[Box, ...] = ()
    """Leads that the disease altered most."""


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """Hold what a model file is."""

    file: str
    """Its name."""
    bytes: int
    """Its size."""
    sha256: str
    """Of the file."""
    contract: Contract
    """What the model takes and what its outputs mean."""


@dataclass(frozen=True, kw_only=True)
class ModelEvaluation:
    """Hold all that was found out about one model."""

    path: str
    """As it was given."""
    facts: ModelFacts
    """What the file is."""
    metrics: PredictionMetrics
    """Of its predictions for the test images."""
    history: tuple[HistoryRow, ...] = ()
    """Loss and accuracy by epoch, where `history.csv` lies beside the model."""
    robustness: Robustness | None = None
    """With `--robustness`."""
    heatmaps: HeatmapFaithfulness | None = None
    """With `--heatmaps`, of an exported model."""


@dataclass(frozen=True, kw_only=True)
class PairedComparison:
    """Hold the metrics of `model` minus those of `reference`, drawn in pairs on the same images."""

    model: str
    """Path of the model."""
    reference: str
    """Path of the first model."""
    differences: dict[str, Estimate]
    """By metric."""


@dataclass(frozen=True, kw_only=True)
class ParityDifferences:
    """Hold the largest differences between an exported model and its `.h5` on the test images."""

    onnx: str
    """Path of the exported model."""
    h5: str
    """Path of the `.h5`."""
    logits: float
    """Largest absolute difference."""
    probabilities: float
    """Largest absolute difference."""
    in_distribution: float
    """Largest absolute difference of the in-distribution score."""


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Hold the milliseconds from a file to its answer, one image at a time, on the machine of the evaluation."""

    model: str
    """Path of the model."""
    images: int
    """How many images these are."""
    median_ms: float
    """Median."""
    p95_ms: float
    """95th percentile."""


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Hold what the metrics come from."""

    folder: str
    """The data folder."""
    test_images: int
    """Test images that could be read."""
    test_groups: int
    """Different groups among them."""
    digest: str
    """SHA-256 of the sorted digests of the test images."""
    unreadable: tuple[str, ...]
    """One line for each image that was left out."""
    synthetic: bool
    """Whether synthetic ECG images are among them."""
    command: str
    """How the evaluation was asked for."""
    python: str
    """Version."""
    machine: str
    """System and processor."""
    versions: dict[str, str]
    """By package."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Hold the evaluation of one or more models on the test images of a data folder."""

    schema: int = SCHEMA
    """Version of the form of `report.json`."""
    provenance: Provenance
    """What the metrics come from."""
    models: tuple[ModelEvaluation, ...]
    """In the order in which they were given."""
    comparisons: tuple[PairedComparison, ...]
    """Each further model against the first; an export is no other model than its `.h5`."""
    not_compared: tuple[str, ...]
    """Paths of models that have other classes than the first."""
    parity: tuple[ParityDifferences, ...]
    """Exported models against their `.h5`, where both were given."""
    latency: tuple[Latency, ...]
    """Of the exported models."""
    baselines: dict[str, BaselineMetrics]
    """By name."""
    no_baselines: str = ""
    """Why there are no baselines, where there are none."""


@dataclass(frozen=True, kw_only=True)
class TrainingEvaluation:
    """Hold what a training run says of its own model: no substitute for an evaluation on test images."""

    schema: int = SCHEMA
    """Version of the form of `report.json`."""
    contract: Contract
    """What the model takes and what its outputs mean."""
    target_accuracy: float
    """Share of the answers that the confidence threshold was chosen for."""
    history: tuple[HistoryRow, ...]
    """Loss and accuracy by epoch."""
    validation: PredictionMetrics | None
    """On the images that chose the epoch: flatters the model. None where every image was learned from."""
    out_of_fold: PredictionMetrics | None = None
    """On every training image, by a network that has not seen its group; with `--folds`."""
    out_of_fold_photos: PredictionMetrics | None = None
    """On a simulated phone photo of each; with `--folds` and `--acquisitions`."""


def as_record(result: Any) -> Any:  # noqa: ANN401 - dataclasses in dicts and tuples, any depth
    """Return a result as what JSON can hold: dataclasses as dicts by field, tuples as lists, NaN as null."""
    if is_dataclass(result):
        kept = [one.name for one in fields(result) if one.metadata.get("json", True)]
        return {name: as_record(getattr(result, name)) for name in kept}
    if isinstance(result, float) and math.isnan(result):
        return None
    if isinstance(result, Path):
        return str(result)
    if isinstance(result, Mapping):
        return {str(key): as_record(value) for key, value in result.items()}
    if isinstance(result, Sequence) and not isinstance(result, str):
        return [as_record(value) for value in result]
    return result
