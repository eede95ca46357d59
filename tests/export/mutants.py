"""Exported models with one defect each, as real mistakes make them."""

import json

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edge.contract import CONTRACT_KEY


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
