"""No program looks up or sends anything: not Keras, Optuna, matplotlib or Gradio. `edge` has tests of its own."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

ADDRESS = re.compile(r'sin6?_addr=.*?"([^"]+)"|inet_pton\(AF_INET6, "([^"]+)"')
pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="no strace on this machine")


def traced(log: Path, home: Path, *words: object) -> subprocess.Popen:
    """A program whose calls that name an address are logged, for somebody who has set nothing."""
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LC_ALL")}
    strace = ("strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", log)
    return subprocess.Popen(
        [*map(str, strace), sys.executable, *map(str, words)],
        cwd=ROOT,
        env=kept | {"HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def addresses(log: Path) -> set[str]:
    """The addresses of the internet in a log: those of this machine are none."""
    found = {
        (one or other).removeprefix("::ffff:")
        for line in log.read_text().splitlines()
        for one, other in ADDRESS.findall(line)
    }
    return {address for address in found if not (address.startswith("127.") or address in ("::1", "0.0.0.0", "::"))}


def left(home: Path) -> set[str]:
    return {path.relative_to(home).parts[1] for path in home.glob(".*/*")} | {path.name for path in home.glob("[!.]*")}


@pytest.mark.slow
def test_training_and_export_look_up_nothing(three_classes: Path, tmp_path: Path) -> None:
    words = ("--model", "cnn", "--data", three_classes, "--image-size", "64x96", "--folds", 2, "--epochs", 1)
    tune = ("-m", "training", "tune", *words, "--trials", 1, "--out", tmp_path / "tuned")
    train = ("-m", "training", "train", *words, "--out", tmp_path / "run")
    model = tmp_path / "run" / "ecg_cnn_model.h5"
    convert = ("-m", "export", "convert", model, "--out", tmp_path / "m.onnx", "--images", three_classes / "test")
    for name, command in (("tune", tune), ("train", train), ("convert", convert)):
        process = traced(tmp_path / f"{name}.log", tmp_path / name, *command)
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        assert addresses(tmp_path / f"{name}.log") == set()
        assert left(tmp_path / name) <= {"matplotlib", "ecg-images"}  # caches: fonts, and our own


@pytest.mark.slow
def test_an_archive_talks_to_this_machine_alone(tmp_path: Path) -> None:
    log, model = tmp_path / "archive.log", ROOT / "tests" / "edge" / "golden" / "tiny.onnx"
    words = ("-m", "archive", "score", "examples", "--out", tmp_path / "out", "--model", model)
    process = traced(log, tmp_path / "home", *words)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert "127.0.0.1" in log.read_text()
    assert addresses(log) == set()
    assert left(tmp_path / "home") == set()


def test_the_demo_talks_to_this_machine_alone(onnx_file: Path, tmp_path: Path) -> None:
    log = tmp_path / "demo.log"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = traced(log, tmp_path / "home", "demo.py", "--model", onnx_file, "--port", port)
    try:
        address = process.stdout.readline().rpartition(" ")[2].strip()
        assert address.startswith("http://127.0.0.1:"), process.stderr.read()
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=60)
    assert "127.0.0.1" in log.read_text()
    assert addresses(log) == set()
    assert left(tmp_path / "home") == set()


def test_the_log_would_show_a_lookup(tmp_path: Path) -> None:
    """The check of the check: a name is looked up, and an address is asked."""
    script = "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('192.0.2.1', 9))"
    traced(tmp_path / "log", tmp_path / "home", "-c", script).communicate(timeout=60)
    assert addresses(tmp_path / "log") == {"192.0.2.1"}
