"""ONNX files of others: inspected without a session, refused by name, or adopted and then what they were."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from edge import Classifier, load_page
from edge.contract import CONTRACT_KEY
from edge.errors import ModelError
from edge.images.preprocessing import Preprocessing, preprocessing_id
from export.foreign import adoption
from export.foreign.adoption import adopt
from export.foreign.facts import Told
from export.foreign.intake import Intake
from export.foreign.onnx_network import inspect_onnx
from tests.conftest import last_line

SIZE = 64


def network(
    *,
    first: bool = True,
    end: str | None = "Softmax",
    batch: int | str = "n",
    kind: int = TensorProto.FLOAT,
    opset: int = 17,
) -> ModelProto:
    """A small convolutional network, as PyTorch exports them unless told otherwise."""
    rng = np.random.default_rng(0)
    nodes, name = [], "picture"
    if kind != TensorProto.FLOAT:
        nodes.append(helper.make_node("Cast", [name], ["float"], to=TensorProto.FLOAT))
        name = "float"
    if not first:
        nodes.append(helper.make_node("Transpose", [name], ["turned"], perm=[0, 3, 1, 2]))
        name = "turned"
    nodes += [
        helper.make_node("Conv", [name, "kernel"], ["maps"], strides=[4, 4]),
        helper.make_node("Relu", ["maps"], ["lit"]),
        helper.make_node("MaxPool", ["lit"], ["small"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Flatten", ["small"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights", "bias"], ["raw"]),
    ]
    if end:
        nodes.append(helper.make_node(end, ["raw"], ["said"], **({"axis": 1} if end == "Softmax" else {})))
    shape = [batch, 3, SIZE, SIZE] if first else [batch, SIZE, SIZE, 3]
    kernel = rng.normal(0, 1 / 255 if kind == TensorProto.UINT8 else 1, (6, 3, 5, 5))
    weights = {
        "kernel": kernel - kernel.mean(axis=(2, 3), keepdims=True),  # so that a page's paper says nothing
        "weights": rng.normal(0, 0.2, (6 * 3 * 3, 3)),
        "bias": np.zeros(3),
    }
    graph = helper.make_graph(
        nodes,
        "theirs",
        [helper.make_tensor_value_info("picture", kind, shape)],
        [helper.make_tensor_value_info("said" if end else "raw", TensorProto.FLOAT, [batch, 3])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], producer_name="pytorch")
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return model


FORMS = {
    "channels first": ({}, {"scale": "torch", "resize": "bilinear"}),
    "channels last, logits of softmax": ({"first": False, "end": None}, {"scale": "tf", "activation": "softmax"}),
    "one picture at once, logits of sigmoid": ({"end": None, "batch": 1}, {"scale": "unit", "activation": "sigmoid"}),
    "uint8, sigmoid, an older opset": (
        {"first": False, "end": "Sigmoid", "kind": TensorProto.UINT8, "opset": 9},
        {"scale": "none", "channels": "bgr"},
    ),
    "float16": ({"kind": TensorProto.FLOAT16}, {"scale": "unit"}),
    "open size": ({}, {"scale": "unit", "size": (SIZE, SIZE)}),
    "logits besides": ({}, {"scale": "unit"}),
}


@pytest.mark.parametrize("form", FORMS)
def test_it_says_of_a_file_what_it_said(form: str, synthetic_folder: Path, tmp_path: Path) -> None:
    built, options = FORMS[form]
    model = network(**built)
    if form == "open size":
        for side in model.graph.input[0].type.tensor_type.shape.dim[2:]:
            side.dim_param = "side"
    if form == "logits besides":
        model.graph.output.append(helper.make_tensor_value_info("raw", TensorProto.FLOAT, ["n", 3]))
    theirs, images = tmp_path / "theirs.onnx", synthetic_folder / "test"
    onnx.save(model, theirs)
    told = Told(**({"labels": ("a", "b", "c"), "channels": "rgb", "resize": "nearest"} | options))
    assert adopt(theirs, tmp_path / "ours.onnx", images, told).images == 8
    classifier, session = Classifier(tmp_path / "ours.onnx"), onnxruntime.InferenceSession(theirs)
    paths, expected = sorted(images.rglob("*.jpg")), []
    for path in paths:
        pixels = load_page(path, Preprocessing(SIZE, SIZE, preprocessing_id(told.resize)))
        given = Intake(told.scale, told.channels).apply(pixels[np.newaxis])
        given = given.transpose(0, 3, 1, 2) if built.get("first", True) else given
        kind = helper.tensor_dtype_to_np_dtype(built.get("kind", TensorProto.FLOAT))
        expected.append(session.run(None, {"picture": given.astype(kind)})[0][0])
    rows = np.array(expected, float)
    if told.activation == "softmax":
        rows = np.exp(rows) / np.exp(rows).sum(axis=1, keepdims=True)
    elif told.activation == "sigmoid":
        rows = 1 / (1 + np.exp(-rows))
    found = np.array([list(classifier.predict(path).probabilities.values()) for path in paths])
    assert np.abs(found - rows).max() <= 1e-5
    assert np.ptp(rows, axis=0).max() > 0.05
    assert classifier.contract.adopted.framework == f"ONNX opset {built.get('opset', 17)}, written by pytorch"
    assert set(classifier.outputs) == {"logits", "probabilities"}


def outside(model: ModelProto, location: str, link: str = "") -> None:
    """Let the weights lie in a file."""
    weight = next(one for one in model.graph.initializer if one.name == "weights")
    target = Path(link or location)
    target.write_bytes(weight.raw_data)
    if link and "\0" not in location:
        Path(location).symlink_to(target)
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=location)


def other_domain(model: ModelProto) -> None:
    model.graph.node[1].domain = "ai.onnx.contrib"
    model.opset_import.add(domain="ai.onnx.contrib", version=1)


def hidden_domain(model: ModelProto) -> None:
    """An operator of others in a branch."""
    inner = helper.make_graph([helper.make_node("PyOp", [], ["x"], domain="evil")], "branch", [], [])
    model.graph.node.append(helper.make_node("If", ["raw"], ["y"], then_branch=inner, else_branch=inner))


def looping(model: ModelProto) -> None:
    """A loop in a branch."""
    empty = helper.make_graph([], "body", [], [])
    inner = helper.make_graph([helper.make_node("Loop", ["", ""], [], body=empty)], "branch", [], [])
    model.graph.node.append(helper.make_node("If", ["raw"], ["y"], then_branch=inner, else_branch=inner))


def bomb(model: ModelProto) -> None:
    huge = helper.make_tensor("value", TensorProto.FLOAT, [1], [0.0])
    huge.dims[:] = [1 << 20, 1 << 12]
    model.graph.node.append(helper.make_node("Constant", [], ["huge"], value=huge))


def sparse(model: ModelProto, location: str) -> None:
    values = helper.make_tensor("sparse", TensorProto.FLOAT, [1], [0.0])
    Path(location).write_bytes(values.raw_data)
    values.ClearField("float_data")
    values.data_location = TensorProto.EXTERNAL
    values.external_data.add(key="location", value=location)
    where = helper.make_tensor("where", TensorProto.INT64, [1], [0])
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, where, [4]))


def fixed(model: ModelProto, count: int) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = count


def second_input(model: ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("age", TensorProto.FLOAT, ["n", 1]))


def with_opset(model: ModelProto, version: int) -> None:
    model.opset_import[0].version = version


BAD = {
    "domain": (other_domain, "needs operators of 'ai.onnx.contrib'"),
    "loop": (looping, "holds a loop, which may never end"),
    "domain in a branch": (hidden_domain, "needs operators of 'evil'"),
    "weights above": (lambda model: outside(model, "../w"), "takes weights from '../w', outside its folder"),
    "weights at the root": (lambda model: outside(model, str(Path("../w").absolute())), "outside its folder"),
    "weights by a link": (lambda model: outside(model, "w", "../secret"), "takes weights from 'w', outside its folder"),
    "weights that are not there": (
        lambda model: (outside(model, "w"), Path("w").unlink()), "'w', which is not beside it",
    ),
    "bomb": (bomb, "would take more than 2048 MB"),
    "sparse weights above": (lambda model: sparse(model, "../w"), "takes weights from '../w', outside its folder"),
    "a fixed number of pictures": (lambda model: fixed(model, 8), "takes 8 pictures at once"),
    "two inputs": (second_input, "takes 2 inputs"),
    "old opset": (lambda model: with_opset(model, 6), "has opset 6, not 8 to"),
    "opset of the future": (lambda model: with_opset(model, 999), "has opset 999"),
    "unknown kind of number": (lambda model: setattr(model.graph.initializer[0], "data_type", 99), "damaged"),
    "a name that is none": (lambda model: outside(model, "w\0", "w"), "damaged"),
    "ours": (
        lambda model: helper.set_model_props(model, {CONTRACT_KEY: "{}"}), "is a model of this program already",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_dangerous_or_unfit_file_is_refused_by_name_before_any_session(
    name: str, called: Callable, synthetic_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.chdir(folder)
    model = network()
    change, reason = BAD[name]
    change(model)
    Path("theirs.onnx").write_bytes(model.SerializeToString())
    monkeypatch.setattr("export.foreign.adoption.run_isolated", None)  # what would make a session
    assert reason in called("export", "inspect", "theirs.onnx", code=2).stderr
    words = ("--labels", "a,b,c", "--preprocessing", "unit", "--channels", "rgb", "--resize", "nearest")
    ends = ("--images", synthetic_folder / "test", "--out", "ours.onnx")
    for options in ((), (*words, *ends)):
        assert reason in last_line(called("export", "adopt", "theirs.onnx", *options, code=2))
    assert not Path("ours.onnx").exists()


def test_weights_beside_it_are_taken_in(
    synthetic_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = network()
    outside(model, "weights.bin")
    Path("theirs.onnx").write_bytes(model.SerializeToString())
    told = Told(labels=("a", "b", "c"), scale="unit", channels="rgb", resize="nearest")
    adopt(Path("theirs.onnx"), Path("ours.onnx"), synthetic_folder / "test", told)
    Path("weights.bin").unlink()
    Classifier("ours.onnx").predict(min((synthetic_folder / "test").rglob("*.jpg")))


FILES = {
    "Git LFS pointer": (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
    "empty": (b"", "is empty"),
    "Keras": (b"\x89HDF\r\n\x1a\n" + bytes(99), "is an HDF5 file, as Keras writes"),
    "PyTorch": (b"PK\x03\x04" + bytes(99), "is an archive, of Keras or PyTorch"),
    "pickle": (b"\x80\x04" + bytes(99), "is a pickle"),
    "web page": (b"<!DOCTYPE html>", "is a web page"),
    "text": (b"hello", "is no model file"),
    "cut short": (network().SerializeToString()[:900], "is cut short or damaged"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_model_is_told_apart_by_what_adopts_it_and_by_what_serves_it(
    name: str, tmp_path: Path
) -> None:
    content, reason = FILES[name]
    file = tmp_path / "m.onnx"
    file.write_bytes(content)
    for open_it in (Classifier, inspect_onnx):
        with pytest.raises(ModelError) as refusal:
            open_it(file)
        assert reason in str(refusal.value)
        assert "\n" not in str(refusal.value)


def test_what_a_file_says_of_itself(tmp_path: Path, called: Callable) -> None:
    file = tmp_path / "m.onnx"
    onnx.save(network(), file)
    record = json.loads(called("export", "inspect", file, "--format", "json").stdout)
    assert record["inputs"] == ["picture float (None, 3, 64, 64)"]
    assert record["outputs"] == ["said float (None, 3)"]
    assert (record["opset"], record["last"], record["refused"]) == (17, "Softmax", [])
    assert record["parameters"] == sum(math.prod(one.dims) for one in network().graph.initializer)
    model = network()
    model.producer_name = "evil\x1b[31m\nrefused none"
    onnx.save(model, tmp_path / "odd name;id.onnx")
    shown = called("export", "inspect", tmp_path / "odd name;id.onnx").stdout
    assert "evil\\x1b[31m\\nrefused none" in shown
    quoted = last_line(called("export", "adopt", tmp_path / "odd name;id.onnx", code=2))
    assert f"adopt '{tmp_path / 'odd name;id.onnx'}' --labels" in quoted
    asked = called("export", "adopt", file, code=2)
    assert "picture float" in asked.stdout
    assert "python -m export adopt" in last_line(asked)
    assert "--channels rgb|bgr" in last_line(asked)


def test_whole_numbers_are_not_scaled_first(synthetic_folder: Path, tmp_path: Path, called: Callable) -> None:
    """Divided by 255 and made whole again, every level but white would be black."""
    onnx.save(network(kind=TensorProto.UINT8), tmp_path / "m.onnx")
    words = ("--labels", "a,b,c", "--preprocessing", "unit", "--channels", "rgb", "--resize", "nearest")
    ends = ("--images", synthetic_folder / "test", "--out", tmp_path / "ours.onnx")
    assert "give --preprocessing none" in last_line(
        called("export", "adopt", tmp_path / "m.onnx", *words, *ends, code=2)
    )


def test_what_takes_too_long_ends(
    synthetic_folder: Path, tmp_path: Path, called: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Products of large matrices, for minutes."""
    model = network()
    size = helper.make_tensor("size", TensorProto.INT64, [2], [4096, 4096])
    model.graph.initializer.append(size)
    products = [helper.make_node("MatMul", [f"large{k}", f"large{k}"], [f"large{k + 1}"]) for k in range(400)]
    more = [
        helper.make_node("ConstantOfShape", ["size"], ["large0"]),
        *products,
        helper.make_node("ReduceMean", ["large400"], ["mean"], keepdims=0),
        helper.make_node("Add", ["raw", "mean"], ["late"]),
    ]
    nodes = list(model.graph.node)
    nodes[-1].input[0] = "late"
    del model.graph.node[:]
    model.graph.node.extend([*nodes[:-1], *more, nodes[-1]])
    onnx.save(model, tmp_path / "m.onnx")
    monkeypatch.setattr(adoption, "SECONDS", 8)
    words = ("--labels", "a,b,c", "--preprocessing", "unit", "--channels", "rgb", "--resize", "nearest")
    ends = ("--images", synthetic_folder / "test", "--out", tmp_path / "ours.onnx")
    assert "could not be converted within" in last_line(
        called("export", "adopt", tmp_path / "m.onnx", *words, *ends, code=2)
    )
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]
