"""Faithfulness of heatmaps as a table, and as a part of a report with a chart and heatmaps of examples."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from PIL import ImageDraw

from edge.commands.table import Table
from edge.heatmap import overlay
from training.evaluation.heatmap_faithfulness import RANDOM
from training.evaluation.result import DeletionStep, Evaluation, HeatmapExample, HeatmapFaithfulness
from training.reports import plots
from training.reports.masking import shown
from training.reports.report import Report, formatted

HEATMAPS = (
    "A heatmap is complete: its cells sum to the logit, less the bias of its class. The mean training heatmap is "
    "taken off. Red speaks for the class and blue against it, compared with the mean of all classes. Deletion: "
    "the cells that speak most for the answer, 2 to 20 % of them, get the image's median colour; how far the "
    "answer's logit falls against the mean of all, less the fall where as many cells are chosen at random "
    f"({RANDOM} times). Shuffled weights: the correlation of the heatmap with that of the same graph, its weights "
    "in another order; near 1, a heatmap shows the image and not what was learned. Altered leads and samples: on "
    "synthetic ECG images, the enrichment of what speaks for the true class on leads, by the share of their "
    "samples that the disease altered, and on these samples themselves. At 1 the heatmap does not know where the "
    "disease is; 'most' is what a heatmap would reach that is nowhere else. 95 % intervals: bootstrap over "
    "groups, over synthetic images."
)
METRICS = {
    "deletion_gain": "deletion, by the heatmap less at random",
    "shuffled_weights_correlation": "correlation with the heatmap of shuffled weights",
    "altered_leads": "altered leads, enrichment",
    "altered_leads_at_most": "altered leads, most",
    "altered_samples": "altered samples, enrichment",
    "altered_samples_at_most": "altered samples, most",
}
OUTLINE = (27, 122, 67)  # around leads that the disease altered most


def heatmap_tables(evaluation: Evaluation) -> list[Table]:
    """Return the table of faithfulness, a column for each model whose heatmaps were measured."""
    found = {model.path: model.heatmaps for model in evaluation.models if model.heatmaps}
    rows = [
        ["test images", *(str(one.images) for one in found.values())],
        ["completeness: largest difference", *(f"{one.completeness_error:.1e}" for one in found.values())],
        *([what, *(formatted(getattr(one, name)) for one in found.values())] for name, what in METRICS.items()),
        ["synthetic ECG images", *(_synthetic(one) for one in found.values())],
    ]
    return [Table("Heatmaps", ("what", *found), rows)] if found else []


def _synthetic(found: HeatmapFaithfulness) -> str:
    silent = f", and {found.silent_images} on which nothing speaks for the class" if found.silent_images else ""
    return f"{found.synthetic_images}{silent}"


def add_heatmaps(report: Report, evaluation: Evaluation, *, show_header: bool) -> None:
    """Add the table, and of each model the deletion curve and heatmaps of test and synthetic images."""
    tables = heatmap_tables(evaluation)
    if not tables:
        return
    report.section("Heatmaps")
    report.text(HEATMAPS)
    for table in tables:
        report.table(Table("", table.header, table.rows))
    for number, model in enumerate(evaluation.models, start=1):
        if not model.heatmaps:
            continue
        report.subheading(f"Heatmaps: {model.path}")
        gain = f"Fall of the logit by the share deleted: mean gain {formatted(model.heatmaps.deletion_gain)}"
        report.chart(f"model-{number}-deletion", deletion_chart(model.heatmaps.deletion), gain)
        tested = [one for one in model.heatmaps.examples if one.predicted]
        synthetic = [one for one in model.heatmaps.examples if not one.predicted]
        if tested:
            report.text("Test images as they come, each with the heatmap of its most probable class:")
            figure = _sheet(tested, show_header=show_header)
            report.sheet(f"model-{number}-heatmaps", figure, "Heatmaps of test images")
        if synthetic:
            report.text(
                "Synthetic ECG images with the heatmap of their true class; the leads that the disease altered "
                "most are framed:"
            )
            figure = _sheet(synthetic, show_header=True)  # these headers are made up
            report.sheet(f"model-{number}-synthetic", figure, "Heatmaps of synthetic ECG images")


def deletion_chart(steps: Sequence[DeletionStep]) -> Figure:
    """Draw how far the answer falls over the share of cells that is deleted, by the heatmap and at random."""
    figure = Figure((6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    at = [100 * step.share for step in steps]
    for name, label, colour in (
        ("by_heatmap", "by the heatmap", plots.WRONG),
        ("at_random", "at random", plots.SOFT),
    ):
        value, low, high = (
            np.array([getattr(getattr(step, name), part) for step in steps], float) for part in ("value", "low", "high")
        )
        axes.plot(at, value, "o-", color=colour, label=f"{label}, 95 % interval")
        axes.fill_between(at, low, high, color=colour, alpha=0.2)
    axes.axhline(0, color=plots.SOFT, linewidth=0.8)
    axes.set(xlabel="% of the heatmap's cells deleted", ylabel="fall of the answer's logit")
    axes.set_xticks(at)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def _sheet(examples: Sequence[HeatmapExample], *, show_header: bool) -> Figure:
    pictures, captions = [], []
    for one in examples:
        picture = overlay(shown(one.picture, show_header=show_header), one.contributions)
        for box in one.frames:
            ImageDraw.Draw(picture).rectangle(box, outline=OUTLINE, width=4)
        pictures.append(picture)
        answer = f"\npredicted: {one.predicted} ({one.probability:.0%}, {one.status})" if one.predicted else ""
        captions.append(f"true: {one.label}{answer}")
    return plots.contact_sheet(pictures, captions, columns=2)
