"""Measures: equal to formulas and to scikit-learn, with intervals that hold the truth as often as they say."""

import json
import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import norm
from sklearn import metrics as scikit

from training.evaluation import metrics
from training.evaluation.intervals import Bootstrap, Estimate, Sample, proportion, weights_of
from training.evaluation.metrics import (
    calibration_bins,
    class_metrics,
    overall_metrics,
    paired_differences,
    risk_coverage,
    subgroup_metrics,
)
from training.evaluation.result import as_record

FEWER = Bootstrap(resamples=400)  # where hundreds of samples are drawn
LABELS = ("infarction", "arrhythmia", "history", "normal")


def names(count: int, each: int = 1) -> np.ndarray:
    return np.repeat([f"group {number}" for number in range(count)], each)


def sample(seed: int = 0, groups: int = 100, each: int = 3, digits: int = 2, skill: float = 1.5) -> Sample:
    """Images of four classes; few digits make ties."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(4, groups * each, p=[0.4, 0.3, 0.2, 0.1])
    scores = rng.normal(size=(len(truth), 4)) + skill * np.eye(4)[truth]
    return Sample(LABELS, truth, softmax(scores, axis=1).round(digits), names(groups, each))


def two_classes(right: np.ndarray, confidence: np.ndarray | float, groups: np.ndarray) -> Sample:
    """Half of the images of each class, answered rightly or wrongly with the given confidence."""
    truth = np.arange(len(right)) % 2
    share = np.where(right == (truth == 1), confidence, 1 - np.asarray(confidence))  # of the second class
    return Sample(("a", "b"), truth, np.stack([1 - share, share], axis=1), groups)


def estimates(found: object) -> Iterator[Estimate]:
    if isinstance(found, Estimate):
        yield found
    else:
        for inner in (found if isinstance(found, dict) else vars(found)).values():
            if not isinstance(inner, int):
                yield from estimates(inner)


def covers(truth: float, makes: Callable[[int], Estimate], runs: int) -> float:
    found = [makes(seed) for seed in range(runs)]
    assert all(estimate.low <= estimate.value <= estimate.high for estimate in found)
    return float(np.mean([estimate.low <= truth <= estimate.high for estimate in found]))


def test_metrics_are_those_of_scikit_learn_with_ties() -> None:
    images = sample()
    truth, predicted, shares = images.truth, images.predicted, images.probabilities
    assert len(np.unique(shares[:, 0])) < len(truth) / 2  # there are ties
    one_hot = np.eye(4, dtype=int)[truth]
    precision, sensitivity, f1, _ = scikit.precision_recall_fscore_support(truth, predicted)
    expected = {
        "sensitivity": sensitivity,
        "specificity": [scikit.recall_score(truth != index, predicted != index) for index in range(4)],
        "precision": precision,
        "f1": f1,
        "auroc": scikit.roc_auc_score(one_hot, shares, average=None),
        "average_precision": scikit.average_precision_score(one_hot, shares, average=None),
    }
    found = class_metrics(images)
    assert tuple(found) == LABELS
    for name, values in expected.items():
        assert [getattr(found[label], name).value for label in LABELS] == pytest.approx(list(values)), name
    overall = overall_metrics(images)
    expected = {
        "accuracy": scikit.accuracy_score(truth, predicted),
        "macro_f1": scikit.f1_score(truth, predicted, average="macro"),
        "weighted_f1": scikit.f1_score(truth, predicted, average="weighted"),
        "balanced_accuracy": scikit.balanced_accuracy_score(truth, predicted),
        "macro_auroc": scikit.roc_auc_score(one_hot, shares, average="macro"),
        "weighted_auroc": scikit.roc_auc_score(one_hot, shares, average="weighted"),
        "macro_average_precision": scikit.average_precision_score(one_hot, shares, average="macro"),
        "brier_score": ((shares - one_hot) ** 2).sum() / len(truth),
    }
    for name, value in expected.items():
        assert getattr(overall, name).value == pytest.approx(value), name
    assert set(vars(overall)) == {*expected, "log_loss", "calibration_error"}
    exact = sample(digits=17)
    assert overall_metrics(exact).log_loss.value == pytest.approx(scikit.log_loss(truth, exact.probabilities))


def test_resamples_are_those_of_scikit_learn_with_weights() -> None:
    images = sample()
    weights = next(weights_of(images.groups, Bootstrap()))[:, :20]
    found = metrics._weighted(images)(weights)
    for resample, drawn in enumerate(weights.T):
        given = {"sample_weight": drawn}
        for index in range(4):
            own, scores = images.truth == index, images.probabilities[:, index]
            expected = (
                scikit.roc_auc_score(own, scores, **given),
                scikit.average_precision_score(own, scores, **given),
            )
            assert found["auroc"][index, resample] == pytest.approx(expected[0])
            assert found["average_precision"][index, resample] == pytest.approx(expected[1])
        for average in ("macro", "weighted"):
            expected = scikit.f1_score(images.truth, images.predicted, average=average, **given)
            assert found[f"{average}_f1"][resample] == pytest.approx(expected)


def test_an_interval_holds_the_middle_of_the_resamples() -> None:
    images = sample()
    draws = [metrics._weighted(images)(weights) for weights in weights_of(images.groups, Bootstrap(5))]
    auroc = np.concatenate([block["auroc"][3] for block in draws])
    found = class_metrics(images, Bootstrap(5))["normal"].auroc
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(auroc, [2.5, 97.5])))
    brier = np.concatenate([block["brier_score"] for block in draws])
    found = overall_metrics(images, Bootstrap(5)).brier_score
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(brier, [2.5, 97.5])))


def test_a_resample_without_a_class_tells_nothing_of_it() -> None:
    images = sample()
    weights = np.stack([images.truth != 3, images.truth == 0], axis=1).astype(float)
    found = metrics._weighted(images)(weights)
    kept = Sample(
        LABELS[:3], *(of[images.truth != 3] for of in (images.truth, images.probabilities[:, :3], images.groups))
    )
    assert np.isnan([found[name][3, 0] for name in ("f1", "auroc", "average_precision")]).all()
    assert np.isnan([found[name][0, 1] for name in ("auroc", "average_precision")]).all()
    for name in ("macro_f1", "balanced_accuracy", "macro_auroc", "macro_average_precision"):
        assert np.isnan(found[name][0]), name
    assert found["weighted_auroc"][0] == pytest.approx(overall_metrics(kept).weighted_auroc.value)
    assert np.isnan(found["weighted_auroc"][1])


def test_whole_groups_are_drawn() -> None:
    images = sample()
    drawn = np.concatenate(list(weights_of(images.groups, Bootstrap())), axis=1)
    assert drawn.shape == (300, 2000)
    assert (drawn.sum(axis=0) == 300).all()
    assert (drawn[::3] == drawn[1::3]).all()
    assert (drawn[::3] == drawn[2::3]).all()
    assert drawn[::3].var() == pytest.approx(0.99, abs=0.02)  # of a count with 100 draws and a chance of 1 in 100


def test_the_same_seed_gives_the_same_numbers_in_any_order_and_in_any_blocks() -> None:
    images, order = sample(), np.random.default_rng(1).permutation(300)
    mixed = Sample(LABELS, images.truth[order], images.probabilities[order], images.groups[order])

    def numbers(of: Sample, bootstrap: Bootstrap) -> list[float]:
        found = estimates({"classes": class_metrics(of, bootstrap), "overall": overall_metrics(of, bootstrap)})
        return [edge for one in found for edge in (one.value, one.low, one.high)]

    first = numbers(images, Bootstrap())
    assert numbers(images, Bootstrap()) == first
    assert numbers(mixed, Bootstrap()) == pytest.approx(first, abs=1e-12)
    assert numbers(images, Bootstrap(1)) != pytest.approx(first, abs=1e-4)
    blocks = Bootstrap(block=7000)  # 23 resamples at once, and a rest
    assert numbers(images, blocks) == pytest.approx(first, abs=1e-12)


def test_proportions_have_the_published_wilson_interval() -> None:
    """The limits of 81 of 263, 15 of 148, 0 of 20 and 1 of 29 by method 3 of Newcombe, Stat. Med. 17, 1998, table I."""
    for hits, images, low, high in (
        (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718),
    ):  # fmt: skip
        found = proportion(np.arange(images) < hits, names(images))
        assert (found.value, found.low, found.high) == pytest.approx((hits / images, low, high), abs=5e-5)


def effective(found: Estimate, limit: float) -> float:
    """The number of images for which Wilson's equation has this limit."""
    return norm.ppf(0.975) ** 2 * limit * (1 - limit) / (found.value - limit) ** 2


