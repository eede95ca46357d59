"""Reports: a folder with `report.html`, `report.json` and the figures as PNG files."""

import base64
import html
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from edge.contract import Contract
from edge.files import replacing
from edge.terminal import NOT_A_DEVICE
from training import plots
from training.answers import Answers, summary

DRAWN = "These are drawn pages, made by a program: the figures say nothing about real ECGs."
RANDOM_SAMPLES, CLASS_SAMPLES = 9, 3
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1f2a44; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto }
th, td { padding: .25rem .9rem .25rem 0; text-align: left; border-bottom: 1px solid #d8dce4; white-space: nowrap }
img { max-width: 100% } .warning { border-left: 4px solid #b3261e; padding: .4rem 1rem; background: #fdf1f0 }
footer { color: #5b6475; margin-top: 3rem } h2 { margin-top: 2.5rem; break-after: avoid }
"""


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

    def text(self, text: str, warning: bool = False) -> None:
        """Add a paragraph; a warning stands out."""
        self._parts.append(f"<p{' class=warning' if warning else ''}>{html.escape(text)}</p>")

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Add a table of texts."""
        lines = [("th", header), *(("td", row) for row in rows)]
        cells = ("".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row) for tag, row in lines)
        self._parts.append(f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>")

    def figure(self, name: str, figure: Figure, description: str) -> None:
        """Add a figure, which also becomes `name`.png."""
        picture = io.BytesIO()
        figure.savefig(picture, format="png", dpi=110, metadata={"Software": None})
        self._figures[name] = picture.getvalue()
        data = base64.b64encode(picture.getvalue()).decode()
        self._parts.append(f'<img alt="{html.escape(description)}" src="data:image/png;base64,{data}">')

    def write(self, folder: Path, numbers: dict) -> None:
        """Write `report.html`, `report.json` with `numbers`, and the PNG files."""
        title = html.escape(self._title)
        page = (
            f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
            f"<title>{title}</title><style>{STYLE}</style><h1>{title}</h1>{''.join(self._parts)}"
            f"<footer>{NOT_A_DEVICE}</footer></html>\n"
        )
        files = {f"{name}.png": picture for name, picture in self._figures.items()}
        files["report.json"] = (json.dumps(numbers, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
        files["report.html"] = page.encode()
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            with replacing(folder / name) as unfinished:
                unfinished.write_bytes(content)


def score_rows(numbers: dict) -> list[list[str]]:
    """Return the rows of a table of scores, one a class."""

    def shown(value: float | None) -> str:
        return "no page" if value is None else f"{value:.2f}"

    return [
        [label, str(line["pages"]), shown(line["precision"]), shown(line["recall"]), shown(line["f1"])]
        for label, line in numbers["classes"].items()
    ]


def headlines(numbers: dict) -> list[str]:
    """Return macro-F1 and accuracy with their intervals, one line each."""
    lines = []
    for name, title in (("macro_f1", "macro-F1"), ("accuracy", "accuracy")):
        low, high = numbers["interval_95"][name]
        lines.append(f"{title} {numbers[name]:.3f} (95 %: {low:.3f} to {high:.3f}) on {numbers['pages']} pages")
    return lines


def warnings(numbers: dict) -> list[str]:
    """Return what takes the worth of the scores away, one line each."""
    lines = [DRAWN] if numbers["drawn"] else []
    if numbers["pages_seen_in_training"]:
        lines.append(
            f"The model has seen {numbers['pages_seen_in_training']} of these {numbers['pages']} pages in training: "
            "its answers for them prove nothing."
        )
    return lines


SCORE_HEADER = ("class", "pages", "precision", "recall", "F1")


def add_answers(report: Report, name: str, answers: Answers, seed: int = 0) -> dict:
    """Add scores, confusion matrix and sample pages of a model's answers; return the numbers."""
    numbers = summary(answers)
    for line in warnings(numbers):
        report.text(line, warning=True)
    for line in headlines(numbers):
        report.text(line)
    report.table(SCORE_HEADER, score_rows(numbers))
    report.text("Intervals: bootstrap over groups of pages, 2,000 resamples, 2.5th to 97.5th percentile.")
    chart = plots.confusion_chart(answers.confusion, answers.labels)
    report.figure(f"{name}-confusion", chart, "Confusion matrix in counts and shares")
    rng = np.random.default_rng(seed)
    everything = np.arange(len(answers.pages))
    classes = [(f"Pages of {label}", everything[answers.truth == index]) for index, label in enumerate(answers.labels)]
    for number, (title, pages) in enumerate([("Random pages", everything), *classes]):
        if len(pages):
            count = min(len(pages), CLASS_SAMPLES if number else RANDOM_SAMPLES)
            sheet = _sheet(answers, rng.choice(pages, count, replace=False))
            report.text(title)
            report.figure(f"{name}-class-{number}" if number else f"{name}-random", sheet, title)
    return numbers


def _sheet(answers: Answers, chosen: np.ndarray) -> Figure:
    captions, colours = [], []
    for index in chosen:
        truth, predicted = answers.truth[index], answers.predicted[index]
        captions.append(
            f"true: {answers.labels[truth]}\n"
            f"predicted: {answers.labels[predicted]} ({answers.probabilities[index, predicted]:.0%})"
        )
        colours.append(plots.RIGHT if truth == predicted else plots.WRONG)
    return plots.contact_sheet([answers.pages[index] for index in chosen], captions, colours)


def write_run_report(
    run: Path, contract: Contract, history: list[dict], validation: Answers, out_of_fold: Answers | None
) -> None:
    """Write the report of a training run into its folder."""
    report = Report(f"Training of {contract.architecture}")
    if contract.trained_on.drawn:
        report.text(DRAWN, warning=True)
    report.text(
        f"{contract.trained_on.pages} pages of {contract.height}x{contract.width} pixels, "
        f"{len(validation.pages)} of them held out for validation by group, seed {contract.trained_on.seed}."
    )
    report.heading("Curves")
    report.figure("curves", plots.curves(history), "Loss and accuracy of training and validation")
    numbers: dict = {"history": history}
    if out_of_fold:
        report.heading("Out-of-fold answers")
        report.text("Each page is answered by a model that has not seen its group: an honest estimate.")
        numbers["out_of_fold"] = add_answers(report, "out-of-fold", out_of_fold)
    report.heading("Validation pages")
    report.text("These pages chose the epoch: the figures flatter the model. Judge it by 'evaluate' on test pages.")
    numbers["validation"] = add_answers(report, "validation", validation)
    report.write(run, numbers)
