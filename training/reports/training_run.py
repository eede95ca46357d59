"""The reports of a training run, and of a search for its recipe."""

from pathlib import Path

from edge.commands.table import Table
from edge.commands.terminal import SYNTHETIC_MODEL
from training.evaluation.result import TrainingEvaluation
from training.evaluation.search import Search
from training.reports import plots
from training.reports.predictions import add_predictions, few_warning, headlines, lines
from training.reports.report import Report

PHOTOS = "Out-of-fold predictions for simulated phone photos"
FLATTERS = "The recipe was chosen by these very images: cross-validate it once more with another --seed."
UNCERTAIN = "No probability reaches the target accuracy: every prediction of this model is uncertain."


def write_training_report(evaluation: TrainingEvaluation, folder: Path, *, show_header: bool = False) -> None:
    """Write `report.html`, `report.json` and the pictures into the run folder."""
    contract, trained_on = evaluation.contract, evaluation.contract.trained_on
    report = Report(f"Training of {contract.architecture}", "train")
    report.summary(verdict(evaluation), _facts(evaluation), beware(evaluation))
    held_out = evaluation.validation.images if evaluation.validation else "none"
    report.section("Training")
    report.text(
        f"{trained_on.images} images of {contract.preprocessing.height}x{contract.preprocessing.width} pixels, "
        f"{held_out} of them held out for validation by group, and {trained_on.auxiliary_images} auxiliary ones; "
        f"seed {trained_on.seed}."
    )
    report.text(
        f"Temperature {contract.temperature:.3f}, confidence threshold {contract.confidence_threshold:.3f}, "
        f"in-distribution threshold {contract.in_distribution_threshold:.3f}: fitted on the "
        f"{'out-of-fold predictions' if evaluation.out_of_fold else 'validation images'}, so that "
        f"{evaluation.target_accuracy:.0%} of those that are answered are right."
    )
    report.chart("curves", plots.curves(evaluation.history), plots.curves_in_words(evaluation.history))
    if evaluation.out_of_fold:
        report.section("Out-of-fold predictions")
        report.text(
            "Each image is predicted by a model that has not seen its group, and calibrated by the other folds. Which "
            "images are uncertain or rejected follows from thresholds chosen on these very images."
        )
        images = "Images, out of fold"
        add_predictions(report, "out-of-fold", evaluation.out_of_fold, images=images, show_header=show_header)
    if evaluation.out_of_fold_photos:
        report.section(PHOTOS)
        report.text("Each image as a phone of middle strength would photograph it; a program makes such photos.")
        photos, images = evaluation.out_of_fold_photos, "Images, out of fold, predicted as photos"
        add_predictions(report, "out-of-fold-photos", photos, images=images, show_header=show_header)
    if evaluation.validation:
        report.section("Validation images")
        report.text(
            "These images chose the epoch: the metrics flatter the model. 'evaluate' measures it on test images."
        )
        images = "Validation images, a choice"
        add_predictions(report, "validation", evaluation.validation, images=images, show_header=show_header)
    report.write(folder, evaluation)


def verdict(evaluation: TrainingEvaluation) -> str:
    """Return what the run shows of its own model, in one sentence."""
    if evaluation.out_of_fold:
        return f"Out of fold: {headlines(evaluation.out_of_fold).macro_f1}."
    return f"On the images that chose the epoch, which flatters the model: {headlines(evaluation.validation).macro_f1}."


def beware(evaluation: TrainingEvaluation) -> list[str]:
    """Return what takes the value of the run away, the gravest first."""
    metrics = evaluation.out_of_fold or evaluation.validation
    found = [
        SYNTHETIC_MODEL if evaluation.contract.trained_on.synthetic else "",
        UNCERTAIN if evaluation.contract.confidence_threshold >= 1 else "",
        few_warning(metrics),
    ]
    return list(filter(None, found))


def _facts(evaluation: TrainingEvaluation) -> dict[str, str]:
    """Return what the summary says below the verdict."""
    contract, trained_on = evaluation.contract, evaluation.contract.trained_on
    said = headlines(evaluation.out_of_fold or evaluation.validation)
    auxiliary = f", and {trained_on.auxiliary_images} auxiliary images" if trained_on.auxiliary_images else ""
    return {
        "model": f"{contract.architecture}, {contract.preprocessing.height}x{contract.preprocessing.width} pixels",
        "trained on": f"{trained_on.images} images{auxiliary}; seed {trained_on.seed}",
        "accuracy": said.accuracy,
        "calibration": said.calibration,
        "answers": said.answered,
    }


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


def write_search_report(found: Search, command: str, folder: Path) -> None:
    """Write `report.html`, `report.json` and the charts of a search; `command` trains by its best recipe."""
    best, stopped = found.best, sum(trial.macro_f1 is None for trial in found.trials)
    report = Report(f"Search for a recipe for {found.model}", "tune")
    verdict = f"The best of {len(found.trials)} trials has a macro-F1 of {best.macro_f1:.3f} out of fold."
    facts = {
        "images": f"{found.images}",
        "stopped early": f"{stopped} of {len(found.trials)} trials",
        "command": command,
    }
    report.summary(verdict, facts, [FLATTERS])
    report.section("Trials")
    chart, words = plots.search_chart(found.trials), f"Macro-F1 of each trial. {verdict}"
    report.chart("trials", chart, words)
    names = list(best.settings)
    report.chart("settings", plots.settings_chart(found.trials, names), "Macro-F1 of each trial by what was searched.")
    report.section("All trials, the best first")
    ranked = sorted(found.trials, key=lambda trial: (trial.macro_f1 is None, -(trial.macro_f1 or 0)))
    report.table(
        Table(
            "",
            ("trial", "macro-F1", *(name.replace("_", " ") for name in names), "macro-F1 of each fold"),
            [
                (
                    f"{trial.number}",
                    "stopped early" if trial.macro_f1 is None else f"{trial.macro_f1:.3f}",
                    *(f"{trial.settings[name]:.3g}" for name in names),
                    " ".join(f"{fold:.2f}" for fold in trial.folds),
                )
                for trial in ranked
            ],
        )
    )
    report.write(folder, found)
