"""Export: the same answers from the same pictures, the same bytes, and parity that can fail."""

import dataclasses
import json
import math
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from edge import Classifier, Contract, load_page
from edge.contract import CONTRACT_KEY
from export import convert as conversion
from export.convert import convert
from export.parity import BOUNDS, Judges, Parity, ParityError, compare
from tests.conftest import LABELS, last_line
from training.models.saved_model import MEAN_HEATMAP_KEY, TRAINED_ON_KEY, SavedModel, load_model


def test_the_export_has_the_contract_and_named_outputs(h5: Path, onnx_file: Path) -> None:
    model = load_model(h5)
    classifier = Classifier(onnx_file)
    assert classifier.contract == model.contract
    assert classifier.outputs == ["heatmap", "logits", "probabilities", "in_distribution"]
    assert set(classifier.metadata[TRAINED_ON_KEY].split()) == model.trained_on
    assert onnx.load(onnx_file).opset_import[0].version == 17


@pytest.fixture(scope="module")
def model(h5: Path) -> SavedModel:
    return load_model(h5)


@pytest.fixture(scope="module")
def judges(model: SavedModel, three_classes: Path) -> Judges:
    return Judges.of(three_classes / "test", model)


def test_parity_holds_and_says_how_sure_the_model_was(
    model: SavedModel, judges: Judges, onnx_file: Path, three_classes: Path
) -> None:
    parity = compare(model, Classifier(onnx_file), judges)
    assert parity.failures == []
    assert parity.images == 6
    images = np.stack(
        [load_page(path, model.contract.preprocessing) for path in sorted((three_classes / "test").rglob("*.jpg"))]
    )
    probabilities = model.run(images).probabilities
    assert parity.median_certain == pytest.approx(np.median(probabilities.max(axis=1)))
    assert parity.most_certain == pytest.approx(probabilities.max())


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


def test_verify_prints_the_table_or_json(
    called: Callable, h5: Path, onnx_file: Path, three_classes: Path, tmp_path: Path
) -> None:
    images = ("--images", three_classes / "test")
    assert "largest difference, logits" in called("export", "verify", h5, onnx_file, *images).stdout
    record = json.loads(called("export", "verify", h5, onnx_file, *images, "--json").stdout)
    assert record["holds"] is True
    assert record["logit_difference"] <= record["largest_logit"] == BOUNDS["float32"].logit
    broken = tmp_path / "broken.onnx"
    onnx.save(double_rescale(onnx.load(onnx_file)), broken)
    result = called("export", "verify", h5, broken, *images, "--json", code=1)
    assert json.loads(result.stdout)["holds"] is False
    assert "gives other answers" in last_line(result)


def before(model: onnx.ModelProto, nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray]) -> onnx.ModelProto:
    """Put nodes, from `image` to `changed`, before everything that reads the picture."""
    for node in model.graph.node:
        node.input[:] = ["changed" if name == "image" else name for name in node.input]
    old = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *old])
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    onnx.checker.check_model(model, full_check=True)
    return model


def swapped_channels(model: onnx.ModelProto) -> onnx.ModelProto:
    gather = helper.make_node("Gather", ["image", "bgr"], ["changed"], axis=3)
    return before(model, [gather], {"bgr": np.array([2, 1, 0])})


def double_rescale(model: onnx.ModelProto) -> onnx.ModelProto:
    """Divide by 255 once more, where the picture has become float."""
    cast = next(node for node in model.graph.node if node.op_type == "Cast" and "image" in node.input)
    divided = helper.make_node("Div", [f"{cast.output[0]}_whole", "levels"], [cast.output[0]])
    place = list(model.graph.node).index(cast)
    cast.output[0] += "_whole"
    model.graph.node.insert(place + 1, divided)
    model.graph.initializer.append(numpy_helper.from_array(np.float32(255), "levels"))
    onnx.checker.check_model(model, full_check=True)
    return model


def one_pixel_shift(model: onnx.ModelProto) -> onnx.ModelProto:
    width = model.graph.input[0].type.tensor_type.shape.dim[2].dim_value
    columns = np.maximum(np.arange(width) - 1, 0)
    return before(model, [helper.make_node("Gather", ["image", "columns"], ["changed"], axis=2)], {"columns": columns})


