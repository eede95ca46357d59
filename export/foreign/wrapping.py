"""Wrapping: the graph of a network of others, with the pictures of this program before it and its outputs behind."""

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from edge.classifier import INPUT
from edge.errors import ModelError
from export.foreign.intake import Intake
from export.order import IR_VERSION

PREFIX = "theirs/"
FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)
NAMES = ("logits", "probabilities")
"""What the graph of an adopted model gives, as `edge.prediction.widths` says."""
Shape = tuple[int | None, ...]


def image_input(model: ModelProto) -> ValueInfoProto:
    """Return the only input of a graph that is no weight; raise `ModelError` where there are several."""
    weights = {weight.name for weight in model.graph.initializer}
    found = [value for value in model.graph.input if value.name not in weights]
    if len(found) != 1 or len(shape_of(found[0])) != 4:
        raise ModelError(f"takes {len(found)} inputs, {list(map(shape_of, found))}: one picture (n, h, w, c) is wanted")
    return found[0]


def shape_of(value: ValueInfoProto) -> Shape:
    """Return the form of an input or output; None for a side that is open."""
    return tuple(side.dim_value or None for side in value.type.tensor_type.shape.dim)


def channels_first(shape: Shape) -> bool:
    """Return whether a picture's channels come before its rows; raise `ModelError` where neither is 1 or 3."""
    if shape[3] in (1, 3):
        return False
    if shape[1] in (1, 3):
        return True
    raise ModelError(f"takes {shape}, which has neither 1 nor 3 channels: one picture is wanted")


def class_forms(labels: int) -> set[tuple[int]]:
    """Return the forms that an answer for a picture may have: of two classes, one number may stand for both."""
    return {(labels,), (1,)} if labels == 2 else {(labels,)}


def class_output(model: ModelProto, labels: int) -> str:
    """Return the name of the output with a number for each class; raise `ModelError` where it is not clear which.

    Of several, such as logits and probabilities, that is the one which is made by softmax or sigmoid.
    """
    found = [value for value in model.graph.output if len(shape_of(value)) in (0, 2)]
    if len(found) > 1:
        found = [value for value in found if shape_of(value)[1:] in class_forms(labels)]
    if len(found) > 1:
        found = [value for value in found if _activation(model, value.name)[0]]
    if len(found) != 1:
        forms = ", ".join(f"{value.name} {shape_of(value)}" for value in model.graph.output)
        raise ModelError(f"gives {forms}: one output with {labels} numbers is wanted, as --labels has")
    return found[0].name


def wrapped(
    theirs: ModelProto, intake: Intake, size: tuple[int, int], labels: int, width: int, activation: str | None
) -> tuple[ModelProto, str, bool]:
    """Return the graph from uint8 pictures (n, height, width, 3) to logits and probabilities, and its activation.

    The third says whether the model itself gives logits. The activation is what the last operator says, softmax or
    sigmoid; where it says nothing, the outputs are logits, and `activation` has to say of what. The network gives
    `width` numbers: where it is one, that is the sigmoid, or its logit, for the second of two `labels`.
    """
    model = onnx.compose.add_prefix(theirs, PREFIX)
    graph, taken = model.graph, image_input(model)
    if intake.scale != "none" and taken.type.tensor_type.elem_type not in FLOATS:
        raise ModelError("takes whole numbers, so it scales levels by itself: give --preprocessing none")
    nodes, constants = intake.nodes(
        INPUT, taken.name, taken.type.tensor_type.elem_type, first=channels_first(shape_of(taken))
    )
    kind, gives_logits, further, zero = _head(model, class_output(model, labels), width < labels, activation)
    batch = shape_of(taken)[0] or "images"
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, labels]) for name in NAMES]
    whole = helper.make_graph(
        [*nodes, *graph.node, *further],
        "ecg",
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, [batch, *size, 3])],
        outputs,
        [*constants, *graph.initializer, *zero],
        sparse_initializer=graph.sparse_initializer,
    )
    made = helper.make_model(whole, functions=list(model.functions), opset_imports=list(model.opset_import))
    made.ir_version = max(IR_VERSION, model.ir_version)
    made.producer_name = "ecg"
    return made, kind, gives_logits


def _head(
    model: ModelProto, output: str, single: bool, activation: str | None
) -> tuple[str, bool, list[NodeProto], list[TensorProto]]:
    """Return the activation, whether the output is logits, and nodes with constants that make both outputs of it."""
    known, raw = _activation(model, output)
    kind = known or activation
    if kind is None:
        raise ModelError("ends without softmax or sigmoid: say which its outputs are logits of, by --activation")
    if single and known == "softmax":
        raise ModelError("ends in a softmax of one number, which is always 1")
    kind = "softmax" if single else kind
    nodes, constants = [helper.make_node("Cast", [raw], ["raw" if single else "logits"], to=TensorProto.FLOAT)], []
    if single:  # of two classes that exclude each other: the softmax of 0 and z is 1 - sigmoid(z) and sigmoid(z)
        constants = [numpy_helper.from_array(np.float32(0), "zero")]
        nodes.append(helper.make_node("Mul", ["raw", "zero"], ["first"]))
        nodes.append(helper.make_node("Concat", ["first", "raw"], ["logits"], axis=1))
    settings = {"axis": 1} if kind == "softmax" else {}
    nodes.append(helper.make_node(kind.capitalize(), ["logits"], ["probabilities"], **settings))
    return kind, not known, nodes, constants


def _activation(model: ModelProto, output: str) -> tuple[str | None, str]:
    """Return which activation makes an output, and of what; None, and the output itself, where none does."""
    made_by = {name: node for node in model.graph.node for name in node.output}
    last = made_by.get(output)
    while last is not None and last.op_type in ("Identity", "Cast"):
        last = made_by.get(last.input[0])
    if last is None or last.op_type not in ("Softmax", "Sigmoid"):
        return None, output
    return last.op_type.lower(), last.input[0]
