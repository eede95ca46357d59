"""An ONNX file of others: what it holds, read without a session; then its answers, in one of onnxruntime."""

import json
import math
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper

from edge.contract import CONTRACT_KEY, Contract
from edge.errors import ModelError
from edge.model_file import ONNX, head_of_model
from export.foreign.wrapping import channels_first, class_output, image_input, shape_of
from training.isolation import confine, run_isolated

if TYPE_CHECKING:
    from export.foreign.job import Run, Settings

DOMAINS = frozenset({"", "ai.onnx", "com.microsoft"})
"""Of operators that onnxruntime has itself: those of the standard, and its own for quantized models."""
LOOPS = frozenset({"Loop", "Scan"})
LOWEST_OPSET = 8
MOST_BYTES = 2 << 30
MOST_MEMORY = 8 << 30
SECONDS = 120
"""Of the process that reads a file."""


@dataclass(frozen=True, kw_only=True)
class OnnxInspection:
    """Hold what an ONNX file says of itself; nothing of it was run."""

    form: str
    """"ONNX"."""
    producer: str
    """What wrote it, with its version."""
    opset: int
    """Of the standard's operators."""
    inputs: tuple[str, ...]
    """Name, type and form of each."""
    outputs: tuple[str, ...]
    """Name, type and form of each."""
    picture: tuple[int | None, ...]
    """Form of the only input with four sides, None for an open side; empty where there is none."""
    last: str
    """The operator that makes the last output."""
    operators: int
    """Nodes of the graph."""
    parameters: int
    """Numbers in its weights."""
    refused: tuple[str, ...]
    """Why it is not adopted, one sentence each; empty where nothing speaks against it."""


def inspect_onnx(path: Path) -> OnnxInspection:
    """Return what an ONNX file holds; raise `ModelError` where it is none, or cannot be read."""
    head_of_model(path, ONNX)
    found = run_isolated("export.foreign.onnx_network", str(path.absolute()), seconds=SECONDS)
    if found is None:
        raise ModelError(f"{path}: is so damaged or large that it cannot be read: copy it again")
    if "error" in found:
        raise ModelError(f"{path}: {found['error']}")
    return OnnxInspection(**{name: tuple(value) if isinstance(value, list) else value for name, value in found.items()})


def inspected(path: Path) -> OnnxInspection:
    """Return what `inspect_onnx` does, in this process."""
    try:
        return _inspected(path)
    except (KeyError, ValueError, TypeError, IndexError, OverflowError, OSError) as error:  # found by damaging files
        raise ModelError("is cut short or damaged: copy it again") from error


def _inspected(path: Path) -> OnnxInspection:
    if path.stat().st_size > MOST_BYTES:
        raise ModelError(f"has more than {MOST_BYTES >> 20} MB: export a smaller model")
    try:
        model = onnx.load_model(path, load_external_data=False)
    except Exception:  # protobuf's own errors share no narrower base class
        raise ModelError("is cut short or damaged: copy it again") from None
    graph = model.graph
    if not graph.node:
        raise ModelError("holds no network: copy or export it again")
    refused = list(dict.fromkeys(_objections(model, path.parent)))
    try:
        picture = shape_of(image_input(model))
        if picture[0] not in (None, 1):
            refused.append(f"takes {picture[0]} pictures at once, no more and no less: export it for any number")
    except ModelError as error:
        picture = ()
        refused.append(str(error))
    return OnnxInspection(
        form="ONNX",
        producer=f"{model.producer_name} {model.producer_version}".strip() or "unknown",
        opset=_opset(model),
        inputs=tuple(map(_described, graph.input)),
        outputs=tuple(map(_described, graph.output)),
        picture=picture,
        last=graph.node[-1].op_type,
        operators=len(graph.node),
        parameters=sum(math.prod(weight.dims) for weight in graph.initializer),
        refused=tuple(refused),
    )


