"""The shipped model's files are exports of the `.h5` that stands beside them."""

import pytest

from edge import Classifier
from edge.shipped import FOLDER
from export.comparison_images import ComparisonImages
from export.parity import compare
from tests.conftest import ROOT
from training.models.saved_model import load_model


@pytest.mark.parametrize("name", ["ecg.onnx", "ecg_int8.onnx"])
def test_the_shipped_files_give_the_answers_of_their_h5(name: str) -> None:
    model = load_model(ROOT / "export" / "models" / "ecg.h5")
    parity = compare(model, Classifier(FOLDER / name), ComparisonImages.read(ROOT / "examples", model))
    assert parity.failures == []
