"""Faults of files and disks: what hangs, vanishes or ends its process is a row or a sentence, and the run goes on."""

import hashlib
import json
import os
import resource
import signal
from pathlib import Path

import pytest

from archive import rows as reading
from archive.alone import DEAD, rows_alone
from archive.inputs import inputs_of
from archive.places import place_of
from archive.plan import FOLDER, Plan
from archive.rows import rows_of
from archive.worker import Worker
from edge import Classifier
from edge.prediction import Status
from tests.archive.pages import MODEL, archive_of, rows, scoring

DIGEST = "0" * 64


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archive_of(tmp_path_factory.mktemp("archive"))


DEADLY = """
import hashlib, os
sha256 = hashlib.sha256
def deadly(data=b"", **given):
    if data == b"deadly":
        os._exit(9)
    return sha256(data, **given)
hashlib.sha256 = deadly
"""


@pytest.fixture
def deadly(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a picture that ends the process that opens it, as a fault of a decoder would."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "sitecustomize.py").write_text(DEADLY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))
    folder = archive_of(tmp_path / "deadly", 4)
    (folder / "page0002b.jpg").write_bytes(b"deadly")
    return folder


def test_a_file_that_ends_its_process_is_found_and_all_others_are_answered(deadly: Path) -> None:
    inputs = [(str(path), None) for path in sorted(deadly.glob("*.jpg"))]
    found = list(rows_alone(MODEL.read_bytes(), DIGEST, inputs))
    assert [row["address"] for row in found] == [address for address, _ in inputs]
    assert [row["error"] for row in found if row["status"] == "error"] == [DEAD]


def test_it_ends_no_run_either(deadly: Path, tmp_path: Path) -> None:
    process = scoring(deadly, tmp_path / "out")
    said = process.communicate(timeout=300)
    assert process.returncode == 1, said
    found = {Path(row["address"]).name: row["error"] for row in rows(tmp_path / "out")}
    assert len(found) == 7
    assert found["page0002b.jpg"] == DEAD
    assert [name for name, error in found.items() if error] == ["page0002b.jpg", "bad.jpg"]


def test_what_hangs_vanishes_or_is_too_large_is_a_row(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "SILENCE", 0.3)
    os.mkfifo(tmp_path / "pipe.jpg")
    names = [tmp_path / "gone.jpg", pictures / "page0000.jpg", tmp_path / "pipe.jpg", tmp_path / "large.jpg", tmp_path]
    sizes = [None, None, None, (256 << 20) + 1, None]
    found = list(rows_of(Classifier(MODEL), DIGEST, list(zip(map(str, names), sizes, strict=True))))
    assert [row["address"] for row in found] == list(map(str, names))
    assert [row["error"] for row in found][:4] == [
        "no such file: check the path",
        None,
        "sends nothing for 0 seconds: check the storage",
        "has more than 256 MB: give a smaller file",
    ]
    assert found[4]["status"] == Status.ERROR
    assert [row["sha256"] is None for row in found] == [True, False, True, True, True]


def test_a_plan_that_is_damaged_ends_the_run_in_one_line(pictures: Path, tmp_path: Path) -> None:
    assert scoring(pictures, tmp_path / "out", "--dry-run").wait(120) == 0
    source = str(pictures)
    inputs = inputs_of(source, "")
    plan = Plan.of(source, inputs, hashlib.sha256(MODEL.read_bytes()).hexdigest(), 4)
    plan.settle(inputs, place_of(str(tmp_path / "out")))
    (tmp_path / "out" / FOLDER / "inputs.parquet").write_bytes(b"PAR1")
    process = scoring(pictures, tmp_path / "out", "--quiet")
    said, errors = process.communicate(timeout=300)
    assert (process.returncode, said) == (2, "")
    assert errors.startswith("the run has ended early (")
    assert len(errors.splitlines()) == 1


def test_a_full_disk_is_told_and_the_next_run_goes_on(pictures: Path, tmp_path: Path) -> None:
    out, inputs = tmp_path / "out", inputs_of(str(pictures / "ward"), "")
    plan = Plan.of("ward", inputs, DIGEST, 10)
    plan.settle(inputs, place_of(str(out)))
    worker = Worker(str(out), MODEL.read_bytes(), DIGEST)
    job = {"job": [json.dumps({"number": 0, "file": plan.files[0], "stale": []})]}
    bounds, silent = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, bounds[1]))
    try:
        assert "File too large" in worker(job)["failed"][0]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, bounds)
        signal.signal(signal.SIGXFSZ, silent)
    assert [path.name for path in out.iterdir()] == [FOLDER]
    assert worker(job)["failed"] == [""]
    assert len(rows(out)) == 3
    assert sorted(path.name for path in (out / FOLDER).iterdir()) == ["inputs.parquet", "plan.json"]
