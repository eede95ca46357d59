"""The worker: an actor that answers one partition after another and writes each one's results."""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from archive.alone import rows_alone
from archive.places import place_of
from archive.plan import FOLDER, read_inputs
from archive.rows import rows_of, schema_of, write_rows
from edge import Classifier
from edge.prediction import Status

MEASURED = b"archive"
"""Name of the metadata entry of a results file that says what it cost."""


class Worker:
    """Answer partitions of a plan with a model; Ray makes one a core."""

    def __init__(self, out: str, model: bytes, digest: str, home: str | None = None) -> None:
        """Load the model; `out` is the address of the results, `digest` the SHA-256 of the model's file.

        `home` is the folder where credentials are looked for, if it is not that of the process.
        """
        if home is not None:
            os.environ["HOME"] = home
        self._out, self._model, self._digest = place_of(out), model, digest
        # Not for as long as it lives: Ray ends an actor without a word.
        with TemporaryDirectory(prefix="ecg-archive-") as folder:
            file = Path(folder) / "model.onnx"
            file.write_bytes(model)
            self._classifier = Classifier(file, threads=1)

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, list[Any]]:
        """Answer the partitions of a batch; return what became of each."""
        jobs = (json.loads(job) for job in batch["job"])
        found = [self._answered(int(job["number"]), str(job["file"]), list(job["stale"])) for job in jobs]
        return {name: [one[name] for one in found] for name in found[0]}

    def _answered(self, number: int, file: str, stale: list[str]) -> dict[str, Any]:
        """Write one partition's results; a storage that cannot be written to is told, and stops no other partition."""
        begun, tally = self._out.below(FOLDER).below(f"begun-{file}"), Tally()
        try:
            inputs = read_inputs(self._out, ["address", "size"], number)
            pairs = list(zip(inputs["address"].to_pylist(), inputs["size"].to_pylist(), strict=True))
            tally.files = len(pairs)
            # Whoever began before has not come to an end: something in here may have ended it.
            if begun.exists():
                rows = rows_alone(self._model, self._digest, pairs)
            else:
                begun.write(b"")
                rows = rows_of(self._classifier, self._digest, pairs)
            # Whole before any of it is written: a file of Parquet that is closed too early looks whole.
            self._out.below(file).write(self._results(tally.counting(rows), tally))
            for name in stale:
                self._out.below(name).remove()
            begun.remove()
            return tally.as_dict()
        except OSError as error:
            if self._out.below(file).exists():  # another run over the same source has written them
                return Tally(tally.files).as_dict()
            return Tally(tally.files, failed=" ".join(str(error).split())).as_dict()

    def _results(self, rows: Iterator[dict[str, Any]], tally: "Tally") -> pa.Buffer:
        """Return rows as a file of Parquet, with what they cost."""
        schema, content = schema_of(self._classifier.contract), pa.BufferOutputStream()
        start = time.perf_counter()
        with parquet.ParquetWriter(content, schema, compression="zstd") as writer:
            write_rows(writer, rows)
            tally.seconds = time.perf_counter() - start
            writer.add_key_value_metadata({MEASURED: json.dumps(tally.as_dict()).encode()})
        return content.getvalue()


@dataclass
class Tally:
    """Count what a partition's results hold, and what they cost."""

    files: int = 0
    pages: int = 0
    errors: int = 0
    seconds: float = 0.0
    """Of one core."""
    failed: str = ""
    """Why the results could not be written; "" where they are."""

    def counting(self, rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield rows and count them."""
        for row in rows:
            self.pages += 1
            self.errors += row["status"] == Status.ERROR
            yield row

    def as_dict(self) -> dict[str, Any]:
        """Return its fields."""
        return vars(self).copy()
