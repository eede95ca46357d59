"""What tests share: small synthetic data folders, one tiny CNN trained and exported once, and the command lines.

Heavy packages are imported where they are needed: the device's tests run without TensorFlow.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from training.data.recipe import Recipe

ROOT = Path(__file__).parents[1]
LABELS = ("ST-Hebung, Vorderwand (übrig)", "abnormal heartbeat", "normal")
RECIPE = Recipe(model="cnn", epochs=3, height=96, width=160)


@pytest.fixture(scope="session")
def synthetic_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four classes of ten synthetic ECG images, eight to learn from and two for test."""
    from training.synthetic.dataset import SyntheticSettings, generate_dataset

    folder = tmp_path_factory.mktemp("synthetic") / "images"
    generate_dataset(folder, SyntheticSettings(per_class=10, seed=5, strength=1))
    return folder


@pytest.fixture(scope="session")
def three_classes(synthetic_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes without a manifest, one named with a comma and an umlaut, in a folder with spaces."""
    folder = tmp_path_factory.mktemp("three classes") / "images of a clinic"
    for split in ("train", "test"):
        for old, new in zip(("myocardial_infarction", "abnormal_heartbeat", "normal"), LABELS, strict=True):
            shutil.copytree(synthetic_folder / split / old, folder / split / new)
    return folder


def trained(data: Path, run: Path, recipe: Recipe = RECIPE, **inputs: object) -> Path:
    """Train as the command does, without a report; return the `.h5`. What `RunInputs` takes besides is `inputs`."""
    from training.data.folder import DataFolder
    from training.fit.run import RunInputs, model_file, train

    given = {"data": DataFolder.read(data), "out": run, "cache": run.with_name("cache")} | inputs
    found = train(recipe, RunInputs(**given))
    return found.save() if found else model_file(run, recipe.model)


@pytest.fixture(scope="session")
def run(three_classes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a CNN of 96x160 pixels, trained on three classes, with its report."""
    from training.__main__ import COMMANDS  # the command itself, so that the report is there

    folder = tmp_path_factory.mktemp("run") / "cnn"
    words = ["--model", "cnn", "--data", three_classes, "--out", folder, "--epochs", 3, "--image-size", "96x160"]
    parser = argparse.ArgumentParser()
    COMMANDS["train"][0].describe(parser)
    COMMANDS["train"][0].run(parser.parse_args(list(map(str, words))))
    return folder


@pytest.fixture(scope="session")
def h5(run: Path) -> Path:
    return run / "ecg_cnn_model.h5"


@pytest.fixture(scope="session")
def onnx_file(h5: Path, three_classes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from export.convert import convert

    file = tmp_path_factory.mktemp("onnx") / "ecg.onnx"
    convert(h5, file, three_classes / "test")
    return file


@pytest.fixture(scope="session")
def command() -> Callable[..., subprocess.CompletedProcess]:
    def run_module(*arguments: object, code: int = 0, **environment: str) -> subprocess.CompletedProcess:
        result = subprocess.run(
            [sys.executable, "-m", *map(str, arguments)],
            cwd=ROOT,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=600,
        )
        assert result.returncode == code, result.stderr
        assert "Traceback" not in result.stderr
        return result

    return run_module


@pytest.fixture
def called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> Callable[..., subprocess.CompletedProcess]:
    """What `command` does, in this process: TensorFlow takes seconds to import. `edge` would end this process."""

    def run_main(*arguments: object, code: int = 0) -> subprocess.CompletedProcess:
        words = list(map(str, arguments))
        monkeypatch.setattr(sys, "argv", words)
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            import_module(f"{words[0]}.__main__").main()
        printed = capsys.readouterr()
        assert ended.value.code == code, printed.err
        return subprocess.CompletedProcess(words, code, printed.out, printed.err)

    return run_main


def last_line(result: subprocess.CompletedProcess) -> str:
    return result.stderr.splitlines()[-1]
