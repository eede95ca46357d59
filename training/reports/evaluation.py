"""The report of an evaluation: each model, how the models compare, and what to make of it."""

from collections.abc import Iterator
from pathlib import Path

from edge.commands.table import Table
from edge.commands.terminal import SYNTHETIC_MODEL
from training.evaluation.baselines import BASELINES, PIXELS
from training.evaluation.prediction_metrics import PredictionMetrics
from training.evaluation.result import Evaluation, ModelEvaluation
from training.reports import plots, tripod_ai
from training.reports.heatmaps import add_heatmaps, heatmap_tables
from training.reports.model_card import (
    INTENDED_USE,
    LIMITS,
    comparison_tables,
    fact_rows,
    model_cards,
)
from training.reports.predictions import add_predictions, headlines, lines, warnings
from training.reports.report import SYNTHETIC, Report
from training.reports.robustness import add_robustness, robustness_tables


def write_evaluation(evaluation: Evaluation, folder: Path, *, show_header: bool = False) -> None:
    """Write `report.html`, `report.json`, `model_card.md` and the pictures."""
    report = Report("Evaluation")
    names = ", ".join(model.path for model in evaluation.models)
    report.summary(verdict(evaluation), [f"Models: {names}.", *_summary_lines(evaluation)], beware(evaluation)[:3])
    report.section("Intended use")
    report.text(INTENDED_USE)
    _add_provenance(report, evaluation)
    for number, model in described(evaluation):
        report.section(model.path)
        if model.facts.contract.trained_on.synthetic:
            report.text(SYNTHETIC_MODEL, warning=True)
        report.table(Table("", ("what", "which"), fact_rows(model.facts)))
        add_predictions(report, f"model-{number}", model.metrics, show_header=show_header)
        if model.history:
            curves = plots.curves(model.history)
            report.chart(f"model-{number}-curves", curves, "Loss and accuracy of training and validation")
    _add_comparison(report, evaluation)
    add_robustness(report, evaluation, show_header=show_header)
    add_heatmaps(report, evaluation, show_header=show_header)
    report.section("Limits")
    for line in LIMITS:
        report.text(line)
    report.section("TRIPOD+AI")
    report.text("Collins et al., BMJ 2024;385:e078378. Which items this report answers:")
    report.table(Table("", ("item", "about", "here"), tripod_ai.ITEMS))
    report.write(folder, evaluation, {"model_card.md": model_cards(evaluation)})


def described(evaluation: Evaluation) -> Iterator[tuple[int, ModelEvaluation]]:
    """Yield the models that have a section, with their number from 1: an export is no other model than its `.h5`."""
    seen = []
    for number, model in enumerate(evaluation.models, start=1):
        if model.facts.contract not in seen:
            seen.append(model.facts.contract)
            yield number, model


def _summary_lines(evaluation: Evaluation) -> list[str]:
    first, where = evaluation.models[0].metrics, evaluation.provenance
    return [
        f"On {where.test_images} test images of {where.test_groups} groups in {where.folder}.",
        *(f"First model: {line}." for line in headlines(first)),
    ]


def verdict(evaluation: Evaluation) -> str:
    """Return what the evaluation shows of the first model, in one sentence."""
    metrics, name = evaluation.models[0].metrics, evaluation.models[0].path
    reached = metrics.overall.macro_f1
    if metrics.seen_in_training == metrics.images:
        return f"{name}: nothing is shown, it was trained on all of these images."
    if evaluation.provenance.synthetic:
        return f"{name}: macro-F1 {reached.value:.2f} on synthetic ECG images, which says nothing about real ones."
    if not evaluation.baselines:
        return f"{name}: macro-F1 {reached.value:.2f}; there is no baseline to compare it with."
    best, beside = max(evaluation.baselines.items(), key=lambda item: item[1].macro_f1.value or 0.0)
    if reached.low is not None and reached.low > (beside.macro_f1.high or beside.macro_f1.value or 0.0):
        return (
            f"{name}: macro-F1 {reached.value:.2f}, better than every baseline ({best}: {beside.macro_f1.value:.2f})."
        )
    if (reached.value or 0.0) > (beside.macro_f1.value or 0.0):
        return (
            f"{name}: macro-F1 {reached.value:.2f}, above every baseline, but the intervals overlap "
            f"({best}: {beside.macro_f1.value:.2f})."
        )
    return f"{name}: macro-F1 {reached.value:.2f}, no better than a baseline ({best}: {beside.macro_f1.value:.2f})."


def beware(evaluation: Evaluation) -> list[str]:
    """Return what takes the value of the evaluation away, the gravest first, each once."""
    found = [line for _, model in described(evaluation) for line in warnings(model.metrics)]
    if any(model.facts.contract.trained_on.synthetic for model in evaluation.models):
        found.append(SYNTHETIC_MODEL)
    if evaluation.provenance.unreadable:
        count = len(evaluation.provenance.unreadable)
        found.append(f"{count} unreadable images were left out: all metrics lack them.")
    pixels = evaluation.baselines.get(PIXELS)
    first: PredictionMetrics = evaluation.models[0].metrics
    if pixels and (first.overall.macro_f1.value or 0) <= (pixels.macro_f1.value or 0):
        found.append(f"A {PIXELS} reaches {pixels.macro_f1.value:.2f} on these images: as much as the first model.")
    return list(dict.fromkeys(found))


def _add_provenance(report: Report, evaluation: Evaluation) -> None:
    where = evaluation.provenance
    report.section("Data and program")
    if where.synthetic:
        report.text(SYNTHETIC, warning=True)
    for line in where.unreadable:
        report.text(f"Left out: {line}", warning=True)
    versions = ", ".join(f"{name} {version}" for name, version in where.versions.items())
    rows = [
        ["test images", f"{where.test_images} of {where.test_groups} groups, in {where.folder}"],
        ["digest of the test images", where.digest],
        ["command", where.command],
        ["versions", f"Python {where.python}, {versions}; {where.machine}"],
    ]
    report.table(Table("", ("what", "which"), rows))


def _add_comparison(report: Report, evaluation: Evaluation) -> None:
    """Add differences, baselines, parity and latency."""
    report.section("Comparison")
    for table in comparison_tables(evaluation):
        report.table(table)
    if evaluation.no_baselines:
        report.text(f"No baselines: {evaluation.no_baselines}.", warning=True)
    else:
        meanings = [[name, meaning] for name, meaning in BASELINES.items()]
        report.table(Table("What the baselines see", ("baseline", "meaning"), meanings))
    if not evaluation.parity:
        report.text("No parity: give the .h5 and the .onnx of a model.")
    if not evaluation.latency:
        report.text("No latency of an exported model: give its .onnx.")
    for name in evaluation.not_compared:
        report.text(f"{name}: no difference, it has other classes than the first model.", warning=True)


def evaluation_lines(evaluation: Evaluation) -> list[str]:
    """Return what a terminal shows: each model, then the tables."""
    found = []
    for model in evaluation.models:
        found += [model.path, *lines(model.metrics), ""]
    tables = comparison_tables(evaluation) + robustness_tables(evaluation) + heatmap_tables(evaluation)
    for table in tables:
        found += [table.title, table.as_text(), ""]
    return found
