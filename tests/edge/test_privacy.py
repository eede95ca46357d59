"""Nothing leaves the device: no file in the home folder, no socket, whatever a library would like to send."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


def environment(home: Path) -> dict[str, str]:
    """The environment of somebody who has set nothing, with an empty home folder."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LC_ALL")}
    return kept | {"HOME": str(home)}


def command(golden: Path) -> list[str]:
    return [sys.executable, "-m", "edge", "predict", str(golden / "page.png"), "--model", str(golden / "tiny.onnx")]


def test_a_prediction_leaves_nothing_in_the_home_folder(golden: Path, tmp_path: Path) -> None:
    result = subprocess.run(command(golden), cwd=ROOT, env=environment(tmp_path), capture_output=True, timeout=60)
    assert result.returncode == 0
    assert list(tmp_path.rglob("*")) == []


def test_the_library_leaves_nothing_either(golden: Path, tmp_path: Path) -> None:
    script = "import sys; from edge import Classifier; print(Classifier(sys.argv[1]).predict(sys.argv[2]).status)"
    words = [sys.executable, "-c", script, str(golden / "tiny.onnx"), str(golden / "page.png")]
    subprocess.run(words, cwd=ROOT, env=environment(tmp_path), check=True, timeout=60)
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace on this machine")
def test_a_prediction_opens_no_socket(golden: Path, tmp_path: Path) -> None:
    log = tmp_path / "calls"
    words = ["strace", "-f", "-qq", "-e", "trace=%network", "-o", str(log), *command(golden)]
    (tmp_path / "home").mkdir()
    subprocess.run(words, cwd=ROOT, env=environment(tmp_path / "home"), check=True, capture_output=True, timeout=300)
    assert [line for line in log.read_text().splitlines() if "+++" not in line and "---" not in line] == []
