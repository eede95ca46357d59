"""Alone: files of a partition that ended a worker, answered in a process of their own until it is known which one."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from archive.rows import error_row, rows_of
from edge import Classifier, __version__

Input = tuple[str, int | None]

START, EACH = 60, 90
"""Seconds for a process to start, and for each of its files: a page takes a minute at most."""
TOGETHER = 32
"""Files in one process, at first."""
DEAD = "ended the process that opened it: look at it, or leave it out"


def rows_alone(model: bytes, digest: str, inputs: list[Input]) -> Iterator[dict[str, Any]]:
    """Yield what `rows_of` does; a file that ends the process that opens it gets a row with an error."""
    for begin in range(0, len(inputs), TOGETHER):
        yield from _divided(model, digest, inputs[begin : begin + TOGETHER])


def _divided(model: bytes, digest: str, inputs: list[Input]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a few inputs: of halves of them where their process ends."""
    rows = _answered(model, inputs)
    if rows is not None:
        yield from rows
    elif len(inputs) == 1:
        address, size = inputs[0]
        yield error_row(address, DEAD) | {"size": size, "model": digest, "version": __version__}
    else:
        half = len(inputs) // 2
        yield from _divided(model, digest, inputs[:half])
        yield from _divided(model, digest, inputs[half:])


def _answered(model: bytes, inputs: list[Input]) -> list[dict[str, Any]] | None:
    """Return the rows; None where the process ends without having written them."""
    with TemporaryDirectory(prefix="ecg-archive-") as folder:
        (Path(folder) / "inputs.json").write_text(json.dumps(inputs), encoding="utf-8")
        (Path(folder) / "model.onnx").write_bytes(model)
        command = [sys.executable, "-m", "archive.alone", folder]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=START + EACH * len(inputs))
        except subprocess.SubprocessError:
            return None
        rows: list[dict[str, Any]] = json.loads((Path(folder) / "rows.json").read_text(encoding="utf-8"))
        return rows


def main() -> None:
    """Answer the inputs of a folder's `inputs.json` with its `model.onnx` into its `rows.json`."""
    folder = Path(sys.argv[1])
    model = folder / "model.onnx"
    inputs = json.loads((folder / "inputs.json").read_text(encoding="utf-8"))
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    rows = list(rows_of(Classifier(model, threads=1), digest, map(tuple, inputs)))
    (folder / "rows.json").write_text(json.dumps(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
