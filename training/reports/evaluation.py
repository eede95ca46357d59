"""The report of an evaluation: how the models compare, each model, and what to make of it."""

import dataclasses
from pathlib import Path

from edge.commands.table import Table
from edge.commands.terminal import SYNTHETIC_MODEL
from training.evaluation.baselines import BASELINES, PIXELS
from training.evaluation.result import Evaluation, ModelEvaluation
from training.reports import plots, tripod_ai
from training.reports.heatmaps import add_heatmaps, heatmap_tables
from training.reports.model_card import INTENDED_USE, LIMITS, comparison_tables, fact_rows, model_cards
from training.reports.predictions import add_predictions, few_warning, headlines, lines, seen_warning
from training.reports.report import SYNTHETIC, Report
from training.reports.robustness import add_robustness, robustness_tables


def write_evaluation(evaluation: Evaluation, folder: Path, *, show_header: bool = False) -> None:
    """Write `report.html`, `report.json`, `model_card.md` and the pictures.

    In the HTML an export has no section beside that of its `.h5`: the comparison has its metrics.
    """
    report, described = Report("Evaluation", "evaluate"), described_models(evaluation)
    report.summary(verdict(evaluation), _facts(evaluation), beware(evaluation))
    report.section("Intended use")
    report.text(INTENDED_USE)
    _add_comparison(report, evaluation)
    for number, model in described.items():
        report.section(f"Model {number}: {model.path}")
        if model.facts.contract.trained_on.synthetic:
            report.text(SYNTHETIC_MODEL, warning=True)
        report.table(Table("", ("what", "which"), fact_rows(model.facts)))
        if model.history:
            curves = plots.curves(model.history)
            report.chart(f"model-{number}-curves", curves, plots.curves_in_words(model.history))
        images = f"Model {number}: images"
        add_predictions(report, f"model-{number}", model.metrics, images=images, show_header=show_header)
    add_robustness(report, described, show_header=show_header)
    add_heatmaps(report, evaluation, show_header=show_header)
    _add_provenance(report, evaluation)
    report.section("Limits")
    for line in LIMITS:
        report.text(line)
    report.section("TRIPOD+AI", folded=True)
    report.text("Collins et al., BMJ 2024;385:e078378. Which items this report answers:")
    report.table(Table("", ("item", "about", "here"), tripod_ai.ITEMS))
    report.write(folder, evaluation, {"model_card.md": model_cards(evaluation)})


def described_models(evaluation: Evaluation) -> dict[int, ModelEvaluation]:
    """Return the models that have a section, by their place from 1: of a model and its exports, the first."""
    found: dict[int, ModelEvaluation] = {}
    contracts = []
    for number, model in enumerate(evaluation.models, start=1):
        contract = dataclasses.replace(model.facts.contract, precision="float32")
        if contract not in contracts:
            contracts.append(contract)
            found[number] = model
    return found


def _facts(evaluation: Evaluation) -> dict[str, str]:
    """Return what the summary says below the verdict."""
    where, described = evaluation.provenance, described_models(evaluation)
    facts = {
        "models": ", ".join(f"{number} {model.path}" for number, model in enumerate(evaluation.models, start=1)),
        "test images": f"{where.test_images} of {where.test_groups} groups, in {where.folder}",
    }
    for number, model in described.items():
        name = f"model {number}: " if len(described) > 1 else ""
        said = headlines(model.metrics)
        facts[f"{name}macro-F1"] = said.macro_f1.removeprefix("macro-F1 ")
        facts[f"{name}answers"] = said.answered
    return facts


def verdict(evaluation: Evaluation) -> str:
    """Return what the evaluation shows of the first model, in one or two sentences."""
    model = evaluation.models[0]
    metrics, reached = model.metrics, model.metrics.overall.macro_f1
    if metrics.seen_in_training == metrics.images:
        return f"{model.path}: nothing is shown, the model was trained on all of these images."
    said = f"{model.path}: macro-F1 {reached.value:.2f}"
    if evaluation.provenance.synthetic:
        return f"{said} on synthetic ECG images, which says nothing about real ones."
    if evaluation.baselines:
        said += f", {beside_baselines(evaluation)}"
    else:
        said += "; there is no baseline to compare it with"
    seen = f" The model has seen {metrics.seen_in_training} of these {metrics.images} images in training."
    return f"{said}.{seen if metrics.seen_in_training else ''}"


def beside_baselines(evaluation: Evaluation) -> str:
    """Return how the first model's macro-F1 stands beside those of the baselines, whose intervals tell."""
    reached = evaluation.models[0].metrics.overall.macro_f1
    best, strongest = max(evaluation.baselines.items(), key=lambda item: item[1].macro_f1.value or 0.0)
    beside = f"{best}: {strongest.macro_f1.value or 0.0:.2f}"
    highest = max(one.macro_f1.high or one.macro_f1.value or 0.0 for one in evaluation.baselines.values())
    if reached.low is not None and reached.low > highest:
        return f"better than every baseline ({beside})"
    if reached.value > (strongest.macro_f1.value or 0.0):
        return f"above every baseline, but not shown to be better: the intervals overlap ({beside})"
    return f"no better than a baseline ({beside})"


def beware(evaluation: Evaluation) -> list[str]:
    """Return what takes the value of the evaluation away, each once, the gravest first.

    What the model has seen voids its metrics; what the images are limits what they are about; what is missing or as
    good limits what they show; few images limit how sure they are.
    """
    every = [model.metrics for model in described_models(evaluation).values()]
    pixels, reached = evaluation.baselines.get(PIXELS), every[0].overall.macro_f1.value or 0.0
    unreadable = len(evaluation.provenance.unreadable)
    found = [
        *(seen_warning(metrics) for metrics in every),
        SYNTHETIC if evaluation.provenance.synthetic else "",
        SYNTHETIC_MODEL if any(model.facts.contract.trained_on.synthetic for model in evaluation.models) else "",
        f"{unreadable} unreadable images were left out: all metrics lack them." if unreadable else "",
        f"A {PIXELS} reaches macro-F1 {pixels.macro_f1.value:.2f} on these images: as much as the first model."
        if pixels and reached <= (pixels.macro_f1.value or 0.0)
        else "",
        *(few_warning(metrics) for metrics in every),
    ]
    return list(dict.fromkeys(filter(None, found)))


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
    """Add models beside baselines, differences, parity and latency."""
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
