"""The report on robustness: every condition has its row, its note and its place in the chart."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edge.images.page import open_page
from tests.conftest import LABELS
from training.data.folder import DataFolder
from training.evaluation.evaluate import evaluate
from training.evaluation.intervals import Estimate
from training.evaluation.prediction_metrics import ConditionMetrics, Robustness, RobustnessCondition
from training.evaluation.result import Evaluation
from training.evaluation.robustness import PERTURBATIONS, conditions
from training.reports.plots import contact_sheet
from training.reports.report import Report
from training.reports.robustness import add_robustness, robustness_chart, robustness_tables

NONE = Estimate(None, None, None, "no image stays legible")


def metrics(images: int, value: float) -> ConditionMetrics:
    found = [Estimate(value, value / 2, (1 + value) / 2), *(Estimate(value / part, 0.0, 0.6) for part in (2, 4, 5))]
    macro_f1, accuracy, uncertain, rejected = found if images else [NONE] * 4
    return ConditionMetrics(images=images, macro_f1=macro_f1, accuracy=accuracy, uncertain=uncertain, rejected=rejected)


def measured(of_photo: int) -> Robustness:
    """Of six images so many stay legible on a photo, and all stay so otherwise."""
    lines = []
    for one in conditions():
        images = of_photo if one.perturbation == "photo" else 6
        found = metrics(images, 1 / (1 + one.step))
        lines.append(
            RobustnessCondition(perturbation=one.perturbation, step=one.step, illegible=6 - images, metrics=found)
        )
    return Robustness(seed=0, undisturbed=metrics(6, 0.75), conditions=tuple(lines))


@pytest.fixture(scope="module")
def plain(onnx_file: Path, three_classes: Path) -> Evaluation:
    return evaluate([onnx_file], DataFolder.read(three_classes), command="here")


def with_robustness(plain: Evaluation, found: Robustness) -> Evaluation:
    return replace(plain, models=(replace(plain.models[0], robustness=found),))


def test_images_that_are_not_legible_are_noted(plain: Evaluation) -> None:
    (table,) = robustness_tables(with_robustness(plain, measured(5)))
    notes = {row[0]: row[-1] for row in table.rows}
    assert "1 of 6 images not answered: no trace stays legible" in notes["photo, strength 2"]
    assert "not answered" not in notes["rotation, degrees 2"] + notes["undisturbed"]
    assert robustness_tables(plain) == []


def test_a_condition_without_a_legible_image_says_so(plain: Evaluation, tmp_path: Path) -> None:
    evaluation = with_robustness(plain, measured(0))
    (table,) = robustness_tables(evaluation)
    (row,) = (row for row in table.rows if row[0] == "photo, strength 2")
    assert list(row[1:4]) == ["0", "no image stays legible", "no image stays legible"]
    report = Report("none legible", "evaluate")
    add_robustness(report, {1: evaluation.models[0]}, show_header=False)
    report.write(tmp_path / "report", evaluation)
    assert "6 of 6 images not answered" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")


def test_the_chart_shows_each_perturbation_and_the_metrics() -> None:
    found = measured(6)
    figure = robustness_chart(found, {name: PERTURBATIONS[name] for name in ("photo", "rotation")})
    photo, rotation = figure.axes[:2]
    assert [panel.get_title() for panel in (photo, rotation)] == ["photo", "rotation"]
    macro_f1, level = rotation.lines
    assert macro_f1.get_ydata() == pytest.approx([1 / 2, 1 / 3, 1 / 6, 1 / 11])
    assert set(level.get_ydata()) == {0.75}
    assert [text.get_text() for text in rotation.get_xticklabels()] == ["1", "2", "5", "10"]
    heights = [bar.get_height() for bars in rotation.containers for bar in bars]
    turned = [line.metrics for line in found.conditions if line.perturbation == "rotation"]
    expected = [one.rejected.value for one in turned] + [one.uncertain.value for one in turned]
    assert heights == pytest.approx(expected)


def test_the_sheet_leaves_a_place_empty_where_no_acquisition_is_legible(three_classes: Path) -> None:
    image = open_page(sorted((three_classes / "test").rglob("*.jpg"))[0])
    figure = contact_sheet([image, None], ["photo, strength 1", "photo, strength 3: no trace legible"], columns=2)
    assert [len(panel.images) for panel in figure.axes] == [1, 0]
    assert figure.axes[1].get_title() == "photo, strength 3: no trace legible"


def test_the_command_line(called: Callable, onnx_file: Path, three_classes: Path, tmp_path: Path) -> None:
    """Everything once, on one image of each class."""
    for label in LABELS:
        (tmp_path / "test" / label).mkdir(parents=True)
        shutil.copy(sorted((three_classes / "test" / label).iterdir())[0], tmp_path / "test" / label)
    out = tmp_path.with_name("report of robustness")
    result = called("training", "evaluate", onnx_file, "--data", tmp_path, "--out", out, "--robustness")
    (model,) = json.loads((out / "report.json").read_text(encoding="utf-8"))["models"]
    lines = model["robustness"]["conditions"]
    assert [(line["perturbation"], line["step"]) for line in lines] == [
        (condition.perturbation, condition.step) for condition in conditions()
    ]
    assert all(line["metrics"]["images"] + line["illegible"] == 3 for line in lines)
    printed = result.stdout.partition(f"Robustness: {onnx_file}\n")[2]
    (turned,) = (line for line in lines if (line["perturbation"], line["step"]) == ("rotation", 10))
    value = turned["metrics"]["macro_f1"]["value"]
    assert re.search(rf"^rotation, degrees 10 +3 +{value:.2f} ", printed, re.MULTILINE)
    assert re.search(r"^undisturbed +3 ", printed, re.MULTILINE)
    assert {"acquisitions.jpg", "model-1-robustness.png"} <= {path.name for path in out.iterdir()}
    for file in ("report.html", "model_card.md"):
        text = (out / file).read_text(encoding="utf-8")
        assert f"Robustness: {onnx_file}" in text
        assert "photo, strength 3" in text
        assert "has no answer there: the table counts it" in text
