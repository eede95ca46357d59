"""What heatmaps are worth, as a table, and as a part of a report with a chart and maps of test and synthetic ECG images."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from edge.classifier import Classifier
from edge.heatmap import contributions, overlay
from edge.images.page import open_page
from edge.images.preprocessing import load_page
from edge.prediction import decide
from training.data.folder import LoadedImages
from training.evaluation.heatmap_faithfulness import RANDOM, synthetic_hearts
from training.evaluation.measure import from_record
from training.reports import plots
from training.reports.report import Report, Table, shown

HEATMAPS = (
    "A heatmap's cells add up to the logit, less the bias of its class; what the training images have in common at "
    "a place is taken off. Red speaks for the class and blue against it, compared with the mean of all classes. "
    "Deletion: the cells that speak most for the answer, 2 to 20 % of them, get the image's median colour; how far "
    "the answer's logit falls against the mean of all, less the fall where as many cells are chosen at random "
    f"({RANDOM} times). Shuffled weights: the correlation of the map with that of the same graph, its weights in "
    "another order; near 1, a map shows the image and not what was learned. Altered leads and samples: on drawn "
    "images, how much of what speaks for the true class lies on leads, by the share of their samples that the "
    "disease altered, and on these samples themselves, over what chance would put there; at 1 the map does not "
    "know where the disease is, and most is what a map would reach that is nowhere else. 95 % intervals: "
    "bootstrap over groups, over synthetic ECG images."
)
FIGURES = {
    "gain": "deletion, by the map less at random",
    "shuffled_weights": "likeness to the map of shuffled weights",
    "altered_leads": "altered leads, enrichment",
    "altered_leads_at_most": "altered leads, most",
    "altered_samples": "altered samples, enrichment",
    "altered_samples_at_most": "altered samples, most",
}
OUTLINE, MOST = (27, 122, 67), 0.75  # around leads of which the disease alters this share of what it does at most
MAPS = 8  # test images that are shown


def heatmap_tables(models: Mapping[str, dict]) -> list[Table]:
    """Return the table of what heatmaps are worth, a column for each model of an evaluation whose maps were tested."""
    found = {name: numbers["heatmaps"] for name, numbers in models.items() if "heatmaps" in numbers}
    rows = [
        ["test images", *(str(one["images"]) for one in found.values())],
        ["logit against map and bias, largest difference", *(f"{one['completeness']:.1e}" for one in found.values())],
        *([what, *(shown(from_record(one[figure])) for one in found.values())] for figure, what in FIGURES.items()),
        ["synthetic ECG images", *(_drawn_pages(one) for one in found.values())],
    ]
    return [Table("Heatmaps", ("what", *found), rows)] if found else []


def _drawn_pages(found: dict) -> str:
    silent = f", and {found['silent_images']} on which nothing speaks for the class" if found["silent_images"] else ""
    return f"{found['synthetic_images']}{silent}"


def add_heatmaps(
    report: Report,
    models: Mapping[str, dict],
    classifiers: Mapping[str, Classifier],
    tested: Mapping[str, LoadedImages],
) -> None:
    """Add what was tested and came out, and of each model the deletion curve and maps of test and synthetic ECG images."""
    report.heading("Heatmaps")
    report.text(HEATMAPS)
    for table in heatmap_tables(models):
        report.table(Table("", table.header, table.rows))
    for number, (name, classifier) in enumerate(classifiers.items(), start=1):
        report.subheading(f"Heatmaps: {name}")
        report.figure(f"model-{number}-deletion", deletion_chart(models[name]["heatmaps"]["deletion"]), "Deletion")
        report.text("Test images as they come, each with the map of its most probable class:")
        report.figure(f"model-{number}-heatmaps", _of_tested(classifier, tested[name]), "Heatmaps of test images")
        hearts = _of_drawn(classifier)
        if hearts:
            report.text(
                "Synthetic ECG images with the map of their true class; the leads that the disease alters most are framed:"
            )
            report.figure(f"model-{number}-drawn", hearts, "Heatmaps of synthetic ECG images")


def deletion_chart(steps: list[dict]) -> Figure:
    """Draw how far the answer falls over the share of cells that is deleted, by the map and at random."""
    figure = Figure((6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    at = [100 * step["share"] for step in steps]
    for key, label, colour in (("by_map", "by the map", plots.WRONG), ("at_random", "at random", plots.SOFT)):
        value, low, high = (np.array([step[key][part] for step in steps], float) for part in ("value", "low", "high"))
        axes.plot(at, value, "o-", color=colour, label=f"{label}, 95 % interval")
        axes.fill_between(at, low, high, color=colour, alpha=0.2)
    axes.axhline(0, color=plots.SOFT, linewidth=0.8)
    axes.set(xlabel="% of the map's cells deleted", ylabel="fall of the answer's logit")
    axes.set_xticks(at)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def _of_tested(classifier: Classifier, tested: LoadedImages) -> Figure:
    pictures, captions = [], []
    for place in np.argsort(tested.digests)[:MAPS]:
        image = tested.images[place]
        outputs, heatmap = classifier.explain(tested.pixels[[place]])
        answer = decide(image.path.name, outputs, classifier.contract)
        label = int(outputs.logits[0].argmax())
        pictures.append(np.asarray(overlay(open_page(image.path), contributions(heatmap[0], label))))
        name, share = classifier.contract.labels[label], outputs.probabilities[0, label]
        captions.append(f"{image.label}\nanswered: {name} ({share:.0%}, {answer.status})")
    return plots.contact_sheet(pictures, captions, columns=2)


def _of_drawn(classifier: Classifier) -> Figure | None:
    pictures, captions = [], []
    for heart in synthetic_hearts(classifier.contract, 2, 0):
        image = Image.fromarray(heart.pixels)
        _, heatmap = classifier.explain(load_page(image, classifier.contract.preprocessing)[np.newaxis])
        label = classifier.contract.labels.index(heart.label)
        picture = overlay(image, contributions(heatmap[0], label))
        most = max(share for _, share in heart.leads)
        for box, share in heart.leads:
            if share > MOST * most:
                ImageDraw.Draw(picture).rectangle(box, outline=OUTLINE, width=4)
        pictures.append(np.asarray(picture))
        captions.append(heart.label)
    return plots.contact_sheet(pictures, captions, columns=2) if pictures else None
