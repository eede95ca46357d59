"""A model's answers as lines for the terminal, as tables, and as parts of a report."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from edge.contract import Contract
from training.data.folder import ATTRIBUTES
from training.evaluation.intervals import BINS
from training.evaluation.measure import from_record, score_predictions
from training.evaluation.metrics import risk_coverage
from training.evaluation.predictions import Predictions, UnseenPredictions
from training.reports import plots
from training.reports.report import DRAWN, Report, Table, shown

RANDOM_SAMPLES, CLASS_SAMPLES, MISTAKES = 9, 3, 9
CLASS_FIGURES = {
    "sensitivity": "sensitivity", "specificity": "specificity", "precision": "precision", "f1": "F1", "auroc": "AUROC",
    "average_precision": "average precision",
}  # fmt: skip
OVERALL_FIGURES = {
    "macro_f1": "macro-F1", "weighted_f1": "weighted F1", "accuracy": "accuracy",
    "macro_sensitivity": "balanced accuracy", "macro_auroc": "macro AUROC", "weighted_auroc": "weighted AUROC",
    "macro_average_precision": "macro average precision", "brier": "Brier score, 0 to 2", "log_loss": "log loss, nats",
    "ece": "expected calibration error",
}  # fmt: skip
INTERVALS = (
    "In brackets: 95 % intervals. Sensitivity, specificity, precision and accuracy: Wilson, on the number of images "
    "that the groups are worth; the others: bootstrap over groups, 2,000 resamples."
)


def class_table(numbers: dict, names: tuple[str, ...] = tuple(CLASS_FIGURES)) -> Table:
    """Return the table of scores, a row for each class."""
    rows = [
        [label, str(line["images"]), *(shown(from_record(line[name])) for name in names)]
        for label, line in numbers["classes"].items()
    ]
    return Table("Each class against the rest", ("class", "images", *(CLASS_FIGURES[name] for name in names)), rows)


def class_notes(numbers: dict) -> list[str]:
    """Return what the table of scores cannot say of its figures, one line each."""
    return [
        f"{label}, {CLASS_FIGURES[name]}: {line[name]['note']}."
        for label, line in numbers["classes"].items()
        for name in CLASS_FIGURES
        if line[name]["note"] and line[name]["value"] is not None
    ]


def headlines(numbers: dict) -> list[str]:
    """Return what a model's answers are worth, one line for each thing."""
    overall, calibration, status = numbers["overall"], numbers["calibration"], numbers["status"]
    lines = []
    for name in ("macro_f1", "accuracy"):
        figure = from_record(overall[name])
        interval = "no interval" if figure.low is None else f"95 %: {figure.low:.3f} to {figure.high:.3f}"
        lines.append(f"{OVERALL_FIGURES[name]} {figure.value:.3f} ({interval}) on {numbers['images']} images")
    before, after = (calibration[when]["overall"]["ece"]["value"] for when in ("before", "after"))
    lines.append(
        f"calibration error (ECE, {BINS} bins) {after:.3f}, without the temperature of "
        f"{calibration['temperature']:.2f} {before:.3f}"
    )
    right = from_record(status["accuracy_of_ok"])
    lines.append(
        f"answered {status['ok']} of {numbers['images']} images"
        + (f", of which {right.value:.1%} are right" if right.value is not None else "")
        + f"; {status['uncertain']} uncertain, {status['rejected']} rejected"
    )
    return lines


def warnings(numbers: dict) -> list[str]:
    """Return what takes the worth of the scores away, one line each."""
    lines = [DRAWN] if numbers["synthetic"] else []
    if numbers["images_seen_in_training"]:
        lines.append(
            f"The model has seen {numbers['images_seen_in_training']} of these {numbers['images']} images in training: "
            "its answers for them prove nothing."
        )
    return lines


def add_answers(report: Report, name: str, answers: Predictions, contract: Contract, seed: int = 0) -> dict:
    """Add everything about a model's answers to a report; return the numbers."""
    numbers = score_predictions(answers, contract)
    for line in warnings(numbers):
        report.text(line, warning=True)
    for line in headlines(numbers):
        report.text(line)
    report.table(class_table(numbers))
    for line in class_notes(numbers):
        report.text(line)
    before = numbers["calibration"]["before"]["overall"]
    rows = [
        [OVERALL_FIGURES[key], shown(from_record(record), 3), shown(from_record(before[key]), 3), record["note"]]
        for key, record in numbers["overall"].items()
    ]
    report.table(Table("All classes", ("figure", "value", "without the temperature", "note"), rows))
    report.text(INTERVALS)
    chart = plots.confusion_chart(answers.confusion, answers.labels)
    report.figure(f"{name}-confusion", chart, "Confusion matrix in counts and shares")
    curves = plots.discrimination_charts(answers.truth, answers.probabilities, answers.labels)
    report.figure(f"{name}-discrimination", curves, "ROC and precision-recall curves")
    bins = [numbers["calibration"][when]["bins"] for when in ("before", "after")]
    report.figure(f"{name}-calibration", plots.reliability_chart(*bins), "Accuracy over confidence")
    share = numbers["status"]["ok"] / numbers["images"]
    risk = plots.risk_chart(*risk_coverage(answers.sample), share)
    report.figure(f"{name}-risk", risk, "Share that is wrong over the share that is answered")
    report.text("All figures but the line on answered images count uncertain and rejected ones as answered.")
    if not numbers["subgroups"]:
        report.text(f"No subgroups: a manifest with a column {', '.join(ATTRIBUTES)} would make them.")
    for column, values in numbers["subgroups"].items():
        rows = [
            [
                value,
                str(line["images"]["value"]),
                *(shown(from_record(line[key])) for key in ("accuracy", "macro_f1")),
                "; ".join(
                    dict.fromkeys(part for figure in line.values() for part in figure["note"].split("; ") if part)
                ),
            ]
            for value, line in values.items()
        ]
        report.table(Table(f"By {column.replace('_', ' ')}", (column, "images", "accuracy", "macro-F1", "note"), rows))
    _add_samples(report, name, answers, seed)
    return numbers