def test_a_proportion_of_0_or_1_is_an_end_of_its_interval() -> None:
    for images in range(2, 60):
        assert proportion(np.zeros(images, bool), names(images)).low == 0
        assert proportion(np.ones(images, bool), names(images)).high == 1


def test_pages_of_one_group_count_less() -> None:
    # Five groups of two with a share of 0.6: the residuals 0.8, -0.2, 0.8, -1.2, -0.2 have a sum of squares of 2.8,
    # 5 / 4 of it over 10 * 0.6 * 0.4 is the design effect.
    hits = np.array([1, 1, 1, 0, 1, 1, 0, 0, 1, 0], bool)
    found = proportion(hits, names(5, 2))
    for limit in (found.low, found.high):
        assert effective(found, limit) == pytest.approx(10 / (2.8 * 5 / 4 / 2.4))
    alike = proportion(np.repeat([True, True, True, False], 3), names(4, 3))
    assert effective(alike, alike.low) == pytest.approx(4)  # never fewer images than groups of equal size
    unlike = proportion(np.tile([True, False], 5), names(5, 2))
    assert effective(unlike, unlike.low) == pytest.approx(10)  # never more images than there are
    perfect = proportion(np.ones(12, bool), np.repeat(list("abc"), [6, 3, 3]))
    assert effective(perfect, perfect.low) == pytest.approx(12 / ((36 + 9 + 9) / 12))
    assert perfect.high == 1


