"""Parity holds for an export, says how sure the model was, and fails for every defect."""

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from edge import Classifier, Contract, load_page
from export.comparison_images import ComparisonImages
from export.parity import BOUNDS, Parity, ParityError, compare
from tests.conftest import last_line
from tests.export.mutants import (
    double_rescale,
    nearest_resize,
    one_pixel_shift,
    other_heatmap,
    other_in_distribution,
    shuffled_labels,
    swapped_channels,
)
from training.models.saved_model import SavedModel, load_model


@pytest.fixture(scope="module")
def model(h5: Path) -> SavedModel:
    return load_model(h5)


@pytest.fixture(scope="module")
def shown(model: SavedModel, three_classes: Path) -> ComparisonImages:
    return ComparisonImages.read(three_classes / "test", model)


def test_parity_holds_and_says_how_sure_the_model_was(
    model: SavedModel, shown: ComparisonImages, onnx_file: Path, three_classes: Path
) -> None:
    parity = compare(model, Classifier(onnx_file), shown)
    assert parity.failures == []
    assert parity.images == 6
    images = np.stack(
        [load_page(path, model.contract.preprocessing) for path in sorted((three_classes / "test").rglob("*.jpg"))]
    )
    probabilities = model.run(images).probabilities
    assert parity.median_certain == pytest.approx(np.median(probabilities.max(axis=1)))
    assert parity.most_certain == pytest.approx(probabilities.max())


def test_verify_prints_the_table_or_json(
    called: Callable, h5: Path, onnx_file: Path, three_classes: Path, tmp_path: Path
) -> None:
    images = ("--images", three_classes / "test")
    assert "largest difference, logits" in called("export", "verify", h5, onnx_file, *images).stdout
    record = json.loads(called("export", "verify", h5, onnx_file, *images, "--format", "json").stdout)
    assert record["holds"] is True
    assert record["logit_difference"] <= record["largest_logit"] == BOUNDS["float32"].logit
    broken = tmp_path / "broken.onnx"
    onnx.save(double_rescale(onnx.load(onnx_file)), broken)
    result = called("export", "verify", h5, broken, *images, "--format", "json", code=1)
    assert json.loads(result.stdout)["holds"] is False
    assert "gives other predictions" in last_line(result)


MUTATIONS = (
    swapped_channels,
    double_rescale,
    one_pixel_shift,
    nearest_resize,
    shuffled_labels,
    other_in_distribution,
    other_heatmap,
)


@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda function: function.__name__)
def test_parity_fails_for_what_drifts(
    mutate: Callable, model: SavedModel, shown: ComparisonImages, onnx_file: Path, tmp_path: Path
) -> None:
    onnx.save(mutate(onnx.load(onnx_file)), tmp_path / "mutant.onnx")
    try:
        failures = compare(model, Classifier(tmp_path / "mutant.onnx"), shown).failures
    except ParityError as error:
        failures = [str(error)]
    assert failures


AGREEING = Parity(
    precision="float32", bounds=BOUNDS["float32"],
    images=200, batch_sizes=(1, 4), logit_difference=1e-6, probability_difference=1e-7,
    in_distribution_difference=1e-7, heatmap_difference=1e-6, class_changes=0, class_change_margin=0.0,
    prediction_changes=0, median_certain=0.8, most_certain=0.9, saturated=0.0,
)  # fmt: skip


def test_parity_of_a_nan_fails() -> None:
    assert AGREEING.failures == []
    for name in ("logit_difference", "probability_difference", "in_distribution_difference", "heatmap_difference"):
        assert len(dataclasses.replace(AGREEING, **{name: math.nan}).failures) == 1
    assert len(dataclasses.replace(AGREEING, prediction_changes=1).failures) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"class_changes": 5, "class_change_margin": 0.02}, "5 of 200 images get another class"),
        ({"class_changes": 1, "class_change_margin": 0.12}, "led by 0.12"),
        ({"class_changes": 1, "class_change_margin": math.nan}, "led by nan"),
        ({"probability_difference": 0.21}, "probabilities differ by 0.21"),
        ({"in_distribution_difference": 0.11}, "in-distribution scores differ by 0.11"),
        ({"heatmap_difference": 0.002}, "heatmaps and logits differ by 0.002"),
    ],
)
def test_int8_may_move_a_prediction_a_little_and_no_more(change: dict, reason: str) -> None:
    moved = dataclasses.replace(
        AGREEING, precision="int8", bounds=BOUNDS["int8"],
        logit_difference=0.4, probability_difference=0.19, class_changes=4, class_change_margin=0.09,
        prediction_changes=7,
    )  # fmt: skip
    assert moved.failures == []
    assert len(dataclasses.replace(moved, precision="float32", bounds=BOUNDS["float32"]).failures) == 5
    (failure,) = dataclasses.replace(moved, **change).failures
    assert reason in failure


def test_a_contract_of_another_model_fails(model: SavedModel, shown: ComparisonImages, onnx_file: Path) -> None:
    other: Contract = dataclasses.replace(model.contract, architecture="vgg16")
    with pytest.raises(ParityError, match="other architecture"):
        compare(dataclasses.replace(model, contract=other), Classifier(onnx_file), shown)


def test_images_without_labels_are_compared_and_a_line_says_why(
    model: SavedModel, onnx_file: Path, three_classes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    image = next(three_classes.rglob("*.jpg"))
    (tmp_path / "one").mkdir()
    (tmp_path / image.name).write_bytes(image.read_bytes())  # beside a class folder that is empty
    caplog.set_level("INFO", "export")
    parity = compare(model, Classifier(onnx_file), ComparisonImages.read(tmp_path, model))
    assert parity.labelled == 0
    assert "compared without labels, so without an accuracy: " in caplog.text
