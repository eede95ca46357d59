"""Robustness as tables, and as a part of a report with a chart of each model and a sheet of captures."""

from collections.abc import Mapping

import numpy as np

from edge.page import open_page
from training.data.folder import Loaded
from training.errors import DataError
from training.evaluation.intervals import remarks
from training.evaluation.robustness import CHANGES, FIGURES, Condition, conditions
from training.evaluation.scores import from_record
from training.reports import plots
from training.reports.report import Report, Table, shown
from training.reports.robustness_plots import robustness_chart
from training.synthetic.acquisition.parameters import KINDS, STRENGTHS

UNDISTURBED = "undisturbed"
ROBUSTNESS = (
    "The test pages once more, each changed at its own size before it is made as small as the model takes it; what is "
    "random in a change follows from the page's digest, the change and the seed, the same at each step. Macro-F1 "
    "counts uncertain and rejected pages as answered. A page whose capture leaves no trace legible has no answer "
    "there: the table counts it, and the figures of that row are of the other pages. Whether the traces stay "
    "legible is checked for captures alone: a blurred or cut page may be beyond any reader."
)


def robustness_tables(models: Mapping[str, dict]) -> list[Table]:
    """Return a table for each model of an evaluation that was shown disturbed pages, a row for each condition."""
    header = ("condition", "pages", *FIGURES.values(), "note")
    return [
        Table(f"Robustness: {name}", header, _rows(found["robustness"]))
        for name, found in models.items()
        if "robustness" in found
    ]


def _rows(found: dict) -> list[list[str]]:
    lines = [(UNDISTURBED, found["undisturbed"], 0)]
    lines += [(str(Condition(line["change"], line["step"])), line, line["illegible"]) for line in found["conditions"]]
    rows = []
    for name, line, lost in lines:
        pages = line["pages"]
        unanswered = f"{lost} of {pages + lost} pages not answered: no trace stays legible" if lost else ""
        figures = [shown(from_record(line[figure])) for figure in FIGURES]
        rows.append([name, str(pages), *figures, remarks(unanswered, line["macro_f1"]["note"] if pages else "")])
    return rows


def add_robustness(report: Report, models: Mapping[str, dict], tested: Loaded, seed: int) -> None:
    """Add what was done to the pages, one of them under every capture, and each model's table and chart."""
    report.heading("Robustness")
    report.text(ROBUSTNESS)
    steps = [
        [name, change.axis, ", ".join(f"{step:g}" for step in change.steps), change.meaning]
        for name, change in CHANGES.items()
    ]
    report.table(Table("", ("change", "step", "steps", "what is done"), steps))
    captures = [condition for condition in conditions() if condition.change in KINDS]
    if captures:
        report.subheading("One test page under every capture")
        place = int(np.argmin(tested.digests))  # any page would do, as long as it is the same in each run
        page = np.asarray(open_page(tested.pages[place].path))
        captions, pictures = zip(
            *(_captured(page, condition, tested.digests[place], seed) for condition in captures), strict=True
        )
        sheet = plots.contact_sheet(pictures, captions, columns=len(STRENGTHS))
        report.figure("captures", sheet, "One test page under every capture at three strengths")
    for number, (table, found) in enumerate(zip(robustness_tables(models), models.values(), strict=True), start=1):
        report.table(table)
        chart = robustness_chart(found["robustness"], {name: change.axis for name, change in CHANGES.items()})
        report.figure(f"model-{number}-robustness", chart, "Macro-F1, uncertain and rejected pages over each change")


def _captured(page: np.ndarray, condition: Condition, digest: str, seed: int) -> tuple[str, np.ndarray | None]:
    """Return a caption and the picture, None where no trace would be legible."""
    try:
        return str(condition), condition.apply(page, digest, seed)
    except DataError:
        return f"{condition}: no trace legible", None
