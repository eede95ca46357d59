"""What a model's probabilities are worth on images whose labels are known, each metric with its interval."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from training.evaluation.intervals import (
    BINS,
    DEFAULT,
    SMALL,
    Bootstrap,
    Estimate,
    Sample,
    Weighted,
    count,
    interval,
    proportion,
    remarks,
    resampled,
)
from training.evaluation.prediction_metrics import (
    CalibrationBin,
    ClassMetrics,
    OverallMetrics,
    RiskCoverage,
    SubgroupMetrics,
)
from training.evaluation.rank_metrics import rank_metrics, ratio

EPSILON = float(np.finfo(np.float32).eps)  # models answer in float32: a smaller share is no statement of theirs
PAIRED = ("accuracy", "macro_f1", "macro_auroc", "brier_score", "log_loss", "calibration_error")
CURVE_POINTS = 200  # of the curve of risk over coverage


def class_metrics(sample: Sample, bootstrap: Bootstrap = DEFAULT) -> dict[str, ClassMetrics]:
    """Return the metrics of each class against the rest.

    Sensitivity, specificity and precision have intervals by `proportion`, the others from the 2.5th to the 97.5th
    percentile of the bootstrap by group. Ties of scores are treated as scikit-learn treats them.
    """
    value, draws = resampled(_weighted(sample), sample, bootstrap)
    metrics = {}
    for index, label in enumerate(sample.labels):
        own, taken = sample.truth == index, sample.predicted == index
        absent = "" if own.any() else "no image of this class"
        alone = absent or "only images of this class"
        groups = count(sample.groups[own])
        both = min(groups, count(sample.groups[~own]))
        metrics[label] = ClassMetrics(
            images=int(own.sum()),
            sensitivity=proportion(taken[own], sample.groups[own], absent),
            specificity=proportion(~taken[~own], sample.groups[~own], alone),
            precision=proportion(own[taken], sample.groups[taken], "no image was taken for this class"),
            f1=interval(value["f1"][index], draws["f1"][index], absent, groups),
            auroc=interval(value["auroc"][index], draws["auroc"][index], alone, both),
            average_precision=interval(
                value["average_precision"][index], draws["average_precision"][index], alone, both
            ),
        )
    return metrics


def overall_metrics(sample: Sample, bootstrap: Bootstrap = DEFAULT) -> OverallMetrics:
    """Return accuracy, means over the classes, and how far the probabilities can be believed.

    Accuracy has its interval by `proportion`, the others by the bootstrap over groups.
    """
    found = _overall(resampled(_weighted(sample), sample, bootstrap), sample)
    return OverallMetrics(**(found | {"accuracy": proportion(sample.right, sample.groups)}))


def paired_differences(new: Sample, old: Sample, bootstrap: Bootstrap = DEFAULT) -> dict[str, Estimate]:
    """Return metrics of `new` minus those of `old`, with both in the same resamples of the same images.

    Raises `ValueError` where the images are not the same, in the same order.
    """
    for name in ("labels", "truth", "groups"):
        if not np.array_equal(getattr(new, name), getattr(old, name)):
            raise ValueError(
                f"the models differ in the {name} of their images: compare predictions for the same images"
            )
    minuend, subtrahend = _weighted(new), _weighted(old)

    def difference(weights: np.ndarray) -> dict[str, np.ndarray]:
        ours, theirs = minuend(weights), subtrahend(weights)
        return {name: ours[name] - theirs[name] for name in PAIRED}

    return _overall(resampled(difference, new, bootstrap), new, old)


def subgroup_metrics(
    sample: Sample, values: Sequence[str | None], bootstrap: Bootstrap = DEFAULT
) -> dict[str, SubgroupMetrics]:
    """Return the metrics for each value of a column, one value an image; None is 'not stated'."""
    column = np.array(["not stated" if value is None else value for value in values])
    if len(column) != len(sample.truth):
        raise ValueError(f"{len(column)} values for {len(sample.truth)} images: give one an image")
    metrics = {}
    for value in np.unique(column).tolist():
        chosen = column == value
        part = Sample(sample.labels, sample.truth[chosen], sample.probabilities[chosen], sample.groups[chosen])
        little = "one group only: proves little" if count(part.groups) == 1 else ""
        little = f"fewer than {SMALL} images: proves little" if chosen.sum() < SMALL else little
        overall = overall_metrics(part, bootstrap)
        accuracy, macro_f1 = (
            replace(estimate, note=remarks(estimate.note, little)) for estimate in (overall.accuracy, overall.macro_f1)
        )
        metrics[value] = SubgroupMetrics(images=int(chosen.sum()), accuracy=accuracy, macro_f1=macro_f1)
    return metrics


def calibration_bins(sample: Sample) -> tuple[CalibrationBin, ...]:
    """Return accuracy and confidence in bins of equal width."""
    bins = []
    for number in range(BINS):
        chosen = sample.bins == number
        bins.append(
            CalibrationBin(
                low=number / BINS,
                high=(number + 1) / BINS,
                images=int(chosen.sum()),
                confidence=float(sample.confidence[chosen].mean()) if chosen.any() else None,
                accuracy=proportion(sample.right[chosen], sample.groups[chosen], "no image in this bin"),
            )
        )
    return tuple(bins)


def risk_coverage(sample: Sample, points: int = CURVE_POINTS) -> RiskCoverage:
    """Return the share wrong among the images answered, from threshold to threshold, at so many points at most.

    From threshold to threshold less certain images are answered too, in the end all of them; images of
    the same confidence are answered together (El-Yaniv and Wiener, JMLR 11, 2010).
    """
    _, level, images = np.unique(-sample.confidence, return_inverse=True, return_counts=True)
    answered = images.cumsum()
    coverage, risk = answered / len(level), np.bincount(level, ~sample.right).cumsum() / answered
    at = np.unique(np.linspace(0, len(coverage) - 1, points).astype(int))
    return RiskCoverage(coverage=tuple(coverage[at].tolist()), risk=tuple(risk[at].tolist()))


def _weighted(sample: Sample) -> Weighted:
    sums, ranks = _sums(sample), rank_metrics(sample)
    return lambda weights: sums(weights) | ranks(weights)


def _sums(sample: Sample) -> Weighted:
    """Prepare the metrics that follow from sums over images."""
    classes = np.eye(len(sample.labels))
    true, taken = classes[sample.truth].T, classes[sample.predicted].T  # (classes, n)
    gaps = np.eye(BINS)[sample.bins].T * (sample.confidence - sample.right)  # (bins, n)
    squares = ((sample.probabilities - classes[sample.truth]) ** 2).sum(axis=1)
    surprise = -np.log(np.maximum(_of_truth(sample), EPSILON))
    present = true.any(axis=1)

    def weighted(weights: np.ndarray) -> dict[str, np.ndarray]:
        total = weights.sum(axis=0)
        images, answers, hits = true @ weights, taken @ weights, (true * taken) @ weights  # (classes, resamples)
        f1 = np.where(images > 0, ratio(2 * hits, images + answers), np.nan)
        return {
            "f1": f1,
            "accuracy": sample.right @ weights / total,
            "macro_f1": f1[present].mean(axis=0),
            "weighted_f1": np.nansum(f1 * images, axis=0) / total,
            "balanced_accuracy": ratio(hits, images)[present].mean(axis=0),
            "brier_score": squares @ weights / total,
            "log_loss": surprise @ weights / total,
            "calibration_error": np.abs(gaps @ weights).sum(axis=0) / total,
        }

    return weighted


def _of_truth(sample: Sample) -> np.ndarray:
    return np.take_along_axis(sample.probabilities, sample.truth[:, np.newaxis], axis=1)[:, 0].astype(float)


def _overall(found: tuple[dict[str, np.ndarray], dict[str, np.ndarray]], *samples: Sample) -> dict[str, Estimate]:
    """Return the metrics that are a single number, with the notes that they need."""
    value, draws = found
    absent = [label for index, label in enumerate(samples[0].labels) if index not in samples[0].truth]
    clipped = int((np.min([_of_truth(sample) for sample in samples], axis=0) < EPSILON).sum())
    left_out = f"left out, for want of images: {', '.join(absent)}" if absent else ""
    notes = dict.fromkeys(("macro_f1", "balanced_accuracy", "macro_auroc", "macro_average_precision"), left_out) | {
        "log_loss": f"less than {EPSILON:.1e} for the true class counts as that, in images: {clipped}" * bool(clipped),
        "calibration_error": f"{BINS} bins of equal width; the fewer the images, the larger",
    }
    # Chance adds to a distance: resamples lie above the metric as it lies above the truth, and are mirrored
    # (the basic bootstrap of Davison and Hinkley, Bootstrap Methods, 1997, chapter 5). Not mirrored, the
    # interval of 400 images of a calibrated model never held the truth, mirrored in 80 of 100 samples.
    mirrored = np.maximum(2 * value["calibration_error"] - draws["calibration_error"], 0 if len(samples) == 1 else -1)
    groups = count(samples[0].groups)
    return {
        name: interval(
            value[name],
            mirrored if name == "calibration_error" else draws[name],
            "only images of one class",
            groups,
            notes.get(name, ""),
        )
        for name in value
        if value[name].ndim == 0
    }