def _add_samples(report: Report, name: str, answers: Predictions, seed: int) -> None:
    """Add the most confident mistakes, random images, and images of each class."""
    wrong = np.flatnonzero(~answers.sample.right)
    worst = wrong[np.argsort(-answers.sample.confidence[wrong], kind="stable")][:MISTAKES]
    if len(worst):
        report.subheading("The most confident mistakes")
        report.figure(f"{name}-mistakes", _sheet(answers, worst), "The most confident mistakes")
    rng = np.random.default_rng(seed)
    everything = np.arange(len(answers.images))
    classes = [(f"Images of {label}", everything[answers.truth == index]) for index, label in enumerate(answers.labels)]
    for number, (title, images) in enumerate([("Random images", everything), *classes]):
        if len(images):
            count = min(len(images), CLASS_SAMPLES if number else RANDOM_SAMPLES)
            sheet = _sheet(answers, rng.choice(images, count, replace=False))
            report.subheading(title)
            report.figure(f"{name}-class-{number}" if number else f"{name}-random", sheet, title)


def _sheet(answers: Predictions, chosen: np.ndarray) -> Figure:
    captions, colours = [], []
    for index in chosen:
        truth, predicted = answers.truth[index], answers.predicted[index]
        captions.append(
            f"true: {answers.labels[truth]}\n"
            f"predicted: {answers.labels[predicted]} ({answers.probabilities[index, predicted]:.0%})"
        )
        colours.append(plots.RIGHT if truth == predicted else plots.WRONG)
    return plots.contact_sheet([answers.images[index].path for index in chosen], captions, colours)


def write_run_report(
    run: Path,
    contract: Contract,
    history: list[dict],
    validation: Predictions,
    out_of_fold: UnseenPredictions | None,
    target_accuracy: float,
) -> None:
    """Write the report of a training run into its folder."""
    report = Report(f"Training of {contract.architecture}")
    if contract.trained_on.synthetic:
        report.text(DRAWN, warning=True)
    report.text(
        f"{contract.trained_on.images} images of {contract.preprocessing.height}x{contract.preprocessing.width} pixels, {len(validation.images)} of "
        f"them held out for validation by group, and {contract.trained_on.auxiliary_images} auxiliary ones; "
        f"seed {contract.trained_on.seed}."
    )
    report.text(
        f"Temperature {contract.temperature:.3f}, answers above a probability of {contract.confidence_threshold:.3f}, "
        f"images from an in-distribution score of {contract.in_distribution_threshold:.3f}: fitted on the "
        f"{'out-of-fold answers' if out_of_fold else 'validation images'}, so that {target_accuracy:.0%} of the answers "
        "for them are right."
    )
    if contract.confidence_threshold >= 1:
        report.text("No probability reaches that: every answer of this model is uncertain.", warning=True)
    report.heading("Curves")
    report.figure("curves", plots.curves(history), "Loss and accuracy of training and validation")
    numbers: dict = {"history": history}
    if out_of_fold:
        report.heading("Out-of-fold answers")
        report.text(
            "Each image is answered by a model that has not seen its group, and calibrated by the other folds: an "
            "honest estimate. Which images are uncertain or rejected follows from thresholds chosen on these very images."
        )
        numbers["out_of_fold"] = add_answers(report, "out-of-fold", out_of_fold.images, contract)
        if out_of_fold.photos:
            report.heading("Out-of-fold answers for phone photos of the same images")
            report.text(
                "Each image as a phone of middle strength would photograph it; such photos are drawn by a program."
            )
            found = add_answers(report, "out-of-fold-photos", out_of_fold.photos, contract)
            numbers["out_of_fold_photos"] = found
    report.heading("Validation images")
    report.text("These images chose the epoch: the figures flatter the model. Judge it by 'evaluate' on test images.")
    numbers["validation"] = add_answers(report, "validation", validation, contract)
    report.write(run, numbers)
