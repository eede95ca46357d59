"""The training commands, as they are typed: wrong use gets one line, and synthetic images are said to be so."""

import argparse
import os
import pty
import shutil
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, last_line
from training.commands import train


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
        ((*train, "--data", three_classes, "--out", tmp_path / "run", "--fine-tune", "block5"), "leave it out"),
        ((*train, "--data", three_classes, "--out", tmp_path / "run", "--epochs", "0"), "at least 1"),
        (("train", "--data", three_classes, "--out", tmp_path / "run"), "--model"),
        (("explore", "--data", three_classes, "--out", tmp_path / "file"), "File exists"),
        (("synthetic", "--out", tmp_path / "file"), "already exists"),
    ):
        result = called("training", *arguments, code=2)
        assert reason in last_line(result)
        assert result.stdout == ""
    assert {path.name for path in tmp_path.iterdir()} == {"empty", "file"}


def on_a_terminal(*words: object) -> str:
    """What a command of training says on stderr where that is a terminal."""
    ours, its = pty.openpty()
    termios.tcsetwinsize(its, (24, 80))
    subprocess.run([sys.executable, "-m", "training", *map(str, words)], cwd=ROOT, stderr=its, check=True, timeout=60)
    os.write(its, b"THE END")
    said = ""
    while not said.endswith("THE END"):
        said += os.read(ours, 10_000).decode()
    os.close(ours)
    os.close(its)
    return said.removesuffix("THE END")


def test_progress_is_shown_on_a_terminal_and_quiet_hides_it(tmp_path: Path) -> None:
    words = ("synthetic", "--per-class", 1, "--workers", 1, "--out")
    assert "4/4" in on_a_terminal(*words, tmp_path / "shown")
    assert on_a_terminal(*words, tmp_path / "hidden", "--quiet") == ""


def test_help_names_the_cache_that_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for variables, cache in (
        ({"XDG_CACHE_HOME": "/somewhere", "COLUMNS": "200"}, "/somewhere/ecg-images"),
        ({"XDG_CACHE_HOME": "", "HOME": "/home/a"}, "/home/a/.cache/ecg-images"),
    ):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
        train.describe(parser)
        assert f"(default: {cache})" in parser.format_help()
        assert parser.get_default("cache") == Path(cache)


@pytest.mark.parametrize("command_name", ["evaluate", "audit", "explore", "train", "tune", "synthetic"])
def test_no_output_folder_is_written_into_what_somebody_else_made(
    command_name: str, called: Callable, three_classes: Path, h5: Path, run: Path, tmp_path: Path
) -> None:
    """The data folder itself, somebody's notes, and a report of another command stay as they are, byte for byte."""
    shutil.copytree(three_classes, tmp_path / "data")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "report.html").write_text("<html>mine</html>")
    shutil.copytree(run, tmp_path / "run")
    words = {
        "evaluate": (h5, "--data", tmp_path / "data"),
        "train": ("--model", "vgg16", "--data", tmp_path / "data"),
        "tune": ("--model", "cnn", "--data", tmp_path / "data"),
        "synthetic": ("--per-class", 1),
    }.get(command_name, ("--data", tmp_path / "data"))

    def content() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()}

    before = content()
    for name in ("data", "notes", "run"):
        result = called("training", command_name, *words, "--out", tmp_path / name, code=2)
        assert str(tmp_path / name) in last_line(result)
        assert content() == before


def test_a_report_of_the_same_command_is_written_again(called: Callable, three_classes: Path, tmp_path: Path) -> None:
    words = ("training", "explore", "--data", three_classes, "--out", tmp_path / "report")
    called(*words)
    (tmp_path / "report" / "notes.txt").write_text("mine")
    called(*words)
    assert (tmp_path / "report" / "notes.txt").read_text() == "mine"
