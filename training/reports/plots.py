"""The charts of the reports; each function returns a matplotlib figure."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from sklearn.metrics import ConfusionMatrixDisplay, PrecisionRecallDisplay, RocCurveDisplay

from training.data.history import HistoryRow, kept_epoch
from training.evaluation.prediction_metrics import Calibration, PredictionMetrics, RiskCoverage
from training.evaluation.search import Trial

INK, SOFT, RIGHT, WRONG = "#1f2a44", "#8a94a6", "#1b7a43", "#b3261e"
WHOLE = ("epochs", "augmentations", "acquisitions")  # settings that are whole numbers
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


def curves(history: Sequence[HistoryRow]) -> Figure:
    """Draw loss and accuracy of training and validation over the epochs, one panel each."""
    figure = Figure((9, 3.4), layout="constrained")
    epochs = np.arange(1, len(history) + 1)
    kept = history.index(kept_epoch(history)) + 1
    for axes, name in zip(figure.subplots(1, 2), ("accuracy", "loss"), strict=True):
        for column, label, colour in ((name, "training", SOFT), (f"val_{name}", "validation", INK)):
            axes.plot(epochs, [getattr(row, column) for row in history], "o-", markersize=3, color=colour, label=label)
        axes.axvline(kept, color=RIGHT, linewidth=1, linestyle=":", label=f"kept (epoch {kept})")
        for later in range(1, len(history)):
            if history[later].stage != history[later - 1].stage:
                axes.axvline(later + 0.5, color=WRONG, linewidth=1, label=f"from here: {history[later].stage}")
        axes.set(xlabel="epoch", ylabel=name)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8)
    return figure


def curves_in_words(history: Sequence[HistoryRow]) -> str:
    """Say what `curves` draws."""
    kept = kept_epoch(history)
    measured = f"validation loss {kept.val_loss:.3f}, accuracy {kept.val_accuracy:.3f}"
    return (
        f"Loss and accuracy of training and validation over {len(history)} epochs. "
        f"Kept: {'the last epoch, nothing was held out' if math.isnan(kept.val_loss) else measured}"
    )


def search_chart(trials: Sequence[Trial]) -> Figure:
    """Draw the macro-F1 of each trial in their order, and of the best one so far."""
    figure = Figure((9, 3.4), layout="constrained")
    axes = figure.subplots()
    whole = [trial for trial in trials if trial.macro_f1 is not None]
    early = [trial for trial in trials if trial.macro_f1 is None]
    numbers, scores = [one.number for one in whole], [one.macro_f1 for one in whole]
    axes.step(numbers, np.maximum.accumulate(scores), where="post", color=RIGHT, linewidth=1, label="best so far")
    axes.plot(numbers, scores, "o", color=INK, markersize=5, label="all folds")
    means = [float(np.mean(one.folds)) for one in early]
    axes.plot([one.number for one in early], means, "x", color=WRONG, label="stopped early: mean of its folds")
    axes.set(xlabel="trial", ylabel="macro-F1")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    return figure


def settings_chart(trials: Sequence[Trial], names: Sequence[str]) -> Figure:
    """Draw the macro-F1 of each trial by each of the settings, one panel each."""
    rows = -(-len(names) // 3)
    figure = Figure((9, 0.4 + 2.6 * rows), layout="constrained")
    for axes, name in zip(figure.subplots(rows, 3, squeeze=False, sharey=True).flat, [*names, "", ""], strict=False):
        axes.set_axis_off() if not name else None
        for trial in trials if name else ():
            score = float(np.mean(trial.folds)) if trial.macro_f1 is None else trial.macro_f1
            mark = ("o", INK) if trial.macro_f1 is not None else ("x", WRONG)
            axes.plot(trial.settings[name], score, mark[0], color=mark[1], markersize=5)
        axes.set(xlabel=_plain([name.replace("_", " ")])[0], xscale="linear" if name in WHOLE else "log")
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def confusion_chart(metrics: PredictionMetrics) -> Figure:
    """Draw counts, and the share of each true class."""
    confusion, labels = np.array(metrics.confusion), _plain(metrics.labels)
    side = 2.2 + 0.6 * len(labels)
    figure = Figure((2 * side, side), layout="constrained")
    with np.errstate(invalid="ignore"):
        shares = np.nan_to_num(confusion / confusion.sum(axis=1, keepdims=True))
    panels = zip(figure.subplots(1, 2), (confusion, shares), ("images", "share of the true class"), strict=True)
    for axes, values, title in panels:
        display = ConfusionMatrixDisplay(values, display_labels=labels)
        form = "d" if values is confusion else ".2f"
        display.plot(ax=axes, cmap="Blues", colorbar=False, values_format=form, xticks_rotation=35)
        axes.set(title=title, xlabel="predicted", ylabel="true")
        for tick in axes.get_xticklabels():
            tick.set_ha("right")
    return figure


def reliability_chart(calibration: Calibration) -> Figure:
    """Draw accuracy over confidence, and the images of each bin, before and after calibration, a panel each."""
    figure = Figure((9, 4.2), layout="constrained")
    kinds = {"before calibration": calibration.uncalibrated_bins, "after calibration": calibration.bins}
    for axes, (title, bins) in zip(figure.subplots(1, 2, sharey=True), kinds.items(), strict=True):
        filled = [one for one in bins if one.images]
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=":")
        most = max((one.images for one in filled), default=1)
        heights = [0.3 * one.images / most for one in bins]
        axes.bar([one.low for one in bins], heights, 0.96 / len(bins), align="edge", color="#d8dce4")
        confidence = np.array([one.confidence for one in filled])
        accuracy, low, high = (
            np.array([getattr(one.accuracy, part) for one in filled], float) for part in ("value", "low", "high")
        )
        errors = np.nan_to_num([accuracy - low, high - accuracy])
        axes.errorbar(confidence, accuracy, errors, fmt="o-", color=INK, markersize=4, capsize=2)
        for one in filled:
            at = (one.low + 0.5 / len(bins), 0.3 * one.images / most + 0.01)
            axes.annotate(str(one.images), at, ha="center", fontsize=7, color=SOFT)
        axes.set(title=title, xlabel="confidence (grey: images in the bin)", xlim=(0, 1), ylim=(0, 1.05))
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("share that is right")
    return figure


def discrimination_charts(metrics: PredictionMetrics) -> Figure:
    """Draw the ROC and the precision-recall curve of each class against the rest, a panel each.

    A class with no image, or with all of them, has no curve.
    """
    figure = Figure((10, 4.6), layout="constrained")
    roc, recall = figure.subplots(1, 2)
    for index, label in enumerate(_plain(metrics.labels)):
        own, scores = metrics.truth == index, metrics.probabilities[:, index]
        if own.all() or not own.any():
            continue
        RocCurveDisplay.from_predictions(own, scores, ax=roc, name=label)
        PrecisionRecallDisplay.from_predictions(own, scores, ax=recall, name=label)
    roc.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=":")
    roc.set(title="ROC", xlabel="1 - specificity", ylabel="sensitivity")
    recall.set(title="precision and recall", xlabel="sensitivity (recall)", ylabel="precision", ylim=(0, 1.05))
    for axes in (roc, recall):
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(*axes.get_legend_handles_labels(), frameon=False, fontsize=8)
    return figure


def risk_chart(risk_coverage: RiskCoverage, answered: float) -> Figure:
    """Draw the share that is wrong over the share that is answered; `answered` is what the model answers."""
    figure = Figure((6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(risk_coverage.coverage, risk_coverage.risk, color=INK, drawstyle="steps-post")
    axes.axvline(answered, color=RIGHT, linewidth=1, linestyle=":", label=f"answered by this model ({answered:.0%})")
    axes.set(xlabel="share of images answered, the most certain first", ylabel="share of them wrong", xlim=(0, 1.01))
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def contact_sheet(
    pictures: Sequence[Image.Image | None],
    captions: Sequence[str],
    colours: Sequence[str] | None = None,
    columns: int = 3,
) -> Figure:
    """Draw RGB pictures under their captions; None is an empty place."""
    rows = -(-len(pictures) // columns)
    figure = Figure((3.4 * columns, 2.75 * rows), layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in panels:
        axes.axis("off")
    for axes, picture, caption, colour in zip(
        panels, pictures, captions, colours or [INK] * len(pictures), strict=False
    ):
        axes.set_title(caption, fontsize=8, color=colour, parse_math=False)
        if picture is not None:
            small = picture.copy()
            small.thumbnail(THUMBNAIL, Image.Resampling.LANCZOS)
            axes.imshow(np.asarray(small))
    return figure
