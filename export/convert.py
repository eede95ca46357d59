"""Conversion of an `.h5` to an `.onnx` that carries its contract and is the same bytes every time."""

from pathlib import Path

import onnx
from onnx import ModelProto

from edge.classifier import INPUT, Classifier
from edge.contract import CONTRACT_KEY
from edge.files import replacing
from export.parity import Parity, ParityError, compare
from training.models import TRAINED_ON_KEY, SavedModel, load_model

OPSET = 17
IR_VERSION = 8
"""The file format of opset 17's time, which every onnxruntime since 1.12 reads."""


def convert(source: Path, out: Path, images: Path) -> Parity:
    """Write the ONNX form of an `.h5` where it gives the same answers on the pictures below `images`.

    Until then it has a temporary name: a failure leaves nothing behind. Raises `ParityError` with
    the differences where the two disagree.
    """
    model = load_model(source)
    with replacing(out) as unfinished:
        graph = to_onnx(model)
        onnx.checker.check_model(graph, full_check=True)
        onnx.save(graph, unfinished)
        parity = compare(model, Classifier(unfinished), images)
        if parity.failures:
            raise ParityError(
                f"{source}: its ONNX form gives other answers, {'; '.join(parity.failures)}: nothing was written"
            )
    return parity


def to_onnx(model: SavedModel) -> ModelProto:
    """Convert with named outputs, the contract in the metadata, and names and order that do not vary."""
    import tensorflow as tf
    import tf2onnx

    height, width = model.contract.height, model.contract.width

    @tf.function(autograph=False, input_signature=[tf.TensorSpec((None, height, width, 3), tf.uint8, name=INPUT)])
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return model.network(image, training=False)

    graph, _ = tf2onnx.convert.from_function(serve, serve.input_signature, opset=OPSET)
    _settle(graph)
    onnx.helper.set_model_props(
        graph,
        {CONTRACT_KEY: model.contract.to_json(), TRAINED_ON_KEY: " ".join(sorted(model.trained_on))},
    )
    return graph


def _settle(model: ModelProto) -> None:
    """Name and order nodes and weights by their place on the way from the outputs to the input.

    tf2onnx's own names and order differ from run to run. Names and order follow from the graph's
    structure alone, so two conversions of a model are the same bytes.
    """
    graph = model.graph
    made_by = {name: node for node in graph.node for name in node.output}
    weights = {weight.name: weight for weight in graph.initializer}
    fixed = {value.name for value in (*graph.input, *graph.output)}
    names = {name: name for name in fixed} | {"": ""}
    nodes, used = [], []

    # Depth first, without recursion: a network may be deeper than Python's stack.
    stack = [(output.name, False) for output in sorted(graph.output, key=lambda value: value.name, reverse=True)]
    done = set()
    while stack:
        name, inputs_done = stack.pop()
        node = made_by.get(name)
        if node is None:
            if name in weights and name not in names:
                names[name] = f"weight_{len(used)}"
                used.append(weights[name])
            continue
        if id(node) in done:
            continue
        if not inputs_done:
            stack.append((name, True))
            stack.extend((source, False) for source in reversed(node.input))
            continue
        done.add(id(node))
        for output in node.output:
            names.setdefault(output, f"tensor_{len(names)}")
        nodes.append(node)
    for number, node in enumerate(nodes):
        node.name = f"{node.op_type}_{number}"
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    for weight in used:
        weight.name = names[weight.name]
    outputs = sorted(graph.output, key=lambda value: value.name)
    for field, content in ((graph.node, nodes), (graph.initializer, used), (graph.output, outputs)):
        kept = [type(item).FromString(item.SerializeToString(deterministic=True)) for item in content]
        del field[:]
        field.extend(kept)
    del graph.value_info[:]
    graph.name = "ecg"
    graph.doc_string = model.doc_string = ""
    model.producer_name, model.producer_version = "ecg", ""
    model.ir_version = IR_VERSION
