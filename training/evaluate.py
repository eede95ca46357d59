"""Evaluation of saved models, `.h5` or `.onnx`, alone or side by side, on the test pages of a folder."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.classifier import Classifier
from edge.contract import Contract
from edge.errors import ModelError
from training import plots
from training.answers import Answers
from training.dataset import Loaded, Page, load_pages, read_folder
from training.errors import DataError
from training.fit import read_history
from training.models import TRAINED_ON_KEY, load_model, short
from training.report import Report, add_answers
from training.splits import are_test


@dataclass(frozen=True)
class Subject:
    """Hold a model under evaluation; `run` turns uint8 pages into logits and probabilities."""

    path: Path
    contract: Contract
    trained_on: frozenset[str]
    run: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def open_model(path: Path) -> Subject:
    """Open an `.h5` with Keras or an `.onnx` with onnxruntime; raise `ModelError` for anything else."""
    if path.suffix == ".h5":
        model = load_model(path)
        return Subject(path, model.contract, model.trained_on, model.run)
    if path.suffix != ".onnx":
        raise ModelError(f"{path}: is neither .h5 nor .onnx: give a model of this program")
    classifier = Classifier(path)
    if TRAINED_ON_KEY not in classifier.metadata:
        raise ModelError(f"{path}: does not say on which pages it was trained: export the .h5 again")

    def run(pages: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        answers = [classifier.run(page[np.newaxis]) for page in pages]
        return np.concatenate([logits for logits, _ in answers]), np.concatenate([shares for _, shares in answers])

    return Subject(path, classifier.contract, frozenset(classifier.metadata[TRAINED_ON_KEY].split()), run)


def evaluate(models: list[Path], data: Path, out: Path, skip_unreadable: bool) -> dict[str, dict]:
    """Score the models on the test pages of `data`, write the report, and return each model's numbers.

    A folder without splits is divided again as the first model's training divided it, from its
    seed. Raises `DataError` where there are no test pages or a model does not know their classes.
    """
    subjects = [open_model(path) for path in models]
    seed = subjects[0].contract.trained_on.seed
    pages = [page for page in read_folder(data) if page.split != "train"]
    if not pages:
        raise DataError(f"{data}: has no test pages: add a folder 'test', or give a folder without splits")
    report = Report("Evaluation")
    report.text(f"Test pages of {data}.")
    numbers: dict[str, dict] = {}
    loaded: dict[tuple[int, int], Loaded] = {}
    for number, subject in enumerate(subjects, start=1):
        size = subject.contract.height, subject.contract.width
        if size not in loaded:
            loaded[size] = _test_pages(pages, subject.contract, seed, skip_unreadable)
        report.heading(str(subject.path))
        numbers[str(subject.path)] = _add_model(report, f"model-{number}", subject, loaded[size])
    report.write(out, {"data": str(data), "models": numbers})
    return numbers


def _test_pages(pages: list[Page], contract: Contract, seed: int, skip_unreadable: bool) -> Loaded:
    loaded, skipped = load_pages(pages, contract, skip_unreadable)
    for line in skipped:
        print(f"skipped {line}", file=sys.stderr)
    return loaded.select(are_test(loaded, seed))


def _add_model(report: Report, name: str, subject: Subject, loaded: Loaded) -> dict:
    """Add a model's answers, and its curves where its history lies beside it."""
    unknown = sorted(set(loaded.labels.tolist()) - set(subject.contract.labels))
    if unknown:
        raise DataError(
            f"{subject.path}: does not know the class {unknown[0]!r} of the test pages: train it again with it"
        )
    seen = np.array([short(digest) in subject.trained_on for digest in loaded.digests])
    answers = Answers.of(subject.run, loaded, subject.contract.labels, seen)
    if subject.contract.trained_on.drawn:
        report.text("This model was trained on drawn pages: it knows nothing about real ECGs.", warning=True)
    numbers = add_answers(report, name, answers)
    history = read_history(subject.path.parent / "history.csv")
    if history:
        report.figure(f"{name}-curves", plots.curves(history), "Loss and accuracy of training and validation")
    return numbers
