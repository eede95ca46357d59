"""Metrics with 95 % intervals: Wilson's for proportions, the bootstrap over groups for all others.

scikit-learn has neither intervals for grouped images nor the design effect, so these are our own.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

BINS = 10
"""Bins of equal width in which confidence is compared with accuracy."""
SMALL = 10
"""Fewer images or groups than this prove little, and it is said."""
Z = 1.959963984540054  # the 97.5th percentile of the normal distribution
RARE, MOST = 0.05, 0.5  # shares of undefined resamples: said above the first, no interval above the second
ONE_GROUP = "one group only: no interval"
Weighted = Callable[[np.ndarray], dict[str, np.ndarray]]
"""Turn weights, float (images, resamples), into metrics, (resamples,) or (classes, resamples); NaN is undefined."""


@dataclass(frozen=True)
class Estimate:
    """Hold a metric and its 95 % interval."""

    value: float | None
    """None where it is not defined: then `note` says why."""
    low: float | None
    """Lower end of the interval; None where there is none."""
    high: float | None
    """Upper end of the interval; None where there is none."""
    note: str = ""
    """What the numbers cannot say."""


@dataclass(frozen=True)
class Bootstrap:
    """Say how images are drawn again."""

    seed: int = 0
    """Makes the draws."""
    resamples: int = 2000
    """Draws of as many groups as there are."""
    block: int = 2**20
    """Weights held at once, so that memory does not grow with the images; changes no number."""


DEFAULT = Bootstrap()


@dataclass(frozen=True)
class Sample:
    """Hold the predictions that metrics are computed from. Raises `ValueError` where the arrays do not fit."""

    labels: tuple[str, ...]
    """The classes."""
    truth: np.ndarray
    """int (n,), indices of `labels`."""
    probabilities: np.ndarray
    """float (n, classes), 0 to 1."""
    groups: np.ndarray
    """str (n,): images of one group are no independent witnesses."""

    def __post_init__(self) -> None:
        """Refuse what does not fit."""
        images, classes = len(self.truth), len(self.labels)
        if not images or self.probabilities.shape != (images, classes) or len(self.groups) != images:
            raise ValueError(
                f"{images} labels, {len(self.groups)} groups and probabilities of shape {self.probabilities.shape} "
                f"for {classes} classes: give one of each an image, and at least one image"
            )
        if self.truth.min() < 0 or self.truth.max() >= classes:
            raise ValueError(f"a label is outside 0 to {classes - 1}: give the index of one of the {classes} classes")
        # A sum of float32 passes 1 by a rounding; NaN fails both comparisons.
        if not ((self.probabilities >= 0) & (self.probabilities <= 1 + 1e-6)).all():
            raise ValueError("a probability is not a number from 0 to 1: give the model's probabilities, not logits")

    @cached_property
    def predicted(self) -> np.ndarray:
        """Return the index of the most probable class, the first of equals, int (n,)."""
        return self.probabilities.argmax(axis=1)

    @cached_property
    def right(self) -> np.ndarray:
        """Return whether the most probable class is the true one, bool (n,)."""
        return self.predicted == self.truth

    @cached_property
    def confidence(self) -> np.ndarray:
        """Return the probability of the most probable class, float (n,)."""
        return self.probabilities.max(axis=1).astype(float)

    @cached_property
    def bins(self) -> np.ndarray:
        """Return the bin of each image's confidence, int (n,); a bin contains its upper edge."""
        return np.digitize(self.confidence, np.arange(1, BINS) / BINS, right=True)