def test_every_share_of_a_class_counts_groups() -> None:
    each = sample(each=1)  # three images of a group get the same answer
    images = Sample(LABELS, each.truth.repeat(3), each.probabilities.repeat(3, axis=0), names(100, 3))
    own, taken = images.truth == 0, images.predicted == 0
    found = class_metrics(images)[LABELS[0]]
    assert found.sensitivity == proportion(taken[own], images.groups[own])
    assert found.specificity == proportion(~taken[~own], images.groups[~own])
    assert found.precision == proportion(own[taken], images.groups[taken])
    assert overall_metrics(images).accuracy == proportion(images.right, images.groups)


@pytest.mark.parametrize("share", [0.7, 0.95])
@pytest.mark.parametrize("each", [1, 3])
def test_the_interval_of_a_sensitivity_holds_the_truth(share: float, each: int) -> None:
    """Images of a group that are right or wrong together: an interval by image would be too narrow."""

    def sensitivity(seed: int, by_page: bool = False) -> Estimate:
        hits = np.repeat(np.random.default_rng(seed).random(50) < share, each)
        truth = np.repeat([1, 0], [len(hits), 10])
        predicted = np.concatenate([hits, np.zeros(10, bool)]).astype(int)
        groups = names(len(truth)) if by_page else np.concatenate([names(50, each), names(10)])
        sample = Sample(("a", "b"), truth, np.eye(2)[predicted], groups)
        return class_metrics(sample, Bootstrap(resamples=10))["b"].sensitivity  # a proportion has no resamples

    assert covers(share, sensitivity, 800) >= 0.93
    if each > 1:
        assert covers(share, lambda seed: sensitivity(seed, by_page=True), 300) < 0.9


@pytest.mark.parametrize("each", [1, 3])
def test_the_interval_of_an_auroc_holds_the_truth(each: int) -> None:
    """Two normal distributions one deviation apart have an AUROC of Phi(1 / sqrt(2))."""
    truth = np.repeat([0, 1], 50 * each)

    def auroc(seed: int, by_page: bool = False) -> Estimate:
        scores = np.repeat(np.random.default_rng(seed).normal(size=100), each) + truth
        share = norm.cdf(scores)
        groups = names(len(truth)) if by_page else names(100, each)
        return class_metrics(Sample(("a", "b"), truth, np.stack([1 - share, share], axis=1), groups), FEWER)["b"].auroc

    assert covers(norm.cdf(math.sqrt(0.5)), auroc, 150) >= 0.92
    if each > 1:
        assert covers(norm.cdf(math.sqrt(0.5)), lambda seed: auroc(seed, by_page=True), 50) < 0.85


