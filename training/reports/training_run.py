"""The report of a training run."""

from pathlib import Path

from edge.commands.terminal import SYNTHETIC_MODEL
from training.evaluation.result import TrainingEvaluation
from training.reports import plots
from training.reports.predictions import add_predictions, headlines, lines, warnings
from training.reports.report import Report

PHOTOS = "Out-of-fold predictions for simulated phone photos"


def write_training_report(evaluation: TrainingEvaluation, folder: Path, *, show_header: bool = False) -> None:
    """Write `report.html`, `report.json` and the pictures into the run folder."""
    contract, trained_on = evaluation.contract, evaluation.contract.trained_on
    report = Report(f"Training of {contract.architecture}")
    _summarise(report, evaluation)
    report.section("Training")
    report.text(
        f"{trained_on.images} images of {contract.preprocessing.height}x{contract.preprocessing.width} pixels, "
        f"{evaluation.validation.images} of them held out for validation by group, and {trained_on.auxiliary_images} "
        f"auxiliary ones; seed {trained_on.seed}."
    )
    report.text(
        f"Temperature {contract.temperature:.3f}, confidence threshold {contract.confidence_threshold:.3f}, "
        f"in-distribution threshold {contract.in_distribution_threshold:.3f}: fitted on the "
        f"{'out-of-fold predictions' if evaluation.out_of_fold else 'validation images'}, so that "
        f"{evaluation.target_accuracy:.0%} of the answers for them are right."
    )
    report.chart("curves", plots.curves(evaluation.history), "Loss and accuracy of training and validation")
    if evaluation.out_of_fold:
        report.section("Out-of-fold predictions")
        report.text(
            "Each image is predicted by a model that has not seen its group, and calibrated by the other folds. Which "
            "images are uncertain or rejected follows from thresholds chosen on these very images."
        )
        add_predictions(report, "out-of-fold", evaluation.out_of_fold, show_header=show_header)
    if evaluation.out_of_fold_photos:
        report.section(PHOTOS)
        report.text("Each image as a phone of middle strength would photograph it; a program makes such photos.")
        add_predictions(report, "out-of-fold-photos", evaluation.out_of_fold_photos, show_header=show_header)
    report.section("Validation images")
    report.text("These images chose the epoch: the metrics flatter the model. 'evaluate' measures it on test images.")
    add_predictions(report, "validation", evaluation.validation, show_header=show_header)
    report.write(folder, evaluation)


def _summarise(report: Report, evaluation: TrainingEvaluation) -> None:
    metrics = evaluation.out_of_fold or evaluation.validation
    what = "Out of fold" if evaluation.out_of_fold else "On the validation images, which flatters the model"
    beware = [SYNTHETIC_MODEL] if evaluation.contract.trained_on.synthetic else []
    if evaluation.contract.confidence_threshold >= 1:
        beware.append("No probability reaches the target accuracy: every answer of this model is uncertain.")
    beware += [line for line in warnings(metrics) if not metrics.synthetic or "synthetic" not in line]
    report.summary(f"{what}: {headlines(metrics)[0]}.", headlines(metrics)[1:], beware[:3])


def out_of_fold_lines(evaluation: TrainingEvaluation, folds: int) -> list[str]:
    """Return what a cross-validated run prints; nothing without folds."""
    found = []
    for metrics, what in (
        (evaluation.out_of_fold, ""),
        (evaluation.out_of_fold_photos, ", phone photos of the images"),
    ):
        if metrics:
            found += [f"out-of-fold, {folds} grouped folds{what}", *lines(metrics)]
    return found
