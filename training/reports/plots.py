"""The figures of the reports; each function returns a matplotlib figure."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from sklearn.metrics import precision_recall_curve, roc_curve

from edge.images.page import open_page

INK, SOFT, RIGHT, WRONG = "#1f2a44", "#8a94a6", "#1b7a43", "#b3261e"
THUMBNAIL = (480, 340)  # pixels; an image's leads can still be told apart


def _plain(labels: Sequence[str]) -> list[str]:
    """Return texts that matplotlib shows as they are: between two dollars it would read a formula."""
    return [label.replace("$", r"\$") for label in labels]


def counts_chart(counts: dict[str, dict[str, int]]) -> Figure:
    """Draw the images of each class as bars, one colour a split; `counts` is split -> label -> images."""
    labels = sorted({label for split in counts.values() for label in split})
    figure = Figure((7, 0.9 + 0.34 * len(labels) * len(counts)), layout="constrained")
    axes = figure.subplots()
    height = 0.8 / len(counts)
    for place, (split, numbers) in enumerate(counts.items()):
        at = np.arange(len(labels)) + place * height
        bars = axes.barh(
            at, [numbers.get(label, 0) for label in labels], height * 0.92, label=split, color=(INK, SOFT)[place % 2]
        )
        axes.bar_label(bars, padding=3)
    axes.set_yticks(np.arange(len(labels)) + height * (len(counts) - 1) / 2, _plain(labels))
    axes.invert_yaxis()
    axes.set_xlabel("images")
    axes.margins(x=0.1)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def curves(history: Sequence[dict]) -> Figure:
    """Draw loss and accuracy of training and validation over the epochs, one panel each."""
    figure = Figure((9, 3.4), layout="constrained")
    epochs = np.arange(1, len(history) + 1)
    best = int(np.argmin([row["val_loss"] for row in history]))
    for axes, name in zip(figure.subplots(1, 2), ("accuracy", "loss"), strict=True):
        for column, label, colour in ((name, "training", SOFT), (f"val_{name}", "validation", INK)):
            axes.plot(epochs, [row[column] for row in history], "o-", markersize=3, color=colour, label=label)
        axes.axvline(epochs[best], color=RIGHT, linewidth=1, linestyle=":", label=f"kept (epoch {epochs[best]})")
        for later in range(1, len(history)):
            if history[later]["stage"] != history[later - 1]["stage"]:
                axes.axvline(later + 0.5, color=WRONG, linewidth=1, label=f"from here: {history[later]['stage']}")
        axes.set(xlabel="epoch", ylabel=name)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8)
    return figure


def confusion_chart(confusion: np.ndarray, labels: Sequence[str]) -> Figure:
    """Draw counts, and the share of each true class, of int (true class, predicted class)."""
    side = 2.2 + 0.75 * len(labels)
    figure = Figure((2 * side, side), layout="constrained")
    with np.errstate(invalid="ignore"):
        shares = confusion / confusion.sum(axis=1, keepdims=True)
    for axes, title, texts in zip(
        figure.subplots(1, 2),
        ("images", "share of the true class"),
        (confusion.astype(str), np.where(np.isnan(shares), "no image", np.char.mod("%.2f", np.nan_to_num(shares)))),
        strict=True,
    ):
        axes.imshow(np.nan_to_num(shares), cmap="Blues", vmin=0, vmax=1)
        for row, column in np.ndindex(confusion.shape):
            colour = "white" if shares[row, column] > 0.55 else INK
            axes.text(column, row, texts[row, column], ha="center", va="center", color=colour)
        axes.set_xticks(range(len(labels)), _plain(labels), rotation=35, ha="right")
        axes.set_yticks(range(len(labels)), _plain(labels))
        axes.set(title=title, xlabel="predicted", ylabel="true")
    return figure


def reliability_chart(before: Sequence[dict], after: Sequence[dict]) -> Figure:
    """Draw accuracy over confidence, and the images of each bin, before and after calibration, a panel each.

    The bins are those of `training.evaluation.metrics.reliability`.
    """
    figure = Figure((9, 4.2), layout="constrained")
    for axes, bins, title in zip(
        figure.subplots(1, 2, sharey=True), (before, after), ("before calibration", "after calibration"), strict=True
    ):
        filled = [line for line in bins if line["images"]]
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=":", label="as it should be")
        most = max((line["images"] for line in filled), default=1)
        heights = [0.3 * line["images"] / most for line in bins]
        axes.bar([line["low"] for line in bins], heights, 0.96 / len(bins), align="edge", color="#d8dce4")
        confidence = np.array([line["confidence"] for line in filled])
        accuracy = np.array([line["accuracy"]["value"] for line in filled])
        lows, highs = (
            [line["accuracy"]["value"] if line["accuracy"][edge] is None else line["accuracy"][edge] for line in filled]
            for edge in ("low", "high")
        )
        axes.errorbar(
            confidence, accuracy, [accuracy - lows, highs - accuracy], fmt="o-", color=INK, markersize=4, capsize=2
        )
        for line in bins:
            if line["images"]:
                at = (line["low"] + 0.5 / len(bins), 0.3 * line["images"] / most + 0.01)
                axes.annotate(str(line["images"]), at, ha="center", fontsize=7, color=SOFT)
        axes.set(title=title, xlabel="confidence (grey: images in the bin)", xlim=(0, 1), ylim=(0, 1.05))
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("share that is right")
    return figure


def discrimination_charts(truth: np.ndarray, probabilities: np.ndarray, labels: Sequence[str]) -> Figure:
    """Draw the ROC and the precision-recall curve of each class against the rest, a panel each.

    `truth` is int (n,), `probabilities` float (n, classes). A class with no image, or with all of
    them, has no curve.
    """
    figure = Figure((10, 4.6), layout="constrained")
    roc, recall = figure.subplots(1, 2)
    for index, label in enumerate(_plain(labels)):
        own = truth == index
        if own.all() or not own.any():
            continue
        false, true, _ = roc_curve(own, probabilities[:, index])
        roc.plot(false, true, label=label)
        precision, sensitivity, _ = precision_recall_curve(own, probabilities[:, index])
        recall.plot(sensitivity, precision, label=f"{label} ({own.sum()} images)", drawstyle="steps-post")
    roc.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=":")
    roc.set(title="ROC", xlabel="1 - specificity", ylabel="sensitivity")
    recall.set(title="precision and recall", xlabel="sensitivity (recall)", ylabel="precision", ylim=(0, 1.05))
    recall.legend(frameon=False, fontsize=8)
    for axes in (roc, recall):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def risk_chart(coverage: np.ndarray, risk: np.ndarray, point: float) -> Figure:
    """Draw the share that is wrong over the share that is answered; `point` is what the model answers."""
    figure = Figure((6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(coverage, risk, color=INK, drawstyle="steps-post")
    axes.axvline(point, color=RIGHT, linewidth=1, linestyle=":", label=f"answered by this model ({point:.0%})")
    axes.set(xlabel="share of images answered, the most certain first", ylabel="share of them wrong", xlim=(0, 1.01))
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def contact_sheet(
    pictures: Sequence[Path | np.ndarray | None],
    captions: Sequence[str],
    colours: Sequence[str] | None = None,
    columns: int = 3,
) -> Figure:
    """Draw pictures, files or uint8 (height, width, 3), RGB, under their captions; None is an empty place."""
    rows = -(-len(pictures) // columns)
    figure = Figure((4.2 * columns, 3.35 * rows), layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in panels:
        axes.axis("off")
    for axes, picture, caption, colour in zip(
        panels, pictures, captions, colours or [INK] * len(pictures), strict=False
    ):
        axes.set_title(caption, fontsize=9, color=colour, parse_math=False)
        if picture is None:
            continue
        image = open_page(picture) if isinstance(picture, Path) else Image.fromarray(picture)
        image.thumbnail(THUMBNAIL, Image.Resampling.LANCZOS)
        axes.imshow(np.asarray(image))
    return figure
