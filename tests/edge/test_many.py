"""Thousands of pictures, some broken: a line each, memory that does not grow, and an end that can be reached."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT

BROKEN = 100
"""One picture in so many."""
GROWTH = 1_000
"""Bytes that a picture may leave in memory: its name."""


def folder_of(count: int, folder: Path, page: Path) -> Path:
    """Links to one picture, and to a broken one."""
    folder.mkdir()
    broken = folder.with_name("broken.png")
    broken.write_bytes(page.read_bytes()[:500])
    for number in range(count):
        os.link(broken if number % BROKEN == 7 else page, folder / f"{number:06d}.png")
    return folder


def run(*words: object, until: int | None = None) -> tuple[int, int, str]:
    """The exit code of a prediction, its largest memory in bytes, and what it said; with `until`, SIGTERM from so many
    answers in its journal on."""
    out = Path(str(words[words.index("--out") + 1]))
    command = [sys.executable, "-m", "edge", "predict", *map(str, words)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        while until is not None and process.poll() is None:
            journal = next(out.parent.glob(".unfinished-*"), None)
            if journal is not None and journal.read_bytes().count(b"\n") >= until:
                process.send_signal(signal.SIGTERM)
                break
            time.sleep(0.01)
        said = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, used.ru_maxrss * (1 if sys.platform == "darwin" else 1024), said


@pytest.mark.skipif(not hasattr(resource, "getrusage") or not hasattr(os, "wait4"), reason="POSIX alone")
@pytest.mark.parametrize("count", [1_000, pytest.param(30_000, marks=pytest.mark.soak)])
def test_a_line_each_in_flat_memory_and_it_goes_on(count: int, golden: Path, tmp_path: Path) -> None:
    model = ("--model", golden / "tiny.onnx", "--format", "jsonl")
    few = folder_of(BROKEN, tmp_path / "few", golden / "page.png")
    code, least, _ = run(few, *model, "--out", tmp_path / "few.jsonl")
    assert code == 1
    many, out = folder_of(count, tmp_path / "many", golden / "page.png"), tmp_path / "many.jsonl"
    code, _, said = run(many, *model, "--out", out, until=count // 3)
    assert code == 143, said
    assert said.splitlines()[-2].endswith("answers are kept: repeat the command, it goes on")
    assert said.splitlines()[-1] == "terminated"
    assert not out.exists()
    code, most, said = run(many, *model, "--out", out)
    assert code == 1
    assert said.splitlines()[-1] == f"{count // BROKEN} of {count} images could not be read"
    records = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [Path(record["image"]).name for record in records] == [f"{number:06d}.png" for number in range(count)]
    assert [number for number, record in enumerate(records) if record["status"] == "error"] == list(
        range(7, count, BROKEN)
    )
    print(f"{count} pictures: {(most - least) / count:.0f} bytes of memory each")
    assert most - least < max(GROWTH * count, 20 << 20)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "broken.png", "few", "few.jsonl", "many", "many.jsonl",
    ]  # fmt: skip
