"""A model's predictions as tables, as lines, and as a part of a report."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from edge.commands.table import Table
from training.data.loaded_images import ATTRIBUTES
from training.evaluation.intervals import BINS, Estimate
from training.evaluation.prediction_metrics import ImagePrediction, OverallMetrics, PredictionMetrics
from training.reports import plots
from training.reports.masking import shown
from training.reports.report import SYNTHETIC, Report, formatted

RANDOM_SAMPLES, CLASS_SAMPLES, MISTAKES = 6, 3, 9
FEW = 10  # images of a class: with fewer, its metrics prove little
CLASS_METRICS = {
    "sensitivity": "sensitivity", "specificity": "specificity", "precision": "precision", "f1": "F1", "auroc": "AUROC",
    "average_precision": "average precision",
}  # fmt: skip
OVERALL_METRICS = {
    "macro_f1": "macro-F1", "accuracy": "accuracy", "weighted_f1": "weighted F1",
    "balanced_accuracy": "balanced accuracy", "macro_auroc": "macro-AUROC", "weighted_auroc": "weighted AUROC",
    "macro_average_precision": "macro average precision", "brier_score": "Brier score, 0 to 2",
    "log_loss": "log loss, nats", "calibration_error": "expected calibration error",
}  # fmt: skip
INTERVALS = (
    "In brackets: 95 % intervals. Sensitivity, specificity, precision and accuracy: Wilson, on the effective number of "
    "images by group; the others: bootstrap over groups, 2,000 resamples."
)


def class_table(metrics: PredictionMetrics, names: Sequence[str] = tuple(CLASS_METRICS)) -> Table:
    """Return the metrics of each class, a row for each."""
    rows = [
        [label, str(one.images), *(formatted(getattr(one, name)) for name in names)]
        for label, one in metrics.classes.items()
    ]
    return Table("Each class against the rest", ("class", "images", *(CLASS_METRICS[name] for name in names)), rows)


def class_notes(metrics: PredictionMetrics) -> list[str]:
    """Return what the table of classes cannot say of its metrics: each note once, with the places it holds for."""
    places: dict[str, dict[str, list[str]]] = {}
    for label, one in metrics.classes.items():
        for name, shown_as in CLASS_METRICS.items():
            estimate: Estimate = getattr(one, name)
            if estimate.note and estimate.value is not None:
                places.setdefault(estimate.note, {}).setdefault(label, []).append(shown_as)
    of_note = {
        note: "; ".join(f"{label} ({', '.join(names)})" for label, names in where.items())
        for note, where in places.items()
    }
    return [f"{note}: {where}." for note, where in of_note.items()]


def overall_table(metrics: PredictionMetrics) -> Table:
    """Return the metrics over all classes, calibrated and not."""

    def cell(overall: OverallMetrics, name: str) -> str:
        return formatted(getattr(overall, name), 3)

    rows = [
        [
            shown_as,
            cell(metrics.overall, name),
            cell(metrics.calibration.uncalibrated, name),
            getattr(metrics.overall, name).note,
        ]
        for name, shown_as in OVERALL_METRICS.items()
    ]
    return Table("All classes", ("metric", "value", "without the temperature", "note"), rows)


@dataclass(frozen=True, kw_only=True)
class Headlines:
    """Hold the few lines that say most of a model's predictions."""

    macro_f1: str
    """With its interval."""
    accuracy: str
    """With its interval."""
    calibration: str
    """The expected calibration error, with and without the temperature."""
    answered: str
    """How many images are answered, uncertain and rejected."""

    def __iter__(self) -> Iterator[str]:
        """Yield the lines in this order."""
        return iter((self.macro_f1, self.accuracy, self.calibration, self.answered))


def headlines(metrics: PredictionMetrics) -> Headlines:
    """Return the lines that say most of a model's predictions."""

    def with_interval(name: str) -> str:
        estimate: Estimate = getattr(metrics.overall, name)
        interval = "no interval" if estimate.low is None else f"95 %: {estimate.low:.3f} to {estimate.high:.3f}"
        return f"{OVERALL_METRICS[name]} {estimate.value:.3f} ({interval}) on {metrics.images} images"

    before, after = (overall.calibration_error.value for overall in (metrics.calibration.uncalibrated, metrics.overall))
    statuses = metrics.statuses
    right = statuses.accuracy_of_ok.value
    return Headlines(
        macro_f1=with_interval("macro_f1"),
        accuracy=with_interval("accuracy"),
        calibration=f"calibration error (ECE, {BINS} bins) {after:.3f}, without the temperature of "
        f"{metrics.calibration.temperature:.2f} {before:.3f}",
        answered=f"answered {statuses.ok} of {metrics.images} images"
        + (f", of which {right:.1%} are right" if right is not None else "")
        + f"; {statuses.uncertain} uncertain, {statuses.rejected} rejected",
    )


def warnings(metrics: PredictionMetrics) -> list[str]:
    """Return what takes the value of the metrics away, the gravest first."""
    return list(filter(None, (seen_warning(metrics), SYNTHETIC if metrics.synthetic else "", few_warning(metrics))))


