"""Write the golden files again: python -m tests.edge.make_golden

`page.png` is a synthetic ECG image, large enough that blocks are averaged first; `pixels.png` is what the
preprocessing makes of it; `tiny.onnx` is a linear model on 16x16 means with seeded weights, whose in_distribution
is the mean of these means: a bright page is a typical one; `answer.json` is what NumPy in double precision
says that it answers.
A change of `pixels.png` is a change of the preprocessing and needs a new id.
"""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from edge.classifier import Classifier
from edge.contract import CONTRACT_KEY, Contract, TrainedOn
from edge.images.preprocessing import Preprocessing, load_page
from edge.prediction import widths
from edge.selftest import CHECK_KEY, answers, to_json
from training.synthetic.paper.layout import LOOKS
from training.synthetic.paper.printed_page import print_page
from training.synthetic.signals.ecg import record
from training.synthetic.signals.hearts import Heart

GOLDEN = Path(__file__).parent / "golden"
CONTRACT = Contract(
    labels=("früherer Infarkt, Vorderwand", "normal", "premature beats"),
    preprocessing=Preprocessing(height=96, width=160),
    architecture="tiny",
    trained_on=TrainedOn(digest="0" * 64, images=0, seed=0, synthetic=True),
    temperature=1.25,
    confidence_threshold=0.3,
    in_distribution_threshold=0.5,
)


def main() -> None:
    rng = np.random.default_rng(7)
    GOLDEN.mkdir(exist_ok=True)
    drawn = print_page(record(Heart("old_anterior"), rng), LOOKS["report"], rng).pixels
    page = Image.fromarray(drawn).resize((720, 512), Image.Resampling.LANCZOS)
    page = page.quantize(32, method=Image.Quantize.FASTOCTREE)  # a smaller file that keeps the black of the traces
    page.convert("RGB").save(GOLDEN / "page.png", optimize=True)
    pixels = load_page(GOLDEN / "page.png", CONTRACT.preprocessing)
    Image.fromarray(pixels).save(GOLDEN / "pixels.png", optimize=True)

    weights = rng.normal(0, 0.2, (3 * 6 * 10, 3)).astype(np.float32)
    bias = rng.normal(0, 0.5, 3).astype(np.float32)
    model = tiny_model(weights, bias)
    onnx.save(model, GOLDEN / "tiny.onnx")
    checked = to_json(answers(Classifier(GOLDEN / "tiny.onnx")))
    helper.set_model_props(model, {CONTRACT_KEY: CONTRACT.to_json(), CHECK_KEY: checked})
    onnx.save(model, GOLDEN / "tiny.onnx")

    means = (pixels / 255.0).reshape(6, 16, 10, 16, 3).mean(axis=(1, 3))  # (6, 10, 3)
    logits = means.transpose(2, 0, 1).ravel() @ weights.astype(float) + bias
    shares = np.exp((logits - logits.max()) / CONTRACT.temperature)
    probabilities = dict(zip(CONTRACT.labels, (shares / shares.sum()).tolist(), strict=True))
    answer = {"probabilities": probabilities, "in_distribution": means.mean()}
    (GOLDEN / "answer.json").write_text(json.dumps(answer, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def tiny_model(weights: np.ndarray, bias: np.ndarray) -> onnx.ModelProto:
    node = helper.make_node
    graph = helper.make_graph(
        [
            node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
            node("Mul", ["float", "scale"], ["scaled"]),
            node("Transpose", ["scaled"], ["planes"], perm=[0, 3, 1, 2]),
            node("AveragePool", ["planes"], ["means"], kernel_shape=[16, 16], strides=[16, 16]),
            node("Flatten", ["means"], ["features"]),
            node("Gemm", ["features", "weights", "bias"], ["logits"]),
            node("Div", ["logits", "temperature"], ["divided"]),
            node("Softmax", ["divided"], ["probabilities"]),
            node("ReduceMean", ["features"], ["in_distribution"], axes=[1]),
            node("Unsqueeze", ["means", "last"], ["each"]),
            node("Mul", ["each", "by place"], ["contributions"]),
            node("ReduceSum", ["contributions", "channel"], ["heatmap"], keepdims=0),
        ],
        "tiny",
        [
            helper.make_tensor_value_info(
                "image", TensorProto.UINT8, ["n", CONTRACT.preprocessing.height, CONTRACT.preprocessing.width, 3]
            )
        ],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width])
            for name, width in widths(CONTRACT).items()
        ]
        + [helper.make_tensor_value_info("heatmap", TensorProto.FLOAT, ["n", 6, 10, len(CONTRACT.labels)])],
        [
            numpy_helper.from_array(np.float32(1 / 255), "scale"),
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(bias, "bias"),
            numpy_helper.from_array(np.float32(CONTRACT.temperature), "temperature"),
            numpy_helper.from_array(weights.reshape(1, 3, 6, 10, -1), "by place"),
            numpy_helper.from_array(np.array([4]), "last"),
            numpy_helper.from_array(np.array([1]), "channel"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {CONTRACT_KEY: CONTRACT.to_json()})
    onnx.checker.check_model(model, full_check=True)
    return model


if __name__ == "__main__":
    main()
