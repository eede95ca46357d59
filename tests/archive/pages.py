"""What the tests of the archive share: a small archive of pictures, a run over it, and what its results hold."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.dataset
from PIL import Image

from tests.conftest import ROOT

MODEL = ROOT / "tests" / "edge" / "golden" / "tiny.onnx"
EXAMPLES = sorted((ROOT / "examples").glob("*.jpg"))


def archive_of(folder: Path, count: int = 12) -> Path:
    """A folder of pictures, below it a PDF of two pages, a file that is no picture, and one that is left out."""
    (folder / "ward").mkdir(parents=True)
    for number in range(count):
        (folder / f"page{number:04}.jpg").symlink_to(EXAMPLES[number % len(EXAMPLES)])
    with Image.open(EXAMPLES[0]) as page, Image.open(EXAMPLES[1]) as other:
        page.save(folder / "ward" / "two.pdf", save_all=True, append_images=[other])
    (folder / "ward" / "bad.jpg").write_text("no picture")
    (folder / "notes.txt").write_text("no picture")
    return folder


def rows(out: Path | str, filesystem: Any = None) -> list[dict]:
    """All rows of the results, read as others read them: every Parquet file of the folder."""
    data = pyarrow.dataset.dataset(str(out), filesystem=filesystem, exclude_invalid_files=True)
    found = data.to_table().to_pylist()
    return sorted(found, key=lambda row: (row["address"], row["page"] or 0))


def scoring(pictures: Path, out: Path, *words: str) -> subprocess.Popen:
    """A run in a process of its own, which may be killed."""
    command = [sys.executable, "-m", "archive", "score", str(pictures), "--out", str(out), "--model", str(MODEL)]
    return subprocess.Popen(
        [*command, "--partition-size", "4", *words],
        cwd=ROOT,
        env=os.environ | {"PYTHONFAULTHANDLER": "1"},  # a crash of Ray's own says where it was
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts what runs in the background deaf to interrupts, and all below it.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


def begun(out: Path, process: subprocess.Popen) -> None:
    """Wait until some of the results are there."""
    end = time.monotonic() + 120
    while len(list(out.glob("part-*"))) < 3:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)