def weights_of(groups: np.ndarray, bootstrap: Bootstrap) -> Iterator[np.ndarray]:
    """Yield how often each image is drawn, float (n, resamples), block by block.

    Whole groups, str (n,), are drawn with replacement (Efron and Tibshirani, An Introduction to the
    Bootstrap, 1993, chapters 8 and 13), in the order of their names: the same groups and seed
    give the same draws, whatever the predictions and the order of the images.
    """
    names, group = np.unique(groups, return_inverse=True)
    rng, count, step = np.random.default_rng(bootstrap.seed), len(names), max(1, bootstrap.block // len(group))
    for begin in range(0, bootstrap.resamples, step):
        size = min(step, bootstrap.resamples - begin)
        drawn = rng.integers(count, size=(size, count)) * size + np.arange(size)[:, np.newaxis]
        yield np.bincount(drawn.ravel(), minlength=count * size).reshape(count, size).astype(float)[group]


def proportion(hits: np.ndarray, groups: np.ndarray, undefined: str = "no image") -> Estimate:
    """Return the share of `hits`, bool (n,), with a Wilson interval (Wilson, JASA 22, 1927).

    Images of one group say less than as many of different groups: their number is divided by the
    design effect, the variance of a ratio of group sums over that of independent images (Rao and
    Scott, Biometrics 48, 1992). It lies between 1 and what it is where the images of a
    group are always alike; a share of 0 or 1 shows nothing of it, and the latter is taken.
    """
    if not len(hits):
        return Estimate(None, None, None, undefined)
    share, images = float(hits.mean()), len(hits)
    _, group, size = np.unique(groups, return_inverse=True, return_counts=True)
    if len(size) == 1:
        return Estimate(share, None, None, ONE_GROUP)
    effect = alike = (size**2).sum() / images
    if 0 < share < 1:
        squares = ((np.bincount(group, hits) - size * share) ** 2).sum() * len(size) / (len(size) - 1)
        effect = np.clip(squares / (images * share * (1 - share)), 1, alike)
    scale = Z**2 * effect / images
    centre, margin = share + scale / 2, np.sqrt(scale * (share * (1 - share) + scale / 4))
    low, high = (centre - margin) / (1 + scale), (centre + margin) / (1 + scale)
    return Estimate(share, float(np.clip(low, 0, share)), float(np.clip(high, share, 1)))


def mean(values: np.ndarray, groups: np.ndarray, bootstrap: Bootstrap, undefined: str = "no image") -> Estimate:
    """Return the mean of `values`, float (n,), of images in `groups`, str (n,); `undefined` says why there is none."""
    if not len(values):
        return Estimate(None, None, None, undefined)
    means = np.concatenate([values @ weights / weights.sum(axis=0) for weights in weights_of(groups, bootstrap)])
    return interval(values.mean(), means, undefined, count(groups))


def resampled(
    weighted: Weighted, sample: Sample, bootstrap: Bootstrap
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the metrics of the images, () or (classes,), and of their resamples, (..., resamples)."""
    value = {name: metric[..., 0] for name, metric in weighted(np.ones((len(sample.truth), 1))).items()}
    blocks = [weighted(weights) for weights in weights_of(sample.groups, bootstrap)]
    return value, {name: np.concatenate([block[name] for block in blocks], axis=-1) for name in value}


def interval(value: np.ndarray, draws: np.ndarray, undefined: str, groups: int, note: str = "") -> Estimate:
    """Return a metric with the 2.5th and 97.5th percentile of its resamples, (resamples,), where they tell one."""
    if np.isnan(value):
        return Estimate(None, None, None, undefined)
    value, defined = float(value), draws[~np.isnan(draws)]
    lost = 1 - len(defined) / len(draws)
    if groups == 1:
        return Estimate(value, None, None, remarks(note, ONE_GROUP))
    if lost > MOST:
        return Estimate(value, None, None, remarks(note, f"undefined in {lost:.0%} of the resamples: no interval"))
    if np.ptp(defined) < 1e-12:  # all images right, say: the resamples are blind to what they did not meet
        return Estimate(value, None, None, remarks(note, "the same in every resample: no interval"))
    # Where four groups of 40 had the class, the intervals of its AUROC held the truth in 76 of 100 samples.
    few = f"{groups} groups only: the interval may be too narrow" if groups < SMALL else ""
    low, high = (float(edge) for edge in np.percentile(defined, [2.5, 97.5]))
    missing = f"undefined in {lost:.0%} of the resamples, left out" if lost > RARE else ""
    return Estimate(value, min(low, value), max(high, value), remarks(note, few, missing))


def count(names: np.ndarray) -> int:
    """Return how many different names there are."""
    return len(np.unique(names))


def remarks(*parts: str) -> str:
    """Join what there is to say."""
    return "; ".join(filter(None, parts))
