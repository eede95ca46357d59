"""The demo as a process of its own, where the packages that the device does not have cannot be imported."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import onnx
import pytest

from edge.contract import CONTRACT_KEY
from tests.conftest import ROOT


def start(model: Path | None, blocked: Path, *options: str, **environment: str) -> tuple[subprocess.Popen, str]:
    """Start the demo where TensorFlow, Keras and onnx cannot be imported, and wait for its address."""
    modules = blocked / "modules"
    modules.mkdir(exist_ok=True)
    for name in ("tensorflow", "keras", "onnx", "tf2onnx"):
        (modules / f"{name}.py").write_text("raise ImportError('the demo needs the device alone')")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "demo.py", *([] if model is None else ["--model", model]), "--port", str(port), *options],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(modules), "TMPDIR": str(blocked)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts what runs in the background deaf to interrupts, and all below it.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    for line in process.stdout:
        if found := re.fullmatch(r"demo: (\S+)\n", line):
            return process, found[1]
    pytest.fail(process.communicate()[1])


def with_contract(model: Path, out: Path, **changed: object) -> Path:
    """A copy of a model whose contract says something else."""
    graph = onnx.load(model)
    entry = next(entry for entry in graph.metadata_props if entry.key == CONTRACT_KEY)
    entry.value = json.dumps(json.loads(entry.value) | changed)
    onnx.save(graph, out)
    return out


def adopted(model: Path, out: Path) -> Path:
    """A model as others make it, whose classes do not exclude each other."""
    others = {"framework": "Keras 2.11.0", "scale": "unit", "channels": "rgb"}
    return with_contract(model, out, adopted=others, activation="sigmoid", confidence_threshold=1e-3)


def stop(process: subprocess.Popen) -> str:
    """End the demo and return what it has said on stderr."""
    process.terminate()
    return process.communicate(timeout=20)[1]
