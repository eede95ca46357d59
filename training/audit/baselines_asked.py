"""How an audit asks the baselines: by the folder's split, and without copies by group."""

import logging
import warnings
from collections import Counter
from collections.abc import Callable

import numpy as np
from sklearn.model_selection import StratifiedKFold

from training.data.splits import folds
from training.errors import DataError
from training.evaluation.baselines import BaselineInputs, score_baselines
from training.evaluation.prediction_metrics import BaselineMetrics
from training.inspection.inspected_image import InspectedImage

log = logging.getLogger(__name__)

AS_IT_STANDS, WITHOUT_COPIES = "as it stands", "without copies, by group"
"""How the baselines are asked: by the stated split, or five random parts; and in five parts of one of
each image, with groups and near copies kept together."""
FOLDS = 5


def for_baselines(inspected: list[InspectedImage], seed: int, most: int) -> np.ndarray:
    """Return the indices of the files that the baselines see: all of a picture's copies, or none."""
    _, image, copies = np.unique([one.digest for one in inspected], return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(copies))
    taken = order[copies[order].cumsum() <= max(most, copies[order[0]])]
    return np.flatnonzero(np.isin(image, taken))


def audit_baselines(
    inspected: list[InspectedImage], groups_of_all: np.ndarray, chosen: np.ndarray, seed: int
) -> tuple[dict[str, dict[str, BaselineMetrics]], dict[str, str]]:
    """Return the baselines' metrics on the chosen files by how they are asked, and the reasons where there are none."""
    kept = [inspected[index] for index in chosen]
    labels, digests = np.array([one.image.label for one in kept]), np.array([one.digest for one in kept])
    if len(set(labels)) < 2:
        return {}, dict.fromkeys((AS_IT_STANDS, WITHOUT_COPIES), "images of one class only")
    groups = groups_of_all[chosen]
    inputs = BaselineInputs.of(kept)
    log.info("asking the baselines about %d files", len(kept))
    _, one_of_each = np.unique(digests, return_index=True)
    divide: dict[str, Callable[[], list[np.ndarray]]] = {
        AS_IT_STANDS: lambda: _as_it_stands(kept, labels, seed),
        WITHOUT_COPIES: lambda: [
            one_of_each[mask] for mask in folds(labels[one_of_each], groups[one_of_each], FOLDS, seed)
        ],
    }
    scores, reasons = {}, {}
    for name, among in ((AS_IT_STANDS, np.arange(len(kept))), (WITHOUT_COPIES, one_of_each)):
        try:
            divisions = [(np.setdiff1d(among, part), part) for part in divide[name]()]
        except DataError as error:
            reasons[name] = str(error)
            continue
        scores[name] = score_baselines(inputs, labels, groups, divisions)
    return scores, reasons


def _as_it_stands(kept: list[InspectedImage], labels: np.ndarray, seed: int) -> list[np.ndarray]:
    """Return the indices of the test images, or those of random parts: as people divide a folder without splits."""
    splits = np.array([one.image.split or "" for one in kept])
    if splits[0]:
        if len(set(splits)) == 1:
            raise DataError(f"all images lie in {splits[0]!r}: nothing to learn from or nothing to ask")
        return [np.flatnonzero(splits == "test")]
    parts = min(FOLDS, Counter(labels.tolist()).most_common(1)[0][1])
    if parts < 2:
        raise DataError("no class has two images: nothing to divide")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that a class has fewer images than parts
        return [part for _, part in StratifiedKFold(parts, shuffle=True, random_state=seed).split(labels, labels)]