def nearest_resize(model: onnx.ModelProto) -> onnx.ModelProto:
    """Take every second pixel twice, as a nearest-neighbour resize there and back does."""
    rows, columns = (axis.dim_value for axis in model.graph.input[0].type.tensor_type.shape.dim[1:3])
    nodes = [
        helper.make_node("Gather", ["image", "rows"], ["halved"], axis=1),
        helper.make_node("Gather", ["halved", "columns"], ["changed"], axis=2),
    ]
    return before(model, nodes, {"rows": np.arange(rows) // 2 * 2, "columns": np.arange(columns) // 2 * 2})


def shuffled_labels(model: onnx.ModelProto) -> onnx.ModelProto:
    entry = next(entry for entry in model.metadata_props if entry.key == CONTRACT_KEY)
    fields = json.loads(entry.value)
    entry.value = json.dumps(fields | {"labels": fields["labels"][::-1]})
    return model


def other_in_distribution(model: onnx.ModelProto) -> onnx.ModelProto:
    """Scale what the in-distribution score is made of by a thousandth."""
    softsign = next(node for node in model.graph.node if node.op_type == "Softsign")
    scaled = helper.make_node("Mul", [softsign.input[0], "more"], ["scaled"])
    softsign.input[0] = "scaled"
    model.graph.node.insert(list(model.graph.node).index(softsign), scaled)
    model.graph.initializer.append(numpy_helper.from_array(np.float32(1.001), "more"))
    onnx.checker.check_model(model, full_check=True)
    return model


def other_heatmap(model: onnx.ModelProto) -> onnx.ModelProto:
    node = next(node for node in model.graph.node if "heatmap" in node.output)
    node.output[0] = "true heatmap"
    model.graph.node.append(helper.make_node("Mul", ["true heatmap", "a little"], ["heatmap"]))
    model.graph.initializer.append(numpy_helper.from_array(np.float32(1.01), "a little"))
    return model


MUTATIONS = (
    swapped_channels,
    double_rescale,
    one_pixel_shift,
    nearest_resize,
    shuffled_labels,
    other_in_distribution,
    other_heatmap,
)


@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda function: function.__name__)
def test_parity_fails_for_what_drifts(
    mutate: Callable, model: SavedModel, judges: Judges, onnx_file: Path, tmp_path: Path
) -> None:
    onnx.save(mutate(onnx.load(onnx_file)), tmp_path / "mutant.onnx")
    try:
        failures = compare(model, Classifier(tmp_path / "mutant.onnx"), judges).failures
    except ParityError as error:
        failures = [str(error)]
    assert failures


AGREEING = Parity("float32", 200, (1, 4), 1e-6, 1e-7, 1e-7, 1e-6, 0, 0.0, 0, 0.8, 0.9, 0.0)


def test_parity_of_a_nan_fails() -> None:
    assert AGREEING.failures == []
    for name in ("logit_difference", "probability_difference", "in_distribution_difference", "heatmap_difference"):
        assert len(dataclasses.replace(AGREEING, **{name: math.nan}).failures) == 1
    assert len(dataclasses.replace(AGREEING, other_answer=1).failures) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"flips": 5, "flip_margin": 0.02}, "5 of 200 images get another class"),
        ({"flips": 1, "flip_margin": 0.12}, "led by 0.12"),
        ({"flips": 1, "flip_margin": math.nan}, "led by nan"),
        ({"probability_difference": 0.21}, "probabilities differ by 0.21"),
        ({"in_distribution_difference": 0.11}, "in-distribution scores differ by 0.11"),
        ({"heatmap_difference": 0.002}, "heatmaps and logits differ by 0.002"),
    ],
)
def test_eight_bits_may_move_an_answer_a_little_and_no_more(change: dict, reason: str) -> None:
    moved = dataclasses.replace(
        AGREEING, precision="int8", logit_difference=0.4, probability_difference=0.19, flips=4, flip_margin=0.09,
        other_answer=7,
    )  # fmt: skip
    assert moved.failures == []
    assert len(dataclasses.replace(moved, precision="float32").failures) == 5
    (failure,) = dataclasses.replace(moved, **change).failures
    assert reason in failure


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
    h5: Path, three_classes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convertible = conversion.to_onnx
    monkeypatch.setattr(conversion, "to_onnx", lambda model: swapped_channels(convertible(model)))
    (tmp_path / "ecg.onnx").write_text("the earlier one")
    with pytest.raises(ParityError):
        convert(h5, tmp_path / "ecg.onnx", three_classes / "test")
    assert (tmp_path / "ecg.onnx").read_text() == "the earlier one"


def test_wrong_use_gets_one_line_and_2(
    called: Callable, h5: Path, onnx_file: Path, three_classes: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    out = ("--out", tmp_path / "ecg.onnx")
    images = ("--images", three_classes / "test")
    foreign, old = shutil.copy(onnx_file, tmp_path / "foreign.h5"), shutil.copy(h5, tmp_path / "old.h5")
    with h5py.File(old, "a") as file:
        del file[MEAN_HEATMAP_KEY]
    for arguments, reason in (
        (("convert", h5, *out, "--images", tmp_path / "empty"), "no folder with pictures"),
        (("convert", foreign, *out, *images), "HDF5"),
        (("convert", tmp_path / "none.h5", *out, *images), "no such model file"),
        (("convert", h5, "--out", tmp_path / "no" / "ecg.onnx", *images), "No such file"),
        (("verify", h5, tmp_path / "none.onnx", *images), "no such model file"),
        (("convert", old, *out, *images), "has no ecg_mean_training_heatmap, it is of a version before 0.4.0"),
        (("convert", h5, *out, *images, "--int8"), "--int8 and --calibration DIR go together"),
        (("convert", h5, *out, *images, "--int8", "--calibration", tmp_path / "empty"), "to calibrate on"),
    ):
        assert reason in last_line(called("export", *arguments, code=2))
    assert {path.name for path in tmp_path.iterdir()} == {"empty", "foreign.h5", "old.h5"}


def test_a_contract_of_another_model_fails(model: SavedModel, judges: Judges, onnx_file: Path) -> None:
    other: Contract = dataclasses.replace(model.contract, architecture="vgg16")
    with pytest.raises(ParityError, match="other architecture"):
        compare(dataclasses.replace(model, contract=other), Classifier(onnx_file), judges)
