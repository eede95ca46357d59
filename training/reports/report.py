"""A report: a folder with `report.html`, `report.json` and the figures as PNG files."""

import base64
import html
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from edge.commands.terminal import NOT_A_DEVICE
from edge.files import replacing
from training.evaluation.intervals import Estimate

DRAWN = "These are synthetic ECG images, made by a program: the figures say nothing about real ECGs."
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1f2a44; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; font-size: .85rem }
th, td { padding: .25rem .8rem .25rem 0; vertical-align: top;
  text-align: left; border-bottom: 1px solid #d8dce4; white-space: nowrap }
img { max-width: 100% } .warning { border-left: 4px solid #b3261e; padding: .4rem 1rem; background: #fdf1f0 }
td:last-child { white-space: normal; overflow-wrap: anywhere; min-width: 8rem } h2 { overflow-wrap: anywhere }
footer { color: #5b6475; margin-top: 3rem } h2, h3 { margin-top: 2.5rem; break-after: avoid }
@media print {
  body { max-width: none; margin: 0; font-size: 10pt } table { display: table; font-size: 8pt }
  th, td { white-space: normal; padding-right: .4rem } tr, img, .warning { break-inside: avoid }
}
"""


@dataclass(frozen=True)
class Table:
    """Hold a table of texts under a title."""

    title: str
    header: tuple[str, ...]
    rows: list[list[str]]


def shown(estimate: Estimate, digits: int = 2) -> str:
    """Return a figure with its interval; where it is not defined, the reason."""
    if estimate.value is None:
        return estimate.note
    if estimate.low is None:
        return f"{estimate.value:.{digits}f}"
    return f"{estimate.value:.{digits}f} ({estimate.low:.{digits}f} to {estimate.high:.{digits}f})"


class Report:
    """Collect headings, texts, tables and figures, and write them together."""

    def __init__(self, title: str) -> None:
        """Begin a report."""
        self._title = title
        self._parts: list[str] = []
        self._figures: dict[str, bytes] = {}

    def heading(self, text: str) -> None:
        """Add a heading."""
        self._parts.append(f"<h2>{html.escape(text)}</h2>")

    def subheading(self, text: str) -> None:
        """Add a heading of the second rank."""
        self._parts.append(f"<h3>{html.escape(text)}</h3>")

    def text(self, text: str, warning: bool = False) -> None:
        """Add a paragraph; a warning stands out."""
        self._parts.append(f"<p{' class=warning' if warning else ''}>{html.escape(text)}</p>")

    def table(self, table: Table) -> None:
        """Add a table under its title."""
        if table.title:
            self.subheading(table.title)
        lines = [("th", table.header), *(("td", row) for row in table.rows)]
        cells = ("".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row) for tag, row in lines)
        self._parts.append(f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>")

    def figure(self, name: str, figure: Figure, description: str) -> None:
        """Add a figure, which also becomes `name`.png."""
        picture = io.BytesIO()
        figure.savefig(picture, format="png", dpi=110, metadata={"Software": None})
        self._figures[name] = picture.getvalue()
        data = base64.b64encode(picture.getvalue()).decode()
        self._parts.append(f'<img alt="{html.escape(description)}" src="data:image/png;base64,{data}">')

    def write(self, folder: Path, numbers: dict, texts: Mapping[str, str] | None = None) -> None:
        """Write `report.html`, `report.json` with `numbers`, the PNG files, and other texts by their file's name."""
        title = html.escape(self._title)
        document = (
            f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
            f"<title>{title}</title><style>{STYLE}</style><h1>{title}</h1>{''.join(self._parts)}"
            f"<footer>{NOT_A_DEVICE}</footer></html>\n"
        )
        files = {f"{name}.png": picture for name, picture in self._figures.items()}
        files |= {name: text.encode() for name, text in (texts or {}).items()}
        files["report.json"] = (json.dumps(numbers, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
        files["report.html"] = document.encode()
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            with replacing(folder / name) as unfinished:
                unfinished.write_bytes(content)