def test_the_interval_of_a_difference_holds_the_truth() -> None:
    """Two models equally good, right or wrong on whole groups, mostly on the same."""
    found = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        ease = rng.normal(size=60)
        two = []
        for _ in range(2):
            right = np.repeat(ease + rng.normal(size=60) > -0.7, 2)
            two.append(two_classes(right, rng.uniform(0.5, 1, 120), names(60, 2)))
        found.append(paired_differences(*two, FEWER))
    assert set(found[0]) == set(metrics.PAIRED)
    for name in metrics.PAIRED:
        assert np.mean([one[name].low <= 0 <= one[name].high for one in found]) >= 0.9, name
        assert min(one[name].low for one in found) < 0 < max(one[name].high for one in found), name


def test_a_difference_is_new_minus_old_and_drawn_in_pairs() -> None:
    """Models that differ on one image in 25: what the images have in common cancels."""
    right = np.arange(200) % 4 != 0
    old = two_classes(right, 0.8, names(200))
    better = two_classes(right | (np.arange(200) % 24 == 0), 0.8, names(200))
    found, alone = paired_differences(better, old), overall_metrics(old)
    assert found["accuracy"].value == pytest.approx(9 / 200)
    for name in ("macro_f1", "macro_auroc", "brier_score", "log_loss"):
        assert found[name].value == pytest.approx(
            getattr(overall_metrics(better), name).value - getattr(alone, name).value
        ), name
        assert found[name].high - found[name].low < 0.7 * (getattr(alone, name).high - getattr(alone, name).low), name
    assert found["accuracy"].low > 0
    assert found["brier_score"].high < 0
    same = paired_differences(old, old)["brier_score"]
    assert (same.value, same.low) == (0, None)
    assert "same in every resample" in same.note


def test_differences_of_other_pages_are_refused() -> None:
    old = sample()
    truth, groups = old.truth.copy(), old.groups.copy()
    truth[0], groups[0] = (truth[0] + 1) % 4, "other"
    for name, new in (
        ("labels", Sample(LABELS[::-1], old.truth, old.probabilities, old.groups)),
        ("truth", Sample(LABELS, truth, old.probabilities, old.groups)),
        ("groups", Sample(LABELS, old.truth, old.probabilities, groups)),
        ("truth", sample(groups=99)),
    ):
        with pytest.raises(ValueError, match=f"differ in the {name}"):
            paired_differences(new, old)


def test_the_calibration_error_is_the_one_built_in() -> None:
    """Bins with 15 points too little and 15 too much: they do not cancel."""
    confidence = np.repeat([0.65, 0.95], 50)
    right = np.concatenate([np.arange(50) < 40, np.arange(50) < 40])
    images = two_classes(right, confidence, names(100))
    ece = overall_metrics(images).calibration_error
    assert ece.value == pytest.approx(0.15)
    assert "10 bins" in ece.note
    bins = calibration_bins(images)
    assert [one.images for one in bins] == [0, 0, 0, 0, 0, 0, 50, 0, 0, 50]
    assert (bins[6].low, bins[6].high) == (0.6, 0.7)
    assert bins[6].confidence == pytest.approx(0.65)
    assert bins[9].accuracy == proportion(right[50:], names(50))
    assert bins[0].confidence is None
    assert bins[0].accuracy == Estimate(None, None, None, "no image in this bin")
    edges = calibration_bins(two_classes(right, np.repeat([0.7, 1.0], 50), names(100)))
    assert [number for number, line in enumerate(edges) if line.images] == [6, 9]  # a bin has its upper edge


def test_the_interval_of_a_calibration_error_reaches_down_to_the_truth() -> None:
    """A calibrated model: its figure is above 0 by chance, and so are all its resamples."""

    def ece(seed: int) -> Estimate:
        rng = np.random.default_rng(seed)
        confidence = rng.uniform(0.5, 1, 200)
        found = overall_metrics(
            two_classes(rng.random(200) < confidence, confidence, names(200)), FEWER
        ).calibration_error
        assert found.low >= 0
        return found

    assert covers(0, ece, 60) >= 0.7


