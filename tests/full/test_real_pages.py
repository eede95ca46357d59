"""Both models on real pages, where the variable ECG_DATA names a folder of them, with their published layout."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge import load_page
from export.parity import PROBABILITY_TOLERANCE
from training.dataset import read_folder
from training.models import load_model


@pytest.fixture(scope="module")
def data() -> Path:
    if not os.environ.get("ECG_DATA"):
        pytest.skip("ECG_DATA names no folder: nothing was trained or predicted on real pages")
    return Path(os.environ["ECG_DATA"])


@pytest.fixture(scope="module")
def weights() -> Path:
    if not os.environ.get("ECG_WEIGHTS"):
        pytest.skip("ECG_WEIGHTS names no file: VGG16 was not trained on real pages")
    return Path(os.environ["ECG_WEIGHTS"])


@pytest.fixture
def retrain(command: Callable, data: Path, tmp_path: Path) -> Callable:
    """The three commands of a retrain; returns the accuracy on the test pages, from file to probability."""

    def three_commands(model: str, *options: object) -> float:
        run, onnx_file = tmp_path / "run", tmp_path / "ecg.onnx"
        command("training", "train", "--model", model, "--data", data, "--out", run, *options)
        h5 = run / f"ecg_{model}_model.h5"
        # This checks logits, probabilities and classes on every test page.
        command("export", "convert", h5, "--out", onnx_file, "--images", data / "test")
        result = command("edge", "predict", data / "test", "--recursive", "--model", onnx_file, "--format", "jsonl")
        records = [json.loads(line) for line in result.stdout.splitlines()]
        keras_model = load_model(h5)
        answered = [record for record in records if record["status"] != "rejected"]
        pages = np.stack([load_page(record["image"], keras_model.contract) for record in answered])
        probabilities = keras_model.run(pages).probabilities
        served = np.array([list(record["probabilities"].values()) for record in answered])
        assert np.abs(served - probabilities).max() <= PROBABILITY_TOLERANCE
        assert (served.argmax(axis=1) == probabilities.argmax(axis=1)).all()
        assert len(answered) >= 0.9 * len(records)
        labels = {str(page.path): page.label for page in read_folder(data)}
        return float(np.mean([record["label"] == labels[record["image"]] for record in answered]))

    return three_commands


def test_the_cnn_from_real_pages_to_predictions(retrain: Callable) -> None:
    retrain("cnn", "--epochs", 2)  # two epochs are enough for the line, not for a good model


def test_vgg16_from_real_pages_to_predictions(retrain: Callable, weights: Path, tmp_path: Path) -> None:
    accuracy = retrain("vgg16", "--weights", weights, "--cache", tmp_path / "cache")
    # Always answering the largest class gives 0.48; the figure of record is in the README.
    assert accuracy > 0.7


def test_the_folders_of_the_published_set_are_read(data: Path) -> None:
    pages = read_folder(data)
    assert {page.label for page in pages} == {
        "abnormal_heartbeat", "history_of_mi", "myocardial_infarction", "normal",
    }  # fmt: skip
    assert {page.path.parent.name for page in pages if page.label == "normal"} == {
        "Normal Person ECG Images (284x12=3408)"
    }
    groups = [{page.group for page in pages if page.split == split} for split in ("train", "test")]
    assert not groups[0] & groups[1]
