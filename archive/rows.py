"""Rows: what is written of each page, and the worker's part of the work: a partition's files, opened and answered."""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from threading import Thread
from typing import Any, BinaryIO, cast

import pyarrow as pa
from pyarrow import parquet

from archive.places import place_of
from edge import Classifier, Contract, Prediction, __version__
from edge.errors import EcgError, PageError
from edge.files import MOST_BYTES
from edge.prediction import Status

TOGETHER = 256
"""Rows that become columns at a time."""
AHEAD = 4
"""Files that are read while another one is answered."""
SILENCE = 60.0
"""Seconds that are waited for a file's bytes."""


def write_rows(writer: parquet.ParquetWriter, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows a few at a time."""
    left = iter(rows)
    while held := list(islice(left, TOGETHER)):
        writer.write_table(pa.Table.from_pylist(held, writer.schema))


def schema_of(contract: Contract) -> pa.Schema:
    """Return the columns of the results."""
    return pa.schema([
        pa.field("address", pa.string(), nullable=False),
        ("page", pa.int32()),  # from 1, where a file holds several
        ("size", pa.int64()),  # bytes
        ("sha256", pa.string()),
        pa.field("status", pa.string(), nullable=False),
        ("label", pa.string()),
        *([("labels", pa.list_(pa.string()))] if contract.activation == "sigmoid" else []),
        ("probability", pa.float64()),
        *((f"probability_{label}", pa.float64()) for label in contract.labels),
        ("in_distribution", pa.float64()),
        ("reason", pa.string()),
        ("error", pa.string()),
        ("model", pa.string()),  # SHA-256 of its file
        ("version", pa.string()),  # of this program
    ])  # fmt: skip


class Reading:
    """Read a file on a thread of its own: one that never comes back holds up nothing but itself.

    To the library it is an open file, whose bytes are there when it is asked for them.
    """

    def __init__(self, address: str, size: int | None) -> None:
        """Begin; `size` is that of the listing."""
        self.name, self.size = address, size
        self.digest: str | None = None
        """SHA-256 of the bytes, once they are there."""
        self._content = b""
        self._error: str | None = f"sends nothing for {SILENCE:.0f} seconds: check the storage"
        self._thread = Thread(target=self._fetch, daemon=True)
        self._thread.start()

    def _fetch(self) -> None:
        try:
            if (self.size or 0) <= MOST_BYTES:
                with (place := place_of(self.name)).system.open_input_stream(place.path) as file:
                    self._content = bytes(file.read(MOST_BYTES + 1))
            if max(self.size or 0, len(self._content)) > MOST_BYTES:
                raise PageError(f"has more than {MOST_BYTES >> 20} MB: give a smaller file")
            self._error = None
        except FileNotFoundError:
            self._error = "no such file: check the path"
        except PermissionError:
            self._error = "may not be read: check its permissions"
        except (EcgError, OSError, ValueError) as error:  # pyarrow's own are of the last kind
            self._error = " ".join(str(error).split())

    def read(self) -> bytes:
        """Return the bytes; raise `PageError` where they cannot be had."""
        self._thread.join(SILENCE)
        if self._error is not None:
            raise PageError(self._error)
        content, self._content = self._content, b""
        self.size, self.digest = len(content), hashlib.sha256(content).hexdigest()
        return content


def rows_of(classifier: Classifier, model: str, inputs: Iterable[tuple[str, int | None]]) -> Iterator[dict[str, Any]]:
    """Yield a row for every page of every file, in their order; `model` is the SHA-256 of the classifier's file.

    `inputs` are addresses, none twice, with their sizes where these are known.
    """
    asked: deque[Reading] = deque()

    def files() -> Iterator[BinaryIO]:
        ahead = deque[Reading]()
        for address, size in inputs:
            ahead.append(Reading(address, size))
            asked.append(ahead[-1])
            if len(ahead) > AHEAD:
                yield cast("BinaryIO", ahead.popleft())
        yield from cast("Iterable[BinaryIO]", ahead)

    for found in classifier.predict_many(files()):
        while asked[0].name != found.image:
            asked.popleft()
        file = {"size": asked[0].size, "sha256": asked[0].digest}
        yield _row(found) | file | {"model": model, "version": __version__}


def _row(found: Prediction) -> dict[str, Any]:
    shares = {f"probability_{label}": share for label, share in found.probabilities.items()}
    name = found.image if found.page is None else f"{found.image}, page {found.page}"
    return {
        "address": found.image, "page": found.page, "status": str(found.status), "label": found.label,
        "labels": None if found.labels is None else list(found.labels),
        "probability": found.probability, **shares, "in_distribution": found.in_distribution, "reason": found.reason,
        "error": found.error and found.error.removeprefix(f"{name}: ").removeprefix(f"{found.image}: "),
    }  # fmt: skip


def error_row(address: str, error: str) -> dict[str, Any]:
    """Return the row of a file that has no page."""
    return {"address": address, "status": str(Status.ERROR), "error": error}
