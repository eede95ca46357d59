"""Measure the device: a folder of large images, a cold start, and memory over many images.

    python -m benchmarks.device MODEL.onnx [MODEL.onnx ...] [--h5 MODEL.h5] [--many 10000]

The images are the self-test's JPEG of 2213x1572. Folder: images a second of `predict_many` against 1 / (d + r), d
and r being the seconds an image of opening alone and of running alone, each on all cores. Cold start: a fresh
process of `edge predict` against one that imports numpy, onnxruntime and Pillow, in turn; with --h5, Keras too.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from edge.benchmark import fresh
from edge.classifier import Classifier
from edge.images.preprocessing import load_page
from edge.selftest import selftest_pictures

IMAGES, ROUNDS, STARTS = 200, 3, 9
IMPORTS = "import numpy, onnxruntime, PIL.Image"
KERAS = """
import sys
from pathlib import Path
from edge.images.preprocessing import load_page
from training.models.saved_model import load_model
model = load_model(Path(sys.argv[1]))
print(model.run(load_page(sys.argv[2], model.contract.preprocessing)[None]).probabilities)
"""


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def folder(model: Path, image: Path) -> None:
    """Print how well opening and running overlap."""
    classifier = Classifier(model)
    pixels = load_page(image, classifier.contract.preprocessing)[np.newaxis]
    opening, running, whole = [], [], []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in range(ROUNDS):
            opening.append(
                seconds(
                    lambda: list(pool.map(lambda _: load_page(image, classifier.contract.preprocessing), range(IMAGES)))
                )
                / IMAGES
            )
            running.append(seconds(lambda: [classifier.run(pixels) for _ in range(IMAGES // 4)]) / (IMAGES // 4))
            whole.append(seconds(lambda: list(classifier.predict_many([image] * IMAGES))) / IMAGES)
    d, r, both = map(float, (np.median(opening), np.median(running), np.median(whole)))
    print(
        f"{model.name}: {IMAGES} images: {1 / both:.1f} a second; opening alone {1000 * d:.1f} ms, running alone "
        f"{1000 * r:.1f} ms, so {(d + r) / both:.2f} of 1 / (d + r)"
    )


def cold(models: list[Path], h5: Path | None, image: Path) -> None:
    """Print how long fresh processes take, and what memory."""
    words = {"the imports alone": ["-c", IMPORTS]}
    words |= {m.name: ["-m", "edge", "predict", str(image), "--model", str(m), "--quiet"] for m in models}
    if h5 is not None:
        words[f"{h5.name} in Keras"] = ["-c", KERAS, str(h5), str(image)]
    times: dict[str, list[float]] = {name: [] for name in words}
    memory = dict.fromkeys(words, 0.0)
    for _ in range(STARTS):
        for name, arguments in words.items():
            milliseconds, most = fresh(arguments)
            times[name].append(milliseconds)
            memory[name] = max(memory[name], most or 0.0)
    base = float(np.median(times["the imports alone"]))
    for name, taken in times.items():
        median = float(np.median(taken))
        print(f"cold start, {name}: {median:.0f} ms, {median / base:.2f} of the imports, {memory[name]:.0f} MB")


def many(model: Path, image: Path, count: int) -> None:
    """Print the memory of one process after 100 images and after many."""
    script = (
        "import sys; from pathlib import Path; from edge import Classifier\n"
        "def most():  # of this process alone: getrusage counts the one that started it too\n"
        "    lines = Path('/proc/self/status').read_text().splitlines()\n"
        "    return int(next(line for line in lines if line.startswith('VmHWM')).split()[1]) // 1024\n"
        "model, image, count = Classifier(sys.argv[1]), sys.argv[2], int(sys.argv[3])\n"
        "for number, _ in enumerate(model.predict_many([image] * count), 1):\n"
        "    if number in (100, count): print(number, most())\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, str(model), str(image), str(count)], capture_output=True, text=True, check=True
    )
    found = [line.split() for line in result.stdout.splitlines()]
    print(f"{model.name}: {', '.join(f'{memory} MB after {number} images' for number, memory in found)}")


def main() -> None:
    """Print one line a measurement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--h5", type=Path)
    parser.add_argument("--many", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        large, small = Path(place) / "large.jpg", Path(place) / "small.png"
        shown = selftest_pictures(Classifier(options.models[0]).contract.preprocessing)
        large.write_bytes(shown["large.jpg"])
        small.write_bytes(shown["grey.png"])
        for model in options.models:
            folder(model, large)
        cold(options.models, options.h5, large)
        if options.many:
            many(options.models[0], small, options.many)


if __name__ == "__main__":
    main()
