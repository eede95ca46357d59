"""The model card: what a model is, what it is for, what it reaches, and its limits, as Markdown."""

from pathlib import Path

from edge.commands.table import Table
from edge.commands.terminal import notice
from training.evaluation.result import Evaluation, ModelFacts
from training.reports.heatmaps import HEATMAPS, heatmap_tables
from training.reports.predictions import INTERVALS, OVERALL_METRICS, class_notes, class_table, headlines, warnings
from training.reports.report import formatted
from training.reports.robustness import ROBUSTNESS, robustness_tables

INTENDED_USE = (
    "Research on reading images of 12-lead ECGs. Not a medical device: no diagnosis may rest on it. The metrics "
    "hold for images like the test images; for other machines, layouts, photographs and people they are unknown."
)
LIMITS = (
    "The labels are those of the folder: their own errors are unknown.",
    "A model may read the header, the layout or the paper, not the heart; the baselines show how far that gets.",
    "A rejected image is out of distribution; one that is accepted need not be an ECG.",
    "Intervals say how far chance goes with this many groups, not what another hospital's images would bring.",
)


def fact_rows(facts: ModelFacts) -> list[list[str]]:
    """Return what a model is, a row for each fact."""
    contract, trained = facts.contract, facts.contract.trained_on
    auxiliary = f" and {trained.auxiliary_images} auxiliary ones" * bool(trained.auxiliary_images)
    size = f"{contract.preprocessing.height}x{contract.preprocessing.width} pixels, {contract.preprocessing.id}"
    origin = f"{trained.images} images{auxiliary}, seed {trained.seed}, digest {trained.digest}"
    return [
        ["architecture", contract.architecture],
        ["precision", contract.precision],
        ["input", size],
        ["classes", ", ".join(contract.labels)],
        ["trained on", f"unknown: made by {contract.adopted.framework}" if contract.adopted else origin],
        ["temperature", f"{contract.temperature:.3f}"],
        ["confidence threshold", f"{contract.confidence_threshold:.3f}"],
        ["in-distribution threshold", f"{contract.in_distribution_threshold:.3f}"],
        ["SHA-256", facts.sha256],
        ["size", f"{facts.bytes / 1e6:.1f} MB"],
    ]


def comparison_tables(evaluation: Evaluation) -> list[Table]:
    """Return the tables that are about several models, or about models and baselines."""
    tables = []
    if evaluation.baselines or len(evaluation.models) > 1:
        everyone = {f"the model: {model.path}": model.metrics.overall for model in evaluation.models}
        rows = [
            [name, formatted(metrics.macro_f1), formatted(metrics.accuracy)]
            for name, metrics in (everyone | evaluation.baselines).items()
        ]
        title = "Models and baselines" if evaluation.baselines else "Models"
        tables.append(Table(title, ("who", "macro-F1", "accuracy"), rows))
    tables += [
        Table(
            f"{pair.model} minus {pair.reference}: paired, positive where the first is larger",
            ("metric", "difference", "note"),
            [
                [OVERALL_METRICS[name], formatted(estimate, 3), estimate.note]
                for name, estimate in pair.differences.items()
            ],
        )
        for pair in evaluation.comparisons
    ]
    for pair in evaluation.parity:
        outputs = {
            "logits": pair.logits,
            "probabilities": pair.probabilities,
            "in-distribution score": pair.in_distribution,
        }
        rows = [[name, f"{value:.2e}"] for name, value in outputs.items()]
        tables.append(Table(f"Parity: {pair.onnx} against {pair.h5}", ("output", "largest difference"), rows))
    if evaluation.latency:
        rows = [[one.model, str(one.images), f"{one.median_ms:.1f}", f"{one.p95_ms:.1f}"] for one in evaluation.latency]
        header = ("exported model", "images", "median, ms", "95th percentile, ms")
        tables.append(Table("From the file to the answer, one image at a time, on this machine", header, rows))
    return tables


def model_cards(evaluation: Evaluation) -> str:
    """Return a card of every model, as Markdown; an export has no card beside that of its `.h5`."""
    parts, seen = [], []
    for model in evaluation.models:
        contract, metrics = model.facts.contract, model.metrics
        if contract in seen:
            continue
        seen.append(contract)
        parts += [
            f"## {contract.architecture} ({Path(model.path).name})",
            INTENDED_USE,
            *([notice(contract)] if contract.adopted or contract.trained_on.synthetic else []),
            Table("", ("what", "which"), fact_rows(model.facts)).as_markdown(),
            f"On {metrics.images} test images of {metrics.groups} groups (digest {evaluation.provenance.digest[:16]}):",
            "\n".join(f"- {line}" for line in (*headlines(metrics), *warnings(metrics))),
            class_table(metrics).as_markdown(),
            INTERVALS,
            "\n".join(f"- {line}" for line in class_notes(metrics)),
        ]
    for tables, meaning in (
        (comparison_tables(evaluation), ""),
        (robustness_tables(evaluation), ROBUSTNESS),
        (heatmap_tables(evaluation), HEATMAPS),
    ):
        for table in tables:
            parts += [f"## {table.title}", table.as_markdown()]
        parts += [meaning] * bool(tables)
    parts += ["## Limits", "\n".join(f"- {line}" for line in LIMITS)]
    return "\n\n".join(filter(None, parts)) + "\n"
