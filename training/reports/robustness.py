"""Robustness as tables, and as a part of a report with a chart of each model and a sheet of acquisitions."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from edge.commands.table import Table
from training.data.loaded_images import digest
from training.errors import DataError
from training.evaluation.intervals import remarks
from training.evaluation.prediction_metrics import Robustness, RobustnessCondition
from training.evaluation.result import Evaluation, ModelEvaluation
from training.evaluation.robustness import PERTURBATIONS, Condition, Perturbation, conditions
from training.reports import plots
from training.reports.masking import shown
from training.reports.report import Report, formatted
from training.synthetic.acquisition.parameters import ACQUISITIONS, STRENGTHS

COLUMNS = 4
SHARES = {"rejected": plots.WRONG, "uncertain": plots.SOFT}
METRICS = {"macro_f1": "macro-F1", "accuracy": "accuracy", "uncertain": "uncertain", "rejected": "rejected"}
UNDISTURBED = "undisturbed"
ROBUSTNESS = (
    "The test images once more. Each is changed at its own size, before it is made as small as the model takes "
    "it. What is random follows from the image's digest, the perturbation and the seed, the same at each step. "
    "Macro-F1 counts uncertain and rejected images as answered. An image whose acquisition leaves no trace "
    "legible has no answer there: the table counts it, and the metrics of that row are of the other images. "
    "Whether the traces stay legible is checked for acquisitions alone: a blurred or cut image may be beyond any "
    "reader."
)


def robustness_tables(evaluation: Evaluation) -> list[Table]:
    """Return a table for each model that was shown perturbed images, a row for each condition."""
    return [_table(model.path, model.robustness) for model in evaluation.models if model.robustness]


def _table(path: str, found: Robustness) -> Table:
    header = ("condition", "images", *METRICS.values(), "note")
    return Table(f"Robustness: {path}", header, _rows(found))


def _rows(found: Robustness) -> list[list[str]]:
    rows = [(UNDISTURBED, found.undisturbed, 0)]
    rows += [(Condition(one.perturbation, one.step).describe(), one.metrics, one.illegible) for one in found.conditions]
    lines = []
    for name, metrics, lost in rows:
        unanswered = f"{lost} of {metrics.images + lost} images not answered: no trace stays legible" if lost else ""
        cells = [formatted(getattr(metrics, metric)) for metric in METRICS]
        note = remarks(unanswered, metrics.macro_f1.note if metrics.images else "")
        lines.append([name, str(metrics.images), *cells, note])
    return lines


def add_robustness(report: Report, models: Mapping[int, ModelEvaluation], *, show_header: bool) -> None:
    """Add what was done to the images, one of them under every acquisition, and each model's table and chart.

    `models` has the models to show, by their place in the evaluation from 1.
    """
    measured = {number: model for number, model in models.items() if model.robustness}
    if not measured:
        return
    report.section("Robustness")
    report.text(ROBUSTNESS)
    steps = [
        [name, one.axis, ", ".join(f"{step:g}" for step in one.steps), one.meaning]
        for name, one in PERTURBATIONS.items()
    ]
    report.table(Table("", ("perturbation", "step", "steps", "what is done"), steps))
    for number, model in measured.items():
        report.table(_table(model.path, model.robustness))
        chart = robustness_chart(model.robustness)
        report.chart(
            f"model-{number}-robustness",
            chart,
            f"Macro-F1, uncertain and rejected, as in the table above: {model.path}",
        )
    first = next(iter(measured.values()))
    example = min(one.image for one in first.metrics.predictions)  # the same in each run
    _add_acquisitions(report, Path(example), first.robustness.seed, show_header=show_header)


def _add_acquisitions(report: Report, example: Path, seed: int, *, show_header: bool) -> None:
    """Add one test image under every acquisition at three strengths."""
    report.subheading("One test image under every acquisition")
    opened = shown(example, show_header=show_header)
    key, captions, pictures = digest(opened), [], []
    for condition in conditions():
        if condition.perturbation in ACQUISITIONS:
            try:
                picture = Image.fromarray(condition.apply(np.asarray(opened), key, seed))
                captions.append(condition.describe())
            except DataError:
                picture = None
                captions.append(f"{condition.describe()}: no trace legible")
            pictures.append(picture)
    sheet = plots.contact_sheet(pictures, captions, columns=len(STRENGTHS))
    report.sheet("acquisitions", sheet, f"One test image under every acquisition: {'; '.join(captions)}")


def robustness_chart(found: Robustness, perturbations: Mapping[str, Perturbation] = PERTURBATIONS) -> Figure:
    """Draw macro-F1 with its interval, and the shares rejected and uncertain, a panel for each perturbation."""
    rows = -(-(len(perturbations) + 1) // COLUMNS)  # one more panel for the legend
    figure = Figure((2.7 * COLUMNS, 2.3 * rows), layout="constrained")
    panels = list(figure.subplots(rows, COLUMNS, sharey=True, squeeze=False).flat)
    level = found.undisturbed.macro_f1.value
    for panel, (name, one) in zip(panels, perturbations.items(), strict=False):
        steps = [condition for condition in found.conditions if condition.perturbation == name]
        _draw_steps(panel, steps)
        panel.axhline(level, color=plots.RIGHT, linewidth=1.2, linestyle=":", label="macro-F1, undisturbed")
        panel.set(title=name, xlabel=one.axis, ylim=(0, 1.02))
        panel.set_xlim(-0.5, len(steps) - 0.5)
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelleft=True)
    for panel in panels[len(perturbations) :]:
        panel.axis("off")
    panels[-1].legend(*panels[0].get_legend_handles_labels(), loc="center", frameon=False, fontsize=8)
    return figure


def _draw_steps(panel: Axes, steps: Sequence[RobustnessCondition]) -> None:
    """Draw the steps of one perturbation side by side: shares as stacked bars, macro-F1 as a line before them."""
    at = np.arange(len(steps))
    below = np.zeros(len(steps))
    for name, colour in SHARES.items():
        share = _values(steps, name, "value")
        panel.bar(at, share, 0.6, below, color=colour, alpha=0.35, label=f"share {name}")
        below += np.nan_to_num(share)
    value, low, high = (_values(steps, "macro_f1", part) for part in ("value", "low", "high"))
    panel.plot(at, value, "o-", color=plots.INK, markersize=4, label="macro-F1, 95 % interval")
    panel.vlines(at, low, high, color=plots.INK, linewidth=1)
    panel.set_xticks(at, [f"{one.step:g}" for one in steps])


def _values(steps: Sequence[RobustnessCondition], metric: str, part: str) -> np.ndarray:
    """Return a part of a metric at each step, float (steps,), NaN where it is not defined."""
    return np.array([getattr(getattr(one.metrics, metric), part) for one in steps], float)
