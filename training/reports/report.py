"""A report: a folder with `report.html`, `report.json` and the pictures.

The HTML is put together here, without a template engine: it has one form, which takes less code than a template.
Its style is `report.css`, a file of its own so that editors and tests read it as CSS; it is inlined, so that the
report stays one file.
"""

import base64
import html
import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from edge.commands.table import Table
from edge.commands.terminal import NOT_A_DEVICE
from edge.errors import UsageError
from edge.files import head_of, is_empty, replacing
from training.evaluation.intervals import Estimate
from training.evaluation.result import as_record

SYNTHETIC = "These are synthetic ECG images, made by a program: the metrics say nothing about real ECGs."
STYLE = Path(__file__).with_name("report.css")
MOST_WARNINGS = 3  # in the summary, which fits one screen
CHART_DPI, SHEET_DPI = 100, 90  # a chart of 9 inches fills the column at 1280 pixels
COLOURS = 96  # of a chart: lines and text need no more, and the file is a third of the size
QUALITY = 78  # JPEG, of sheets of ECG images: traces and grids stay clear
INTERVAL = re.compile(r"\((-?[\d.]+) to (-?[\d.]+)\)")


def made_by(command: str) -> str:
    """Return how the file of a report says which command made it."""
    return f"ecg-edge training {command}"


def check_report_folder(folder: Path, command: str) -> None:
    """Raise `UsageError` where a report of `command` would replace something that this command did not make."""
    if folder.is_dir() and not is_empty(folder) and made_by(command).encode() not in head_of(folder / "report.html"):
        raise UsageError(f"{folder}: is not empty and holds no report of '{command}': give another --out")


def formatted(estimate: Estimate, digits: int = 2) -> str:
    """Return a metric with its interval; where it is not defined, the reason."""
    if estimate.value is None:
        return estimate.note
    if estimate.low is None:
        return f"{estimate.value:.{digits}f}"
    return f"{estimate.value:.{digits}f} ({estimate.low:.{digits}f} to {estimate.high:.{digits}f})"


class Report:
    """Collect a summary, sections, tables and figures, and write them together."""

    def __init__(self, title: str, command: str) -> None:
        """Begin a report of a command of training, which may write it again."""
        self._title, self._command = title, command
        self._summary = ""
        self._sections: list[tuple[str, bool, list[str]]] = []
        self._files: dict[str, bytes] = {}

    def summary(self, verdict: str, facts: Mapping[str, str], warnings: Sequence[str]) -> None:
        """Say first, on one screen, what came out, of what, and the gravest three of the warnings (in this order)."""
        rows = [f"<dt>{html.escape(name)}</dt><dd>{html.escape(fact)}</dd>" for name, fact in facts.items()]
        beware = [f"<p class=warning>{html.escape(line)}</p>" for line in warnings[:MOST_WARNINGS]]
        self._summary = (
            f"<div class=summary><p class=verdict>{html.escape(verdict)}</p><dl>{''.join(rows)}</dl>"
            f"{''.join(beware)}</div>"
        )

    def section(self, title: str, *, folded: bool = False) -> None:
        """Begin a section, which the contents list names and which folds; `folded`: until a reader opens it."""
        self._sections.append((title, folded, []))

    def subheading(self, text: str) -> None:
        """Add a heading inside the section."""
        self._add(f"<h3>{html.escape(text)}</h3>")

    def text(self, text: str, warning: bool = False) -> None:
        """Add a paragraph; a warning stands out."""
        self._add(f"<p{' class=warning' if warning else ''}>{html.escape(text)}</p>")

    def table(self, table: Table) -> None:
        """Add a table under its title; an interval is not broken."""
        if table.title:
            self.subheading(table.title)
        unbroken = INTERVAL.sub(r"(\1&nbsp;to&nbsp;\2)", table.as_html())
        self._add(f"<div class=table tabindex=0>{unbroken}</div>")

    def chart(self, name: str, figure: Figure, description: str) -> None:
        """Add a chart, which also becomes `name`.png; `description` says in words what it shows."""
        picture, file = _rendered(figure, CHART_DPI), io.BytesIO()
        picture.quantize(COLOURS, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
        self._picture(f"{name}.png", "image/png", file.getvalue(), picture.size, description)

    def sheet(self, name: str, figure: Figure, description: str) -> None:
        """Add a sheet of ECG images, which also becomes `name`.jpg; `description` says what they are."""
        picture, file = _rendered(figure, SHEET_DPI), io.BytesIO()
        picture.save(file, "JPEG", quality=QUALITY, optimize=True)
        self._picture(f"{name}.jpg", "image/jpeg", file.getvalue(), picture.size, description)

    def write(self, folder: Path, result: Any, texts: Mapping[str, str] | None = None) -> None:  # noqa: ANN401
        """Write `report.html`, `report.json` with the typed result, the pictures, and texts by their file's name."""
        files = dict(self._files) | {name: text.encode() for name, text in (texts or {}).items()}
        numbers = json.dumps(as_record(result), indent=1, ensure_ascii=False, allow_nan=False)
        files["report.json"] = f"{numbers}\n".encode()
        files["report.html"] = self._html().encode()
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            with replacing(folder / name) as unfinished:
                unfinished.write_bytes(content)

    def _add(self, part: str) -> None:
        self._sections[-1][-1].append(part)

    def _picture(self, name: str, kind: str, content: bytes, size: tuple[int, int], description: str) -> None:
        self._files[name] = content
        data = base64.b64encode(content).decode()
        self._add(
            f'<figure><img alt="{html.escape(description)}" width={size[0]} height={size[1]} loading=lazy '
            f'src="data:{kind};base64,{data}"></figure>'
        )

    def _html(self) -> str:
        title = html.escape(self._title)
        links, sections = "", ""
        for number, (name, folded, parts) in enumerate(self._sections, start=1):
            links += f'<a href="#s{number}">{html.escape(name)}</a>'
            sections += (
                f"<details{'' if folded else ' open'} class=section id=s{number}>"
                f"<summary><h2>{html.escape(name)}</h2></summary>{''.join(parts)}</details>"
            )
        # The contents twice: a column beside the text, and what a phone shows in its place, closed.
        return (
            "<!doctype html><html lang=en><head><meta charset=utf-8>"
            f"<meta name=generator content='{made_by(self._command)}'>"
            "<meta name=viewport content='width=device-width, initial-scale=1'>"
            f"<title>{title}</title><style>{STYLE.read_text(encoding='utf-8')}</style></head><body><div class=page>"
            f"<nav class=beside aria-label=Contents>{links}</nav>"
            f"<details class=above><summary>Contents</summary><nav aria-label=Contents>{links}</nav></details>"
            f"<main><h1>{title}</h1>{self._summary}{sections}<footer>{NOT_A_DEVICE}</footer></main></div></body></html>\n"
        )


def _rendered(figure: Figure, dpi: int) -> Image.Image:
    """Return a figure as an RGB picture."""
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
