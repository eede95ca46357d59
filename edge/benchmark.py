"""What an image costs on this machine, from the file to the answer."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from edge.classifier import Classifier
from edge.errors import UsageError
from edge.images.page import open_page
from edge.images.preprocessing import load_page
from edge.selftest import machine, selftest_pictures

BATCHES = (1, 8)
COLD_STARTS = 5
LAUNCH = """
import subprocess, sys, time
start = time.perf_counter()
result = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
end = time.perf_counter()
try:
    import resource
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
except ImportError:
    memory = None
sys.stderr.write(result.stderr.decode(errors="replace"))
print(1000 * (end - start), memory)
sys.exit(result.returncode)
"""


def measure(model: Path, runs: int) -> dict[str, Any]:
    """Return milliseconds an image, each the median and the 95th percentile of `runs`, and peak memory in MB.

    The image is the self-test's JPEG of 2213x1572. "cold start" is a whole process of `edge predict`, and
    "peak memory" is what that process took at most; None where the system does not say.
    """
    cores = os.cpu_count() or 1
    found: dict[str, Any] = {
        "model": str(model),
        "machine": f"{cores} cores, {machine()}",
    }
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.jpg"
        page.write_bytes(selftest_pictures(Classifier(model).contract.preprocessing)["large.jpg"])
        image = open_page(page)
        milliseconds = {"decode": _timed(lambda: open_page(page), runs)}
        for threads in sorted({1, cores}):
            classifier = Classifier(model, threads)
            pixels = load_page(image, classifier.contract.preprocessing)
            if threads == 1:
                milliseconds["preparation"] = _timed(lambda: load_page(image, classifier.contract.preprocessing), runs)  # noqa: B023
            for size in BATCHES:
                batch = np.repeat(pixels[np.newaxis], size, axis=0)
                times = _timed(lambda: classifier.run(batch), max(runs // size, 3))  # noqa: B023
                name = f"run, {threads} thread{'s' if threads > 1 else ''}, batch {size}"
                milliseconds[name] = {key: value / size for key, value in times.items()}
        starts, memory = zip(*(_cold(model, page) for _ in range(COLD_STARTS)), strict=True)
        milliseconds["cold start"] = _summary(list(starts))
    found["milliseconds"] = milliseconds
    found["peak memory"] = None if memory[0] is None else max(memory)
    return found


def _timed(call: Callable[[], object], runs: int) -> dict[str, float]:
    call()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - start))
    return _summary(times)


def _summary(times: list[float]) -> dict[str, float]:
    return {"median": float(np.median(times)), "p95": float(np.percentile(times, 95))}


def fresh(words: list[str]) -> tuple[float, float | None]:
    """Return the milliseconds that a fresh Python takes with these arguments, and the most memory it took, in MB.

    Raises `UsageError` where it fails. A small process starts it: a system counts the memory of the one that
    starts another as the other's too.
    """
    result = subprocess.run([sys.executable, "-c", LAUNCH, sys.executable, *words], capture_output=True, text=True)
    if result.returncode != 0:
        raise UsageError(f"{' '.join(words)}: fails in a fresh process: {result.stderr.strip().splitlines()[-1]}")
    milliseconds, memory = result.stdout.split()
    return float(milliseconds), None if memory == "None" else float(memory)


def _cold(model: Path, page: Path) -> tuple[float, float | None]:
    """Return time and memory of a fresh process that classifies an image."""
    return fresh(["-m", "edge", "predict", str(page), "--model", str(model.absolute()), "--quiet"])