def test_the_most_certain_pages_are_answered_first_and_equals_together() -> None:
    images = two_classes(np.array([1, 1, 0, 1, 0, 0], bool), np.array([0.9, 0.9, 0.8, 0.7, 0.7, 0.6]), names(6))
    curve = risk_coverage(images)
    np.testing.assert_allclose(curve.coverage, [2 / 6, 3 / 6, 5 / 6, 1])
    np.testing.assert_allclose(curve.risk, [0, 1 / 3, 2 / 5, 3 / 6])


def test_subgroups_say_where_they_prove_little() -> None:
    images = sample()
    column = ["phone"] * 150 + ["scan"] * 141 + [None] * 6 + ["fax"] * 3
    found = subgroup_metrics(images, column)
    assert {value: part.images for value, part in found.items()} == {
        "phone": 150, "scan": 141, "not stated": 6, "fax": 3,
    }  # fmt: skip
    part = Sample(LABELS, images.truth[:150], images.probabilities[:150], images.groups[:150])
    assert found["phone"].accuracy == overall_metrics(part).accuracy
    assert found["phone"].macro_f1 == overall_metrics(part).macro_f1
    for name in ("accuracy", "macro_f1"):
        assert "proves little" not in getattr(found["scan"], name).note
        assert "fewer than 10 images: proves little" in getattr(found["not stated"], name).note
    one = subgroup_metrics(Sample(LABELS, images.truth, images.probabilities, names(20, 15)), ["x"] * 15 + ["y"] * 285)
    assert "one group only: proves little" in one["x"].accuracy.note
    assert one["y"].accuracy.note == ""
    with pytest.raises(ValueError, match="299 values for 300 images"):
        subgroup_metrics(images, ["x"] * 299)


def certain(truth: np.ndarray, predicted: np.ndarray, groups: np.ndarray) -> Sample:
    return Sample(LABELS, truth, np.eye(4)[predicted], groups)


