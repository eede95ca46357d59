"""The summary: what a run's results hold, as JSON and as a report."""

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from html import escape

import numpy as np
import pyarrow.compute as pc
from pyarrow import parquet

from archive.places import Place
from archive.plan import Plan
from archive.worker import MEASURED
from edge.commands.table import Table
from edge.commands.terminal import NOT_A_DEVICE

BINS = 20
"""Of the histogram of the probability of the answer, from 0 to 1."""
EXAMPLES = 3
DETAILS = re.compile(r" \(.*\)| '[^']*'")
COLUMNS = ["address", "status", "label", "probability", "error"]


@dataclass
class Summary:
    """Count what the results of a plan hold."""

    source: str
    model: str
    files: int
    pages: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    """Of the pages with an answer, sure or not."""
    histogram: list[int] = field(default_factory=lambda: [0] * BINS)
    errors: Counter[str] = field(default_factory=Counter)
    """By kind: their sentences without names and details, which stand in quotes and brackets."""
    examples: dict[str, list[str]] = field(default_factory=dict)
    """A few addresses of each kind of error."""
    core_hours: float = 0.0
    cost_per_million_pages: float | None = None

    def add(self, place: Place) -> None:
        """Count one file of results."""
        with place.system.open_input_file(place.path) as file:
            found = parquet.ParquetFile(file)
            self.core_hours += json.loads((found.metadata.metadata or {}).get(MEASURED, b"{}")).get("seconds", 0) / 3600
            for batch in found.iter_batches(columns=COLUMNS):
                self.pages += len(batch)
                self.statuses.update(batch["status"].to_pylist())
                self.labels.update(batch["label"].drop_null().to_pylist())
                shares = batch["probability"].drop_null().to_numpy(zero_copy_only=False)
                self.histogram = (np.histogram(shares, BINS, (0, 1))[0] + self.histogram).tolist()
                bad = batch.filter(pc.is_valid(batch["error"]))
                for address, error in zip(bad["address"].to_pylist(), bad["error"].to_pylist(), strict=True):
                    kind = DETAILS.sub("", error)
                    self.errors[kind] += 1
                    if len(shown := self.examples.setdefault(kind, [])) < EXAMPLES:
                        shown.append(address)

    def table(self) -> Table:
        """Return it as a table."""
        rows = [["files", f"{self.files}"], ["pages", f"{self.pages}"]]
        rows += [[f"{name}", f"{count}"] for name, count in sorted(self.statuses.items())]
        rows += [[f"answered {name}", f"{count}"] for name, count in self.labels.most_common()]
        rate = f", {self.pages / self.core_hours:,.0f} pages each" if self.core_hours else ""
        rows.append(["core-hours", f"{self.core_hours:.3g}{rate}"])
        if self.cost_per_million_pages is not None:
            rows.append(["cost of a million pages", f"{self.cost_per_million_pages:.2f}"])
        return Table("Summary", ("what", "value"), rows)

    def report(self) -> str:
        """Return it as an HTML page."""
        rows = [[kind, str(count), ", ".join(self.examples[kind])] for kind, count in self.errors.most_common()]
        errors = Table("Errors", ("kind", "pages", "for example"), rows)
        most = max(*self.histogram, 1)
        bars = "".join(
            f"<rect x='{30 * place}' y='{100 - 100 * count / most:.1f}' width='28' height='{100 * count / most:.1f}'>"
            f"<title>{place / BINS:.2f} to {(place + 1) / BINS:.2f}: {count}</title></rect>"
            for place, count in enumerate(self.histogram)
        )
        return page_of(
            "What a model says of an archive",
            f"<p>{escape(self.source)}, model {self.model}</p>{self.table().as_html()}"
            f"<h2>Probability of the answer</h2><svg viewBox='0 0 600 120' role=img aria-label='Histogram'>{bars}"
            f"<text x=0 y=116>0</text><text x=588 y=116>1</text></svg>"
            f"<h2>Pages that could not be read</h2>{errors.as_html() if rows else '<p>None.</p>'}",
        )


STYLE = (
    "body{font:16px system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1f2a44}"
    "td,th{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #ddd;min-width:4rem}"
    "p,td{overflow-wrap:anywhere}"
    "rect{fill:#3b5b92}svg{max-width:40rem}text{font-size:18px}figure{margin:1rem 0}img{max-width:100%}"
)


def page_of(title: str, body: str) -> str:
    """Return an HTML page that needs nothing else."""
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{escape(title)}</title><style>{STYLE}</style><h1>{escape(title)}</h1>"
        f"<p><strong>{NOT_A_DEVICE}</strong></p>{body}</html>\n"
    )


def summarise(plan: Plan, out: Place, core_price: float | None = None) -> Summary:
    """Count what the results hold; write `_summary.json` and `_report.html`, which readers of Parquet pass over."""
    found = Summary(source=plan.source, model=plan.model, files=plan.inputs)
    for name in plan.files:
        found.add(out.below(name))
    if core_price is not None and found.pages:
        found.cost_per_million_pages = 1e6 * core_price * found.core_hours / found.pages
    out.below("_summary.json").write(json.dumps(vars(found), indent=1).encode())
    out.below("_report.html").write(found.report().encode())
    return found
