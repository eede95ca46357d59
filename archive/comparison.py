"""The comparison: two models' results for one archive, page by page."""

import base64
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from io import BytesIO
from itertools import zip_longest
from typing import Any

import pyarrow as pa
from PIL import Image, ImageOps
from pyarrow import parquet

from archive.places import Place, place_of
from archive.plan import settings_of
from archive.rows import write_rows
from archive.summary import page_of
from edge.commands.table import Table
from edge.errors import PageError, UsageError
from edge.images.masking import blurred
from edge.images.page import open_page

COLUMNS = ["address", "page", "status", "label", "probability"]
SAMPLE = 12
"""Changed answers that are shown with their images."""
SIZE = (640, 480)  # pixels
KEYS = ("address", "page")
CHANGES = pa.schema([
    ("address", pa.string()), ("page", pa.int32()), ("status_a", pa.string()), ("label_a", pa.string()),
    ("probability_a", pa.float64()), ("status_b", pa.string()), ("label_b", pa.string()),
    ("probability_b", pa.float64()),
])  # fmt: skip


@dataclass
class Comparison:
    """Count what two results say of the same pages."""

    pages: int = 0
    changed: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By what each of them says."""
    sample: list[dict[str, Any]] = field(default_factory=list)
    """A few changes, each with the same chance."""
    changes: pa.Buffer | None = None
    """Every change, as a file of Parquet with `CHANGES`."""

    def table(self) -> Table:
        """Return the changes by kind."""
        total = self.changed.total()
        rows = [["pages", "", str(self.pages)], ["changed answers", "", f"{total}, {total / self.pages:.2%}"]]
        return Table(
            "Comparison", ("A", "B", "pages"), rows + [[*kind, str(n)] for kind, n in self.changed.most_common()]
        )

    def report(self) -> str:
        """Return it as an HTML page with a sample of the changes; top and bottom of the images are blurred."""
        shown = sorted(self.sample, key=lambda change: (change["address"], change["page"] or 0))
        figures = "".join(map(_figure, shown))
        return page_of("What another model says otherwise", f"{self.table().as_html()}<h2>A sample</h2>{figures}")


def compared(one: Place, other: Place) -> Comparison:
    """Compare the results of two runs over the same source; raise `UsageError` where their pages are others."""
    found, content = Comparison(), pa.BufferOutputStream()
    with parquet.ParquetWriter(content, CHANGES, compression="zstd") as writer:
        write_rows(writer, _changes(one, other, found))
    found.changes = content.getvalue()
    return found


def _changes(one: Place, other: Place, found: Comparison) -> Iterator[dict[str, Any]]:
    """Yield the pages with different answers, and count them."""
    dice = random.Random(0)
    for first, second in zip_longest(_rows(one), _rows(other)):
        if first is None or second is None or any(first[key] != second[key] for key in KEYS):
            raise UsageError(f"{one.path}, {other.path}: hold other pages: compare two runs over one source")
        found.pages += 1
        said = _said(first), _said(second)
        if said[0] != said[1]:
            rows = {f"{name}_{side}": row[name] for side, row in (("a", first), ("b", second)) for name in COLUMNS[2:]}
            change = {key: first[key] for key in KEYS} | rows
            place = dice.randrange(found.changed.total() + 1)
            if len(found.sample) < SAMPLE:
                found.sample.append(change)
            elif place < SAMPLE:
                found.sample[place] = change
            found.changed[said] += 1
            yield change


def _rows(out: Place) -> Iterator[dict[str, Any]]:
    for name in settings_of(out)["files"]:
        place = out.below(name)
        if not place.exists():
            raise UsageError(f"{out.path}: is not whole: repeat its 'python -m archive score' first")
        with place.system.open_input_file(place.path) as file:
            found = parquet.ParquetFile(file)
            several = ["labels"] if "labels" in found.schema_arrow.names else []
            for batch in found.iter_batches(columns=COLUMNS + several):
                for row in batch.to_pylist():
                    yield row | {"label": ", ".join(row["labels"] or ()) or None} if several else row


def _said(row: dict[str, Any]) -> str:
    status, label = row["status"], row["label"]
    return label if status == "ok" and label else status if label is None else f"{status}: {label}"


def _figure(change: dict[str, Any]) -> str:
    name = change["address"] if change["page"] is None else f"{change['address']}, page {change['page']}"
    said = " → ".join(
        _said({"status": change[f"status_{side}"], "label": change[f"label_{side}"]}).replace("_", " ") for side in "ab"
    )
    try:
        page = blurred(open_page(BytesIO(place_of(change["address"]).read()), change["page"]))
    except (PageError, OSError):
        return f"<figure><figcaption>{escape(name)}: {escape(said)} (cannot be read)</figcaption></figure>"
    file = BytesIO()
    ImageOps.contain(page, SIZE, Image.Resampling.BILINEAR).save(file, "JPEG", quality=80)
    source = f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
    return f"<figure><img src='{source}' alt=''><figcaption>{escape(name)}: {escape(said)}</figcaption></figure>"
