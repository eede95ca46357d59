"""Faults: killed at any change of a file, or a disk that is full, and run again: the result of an undisturbed run."""

import csv
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.killed import KILLED

LIMIT = 30_000
"""Bytes of a file, where the disk is full."""
Words = Callable[[Path], list[object]]


@pytest.fixture(scope="module")
def programs(three_classes: Path, h5: Path, golden_model: Path) -> dict[str, tuple[Words, list[int]]]:
    """For each program the words that write below a folder, and after how many changes it is killed."""
    few = ["--model", "cnn", "--data", three_classes, "--image-size", "96x160", "--epochs", 2, "--acquisitions", 1]
    images = three_classes / "test"
    return {
        "train": (
            lambda out: ["training", "train", *few, "--cache", out / "cache", "--out", out / "run"],
            [0, 1, 20, 33, 34, 36, 39, 42],
        ),
        "convert": (lambda out: ["export", "convert", h5, "--out", out / "ecg.onnx", "--images", images], [0, 1]),
        "predict": (
            lambda out: [
                "edge", "predict", images, "--recursive", "--model", golden_model, "--format", "csv",
                "--out", out / "r.csv", "--heatmaps", out / "heatmaps",
            ],
            [0, 1, 4, 7, 8],
        ),
        "synthetic": (
            lambda out: ["training", "synthetic", "--per-class", 2, "--workers", 1, "--out", out / "images"], [0, 3, 8],
        ),
    }  # fmt: skip


@pytest.fixture(scope="module")
def golden_model() -> Path:
    return ROOT / "tests" / "edge" / "golden" / "tiny.onnx"


def run(*words: object, full: bool = False) -> subprocess.CompletedProcess:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))

    command = [sys.executable, "-m", *map(str, words)]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=600, preexec_fn=limit if full else None
    )


def made(folder: Path) -> dict[str, bytes | set]:
    """What lies in a folder, by its name; of results, which name the folder, the answers."""
    found: dict[str, bytes | set] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not name.startswith("cache"):
            found[name] = path.read_bytes()
            if path.suffix == ".csv" and name.startswith("r."):
                rows = list(csv.DictReader(path.open(newline="")))
                found[name] = {(row["image"], row["probability"], Path(row["heatmap"]).name) for row in rows}
    return found


@pytest.mark.slow
@pytest.mark.parametrize("program", ["train", "convert", "predict", "synthetic"])
def test_a_program_that_was_killed_ends_as_if_it_never_was(program: str, programs: dict, tmp_path: Path) -> None:
    words, points = programs[program]
    (tmp_path / "whole").mkdir()
    assert run(*words(tmp_path / "whole")).returncode == 0
    whole = made(tmp_path / "whole")
    assert whole
    for point in points:
        folder = tmp_path / str(point)
        folder.mkdir()
        assert run("tests.killed", point, *words(folder)).returncode == KILLED
        again = run(*words(folder))
        assert again.returncode == 0, again.stderr
        left = {name for name in made(folder) if ".unfinished-" in name}
        assert {name: content for name, content in made(folder).items() if name not in left} == whole


@pytest.mark.slow
@pytest.mark.parametrize("program", ["train", "convert", "predict", "synthetic"])
def test_a_full_disk_gets_one_line_and_leaves_nothing_half(program: str, programs: dict, tmp_path: Path) -> None:
    words, _ = programs[program]
    for name in ("whole", "full"):
        (tmp_path / name).mkdir()
    full = run(*words(tmp_path / "full"), full=True)
    assert full.returncode == 2, full.stderr
    assert "Traceback" not in full.stderr
    last = full.stderr.splitlines()[-1]
    assert str(tmp_path / "full") in last
    assert "File too large" in last or "written" in last  # NumPy says how much of what
    assert run(*words(tmp_path / "whole")).returncode == 0
    again = run(*words(tmp_path / "full"))
    assert again.returncode == 0, again.stderr
    assert made(tmp_path / "full") == made(tmp_path / "whole")