EVERY = np.arange(40) % 4
ODD = {
    "one image": certain(np.array([1]), np.array([1]), names(1)),
    "one image, wrong": certain(np.array([1]), np.array([2]), names(1)),
    "two images": certain(np.array([0, 1]), np.array([0, 0]), names(2)),
    "one group": Sample(LABELS, sample().truth, sample().probabilities, names(1, 300)),
    "one class": certain(np.ones(40, int), EVERY, names(40)),
    "a class absent": certain(EVERY % 3, EVERY, names(20, 2)),
    "a class never taken": certain(EVERY, EVERY % 3, names(20, 2)),
    "a class in one group": certain(np.repeat([0, 1], [38, 2]), np.repeat([0, 1], [37, 3]), names(20, 2)),
    "a class in two groups": certain(np.repeat([0, 1], [36, 4]), np.repeat([0, 1], [35, 5]), names(20, 2)),
    "a class in nine groups": certain(np.repeat([0, 1], [31, 9]), np.repeat([1, 0, 1], [5, 27, 8]), names(40)),
    "a group a class": certain(np.repeat(range(4), 10), np.repeat(range(4), 10), names(4, 10)),
    "all alike": Sample(LABELS, EVERY, np.full((40, 4), 0.25), names(40)),
    "all right": certain(EVERY, EVERY, names(40)),
    "all wrong": certain(EVERY, (EVERY + 1) % 4, names(40)),
    "float32": Sample(LABELS, EVERY, softmax(np.eye(4, dtype=np.float32)[EVERY], axis=1), names(40)),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_samples_get_metrics_or_reasons(name: str) -> None:
    images = ODD[name]
    found = {
        "classes": class_metrics(images),
        "overall": overall_metrics(images),
        "differences": paired_differences(images, images),
        "subgroups": subgroup_metrics(images, [None] * len(images.truth)),
    }
    for one in estimates(found):
        json.dumps(as_record(one), allow_nan=False)
        assert one.value is not None or (one.note and one.low is None), one
        assert one.low is None or one.low <= one.value <= one.high, one
    assert all(one.low is not None or one.note for kind in ("classes", "overall") for one in estimates(found[kind]))
    json.dumps(as_record(calibration_bins(images)), allow_nan=False)
    curve = risk_coverage(images)
    assert np.isfinite([curve.coverage, curve.risk]).all()


@pytest.mark.parametrize(
    ("name", "metric", "value", "note"),
    [
        ("one image", ("arrhythmia", "sensitivity"), 1, "one group only: no interval"),
        ("one image", ("normal", "sensitivity"), None, "no image of this class"),
        ("one image", ("arrhythmia", "auroc"), None, "only images of this class"),
        ("one group", ("normal", "auroc"), ..., "one group only: no interval"),
        ("one class", ("arrhythmia", "specificity"), None, "only images of this class"),
        ("one class", ("arrhythmia", "average_precision"), None, "only images of this class"),
        ("a class absent", ("normal", "f1"), None, "no image of this class"),
        ("a class absent", ("normal", "auroc"), None, "no image of this class"),
        ("a class never taken", ("normal", "precision"), None, "no image was taken for this class"),
        ("a class never taken", ("normal", "f1"), 0, "the same in every resample: no interval"),
        ("a class in one group", ("arrhythmia", "f1"), 0.8, "one group only: no interval"),
        ("a class in one group", ("infarction", "auroc"), ..., "one group only: no interval"),
        (
            "a class in two groups",
            ("arrhythmia", "f1"),
            8 / 9,
            "2 groups only: the interval may be too narrow; undefined in 12% of the resamples, left out",
        ),
        ("a class in nine groups", ("infarction", "auroc"), ..., "9 groups only: the interval may be too narrow"),
        ("a class in nine groups", ("infarction", "f1"), ..., ""),
        ("all alike", ("history", "auroc"), 0.5, "the same in every resample: no interval"),
    ],
)
def test_reasons_of_a_class(name: str, metric: tuple[str, str], value: float | None, note: str) -> None:
    found = getattr(class_metrics(ODD[name])[metric[0]], metric[1])
    assert found.note == note
    assert value is ... or found.value == (value if value is None else pytest.approx(value))
    assert (found.low is None) == bool(note and "narrow" not in note)


def test_reasons_of_overall_metrics() -> None:
    absent = overall_metrics(ODD["a class absent"])
    for name in ("macro_f1", "balanced_accuracy", "macro_auroc", "macro_average_precision"):
        assert "left out, for want of images: normal" in getattr(absent, name).note
    assert absent.accuracy.note == absent.brier_score.note == ""
    assert overall_metrics(ODD["one class"]).macro_auroc == Estimate(None, None, None, "only images of one class")
    assert "undefined in 90% of the resamples: no interval" in overall_metrics(ODD["a group a class"]).macro_f1.note


def test_a_probability_of_0_for_the_truth_is_limited_and_said() -> None:
    confidence = np.where(np.arange(100) < 3, 1, 0.5)
    images = two_classes(np.arange(100) >= 3, confidence, names(100))
    loss = overall_metrics(images).log_loss
    assert loss.value == pytest.approx((97 * math.log(2) - 3 * math.log(np.finfo(np.float32).eps)) / 100)
    assert loss.note == "less than 1.2e-07 for the true class counts as that, in images: 3"
    assert overall_metrics(sample(digits=17)).log_loss.note == ""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda truth, shares, groups: (truth[:-1], shares, groups), "give one of each an image"),
        (lambda truth, shares, groups: (truth, shares[:, :3], groups), "give one of each an image"),
        (lambda truth, shares, groups: (truth, shares, groups[:-1]), "give one of each an image"),
        (lambda truth, shares, groups: (truth[:0], shares[:0], groups[:0]), "at least one image"),
        (lambda truth, shares, groups: (truth + 1, shares, groups), "outside 0 to 3"),
        (lambda truth, shares, groups: (truth - 1, shares, groups), "outside 0 to 3"),
        (lambda truth, shares, groups: (truth, shares * np.nan, groups), "not a number from 0 to 1"),
        (lambda truth, shares, groups: (truth, shares - 0.3, groups), "not a number from 0 to 1"),
        (lambda truth, shares, groups: (truth, shares * 3, groups), "not a number from 0 to 1"),
    ],
)
def test_what_does_not_fit_is_refused(change: Callable, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Sample(LABELS, *change(EVERY, np.eye(4)[EVERY] * 0.5, names(40)))