def opened(settings: "Settings", contract: Contract, _: Path) -> tuple[str, "Run", ModelProto]:
    """Return what runs the file, how to run it, and its graph, with all its weights inside."""
    import onnxruntime

    path = Path(settings.source)
    found = inspected(path)  # once more: the file may have been replaced
    if found.refused:
        raise ModelError(found.refused[0])
    model = onnx.load_model(path)
    taken = image_input(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    kind = helper.tensor_dtype_to_np_dtype(taken.type.tensor_type.elem_type)
    first, alone = channels_first(shape_of(taken)), shape_of(taken)[0] == 1
    output = class_output(model, len(contract.labels))

    def run(pixels: np.ndarray) -> np.ndarray:
        given = (pixels.transpose(0, 3, 1, 2) if first else pixels).astype(kind)
        parts = [given[k : k + 1] for k in range(len(given))] if alone else [given]
        return np.concatenate([session.run([output], {taken.name: part})[0] for part in parts])

    return f"onnxruntime {onnxruntime.__version__}", run, model


def _opset(model: ModelProto) -> int:
    return next((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), 0)


def _described(value: onnx.ValueInfoProto) -> str:
    kind = TensorProto.DataType.Name(value.type.tensor_type.elem_type).lower()
    return f"{value.name} {kind} {shape_of(value)}"


def _objections(model: ModelProto, folder: Path) -> Iterator[str]:
    """Yield why a model is refused."""
    if any(entry.key == CONTRACT_KEY for entry in model.metadata_props):
        yield "is a model of this program already: it needs no adoption"
    own = {function.domain for function in model.functions}
    for domain in sorted({node.domain for node in _nodes(model)} - DOMAINS - own):
        yield f"needs operators of {domain!r}, which onnxruntime has not: libraries of others are not loaded"
    if any(node.op_type in LOOPS for node in _nodes(model)):
        yield "holds a loop, which may never end on some picture: export it without"
    newest = onnx.defs.onnx_opset_version()
    if not LOWEST_OPSET <= _opset(model) <= newest:
        yield f"has opset {_opset(model)}, not {LOWEST_OPSET} to {newest}: export it with another"
    size = 0
    for tensor in _tensors(model):
        if tensor.data_type == TensorProto.UNDEFINED and not tensor.dims:
            continue  # an attribute that holds none
        numbers = math.prod(tensor.dims)
        size += numbers * max(np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type)).itemsize, 1)
        if min(tensor.dims, default=0) < 0 or size > MOST_BYTES:
            yield f"would take more than {MOST_BYTES >> 20} MB in memory: export a smaller model"
            return
        yield from _outside(tensor, folder)


def _outside(tensor: TensorProto, folder: Path) -> Iterator[str]:
    """Yield why numbers that lie in another file are refused."""
    if tensor.data_location != TensorProto.EXTERNAL:
        return
    location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
    place = (folder / location).resolve()
    if not place.is_relative_to(folder.resolve()) or (folder / location).is_symlink():
        yield f"takes weights from {location!r}, outside its folder: export it into one file"
    elif not place.is_file():
        yield f"takes weights from {location!r}, which is not beside it: copy that file too"
    elif place.stat().st_size > MOST_BYTES:
        yield f"takes weights from {location!r} of more than {MOST_BYTES >> 20} MB: export a smaller model"


def _nodes(model: ModelProto) -> Iterator[onnx.NodeProto]:
    """Yield every node, those of functions and of graphs inside others too."""
    waiting = [*model.graph.node, *(node for function in model.functions for node in function.node)]
    while waiting:
        node = waiting.pop()
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                waiting += graph.node


def _tensors(model: ModelProto) -> Iterator[TensorProto]:
    """Yield every tensor of a model: weights, and what nodes carry."""
    graphs, sparse = [model.graph], []
    for node in _nodes(model):
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            sparse += [attribute.sparse_tensor, *attribute.sparse_tensors]
            graphs += [attribute.g, *attribute.graphs]
    for graph in graphs:
        yield from graph.initializer
        sparse += graph.sparse_initializer
    for one in sparse:
        yield from (one.values, one.indices)
        yield TensorProto(dims=one.dims, data_type=one.values.data_type)  # what it is when it is written out


def main() -> None:
    """Print what a file holds as JSON, or the error."""
    confine(MOST_MEMORY)
    try:
        found = asdict(inspected(Path(sys.argv[1])))
    except ModelError as error:
        found = {"error": str(error)}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
