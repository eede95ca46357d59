"""Order: names and places of nodes that follow from a graph alone, so that two conversions are the same bytes."""

from onnx import GraphProto, ModelProto, NodeProto, TensorProto

IR_VERSION = 8
"""The file format of opset 17's time, which every onnxruntime since 1.12 reads."""


def settle(model: ModelProto) -> None:
    """Name and order nodes and weights by their place on the way from the outputs to the input.

    tf2onnx's own names and order differ from run to run. The new ones follow from the graph's
    structure alone, so two conversions of a model are the same bytes.
    """
    graph = model.graph
    nodes, weights, names = _in_order(graph)
    for number, node in enumerate(nodes):
        node.name = f"{node.op_type}_{number}"
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    for weight in weights:
        weight.name = names[weight.name]
    outputs = sorted(graph.output, key=lambda value: value.name)
    for field, content in ((graph.node, nodes), (graph.initializer, weights), (graph.output, outputs)):
        kept = [type(item).FromString(item.SerializeToString(deterministic=True)) for item in content]
        del field[:]
        field.extend(kept)
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "images"
    del graph.value_info[:]
    graph.name = "ecg"
    graph.doc_string = model.doc_string = ""
    model.producer_name, model.producer_version = "ecg", ""
    model.ir_version = IR_VERSION


def _in_order(graph: GraphProto) -> tuple[list[NodeProto], list[TensorProto], dict[str, str]]:
    """Return nodes and weights as they are met on the way from the outputs, and new names by old ones.

    Depth first, without recursion: a network may be deeper than Python's stack.
    """
    made_by = {name: node for node in graph.node for name in node.output}
    weights = {weight.name: weight for weight in graph.initializer}
    names = {value.name: value.name for value in (*graph.input, *graph.output)} | {"": ""}
    nodes, used, done = [], [], set()
    stack = [(output.name, False) for output in sorted(graph.output, key=lambda value: value.name, reverse=True)]
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
    return nodes, used, names
