"""Evaluation: what it counts, compares and refuses; that it says of an image what the device says of it."""

import csv
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from edge import Classifier, ModelError
from tests.conftest import RECIPE, trained
from training.data.folder import DataFolder
from training.errors import DataError
from training.evaluation.evaluate import evaluate
from training.evaluation.result import Evaluation
from training.reports.evaluation import write_evaluation


def evaluated(models: list[Path], data: Path) -> Evaluation:
    return evaluate(models, DataFolder.read(data), command="here")


def test_pages_that_the_model_has_seen_are_counted_and_said(h5: Path, three_classes: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(three_classes / "test", data / "test")
    for number, image in enumerate(sorted((three_classes / "train" / "normal").iterdir())[:3]):
        shutil.copy(image, data / "test" / "normal" / f"renamed {number}.jpg")
    found = evaluated([h5], data)
    metrics = found.models[0].metrics
    assert (metrics.images, metrics.seen_in_training) == (9, 3)
    seen = {Path(one.image).name for one in metrics.predictions if one.seen_in_training}
    assert seen == {f"renamed {number}.jpg" for number in range(3)}
    write_evaluation(found, tmp_path / "report")
    assert "has seen 3 of these 9 images" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")


def test_pages_of_one_group_have_no_interval(h5: Path, three_classes: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(three_classes / "test", data / "test")
    with (data / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "split", "group"])
        for image in sorted(data.rglob("*.jpg")):
            writer.writerow([image.relative_to(data), image.parent.name, "test", "one patient"])
    found = evaluated([h5], data)
    overall = found.models[0].metrics.overall
    for estimate in (overall.accuracy, overall.macro_f1, overall.calibration_error):
        assert estimate.value is not None
        assert estimate.low is None
        assert "one group only" in estimate.note
    assert found.baselines == {}
    assert "no training images" in found.no_baselines


def test_the_device_and_the_report_say_the_same_of_every_page(
    h5: Path, onnx_file: Path, three_classes: Path, tmp_path: Path
) -> None:
    metrics = evaluated([h5], three_classes).models[0].metrics
    device = Classifier(onnx_file)
    assert len(metrics.predictions) == 6
    for one in metrics.predictions:
        assert device.predict(one.image).status == one.status
    statuses = Counter(one.status for one in metrics.predictions)
    counted = metrics.statuses
    assert (counted.ok, counted.uncertain, counted.rejected) == tuple(
        statuses[name] for name in ("ok", "uncertain", "rejected")
    )


def test_the_accuracy_of_ok_is_that_of_the_images_with_an_answer(h5: Path, three_classes: Path) -> None:
    metrics = evaluated([h5], three_classes).models[0].metrics
    right = [one.label == one.predicted for one in metrics.predictions if one.status == "ok"]
    assert right, "the model answers nothing: this proves nothing"
    assert metrics.statuses.accuracy_of_ok.value == sum(right) / len(right)


def test_another_model_is_compared_page_by_page(h5: Path, three_classes: Path, tmp_path: Path) -> None:
    other = trained(three_classes, tmp_path / "run", replace(RECIPE, epochs=1, seed=4))
    found = evaluated([h5, other], three_classes)
    (pair,) = found.comparisons
    assert (pair.model, pair.reference) == (str(other), str(h5))
    old, new = (model.metrics.overall.accuracy.value for model in found.models)
    assert pair.differences["accuracy"].value == pytest.approx(new - old)
    assert found.parity == found.latency == ()


def test_a_flat_folder_is_divided_as_in_training(synthetic_folder: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    for split in ("train", "test"):
        shutil.copytree(synthetic_folder / split, flat, dirs_exist_ok=True)
    model = trained(flat, tmp_path / "run", replace(RECIPE, epochs=1, seed=3))
    metrics = evaluated([model], flat).models[0].metrics
    assert (metrics.images, metrics.seen_in_training) == (8, 0)


def test_unusable_input_is_refused(h5: Path, three_classes: Path, synthetic_folder: Path, tmp_path: Path) -> None:
    only_train = shutil.copytree(three_classes, tmp_path / "only train")
    shutil.rmtree(only_train / "test")
    with pytest.raises(DataError, match="has no test images"):
        evaluated([h5], only_train)
    with pytest.raises(DataError, match="does not know the class 'abnormal_heartbeat'"):
        evaluated([h5], synthetic_folder)
    with pytest.raises(ModelError, match=r"neither \.h5 nor \.onnx"):
        evaluated([three_classes], three_classes)
