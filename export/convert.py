"""Conversion of an `.h5` to an `.onnx` that carries its contract and is the same bytes every time."""

import dataclasses
import json
from pathlib import Path

import keras
import onnx
from onnx import ModelProto

from edge.classifier import HEATMAP, INPUT, Classifier
from edge.contract import CONTRACT_KEY
from edge.errors import UsageError
from edge.files import check_output, find_images, replacing
from edge.model_file import ONNX
from edge.selftest import CHECK_KEY, PARITY_KEY, answers, to_json
from export.comparison_images import ComparisonImages
from export.order import settle
from export.parity import Bounds, Parity, ParityError, compare
from export.quantization import MOST_IMAGES, CalibrationImages, folded, quantized, ranges_of, shift
from training.models.heatmap_layers import heatmap_of, heatmap_parts
from training.models.saved_model import TRAINED_ON_KEY, SavedModel, load_model

OPSET = 17
FEATURES = "features"
FEWEST_FOR_INT8 = 150
"""Images that an int8 model is compared on, at least: a change in 2 of 100 images would hardly be seen on fewer."""


def convert(
    source: Path,
    out: Path,
    images: Path,
    calibration: Path | None = None,
    *,
    calibration_images: int = MOST_IMAGES,
    fewest_images: int = FEWEST_FOR_INT8,
    bounds: Bounds | None = None,
) -> Parity:
    """Write the ONNX form of an `.h5` where it gives the same predictions on the ECG images below `images`.

    With `calibration`, a folder of training images, its convolutions are int8. At most `calibration_images`
    of them are used, and the model is compared on at least `fewest_images` others. `bounds` stand in for those
    of `BOUNDS`. The file has a temporary name until parity holds: a failure leaves nothing behind. Raises
    `ParityError` with the differences where the two disagree, `UsageError` for too few images, or where `out` is
    something else than a model of this program.
    """
    folders = [folder for folder in (images, calibration) if folder and folder.is_dir()]
    pictures = [image for folder in folders for image in find_images(folder, silent=True)]
    check_output(out, (source, *pictures), is_model)
    model = load_model(source)
    calibrated = None if calibration is None else CalibrationImages.read(calibration, model, calibration_images)
    shown = ComparisonImages.read(images, model, () if calibrated is None else calibrated.digests)
    if calibrated is not None and len(shown.paths) < fewest_images:
        raise UsageError(
            f"{images}: {len(shown.paths)} images are too few to compare an int8 model on "
            f"(at least {fewest_images}, not calibrated on): give more"
        )
    with replacing(out) as unfinished:
        unfinished.touch()  # where that is not possible, it is said now and not after minutes
        graph = to_onnx(model) if calibrated is None else to_int8(model, calibrated)
        onnx.checker.check_model(graph, full_check=True)
        onnx.save(graph, unfinished)
        carry(graph, CHECK_KEY, to_json(answers(Classifier(unfinished))))
        onnx.save(graph, unfinished)
        parity = compare(model, Classifier(unfinished), shown, bounds)
        if parity.failures:
            raise ParityError(
                f"{source}: its ONNX form gives other predictions, {'; '.join(parity.failures)}: nothing was written"
            )
        carry(graph, PARITY_KEY, json.dumps(parity.held()))
        onnx.save(graph, unfinished)
    return parity


def carry(graph: ModelProto, key: str, value: str) -> None:
    """Add an entry to a model's metadata."""
    onnx.helper.set_model_props(graph, {entry.key: entry.value for entry in graph.metadata_props} | {key: value})


def is_model(path: Path) -> bool:
    """Return whether a file is an exported model: ONNX, with the name of a contract."""
    content = path.read_bytes() if path.is_file() else b""
    return content.startswith(ONNX) and CONTRACT_KEY.encode() in content


def to_int8(model: SavedModel, calibration: CalibrationImages) -> ModelProto:
    """Convert a model with int8 convolutions, its features centred on what these make of them.

    Two conversions: how far quantization moves the features is measured on the first, and the means that
    follow from it stand in several constants of the second.
    """
    graph = folded(to_onnx(model, "int8"))
    ranges = ranges_of(graph, calibration.pixels)
    moved = shift(graph, quantized(graph, ranges), FEATURES, calibration.pixels)
    standardise = model.network.get_layer("standardise")
    mean, variance = standardise.get_weights()
    standardise.set_weights([mean + moved, variance])
    try:
        graph = quantized(folded(to_onnx(model, "int8")), ranges)
    finally:
        standardise.set_weights([mean, variance])  # the exported model is compared with the network as it was
    graph.graph.output.remove(next(value for value in graph.graph.output if value.name == FEATURES))
    settle(graph)
    return graph


def to_onnx(model: SavedModel, precision: str = "float32") -> ModelProto:
    """Convert with named outputs, the contract in the metadata, and names and order that do not vary.

    For "int8", which the contract then says, the features are an output too; nothing is quantized yet.
    """
    import tensorflow as tf
    import tf2onnx

    contract = dataclasses.replace(model.contract, precision=precision)
    found = heatmap_parts(model.network)
    features = {FEATURES: model.network.get_layer("standardise").input} if precision == "int8" else {}
    outputs = [model.network.output | features, [part.maps for part in found]]
    network = keras.Model(model.network.input, outputs, name="ecg")  # without a name, Keras numbers it by the process

    @tf.function(
        autograph=False,
        input_signature=[
            tf.TensorSpec((None, contract.preprocessing.height, contract.preprocessing.width, 3), tf.uint8, name=INPUT)
        ],
    )
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs, maps = network(image, training=False)
        return outputs | {HEATMAP: heatmap_of(found, maps) - model.mean_heatmap}

    # tf2onnx optimizes in an order that follows from names, and names end in a counter of the process. From another
    # start a model may, in one of fifty conversions, become another graph, to which ranges of the first do not fit.
    tf2onnx.utils.INTERNAL_NAME = 1
    graph, _ = tf2onnx.convert.from_function(serve, serve.input_signature, opset=OPSET)
    settle(graph)
    onnx.helper.set_model_props(
        graph, {CONTRACT_KEY: contract.to_json(), TRAINED_ON_KEY: " ".join(sorted(model.trained_on))}
    )
    return graph
