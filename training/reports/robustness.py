"""Robustness as tables, and as a part of a report with a chart of each model and a sheet of acquisitions."""

from collections.abc import Mapping

import numpy as np

from edge.images.page import open_page
from training.data.folder import LoadedImages
from training.errors import DataError
from training.evaluation.intervals import remarks
from training.evaluation.measure import from_record
from training.evaluation.robustness import FIGURES, PERTURBATIONS, Condition, conditions
from training.reports import plots
from training.reports.report import Report, Table, shown
from training.reports.robustness_plots import robustness_chart
from training.synthetic.acquisition.parameters import KINDS, STRENGTHS

UNDISTURBED = "undisturbed"
ROBUSTNESS = (
    "The test images once more, each changed at its own size before it is made as small as the model takes it; what is "
    "random in a change follows from the image's digest, the change and the seed, the same at each step. Macro-F1 "
    "counts uncertain and rejected images as answered. An image whose acquisition leaves no trace legible has no answer "
    "there: the table counts it, and the figures of that row are of the other images. Whether the traces stay "
    "legible is checked for acquisitions alone: a blurred or cut image may be beyond any reader."
)


def robustness_tables(models: Mapping[str, dict]) -> list[Table]:
    """Return a table for each model of an evaluation that was shown disturbed images, a row for each condition."""
    header = ("condition", "images", *FIGURES.values(), "note")
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
        images = line["images"]
        unanswered = f"{lost} of {images + lost} images not answered: no trace stays legible" if lost else ""
        figures = [shown(from_record(line[figure])) for figure in FIGURES]
        rows.append([name, str(images), *figures, remarks(unanswered, line["macro_f1"]["note"] if images else "")])
    return rows


def add_robustness(report: Report, models: Mapping[str, dict], tested: LoadedImages, seed: int) -> None:
    """Add what was done to the images, one of them under every acquisition, and each model's table and chart."""
    report.heading("Robustness")
    report.text(ROBUSTNESS)
    steps = [
        [name, change.axis, ", ".join(f"{step:g}" for step in change.steps), change.meaning]
        for name, change in PERTURBATIONS.items()
    ]
    report.table(Table("", ("change", "step", "steps", "what is done"), steps))
    acquisitions = [condition for condition in conditions() if condition.change in KINDS]
    if acquisitions:
        report.subheading("One test image under every acquisition")
        place = int(np.argmin(tested.digests))  # any image would do, as long as it is the same in each run
        image = np.asarray(open_page(tested.images[place].path))
        captions, pictures = zip(
            *(_captured(image, condition, tested.digests[place], seed) for condition in acquisitions), strict=True
        )
        sheet = plots.contact_sheet(pictures, captions, columns=len(STRENGTHS))
        report.figure("acquisitions", sheet, "One test image under every acquisition at three strengths")
    for number, (table, found) in enumerate(zip(robustness_tables(models), models.values(), strict=True), start=1):
        report.table(table)
        chart = robustness_chart(found["robustness"], {name: change.axis for name, change in PERTURBATIONS.items()})
        report.figure(f"model-{number}-robustness", chart, "Macro-F1, uncertain and rejected images over each change")


def _captured(image: np.ndarray, condition: Condition, digest: str, seed: int) -> tuple[str, np.ndarray | None]:
    """Return a caption and the picture, None where no trace would be legible."""
    try:
        return str(condition), condition.apply(image, digest, seed)
    except DataError:
        return f"{condition}: no trace legible", None
