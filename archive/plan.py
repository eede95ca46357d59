"""The plan: a source's inputs, listed once and cut into partitions, each of which becomes one file of the results."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from archive.places import Place
from edge.errors import UsageError
from edge.files import UNFINISHED

FOLDER = "_plan"
MANIFEST, SETTINGS = "inputs.parquet", "plan.json"
AGAIN = "repeat the command as it was, or give another --out"
DIGITS = 12
"""Of a digest in a file's name."""


@dataclass(frozen=True)
class Plan:
    """Hold which inputs are in which partition, and what their results are called."""

    source: str
    model: str
    """SHA-256 of the model's file."""
    partition_size: int
    inputs: int
    files: tuple[str, ...]
    """The name of each partition's results: its number, a digest of its inputs, and one of the model."""

    @classmethod
    def of(cls, source: str, inputs: pa.Table, model: str, partition_size: int) -> "Plan":
        """Cut sorted inputs into partitions."""
        cut = range(0, len(inputs), partition_size)
        names = tuple(
            f"part-{number:06d}-{digest_of(inputs.slice(begin, partition_size))}-{model[:DIGITS]}.parquet"
            for number, begin in enumerate(cut)
        )
        return cls(source, model, partition_size, len(inputs), names)

    def size(self, number: int) -> int:
        """Return how many inputs a partition has."""
        return min(self.partition_size, self.inputs - number * self.partition_size)

    def settle(self, inputs: pa.Table, out: Place) -> None:
        """Write the plan to `out`, or compare it with the one that is there.

        Raises `UsageError` where `out` holds results of another source, model or partition size, or what this command
        did not make. Where inputs were changed, the manifest is written again: their partitions have other names now.
        """
        folder = out.below(FOLDER)
        there = folder.below(SETTINGS)
        if there.exists():
            before = json.loads(there.read())
            for name in ("source", "model", "partition_size"):
                if before[name] != getattr(self, name):
                    raise UsageError(f"{out.path}: holds results of another {name.replace('_', ' ')}: {AGAIN}")
            if before["files"] == list(self.files):
                return
            known = read_inputs(out, ["address"])
            if known["address"] != inputs["address"]:
                raise UsageError(f"{out.path}: {self.source} held other pictures when this run began: {AGAIN}")
        elif any(f"/{FOLDER}/" not in one.path for one in out.files(recursive=True)):
            raise UsageError(f"{out.path}: is there and was not made by this command: give another --out")
        content = pa.BufferOutputStream()
        parquet.write_table(inputs, content, row_group_size=self.partition_size)
        folder.below(MANIFEST).write(content.getvalue())
        there.write(json.dumps(asdict(self)).encode())

    def tidy(self, out: Place) -> None:
        """Remove what killed workers have left, once all results are there."""
        left = [one for one in out.below(FOLDER).files() if one.base_name not in (MANIFEST, SETTINGS)]
        for one in (*left, *(one for one in out.files() if one.base_name.startswith(UNFINISHED))):
            Place(out.system, one.path).remove()

    def missing(self, out: Place) -> tuple[list[int], dict[int, list[str]]]:
        """Return the numbers of the partitions without results, and by number the files that are of other inputs."""
        there = {one.base_name for one in out.files()}
        stale: dict[int, list[str]] = {}
        for name in sorted(there - set(self.files)):
            if name.startswith("part-"):
                stale.setdefault(int(name.split("-")[1]), []).append(name)
        return [number for number, name in enumerate(self.files) if name not in there], stale


def digest_of(inputs: pa.Table) -> str:
    """Return a digest of addresses, sizes and times."""
    rows = [column.to_pylist() for column in inputs.columns]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:DIGITS]


def read_inputs(out: Place, columns: list[str] | None = None, partition: int | None = None) -> pa.Table:
    """Return the inputs that a plan was made of, or those of one of its partitions."""
    place = out.below(FOLDER).below(MANIFEST)
    with place.system.open_input_file(place.path) as file:
        found = parquet.ParquetFile(file)
        return found.read(columns) if partition is None else found.read_row_group(partition, columns)


def settings_of(out: Place) -> dict[str, Any]:
    """Return what a plan was made with; raise `UsageError` for a folder that holds no results."""
    place = out.below(FOLDER).below(SETTINGS)
    if not place.exists():
        raise UsageError(f"{out.path}: holds no results of 'python -m archive score': check the address")
    return dict(json.loads(place.read()))
