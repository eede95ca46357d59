"""Int8: written alike every time, with weights that no processor cuts off, and only where they predict the same."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edge import Classifier, load_page
from edge.errors import UsageError
from export.convert import convert
from export.parity import Bounds, ParityError
from training.models.saved_model import load_model

SMALL = {"calibration_images": 8, "fewest_images": 10}
LENIENT = Bounds(logit=math.inf, probability=1, in_distribution=1, margin=1, others=1)
"""Lets a model of few epochs through, whose classes lead by hundredths."""


def test_int8_is_written_with_the_same_outputs_and_weights_that_no_cpu_cuts_off(
    command: Callable, h5: Path, onnx_file: Path, three_classes: Path, tmp_path: Path
) -> None:
    out, again = tmp_path / "ecg.int8.onnx", tmp_path / "again.onnx"
    parity = convert(h5, out, three_classes, three_classes / "train", bounds=LENIENT, **SMALL)
    convert(h5, again, three_classes, three_classes / "train", bounds=LENIENT, **SMALL)
    assert out.read_bytes() == again.read_bytes()
    assert parity.images == 22  # those that are not calibrated on
    assert parity.labelled == 6  # of them the test images
    assert parity.heatmap_difference < 1e-4
    classifier = Classifier(out)
    assert classifier.contract.precision == "int8"
    assert classifier.outputs == Classifier(onnx_file).outputs
    model = load_model(h5)
    images = np.stack(
        [load_page(path, model.contract.preprocessing) for path in sorted((three_classes / "test").rglob("*.jpg"))]
    )
    ours, exact = classifier.run(images).logits, model.run(images).logits
    assert np.corrcoef(ours.ravel(), exact.ravel())[0, 1] > 0.95
    weights = [numpy_helper.to_array(weight) for weight in onnx.load(out).graph.initializer]
    kernels = [weight for weight in weights if weight.dtype == np.int8 and weight.ndim == 4]
    assert len(kernels) >= 2
    # The sum of two products with unsigned bytes fits in 16 bits.
    assert all(2 * 255 * np.abs(kernel.astype(int)).max() < 2**15 for kernel in kernels)
    assert "int8" in command("edge", "info", out).stdout
    assert "passed" in command("edge", "check", out).stdout


def test_an_int8_model_that_predicts_otherwise_is_not_written(h5: Path, three_classes: Path, tmp_path: Path) -> None:
    with pytest.raises(ParityError, match=r"get another class .*: nothing was written"):
        convert(h5, tmp_path / "ecg.onnx", three_classes, three_classes / "train", **SMALL)
    assert list(tmp_path.iterdir()) == []


def test_few_images_prove_nothing_about_int8(h5: Path, three_classes: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"22 images are too few to compare an int8 model on \(at least 150"):
        convert(h5, tmp_path / "ecg.onnx", three_classes, three_classes / "train", bounds=LENIENT, calibration_images=8)
    assert list(tmp_path.iterdir()) == []
