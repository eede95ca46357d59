"""Compare engines on the same weights and images: time, agreement and memory.

    python -m benchmarks.engines --h5 MODEL.h5 --onnx MODEL.onnx --int8 MODEL.int8.onnx --images DIR

Every engine runs in a process of its own on all cores, one image at a time, in turn with the others, so that
whatever else the machine does hits all alike. "forward" is from pixels to probabilities, "file" from the
file on disk; medians. The arithmetic limit is how long the convolutions would take at the rate of NumPy's
fp32 matrix product, measured in the same turns.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from edge.classifier import INPUT, Classifier
from edge.files import find_images
from edge.images.preprocessing import load_page

ENGINES = (
    "keras predict",
    "keras model(x)",
    "onnxruntime fp32",
    "openvino fp32",
    "onnxruntime int8",
    "openvino int8",
)
SIDE = 2048  # of the matrices whose product gives the limit
Network = Callable[[np.ndarray], np.ndarray]


def network(engine: str, models: argparse.Namespace) -> Network:
    """Return a function from an image (1, height, width, 3) to probabilities (1, classes)."""
    if engine.startswith("keras"):
        from training.models.saved_model import load_model

        model = load_model(models.h5).network
        if engine == "keras predict":
            return lambda image: model.predict(image, verbose=0)["probabilities"]
        return lambda image: np.asarray(model(image, training=False)["probabilities"])
    path = models.int8 if engine.endswith("int8") else models.onnx
    if engine.startswith("onnxruntime"):
        classifier = Classifier(path)
        return lambda image: classifier.run(image).probabilities
    import openvino

    compiled = openvino.Core().compile_model(
        str(path), "CPU", {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": os.cpu_count()}
    )
    request, output = compiled.create_infer_request(), compiled.output("probabilities")
    return lambda image: np.array(request.infer({INPUT: image})[output])


def work(engine: str, models: argparse.Namespace) -> None:
    """For each path on standard input, print times and probabilities as JSON."""
    run = network(engine, models)
    contract = Classifier(models.onnx).contract
    run(np.zeros((1, contract.preprocessing.height, contract.preprocessing.width, 3), np.uint8))
    print("ready", flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        image = load_page(line.rstrip("\n"), contract.preprocessing)[np.newaxis]
        loaded = time.perf_counter()
        shares = run(image)
        end = time.perf_counter()
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        print(json.dumps([end - loaded, end - start, memory, shares[0].tolist()]), flush=True)


def multiplications(path: Path) -> float:
    """Return how many products the convolutions of one image take."""
    import onnx

    graph = onnx.shape_inference.infer_shapes(onnx.load(path)).graph
    sizes = {value.name: [size.dim_value for size in value.type.tensor_type.shape.dim] for value in graph.value_info}
    weights = {weight.name: weight.dims for weight in graph.initializer}
    return float(
        sum(
            np.prod(weights[node.input[1]]) * np.prod(sizes[node.output[0]][2:])
            for node in graph.node
            if node.op_type == "Conv"
        )
    )


def main() -> None:
    """Print one line an engine."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--h5", type=Path, required=True)
    parser.add_argument("--onnx", type=Path, required=True)
    parser.add_argument("--int8", type=Path)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--most", type=int, default=30)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.worker, options)
        return
    engines = [engine for engine in ENGINES if options.int8 or not engine.endswith("int8")]
    workers = {}
    for engine in engines:
        words = [sys.executable, "-m", "benchmarks.engines", *sys.argv[1:], "--worker", engine]
        workers[engine] = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        if workers[engine].stdout.readline() != "ready\n":
            raise SystemExit(f"{engine}: does not start: run '{' '.join(words)}' to see why")
    products = multiplications(options.onnx)
    matrix = np.random.default_rng(0).random((SIDE, SIDE), np.float32)
    found = {engine: [] for engine in engines}
    limits = []
    paths = find_images(options.images)
    for path in (paths * options.most)[: options.most]:
        for engine, worker in workers.items():
            worker.stdin.write(f"{path}\n")
            worker.stdin.flush()
            found[engine].append(json.loads(worker.stdout.readline()))
        start = time.perf_counter()
        matrix @ matrix
        limits.append((time.perf_counter() - start) * products / SIDE**3)
    for worker in workers.values():
        worker.stdin.close()
    report(found, float(np.median(limits)), products)


def report(found: dict[str, list], limit: float, products: float) -> None:
    """Print medians, ratios to onnxruntime fp32, agreement with Keras, and memory."""
    shares = {engine: np.array([row[3] for row in rows]) for engine, rows in found.items()}
    forward = {engine: float(np.median([row[0] for row in rows])) for engine, rows in found.items()}
    whole = {engine: float(np.median([row[1] for row in rows])) for engine, rows in found.items()}
    ours, exact = forward["onnxruntime fp32"], shares["keras predict"]
    print(
        f"{os.cpu_count()} threads each, {len(exact)} images, medians; {products / 1e9:.2f} billion products an image"
    )
    print("| engine | forward, ms | of ours in fp32 | file to prediction, ms | classes agree | probability | peak MB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for engine, rows in found.items():
        same = (shares[engine].argmax(axis=1) == exact.argmax(axis=1)).mean()
        print(
            f"| {engine} | {1000 * forward[engine]:.1f} | {forward[engine] / ours:.2f} | {1000 * whole[engine]:.1f} "
            f"| {same:.0%} | {np.abs(shares[engine] - exact).max():.1e} | {max(row[2] for row in rows):.0f} |"
        )
    print(f"| limit of fp32 arithmetic | {1000 * limit:.1f} | {limit / ours:.2f} | | | | |")
    if "openvino int8" in forward:
        ratio = forward["onnxruntime int8"] / forward["openvino int8"]
        print(
            f"int8: onnxruntime takes {ratio:.2f} of OpenVINO's time; {ours / forward['onnxruntime int8']:.2f} x fp32"
        )


if __name__ == "__main__":
    main()
