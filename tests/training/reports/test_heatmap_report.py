"""The report on heatmaps: the table, the deletion curve, and test and synthetic images with their heatmaps."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.data.folder import DataFolder
from training.evaluation.evaluate import evaluate
from training.evaluation.intervals import Estimate
from training.evaluation.result import DeletionStep, Evaluation, HeatmapExample, HeatmapFaithfulness
from training.reports.heatmaps import add_heatmaps, deletion_chart, heatmap_tables
from training.reports.report import Report


def estimate(value: float) -> Estimate:
    return Estimate(value, value - 0.1, value + 0.1)


@pytest.fixture
def found(three_classes: Path) -> HeatmapFaithfulness:
    image = sorted((three_classes / "test").rglob("*.jpg"))[0]
    contributions = np.random.default_rng(0).normal(size=(7, 7)).astype(np.float32)
    tested = HeatmapExample(
        picture=image, label="normal", contributions=contributions, predicted="normal", probability=0.7, status="ok"
    )
    synthetic = HeatmapExample(
        picture=np.full((400, 600, 3), 250, np.uint8), label="normal", contributions=contributions,
        frames=((10, 10, 200, 100),),
    )  # fmt: skip
    steps = [
        DeletionStep(share=share, by_heatmap=estimate(10 * share), at_random=estimate(share)) for share in (0.1, 0.2)
    ]
    names = ("deletion_gain", "shuffled_weights_correlation", "altered_leads", "altered_leads_at_most")
    values = {name: estimate(place) for place, name in enumerate((*names, "altered_samples"))}
    return HeatmapFaithfulness(
        images=1, completeness_error=2e-6, deletion=tuple(steps), synthetic_images=30, silent_images=20,
        altered_samples_at_most=estimate(9), examples=(*[tested] * 3, *[synthetic] * 3), **values,
    )  # fmt: skip


@pytest.fixture
def evaluation(h5: Path, onnx_file: Path, three_classes: Path, found: HeatmapFaithfulness) -> Evaluation:
    measured = evaluate([h5, onnx_file], DataFolder.read(three_classes), command="here")
    kept, exported = measured.models
    return replace(measured, models=(kept, replace(exported, heatmaps=found)))


def test_the_table_and_the_pictures_of_the_exported_model_alone(evaluation: Evaluation, tmp_path: Path) -> None:
    (table,) = heatmap_tables(evaluation)
    assert list(table.header) == ["what", evaluation.models[1].path]
    cells = dict(table.rows)
    assert cells["completeness: largest difference"] == "2.0e-06"
    assert cells["synthetic ECG images"] == "30, and 20 on which nothing speaks for the class"
    assert cells["altered samples, most"] == "9.00 (8.90 to 9.10)"
    report = Report("Heatmaps", "evaluate")
    add_heatmaps(report, evaluation, show_header=False)
    report.write(tmp_path / "report", evaluation)
    pictures = {path.name for path in (tmp_path / "report").iterdir() if path.suffix in (".png", ".jpg")}
    assert pictures == {"model-2-deletion.png", "model-2-heatmaps.jpg", "model-2-synthetic.jpg"}
    for name in pictures:
        with Image.open(tmp_path / "report" / name) as figure:
            assert min(figure.size) > 300


def test_where_nothing_was_measured_nothing_is_reported(evaluation: Evaluation) -> None:
    unmeasured = replace(evaluation, models=evaluation.models[:1])
    assert heatmap_tables(unmeasured) == []


def test_the_curve_has_the_steps(found: HeatmapFaithfulness) -> None:
    (axes,) = deletion_chart(found.deletion).axes
    by_heatmap, at_random = axes.lines[:2]
    assert by_heatmap.get_xdata().tolist() == at_random.get_xdata().tolist() == [10, 20]
    assert by_heatmap.get_ydata() == pytest.approx([1, 2])
    assert at_random.get_ydata() == pytest.approx([0.1, 0.2])
