"""The classifier: golden answers, and models that are refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from edge import Classifier, Contract, ModelError, PageError, Prediction
from edge.contract import CONTRACT_KEY
from edge.images.preprocessing import PREPROCESSING
from edge.prediction import Outputs, Status, decide


def test_three_lines_give_the_golden_answer(golden: Path) -> None:
    model = Classifier(golden / "tiny.onnx")
    prediction = model.predict(golden / "page.png")
    expected = json.loads((golden / "answer.json").read_text(encoding="utf-8"))
    assert prediction.status == "ok"
    shares = expected["probabilities"]
    assert list(prediction.probabilities) == list(shares)
    assert prediction.probabilities == pytest.approx(shares, abs=1e-6)
    assert prediction.label == max(shares, key=shares.get)
    assert prediction.probability == max(prediction.probabilities.values())
    assert prediction.in_distribution == pytest.approx(expected["in_distribution"], abs=1e-6)


def with_contract(golden: Path, folder: Path, **changes: object) -> Classifier:
    model = onnx.load(golden / "tiny.onnx")
    metadata(**changes)(model)
    onnx.save(model, folder / "model.onnx")
    return Classifier(folder / "model.onnx")


def test_a_page_like_no_other_is_rejected_with_the_reason(golden: Path, classifier: Classifier, tmp_path: Path) -> None:
    """The golden model takes bright pages for typical."""
    dark = tmp_path / "dark.png"
    Image.new("RGB", (200, 100), (90, 90, 90)).save(dark)
    prediction = classifier.predict(dark)
    assert (prediction.status, prediction.label, prediction.probabilities) == ("rejected", None, {})
    assert prediction.in_distribution == pytest.approx(90 / 255, abs=1e-6)
    assert "does not look like the ECG images" in prediction.reason
    assert set(prediction.as_record()) == {"image", "status", "label", "reason", "in_distribution"}
    in_distribution = classifier.predict(golden / "page.png").in_distribution
    strict = with_contract(golden, tmp_path, in_distribution_threshold=in_distribution + 1e-6)
    assert strict.predict(golden / "page.png").status == "rejected"
    exact = with_contract(golden, tmp_path, in_distribution_threshold=in_distribution)
    assert exact.predict(golden / "page.png").status == "ok"


def test_an_answer_that_is_not_above_the_operating_point_is_uncertain(
    golden: Path, classifier: Classifier, tmp_path: Path
) -> None:
    sure = classifier.predict(golden / "page.png")
    doubtful = with_contract(golden, tmp_path, confidence_threshold=sure.probability).predict(golden / "page.png")
    assert doubtful == replace(sure, status=Status.UNCERTAIN)
    bolder = with_contract(golden, tmp_path, confidence_threshold=sure.probability - 1e-6)
    assert bolder.predict(golden / "page.png") == sure


def test_an_answer_of_nan_is_rejected(contract: Contract) -> None:
    nothing = Outputs(np.full((1, 3), np.nan), np.full((1, 3), np.nan), np.full((1, 1), np.nan))
    assert decide("page.jpg", nothing, contract).status == "rejected"


def test_one_thread_gives_the_same_answer(golden: Path, classifier: Classifier) -> None:
    alone = Classifier(golden / "tiny.onnx", threads=1)
    assert alone.predict(golden / "page.png").label == classifier.predict(golden / "page.png").label


def test_a_bad_picture_stops_predict_but_not_predict_many(golden: Path, classifier: Classifier, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_text("no picture")
    with pytest.raises(PageError):
        classifier.predict(bad)
    good = golden / "page.png"
    answers = list(classifier.predict_many([good, bad, good]))
    assert [answer.status for answer in answers] == ["ok", "error", "ok"]
    assert answers[0] == answers[2]
    assert answers[1].as_record() == {"image": str(bad), "status": "error", "error": answers[1].error}
    assert answers[1].label is None


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "ok"},
        {"status": "ok", "label": "a", "probabilities": {"b": 1.0}},
        {"status": "ok", "label": "a", "probabilities": {"a": 1.0}, "error": "but"},
        {"status": "error"},
        {"status": "error", "error": "why", "label": "a", "probabilities": {"a": 1.0}},
        {"status": "perhaps", "error": "why"},
        {"status": "uncertain"},
        {"status": "ok", "label": "a", "probabilities": {"a": 1.0}, "reason": "but"},
        {"status": "rejected"},
        {"status": "rejected", "reason": "why", "label": "a", "probabilities": {"a": 1.0}},
    ],
)
def test_an_answer_that_contradicts_itself_cannot_be_made(fields: dict) -> None:
    with pytest.raises(ValueError, match="no prediction"):
        Prediction(image="page.jpg", **fields)


def test_floats_and_other_sizes_are_refused_by_the_graph(classifier: Classifier) -> None:
    from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

    for page in (np.zeros((1, 96, 160, 3), np.float32), np.zeros((1, 160, 96, 3), np.uint8)):
        with pytest.raises(InvalidArgument):
            classifier.run(page)


def metadata(**changes: object) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        entry = next(entry for entry in model.metadata_props if entry.key == CONTRACT_KEY)
        entry.value = json.dumps(json.loads(entry.value) | changes)

    return change


def preprocessing(**changes: object) -> Callable[[onnx.ModelProto], None]:
    return metadata(preprocessing={"height": 96, "width": 160, "id": PREPROCESSING} | changes)


def drop_contract(model: onnx.ModelProto) -> None:
    del model.metadata_props[:]


def spoil_contract(model: onnx.ModelProto) -> None:
    model.metadata_props[0].value = "{'labels'"


def old_output(model: onnx.ModelProto) -> None:
    """Call the in-distribution score as versions before 0.5.0 did."""
    for named in (*model.graph.output, *model.graph.node):
        if isinstance(named, onnx.NodeProto):
            named.output[:] = ["typicality" if name == "in_distribution" else name for name in named.output]
        elif named.name == "in_distribution":
            named.name = "typicality"


def rename_output(model: onnx.ModelProto) -> None:
    model.graph.output[1].name = "shares"
    next(node for node in model.graph.node if node.op_type == "Softmax").output[0] = "shares"


def shrink_heatmap(model: onnx.ModelProto) -> None:
    """Leave the last class out of the heatmap."""
    for name, values in {"starts": [0], "ends": [2], "axis": [3]}.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(values), name))
    next(node for node in model.graph.node if node.output[0] == "heatmap").output[0] = "whole"
    model.graph.node.append(onnx.helper.make_node("Slice", ["whole", "starts", "ends", "axis"], ["heatmap"]))
    next(value for value in model.graph.output if value.name == "heatmap").type.tensor_type.shape.dim[3].dim_value = 2


REFUSED = {
    "no contract": (drop_contract, "has no ecg_contract"),
    "malformed contract": (spoil_contract, "malformed"),
    "unknown field": (metadata(colour="red"), "malformed"),
    "unknown preprocessing": (preprocessing(id="squeeze-2"), "squeeze-2"),
    "schema 1": (metadata(schema=1), "schema 1, this program reads schema 3: train the model again with 'python -m"),
    "schema 2": (metadata(schema=2), "and export it with 'python -m export convert'"),
    "temperature of zero": (metadata(temperature=0), "temperature is 0"),
    "threshold beyond one": (metadata(in_distribution_threshold=1.5), "in_distribution_threshold is 1.5"),
    "threshold that is no number": (metadata(confidence_threshold=True), "confidence_threshold is True"),
    "one label too few": (metadata(labels=["a", "b"]), "contract says"),
    "a label twice": (metadata(labels=["a", "b", "a"]), "each once"),
    "height and width swapped": (preprocessing(height=160, width=96), "contract says"),
    "height that is no number": (preprocessing(height="96"), "not a number of pixels"),
    "heatmap of other classes": (shrink_heatmap, "'heatmap'"),
    "other output": (rename_output, "missing"),
    "output of an earlier version": (old_output, "'in_distribution' is missing"),
}


def cut_short(golden: Path, folder: Path) -> bytes:
    return (golden / "tiny.onnx").read_bytes()[:2000]


def unknown_operator(golden: Path, folder: Path) -> bytes:
    model = onnx.load(golden / "tiny.onnx")
    next(node for node in model.graph.node if node.op_type == "Softmax").op_type = "Diagnose"
    return model.SerializeToString()


def weights_outside(golden: Path, folder: Path) -> bytes:
    """Let the model read its weights from a file beside its folder."""
    model = onnx.load(golden / "tiny.onnx")
    weight = next(weight for weight in model.graph.initializer if weight.name == "weights")
    (folder.parent / "secret").write_bytes(weight.raw_data)
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="../secret")
    return model.SerializeToString()


@pytest.mark.parametrize("damage", [cut_short, unknown_operator, weights_outside], ids=lambda f: f.__name__)
def test_a_damaged_or_malicious_file_is_refused_in_one_line(damage: Callable, golden: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(damage(golden, folder))
    what = "is cut short or damaged" if damage is cut_short else "cannot be loaded as an ONNX model"
    with pytest.raises(ModelError, match=what) as refusal:
        Classifier(folder / "model.onnx")
    assert "\n" not in str(refusal.value)
    assert str(refusal.value).endswith("export it again")


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_is_refused_in_one_line(name: str, golden: Path, tmp_path: Path) -> None:
    change, reason = REFUSED[name]
    model = onnx.load(golden / "tiny.onnx")
    change(model)
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(ModelError) as refusal:
        Classifier(tmp_path / "model.onnx")
    assert str(refusal.value).startswith(f"{tmp_path / 'model.onnx'}: ")
    assert reason in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_missing_a_truncated_and_a_foreign_file_are_refused(golden: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.onnx"
    cut.write_bytes((golden / "tiny.onnx").read_bytes()[:600])
    for path in (tmp_path / "missing.onnx", cut, golden / "page.png"):
        with pytest.raises(ModelError, match=path.name):
            Classifier(path)


def test_a_contract_survives_its_json(contract: Contract) -> None:
    assert Contract.from_json(contract.to_json()) == contract
    assert "früherer Infarkt, Vorderwand" in contract.to_json()
    other = replace(contract, preprocessing=replace(contract.preprocessing, width=161))
    assert Contract.from_json(other.to_json()) != contract
