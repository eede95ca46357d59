"""Metrics that follow from the order of the images: AUROC and average precision, sorted once for all resamples.

scikit-learn sorts again for each weighting, which is 2,000 times too often here; a test compares both.
"""

from collections.abc import Callable

import numpy as np

from training.evaluation.intervals import Sample, Weighted


def rank_metrics(sample: Sample) -> Weighted:
    """Prepare the metrics that follow from the order of the images by the probability of each class."""
    true = np.eye(len(sample.labels), dtype=bool)[sample.truth].T  # (classes, n)
    rankings = [_ranking(scores, own) for scores, own in zip(sample.probabilities.T, true, strict=True)]
    present = true.any(axis=1)

    def weighted(weights: np.ndarray) -> dict[str, np.ndarray]:
        auroc, precision = np.stack([ranking(weights) for ranking in rankings], axis=1)  # (classes, resamples)
        images = true @ weights
        return {
            "auroc": auroc,
            "average_precision": precision,
            "macro_auroc": auroc[present].mean(axis=0),
            "weighted_auroc": np.where(images > 0, auroc * images, 0).sum(axis=0) / images.sum(axis=0),
            "macro_average_precision": precision[present].mean(axis=0),
        }

    return weighted


def _ranking(scores: np.ndarray, own: np.ndarray) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Prepare AUROC and average precision of one class, sorted once for all resamples.

    The images are passed from the highest score down; for each image of the class, what has been
    passed is read ahead of all images of the same score and behind them.
    """
    order = np.argsort(-scores, kind="stable")
    own_order = order[own[order]]
    level, own_level = -scores[order], -scores[own_order]
    ahead, behind = (np.searchsorted(level, own_level, side) for side in ("left", "right"))
    own_ahead, own_behind = (np.searchsorted(own_level, own_level, side) for side in ("left", "right"))

    def weighted(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        passed, hits, drawn = _running(weights[order]), _running(weights[own_order]), weights[own_order]
        others = passed[-1] - hits[-1]
        passed_behind, hits_behind = passed[behind], hits[own_behind]  # (images of the class, resamples)
        false = (passed_behind - hits_behind + passed[ahead] - hits[own_ahead]) / 2  # of the equals, half
        auroc = ratio((drawn * (others - false)).sum(axis=0), hits[-1] * others)
        precision = ratio((drawn * ratio(hits_behind, passed_behind, 0)).sum(axis=0), hits[-1])
        return auroc, np.where(others > 0, precision, np.nan)  # without others it is 1 whatever the scores

    return weighted


def _running(weights: np.ndarray) -> np.ndarray:
    """Return the sums of the first 0, 1, ... images, (images + 1, resamples)."""
    return np.concatenate([np.zeros((1, weights.shape[1])), weights.cumsum(axis=0)])


def ratio(part: np.ndarray, whole: np.ndarray, otherwise: float = np.nan) -> np.ndarray:
    """Return part / whole, and `otherwise` where the whole is 0."""
    return np.divide(part, whole, out=np.full(part.shape, otherwise, float), where=whole > 0)
