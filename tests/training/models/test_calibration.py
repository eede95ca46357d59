"""Calibration and in-distribution score: what is fitted at the end of training means what it says."""

import keras
import numpy as np
import pytest
from scipy.special import softmax

from training.evaluation.intervals import Sample
from training.evaluation.metrics import overall_metrics
from training.models.calibration import (
    calibrated,
    choose_confidence_threshold,
    cross_calibrated,
    fit_temperature,
    fit_thresholds,
)
from training.models.cnn import build_cnn
from training.models.heads import fit_standardise, with_probabilities
from training.models.in_distribution import COMPONENTS, choose_in_distribution_threshold, fit_in_distribution


def predictions(images: int, temperature: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are calibrated once they are divided by the temperature, and the truth."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (images, 4))
    shares = softmax(logits, axis=1)
    truth = (shares.cumsum(axis=1) > rng.random((images, 1))).argmax(axis=1)
    return logits * temperature, truth


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_temperature_is_found(temperature: float) -> None:
    logits, truth = predictions(20_000, temperature)
    assert fit_temperature(logits, truth) == pytest.approx(temperature, rel=0.05)


def test_calibration_lowers_the_calibration_error() -> None:
    logits, truth = predictions(2000, 3.0)
    temperature = fit_thresholds(logits, truth, 0.9)["temperature"]
    errors = [
        overall_metrics(
            Sample(tuple("abcd"), truth, calibrated(logits, t), np.arange(2000).astype(str))
        ).calibration_error.value
        for t in (1.0, temperature)
    ]
    assert errors[0] > 0.1
    assert errors[1] < 0.04


def test_where_every_page_is_right_the_temperature_stays_finite() -> None:
    truth = np.array([0, 1, 2, 3])
    assert 0.04 < fit_temperature(5.0 * np.eye(4)[truth], truth) < 20


def test_no_page_is_calibrated_by_its_own_label() -> None:
    logits, truth = predictions(400, 2.0)
    fold = np.arange(400) % 4
    found = cross_calibrated(logits, truth, fold)
    other = truth.copy()
    other[fold == 2] = (other[fold == 2] + 1) % 4
    again = cross_calibrated(logits, other, fold)
    np.testing.assert_array_equal(again[fold == 2], found[fold == 2])
    assert (again[fold == 1] != found[fold == 1]).any()


def test_above_the_operating_point_the_target_is_reached_and_no_lower_point_reaches_it() -> None:
    logits, truth = predictions(500, 1.0)
    probabilities = calibrated(logits, 1.0)
    certain, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    point = choose_confidence_threshold(probabilities, truth, 0.9)
    assert 0.3 < point < 1
    assert right[certain > point].mean() >= 0.9
    for lower in certain[certain < point]:
        assert right[certain >= lower].mean() < 0.9


def test_an_operating_point_that_asks_for_nothing_and_one_that_cannot_be_had() -> None:
    truth = np.array([0, 1, 0, 1])
    sure = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]])
    assert choose_confidence_threshold(sure, truth, 0.9) == 0.0
    assert choose_confidence_threshold(sure, 1 - truth, 0.9) == 1.0
    # The third and the fourth are equally certain and one of them is wrong: neither can be answered.
    tied = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.7, 0.3]])
    assert 0.7 < choose_confidence_threshold(tied, truth, 0.9) < 0.8


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(3)
    return build_cnn(3, 96, 160)


def test_the_typicality_is_that_of_the_mahalanobis_distance(network: keras.Model) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (120, 96, 160, 3), np.uint8)
    images[:, :, :80] //= rng.integers(1, 9, (120, 1, 1, 3), np.uint8)  # images that differ
    model = keras.Model(network.input, network.get_layer("features").output)
    features = model.predict(images, verbose=0)
    fit_standardise(network, features)
    fit_in_distribution(network, features)
    spread = features.std(axis=0)
    least = np.maximum(0.01 * features.mean(axis=0), 0.5 * np.median(spread))
    standard = (features - features.mean(axis=0)) / np.sqrt(np.maximum(spread, least) ** 2 + 1e-6)
    values, vectors = np.linalg.eigh(standard.T @ standard / len(standard))
    kept = np.argsort(-values)[:COMPONENTS]
    kept = kept[np.sqrt(values[kept]) > 0.1 * np.sqrt(values.max())]
    assert len(kept) > 3
    distance = ((standard @ vectors[:, kept]) ** 2 / values[kept]).mean(axis=1)
    found = with_probabilities(network, 1.0).predict(images, verbose=0)["in_distribution"]
    np.testing.assert_allclose(found[:, 0], 1 / (1 + distance), atol=2e-3)
    assert np.mean(1 / found - 1) == pytest.approx(1, abs=0.05)  # of the images that it was fitted to


