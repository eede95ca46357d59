"""Quantization: the convolutions of an exported model with int8 weights and uint8 activations."""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import ModelProto, NodeProto, TensorProto, helper
from onnxruntime.quantization import CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import TensorData, TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from tqdm import tqdm

from edge.classifier import INPUT
from edge.commands.terminal import hide_progress
from edge.errors import UsageError
from edge.files import find_images
from edge.images.page import open_page
from edge.images.preprocessing import load_page
from training.data.loaded_images import digest
from training.models.saved_model import SavedModel

MOST_IMAGES = 64
"""Images that are calibrated on, evenly spread over the sorted files: more change the last digit only."""

QUANTIZED = ("Conv", "MaxPool", "Clip", "Add")
COLOURS = 3  # channels of an image
EXACT = 6
"""Of EfficientNet-Lite0, the stem and two blocks: 0 in place of 6 of 65 images get another class, a logit differs by a
root mean square of 0.09 in place of 0.36, and the time is within its noise (docs/experiments.md)."""
SAMPLE = 40_000  # values of a tensor of an image that its range is chosen by
STEPS = 33  # ranges that are tried for a tensor, from a fifth of the whole one
LEVELS = 255


@dataclass(frozen=True, kw_only=True)
class CalibrationImages:
    """Hold the images that ranges are chosen by."""

    pixels: np.ndarray
    """As the model takes them, uint8 (n, height, width, 3), RGB."""
    digests: frozenset[str]
    """SHA-256 of each image at its own size."""

    @classmethod
    def read(cls, folder: Path, model: SavedModel, most: int = MOST_IMAGES) -> "CalibrationImages":
        """Read at most `most` images below a folder; raise `UsageError` where there is none."""
        paths = find_images(folder) if folder.is_dir() else []
        if not paths:
            raise UsageError(f"{folder}: is no folder with images to calibrate on: give the training images")
        chosen = sorted({*np.linspace(0, len(paths) - 1, most).round().astype(int).tolist()})
        opened = [open_page(paths[index]) for index in chosen]
        pixels = np.stack([load_page(image, model.contract.preprocessing) for image in opened])
        return cls(pixels=pixels, digests=frozenset(map(digest, opened)))


def quantized(graph: ModelProto, ranges: dict[str, tuple[float, float]]) -> ModelProto:
    """Return the graph with int8 convolutions between `ranges`, the lowest and highest value of each tensor.

    QDQ, weights per output channel. The weights have seven bits: where a CPU has no VNNI, two products of
    unsigned and signed bytes are added in 16 bits, and with eight they are cut off (2 * 255 * 127 > 32767):
    VGG16 then predicts something else altogether. Convolutions of the image itself stay as they are.
    """
    copy = ModelProto.FromString(graph.SerializeToString())
    quantizer = QDQQuantizer(
        copy,
        per_channel=True,
        reduce_range=True,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=TensorsData(
            CalibrationMethod.MinMax,
            {
                name: TensorData(lowest=np.float32(low), highest=np.float32(high))
                for name, (low, high) in ranges.items()
            },
        ),
        nodes_to_quantize=[node.name for node in _quantizable(graph)],
        nodes_to_exclude=[],
        op_types_to_quantize=list(QUANTIZED),
        extra_options={},
    )
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)  # it asks for a preparation that the graph has behind it
    try:
        quantizer.quantize_model()
    finally:
        logging.root.setLevel(level)
    return quantizer.model.model


def ranges_of(graph: ModelProto, images: np.ndarray) -> dict[str, tuple[float, float]]:
    """Return the range of each tensor that is to be quantized: the one with the smallest squared error.

    A few large activations would stretch the whole range and coarsen all others; they are cut off.
    """
    names = sorted({name for node in _quantizable(graph) for name in (node.input[0], node.output[0])})
    samples: dict[str, list[np.ndarray]] = {name: [] for name in names}
    rng = np.random.default_rng(0)
    for values in tqdm(_run(graph, names, images), "calibration", len(images), unit="image", disable=hide_progress()):
        for name, value in zip(names, values, strict=True):
            flat = value.ravel()
            chosen = flat if flat.size <= SAMPLE else flat[rng.integers(0, flat.size, SAMPLE)]
            samples[name].append(np.append(chosen, (flat.min(), flat.max())))
    return {name: _range(np.concatenate(values)) for name, values in samples.items()}


def shift(graph: ModelProto, quantized_graph: ModelProto, features: str, images: np.ndarray) -> np.ndarray:
    """Return by how much quantization moves each feature on average, float32 (features,).

    White paper is the same in all of its cells, so rounding errs there all the same way.
    """
    before, after = (
        np.mean([values[0][0] for values in _run(which, [features], images)], axis=0)
        for which in (graph, quantized_graph)
    )
    return (after - before).astype(np.float32)


def folded(graph: ModelProto) -> ModelProto:
    """Return the graph with each convolution's batch normalisation in its weights, as onnxruntime folds it."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 4
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "folded.onnx")
        onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
        found = onnx.load(options.optimized_model_filepath)
    del found.opset_import[:]
    found.opset_import.extend(graph.opset_import)
    return found


def _quantizable(graph: ModelProto) -> Iterator[NodeProto]:
    """Yield the nodes to quantize: no convolution of the image itself, and of the sums those of the blocks alone.

    Of a network with depthwise convolutions, the first ones stay as they are: each of their channels sees one other
    channel alone, so that no rounding averages out.
    """
    weights = {weight.name: weight for weight in graph.graph.initializer}
    convolutions = [node for node in graph.graph.node if node.op_type == "Conv"]
    depthwise = any(weights[node.input[1]].dims[1] == 1 for node in convolutions)
    exact = {node.name for node in convolutions[: EXACT * depthwise]}
    convolved = {node.input[0] for node in graph.graph.node if node.op_type == "Conv"}
    for node in graph.graph.node:
        of_colours = node.op_type == "Conv" and weights[node.input[1]].dims[1] == COLOURS
        sum_for_heads = node.op_type == "Add" and (node.output[0] not in convolved or node.input[1] in weights)
        if node.op_type in QUANTIZED and node.name not in exact and not of_colours and not sum_for_heads:
            yield node


def _run(graph: ModelProto, names: Sequence[str], images: np.ndarray) -> Iterator[list[np.ndarray]]:
    """Yield tensors of the graph for one image after the other."""
    copy = ModelProto.FromString(graph.SerializeToString())
    del copy.graph.output[:]
    copy.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # with more, sums depend on the number of cores, and with them the file
    session = onnxruntime.InferenceSession(copy.SerializeToString(), options, providers=["CPUExecutionProvider"])
    for image in images:
        yield session.run(list(names), {INPUT: image[np.newaxis]})


def _range(values: np.ndarray) -> tuple[float, float]:
    """Return the lowest and highest value to keep: zero is always among them."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    best, error = (low, high), np.inf
    for share in np.linspace(0.2, 1, STEPS):
        step = (high - low) * share / LEVELS or 1.0
        kept = np.clip(np.round(values / step), round(low * share / step), round(high * share / step)) * step
        if (found := float(np.mean((kept - values) ** 2))) < error:
            best, error = (low * share, high * share), found
    return best
