"""Faults: killed at any change of a file, or a disk that is full, and run again: the result of an undisturbed run."""

import csv
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from edge.files import UNFINISHED
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


def test_sigterm_ends_training_in_one_line_and_leaves_nothing_half(three_classes: Path, tmp_path: Path) -> None:
    few = [
        "--model",
        "cnn",
        "--data",
        three_classes,
        "--image-size",
        "96x160",
        "--epochs",
        200,
        "--out",
        tmp_path / "run",
    ]
    command = [sys.executable, "-m", "training", "train", *map(str, few)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if "epoch 2 of 200" in line:
                process.terminate()
                break
        messages = process.communicate(timeout=60)[1]
    assert process.returncode == 143
    assert messages.splitlines()[-1] == "terminated"
    assert "Traceback" not in messages
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(UNFINISHED)]


READ_ONLY = Path("/sys/ecg")  # where nobody may write, root neither


@pytest.mark.skipif(not READ_ONLY.parent.is_dir(), reason="there is no /sys")
@pytest.mark.parametrize("program", ["train", "convert", "synthetic", "evaluate", "explore", "audit", "predict"])
def test_a_folder_that_cannot_be_written_to_gets_one_line(
    program: str,
    three_classes: Path,
    h5: Path,
    onnx_file: Path,
    golden_model: Path,
    called: Callable,
    command: Callable,
) -> None:
    images, out = three_classes / "test", ("--out", READ_ONLY / "out")
    words = {
        "train": ("training", "train", "--model", "cnn", "--data", three_classes, "--image-size", "96x160"),
        "convert": ("export", "convert", h5, "--images", images),
        "synthetic": ("training", "synthetic", "--per-class", 1),
        "evaluate": ("training", "evaluate", onnx_file, "--data", three_classes),
        "explore": ("training", "explore", "--data", three_classes),
        "audit": ("training", "audit", "--data", three_classes),
        "predict": ("edge", "predict", images, "--recursive", "--model", golden_model, "--format", "csv"),
    }[program]
    result = (command if program == "predict" else called)(*words, *out, code=2)
    last = result.stderr.splitlines()[-1]
    assert str(READ_ONLY) in last
    assert "Permission" in last or "permitted" in last or "Read-only" in last or "No such file" in last


def test_a_picture_that_vanishes_or_changes_while_it_is_read_is_answered_or_gets_its_line(
    golden_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the moment between the look at a file and its decoding."""
    from edge import Classifier
    from edge.images import page

    original, classifier = page.depth_of, Classifier(golden_model)
    source = Image.open(ROOT / "tests" / "edge" / "golden" / "page.png")
    changes: dict[str, Callable[[Path], object]] = {
        "vanishes": Path.unlink,
        "is emptied": lambda path: path.write_bytes(b""),
        "is cut": lambda path: path.write_bytes(path.read_bytes()[:3000]),
        "is overwritten": lambda path: path.write_bytes(bytes(path.stat().st_size)),
        "becomes a folder": lambda path: (path.unlink(), path.mkdir()),
    }
    for what, change in changes.items():
        for suffix in (".png", ".jpg", ".tif", ".bmp"):
            path = tmp_path / what.replace(" ", "-") / f"page{suffix}"
            path.parent.mkdir(exist_ok=True)
            options = {"progressive": True} if suffix == ".jpg" else {}
            source.convert("RGB").save(path, **options)

            def changing(image: Image.Image, path: Path = path, change: Callable = change) -> int:
                change(path)
                return original(image)

            monkeypatch.setattr(page, "depth_of", changing)
            (found,) = classifier.predict_many([path])
            assert found.status in ("ok", "uncertain", "rejected") or str(path) in found.error
            assert "\n" not in (found.error or "")


def test_an_image_that_vanishes_between_the_look_and_the_training_gets_one_line(
    three_classes: Path, tmp_path: Path
) -> None:
    from edge.images.preprocessing import Preprocessing
    from training.data.folder import DataFolder
    from training.errors import DataError

    shutil.copytree(three_classes, tmp_path / "data")
    folder = DataFolder.read(tmp_path / "data")
    folder.images[3].path.unlink()
    with pytest.raises(DataError, match="no such file") as refusal:
        folder.load(Preprocessing(96, 160))
    assert str(folder.images[3].path) in str(refusal.value)


def test_a_clock_that_jumps_changes_no_answer(golden_model: Path, tmp_path: Path) -> None:
    """Pictures and a journal of the future or of 1970; and a picture that is replaced, with its old date put back."""
    page, out = tmp_path / "page.png", tmp_path / "out.jsonl"
    other = tmp_path / "other.png"
    with Image.open(ROOT / "tests" / "edge" / "golden" / "page.png") as upright:
        upright.rotate(180).save(other)
    shutil.copy(ROOT / "tests" / "edge" / "golden" / "page.png", page)
    words = [
        "edge",
        "predict",
        page,
        tmp_path / "second.png",
        "--model",
        golden_model,
        "--format",
        "jsonl",
        "--out",
        out,
    ]
    shutil.copy(page, tmp_path / "second.png")
    for date in (0, 2**33):
        os.utime(page, (date, date))
        assert run(*words).returncode == 0
    answered = out.read_text()
    out.unlink()
    # Killed before the results are written: the journal is there.
    assert run("tests.killed", 0, *words).returncode == KILLED
    before = page.stat()
    shutil.copy(other, page)
    os.utime(page, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert run(*words).returncode == 0
    first, second = map(json.loads, out.read_text().splitlines())
    assert json.loads(answered.splitlines()[1]) == second
    assert first["probabilities"] != second["probabilities"]