def test_a_feature_that_hardly_varies_does_not_count_more_than_twice_the_usual_one_of_its_block() -> None:
    blocks = [keras.Input((4,)), keras.Input((5,))]
    joined = keras.layers.Concatenate(name="features")(blocks)
    model = keras.Model(blocks, keras.layers.BatchNormalization(name="standardise", center=False, scale=False)(joined))
    spread = np.array([1, 2, 0.1, 0, 100, 200, 300, 0.1, 110])
    features = np.array([[-1], [1]]) * spread
    fit_standardise(model, features.astype(np.float32))
    mean, variance = model.get_layer("standardise").get_weights()
    assert np.allclose(mean, 0)
    assert np.allclose(np.sqrt(variance), [1, 2, 0.275, 0.275, 100, 200, 300, 55, 110])


def test_a_page_may_deviate_twice_as_much_as_nearly_all_unseen_pages_do() -> None:
    deviation = np.append(np.linspace(0.5, 1.5, 99), 1000.0)[:, np.newaxis]  # one strange image decides nothing
    least = choose_in_distribution_threshold(1 / (1 + deviation))
    assert 1 / least - 1 == pytest.approx(2 * np.quantile(deviation, 0.95))
    assert choose_in_distribution_threshold(np.ones((5, 1))) == 0.5  # more probably an ECG image than none


def test_other_pictures_teach_where_to_look() -> None:
    """Others leave the ECG images along a direction in which these hardly vary: no principal component sees it."""
    network = build_cnn(4, 64, 64)
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, network.get_layer("features").output.shape[1])) * 3
    features[:, 0] = rng.normal(0, 0.6, 400)
    others = rng.normal(size=(200, features.shape[1])) * 3
    others[:, 0] = 6
    fit_standardise(network, np.ones_like(features) + rng.normal(size=features.shape))

    def deviation(fitted_with: np.ndarray | None) -> float:
        fit_in_distribution(network, features, fitted_with)
        kernel = network.get_layer("components").get_weights()[0]
        share = network.get_layer("mean_square").get_weights()[0]
        standard = network.get_layer("standardise").get_weights()
        m = [(((x - standard[0]) / np.sqrt(standard[1])) @ kernel) ** 2 @ share for x in (features, others)]
        return float(np.median(m[1]) / np.median(m[0]))

    assert deviation(None) < 1.5
    assert deviation(others) > 4


def test_the_score_is_at_most_the_probability_that_a_picture_is_an_ecg_image() -> None:
    """Others differ by a little in every feature: no distance tells them, the sum of all does."""
    network = build_cnn(4, 64, 64)
    rng = np.random.default_rng(1)
    width = network.get_layer("features").output.shape[1]
    features, others = (rng.normal(shift, 1, (count, width)) for shift, count in ((0.5, 500), (-0.5, 300)))
    fit_standardise(network, features.astype(np.float32))
    scores = keras.Model(network.get_layer("features").output, network.output["in_distribution"])
    fit_in_distribution(network, features, others)
    unseen = [rng.normal(shift, 1, (200, width)).astype(np.float32) for shift in (0.5, -0.5, 30)]
    own, foreign, far = (scores.predict(one, verbose=0)[:, 0] for one in unseen)
    assert (own > 0.5).mean() > 0.97
    assert (foreign < 0.5).mean() > 0.97
    assert (far < 0.5).all()  # an ECG image by the one model, and like none that is known by the other
    kernel, bias = network.get_layer("is_ecg").get_weights()
    mean, variance = network.get_layer("standardise").get_weights()
    probability = 1 / (1 + np.exp(-((unseen[0] - mean) / np.sqrt(variance + 1e-6) @ kernel + bias)[:, 0]))
    assert (own <= probability + 1e-6).all()
