"""Export: the same predictions from the same images, the same bytes, and nothing left behind by a failure."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import onnx
import pytest

from edge import Classifier, load_page
from edge.contract import CONTRACT_KEY
from export import convert as conversion
from export.convert import convert
from export.parity import BOUNDS, ParityError
from tests.conftest import LABELS, ROOT, last_line
from tests.export.mutants import one_pixel_shift, swapped_channels
from training.models.saved_model import MEAN_HEATMAP_KEY, TRAINED_ON_KEY, load_model


def test_the_export_has_the_contract_and_named_outputs(h5: Path, onnx_file: Path) -> None:
    model = load_model(h5)
    classifier = Classifier(onnx_file)
    assert classifier.contract == model.contract
    assert classifier.outputs == ["heatmap", "in_distribution", "logits", "probabilities"]
    assert set(classifier.metadata[TRAINED_ON_KEY].split()) == model.trained_on
    assert onnx.load(onnx_file).opset_import[0].version == 17


def test_from_the_file_through_the_command_line_to_the_probability(
    command: Callable, h5: Path, onnx_file: Path, three_classes: Path
) -> None:
    model = load_model(h5)
    result = command("edge", "predict", three_classes, "--recursive", "--model", onnx_file, "--format", "jsonl")
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(records) == 30
    found = model.run(np.stack([load_page(record["image"], model.contract.preprocessing) for record in records]))
    assert (
        np.abs([record["in_distribution"] for record in records] - found.in_distribution[:, 0]).max()
        <= BOUNDS["float32"].in_distribution
    )
    answered = [record["status"] != "rejected" for record in records]
    assert sum(answered) >= 20
    assert answered == (found.in_distribution[:, 0] >= model.contract.in_distribution_threshold).tolist()
    for record, shares in zip(records, found.probabilities, strict=True):
        if record["status"] != "rejected":
            served = np.array([record["probabilities"][label] for label in LABELS])
            assert np.abs(served - shares).max() <= BOUNDS["float32"].probability
            assert record["label"] == LABELS[shares.argmax()]
            assert (record["status"] == "ok") == (shares.max() > model.contract.confidence_threshold)


def test_converting_twice_gives_the_same_bytes(
    command: Callable, h5: Path, onnx_file: Path, three_classes: Path, tmp_path: Path
) -> None:
    for seed in ("1", "2"):
        out = tmp_path / f"{seed}.onnx"
        result = command("export", "convert", h5, "--out", out, "--images", three_classes / "test", PYTHONHASHSEED=seed)
        assert out.read_bytes() == onnx_file.read_bytes()
        assert "parity" in result.stdout
        assert "holds" in result.stdout


def test_a_failed_parity_leaves_nothing_behind_and_exits_with_1(
    h5: Path, three_classes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    from export import __main__ as command_line

    convertible = conversion.to_onnx
    monkeypatch.setattr(conversion, "to_onnx", lambda model: one_pixel_shift(convertible(model)))
    words = ["export", "convert", str(h5), "--out", str(tmp_path / "ecg.onnx"), "--images", str(three_classes / "test")]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as stopped:
        command_line.main()
    assert stopped.value.code == 1
    message = capsys.readouterr().err.splitlines()[-1]
    assert "logits differ by" in message
    assert "nothing was written" in message
    assert list(tmp_path.iterdir()) == []


def test_a_failed_conversion_leaves_the_earlier_file(
    h5: Path, onnx_file: Path, three_classes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convertible = conversion.to_onnx
    monkeypatch.setattr(conversion, "to_onnx", lambda model: swapped_channels(convertible(model)))
    earlier = shutil.copy(onnx_file, tmp_path / "ecg.onnx")
    with pytest.raises(ParityError):
        convert(h5, earlier, three_classes / "test")
    assert earlier.read_bytes() == onnx_file.read_bytes()


def test_nothing_but_an_exported_model_is_replaced(
    called: Callable, h5: Path, three_classes: Path, tmp_path: Path
) -> None:
    other, notes, link = tmp_path / "other.h5", tmp_path / "notes.txt", tmp_path / "link.onnx"
    source = Path(shutil.copy(ROOT / "edge" / "contract.py", tmp_path / "source.py"))  # which names the contract
    shutil.copy(h5, other)
    notes.write_text("what somebody wrote\n")
    link.symlink_to(other)
    image = sorted((three_classes / "test").rglob("*.jpg"))[0]
    before = {path: path.read_bytes() for path in (h5, other, notes, source, image)}
    for out, reason in (
        (h5, "is read by this command"),
        (image, "is read by this command"),
        (other, "was not made by this command"),
        (notes, "was not made by this command"),
        (source, "was not made by this command"),
        (link, "was not made by this command"),
        (tmp_path, "is a folder"),
    ):
        words = ("convert", h5, "--out", out, "--images", three_classes / "test")
        assert reason in last_line(called("export", *words, code=2))
    assert {path: path.read_bytes() for path in before} == before


def test_wrong_use_gets_one_line_and_2(
    called: Callable, h5: Path, onnx_file: Path, three_classes: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    out = ("--out", tmp_path / "ecg.onnx")
    images = ("--images", three_classes / "test")
    foreign, old = shutil.copy(onnx_file, tmp_path / "foreign.h5"), shutil.copy(h5, tmp_path / "old.h5")
    with h5py.File(old, "a") as file:
        del file[MEAN_HEATMAP_KEY]
    earlier = {schema: Path(shutil.copy(h5, tmp_path / f"schema_{schema}.h5")) for schema in (1, 2)}
    for schema, path in earlier.items():
        with h5py.File(path, "a") as file:
            file.attrs[CONTRACT_KEY] = json.dumps(json.loads(file.attrs[CONTRACT_KEY]) | {"schema": schema})
    again = "train the model again with 'python -m training train'"
    for arguments, reason in (
        (("convert", h5, *out, "--images", tmp_path / "empty"), "no folder with images"),
        (("convert", foreign, *out, *images), "is an ONNX file and no Keras model"),
        (("convert", tmp_path / "none.h5", *out, *images), "no such model file"),
        (("convert", h5, "--out", tmp_path / "no" / "ecg.onnx", *images), "No such file"),
        (("verify", h5, tmp_path / "none.onnx", *images), "no such model file"),
        (("convert", old, *out, *images), "has no ecg_mean_training_heatmap, it is not from this program"),
        *(
            (("convert", path, *out, *images), f"has schema {schema}, this program reads schema 3: {again}")
            for schema, path in earlier.items()
        ),
        (("convert", h5, *out, *images, "--int8"), "--int8 and --calibration DIR go together"),
        (("convert", h5, *out, *images, "--int8", "--calibration", tmp_path / "empty"), "to calibrate on"),
    ):
        assert reason in last_line(called("export", *arguments, code=2))
    assert {path.name for path in tmp_path.iterdir()} == {"empty", "foreign.h5", "old.h5", "schema_1.h5", "schema_2.h5"}
