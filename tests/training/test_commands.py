"""The training commands, as they are typed: wrong use gets one line, and synthetic images are said to be so."""

from collections.abc import Callable
from pathlib import Path

from tests.conftest import last_line


def test_synthetic_images_are_said_to_be_synthetic_wherever_results_are_shown(
    synthetic_folder: Path, called: Callable, command: Callable, tmp_path: Path
) -> None:
    from export.convert import convert

    words = ("training", "train", "--model", "cnn", "--epochs", 1, "--image-size", "96x160")
    called(*words, "--data", synthetic_folder, "--out", tmp_path / "run")
    model = tmp_path / "run" / "ecg_cnn_model.h5"
    assert "synthetic ECG images" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    result = called("training", "evaluate", model, "--data", synthetic_folder, "--out", tmp_path / "report")
    assert "synthetic ECG images" in result.stdout
    assert "synthetic ECG images" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    convert(model, tmp_path / "ecg.onnx", synthetic_folder / "test")
    image = next((synthetic_folder / "test").rglob("*.jpg"))
    assert "synthetic ECG images" in command("edge", "predict", image, "--model", tmp_path / "ecg.onnx").stderr
    called("training", "explore", "--data", synthetic_folder, "--out", tmp_path / "explore")
    assert "synthetic ECG images" in (tmp_path / "explore" / "report.html").read_text(encoding="utf-8")


def test_wrong_use_of_training_gets_one_line_and_2(called: Callable, three_classes: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    train = ("train", "--model", "cnn", "--image-size", "96x160")
    for arguments, reason in (
        ((*train, "--data", tmp_path / "none", "--out", tmp_path / "run"), "no such folder"),
        ((*train, "--data", tmp_path / "empty", "--out", tmp_path / "run"), "has no images"),
        ((*train, "--data", three_classes, "--out", tmp_path / "file" / "run"), "Not a directory"),
        ((*train, "--data", three_classes, "--out", tmp_path / "run", "--folds", "1"), "at least 2"),
        ((*train, "--data", three_classes, "--out", tmp_path / "run", "--fine-tune", "block5"), "vgg16"),
        ((*train, "--data", three_classes, "--out", tmp_path / "run", "--epochs", "0"), "at least 1"),
        (("train", "--data", three_classes, "--out", tmp_path / "run"), "--model"),
        (("explore", "--data", three_classes, "--out", tmp_path / "file"), "File exists"),
        (("synthetic", "--out", tmp_path / "file"), "already exists"),
    ):
        result = called("training", *arguments, code=2)
        assert reason in last_line(result)
        assert result.stdout == ""
    assert {path.name for path in tmp_path.iterdir()} == {"empty", "file"}