def seen_warning(metrics: PredictionMetrics) -> str:
    """Say that the model has seen test images in training; "" where it has seen none."""
    if not metrics.seen_in_training:
        return ""
    return (
        f"The model has seen {metrics.seen_in_training} of these {metrics.images} images in training: "
        "its predictions for them prove nothing."
    )


def few_warning(metrics: PredictionMetrics) -> str:
    """Name the classes that have few images; "" where all have enough."""
    few = [label for label, one in metrics.classes.items() if 0 < one.images < FEW]
    return f"Fewer than {FEW} images: {', '.join(few)}. Their metrics prove little." if few else ""


def lines(metrics: PredictionMetrics) -> list[str]:
    """Return the short form for a terminal."""
    table = class_table(metrics, ("sensitivity", "specificity", "precision", "f1"))
    return [table.as_text(), *headlines(metrics), *warnings(metrics)]


def add_predictions(
    report: Report, name: str, metrics: PredictionMetrics, *, images: str, show_header: bool, seed: int = 0
) -> None:
    """Add everything about a model's predictions to the section of a report, and a folded section of images after it.

    Pictures are called `name`-...; the section of images is called `images`.
    """
    for line in warnings(metrics):
        report.text(line, warning=True)
    for line in headlines(metrics):
        report.text(line)
    report.table(class_table(metrics))
    for line in class_notes(metrics):
        report.text(line)
    report.table(overall_table(metrics))
    report.text(INTERVALS)
    _add_charts(report, name, metrics)
    report.text("All metrics but the line on answered images count uncertain and rejected ones as answered.")
    _add_subgroups(report, metrics)
    report.section(images, folded=True)
    _add_samples(report, name, metrics, seed, show_header=show_header)


def _add_charts(report: Report, name: str, metrics: PredictionMetrics) -> None:
    """Add the charts, each with its main numbers in words for those who cannot see it."""

    def of_each(values: Iterable[str]) -> str:
        return ", ".join(f"{label} {value}" for label, value in zip(metrics.labels, values, strict=True))

    found = of_each(f"{row[index]} of {sum(row)}" for index, row in enumerate(metrics.confusion))
    report.chart(f"{name}-confusion", plots.confusion_chart(metrics), f"Confusion matrix. Found: {found}")
    areas = of_each(formatted(one.auroc) for one in metrics.classes.values())
    curves = plots.discrimination_charts(metrics)
    report.chart(f"{name}-discrimination", curves, f"ROC and precision-recall curves. AUROC: {areas}")
    reliability = plots.reliability_chart(metrics.calibration)
    report.chart(f"{name}-calibration", reliability, f"Accuracy over confidence: {headlines(metrics).calibration}")
    risk = plots.risk_chart(metrics.risk_coverage, metrics.statuses.ok / metrics.images)
    described = f"Share that is wrong over the share that is answered: {headlines(metrics).answered}"
    report.chart(f"{name}-risk", risk, described)


def _add_subgroups(report: Report, metrics: PredictionMetrics) -> None:
    if not metrics.subgroups:
        report.text(f"No subgroups: a manifest with a column {', '.join(ATTRIBUTES)} would make them.")
    for column, values in metrics.subgroups.items():
        rows = [
            [
                value,
                str(one.images),
                formatted(one.accuracy),
                formatted(one.macro_f1),
                "; ".join(dict.fromkeys(filter(None, f"{one.accuracy.note}; {one.macro_f1.note}".split("; ")))),
            ]
            for value, one in values.items()
        ]
        header = (column, "images", "accuracy", "macro-F1", "note")
        report.table(Table(f"By {column.replace('_', ' ')}", header, rows))


def _add_samples(report: Report, name: str, metrics: PredictionMetrics, seed: int, *, show_header: bool) -> None:
    """Add the most confident mistakes, random images, and images of each class."""
    wrong = np.flatnonzero(metrics.truth != metrics.predicted)
    confidence = metrics.probabilities.max(axis=1)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:MISTAKES]
    rng, everything = np.random.default_rng(seed), np.arange(metrics.images)
    sheets = [("mistakes", "The most confident mistakes", worst)]
    for number, (title, images) in enumerate(
        [("Random images", everything)]
        + [(f"Images of {label}", everything[metrics.truth == index]) for index, label in enumerate(metrics.labels)]
    ):
        if len(images):
            count = min(len(images), CLASS_SAMPLES if number else RANDOM_SAMPLES)
            chosen = rng.choice(images, count, replace=False)
            sheets.append((f"class-{number}" if number else "random", title, chosen))
    for file, title, chosen in sheets:
        if len(chosen):
            report.subheading(title)
            predictions = [metrics.predictions[index] for index in chosen]
            pairs = "; ".join(f"true {one.label}, predicted {one.predicted}" for one in predictions)
            figure = _sheet(predictions, show_header=show_header)
            report.sheet(f"{name}-{file}", figure, f"{title}: {pairs}")


def _sheet(predictions: Sequence[ImagePrediction], *, show_header: bool) -> Figure:
    captions = [
        f"true: {one.label}\npredicted: {one.predicted} ({one.probabilities[one.predicted]:.0%})" for one in predictions
    ]
    colours = [plots.RIGHT if one.label == one.predicted else plots.WRONG for one in predictions]
    pictures = [shown(Path(one.image), show_header=show_header) for one in predictions]
    return plots.contact_sheet(pictures, captions, colours)
