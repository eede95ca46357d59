"""The demo as a process of its own, where the packages that the device does not have cannot be imported."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


def start(model: Path, blocked: Path, *options: str, **environment: str) -> tuple[subprocess.Popen, str]:
    """Start the demo where TensorFlow, Keras and onnx cannot be imported, and wait for its address."""
    for name in ("tensorflow", "keras", "onnx", "tf2onnx"):
        (blocked / f"{name}.py").write_text("raise ImportError('the demo needs the device alone')")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "demo.py", "--model", model, "--port", str(port), *options],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(blocked), "TMPDIR": str(blocked)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if found := re.fullmatch(r"demo: (\S+)\n", line):
            return process, found[1]
    pytest.fail(process.communicate()[1])


def stop(process: subprocess.Popen) -> str:
    """End the demo and return what it has said on stderr."""
    process.terminate()
    return process.communicate(timeout=20)[1]
