"""The search for a recipe: an interrupt changes nothing, bad trials end early, and the best recipe is a command."""

import argparse
import json
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import RECIPE
from training.__main__ import COMMANDS
from training.commands.train import recipe_of
from training.data.folder import DataFolder
from training.data.recipe import Recipe
from training.data.training_set import TrainingSet
from training.errors import RunError
from training.evaluation.predictions import UnseenPredictions
from training.evaluation.search import Search
from training.fit import search as module
from training.fit.network import NetworkTrainer
from training.fit.run import RunInputs
from training.fit.search import SEARCHED, search

FOLDS = 5
Folds = Callable[[int, np.ndarray, np.ndarray], None]


class Known:
    """Stands in for the cross-validation: the share of wrong names grows with the distance from a known best rate."""

    def __init__(self, stop_at: int = -1) -> None:
        self.folds, self.weights, self._stop_at = 0, [], stop_at

    def __call__(
        self, training_set: TrainingSet, trainer: NetworkTrainer, folder: Path, after_fold: Folds
    ) -> tuple[UnseenPredictions, np.ndarray]:
        own = training_set.own
        self.weights.append(set(training_set.auxiliary.sample_weight.tolist()) if training_set.auxiliary else set())
        folder.mkdir(parents=True, exist_ok=True)
        wrong = min(0.9, abs(np.log10(trainer.recipe.learning_rate / 1e-3)))
        truth = np.array([0, 1, 2] * 40)
        named = np.where(np.arange(120) % 40 < 40 * wrong, (truth + 1) % 3, truth)
        for number in range(1, FOLDS + 1):
            if self.folds == self._stop_at:
                raise KeyboardInterrupt
            self.folds += 1
            after_fold(number, truth, named)
        found = argparse.Namespace(images=argparse.Namespace(truth=truth, predicted=named))
        return found, np.ones(len(own), int)


@pytest.fixture
def searched(
    three_classes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, int, Known], Search]:
    def searched_in(folder: str, trials: int, known: Known, names: tuple[str, ...] = ("learning_rate",)) -> Search:
        monkeypatch.setattr(module, "cross_validate", known)
        data = DataFolder.read(three_classes)
        inputs = RunInputs(data=data, out=tmp_path / folder, cache=tmp_path / "cache")
        return search(Recipe(**vars(RECIPE) | {"folds": FOLDS}), inputs, names, trials)

    return searched_in


def test_it_finds_the_best_recipe_and_ends_bad_trials_early(searched: Callable[..., Search]) -> None:
    known = Known()
    found = searched("whole", 20, known)
    assert [trial.number for trial in found.trials] == list(range(1, 21))
    assert abs(np.log10(found.best.settings["learning_rate"] / 1e-3)) < 0.1
    assert found.best.macro_f1 == max(trial.macro_f1 or 0 for trial in found.trials)
    stopped = [trial for trial in found.trials if trial.macro_f1 is None]
    assert len(stopped) > 5
    assert all(3 <= len(trial.folds) < FOLDS for trial in stopped)
    assert all(np.mean(trial.folds) < found.best.macro_f1 for trial in stopped)
    assert known.folds == sum(len(trial.folds) for trial in found.trials)


def test_an_interrupt_changes_nothing(searched: Callable[..., Search], tmp_path: Path) -> None:
    undisturbed = searched("whole", 14, Known())
    for stop_at in (0, 7, 30):  # before any fold, in the second trial, later
        with pytest.raises(KeyboardInterrupt):
            searched("cut", 14, Known(stop_at))
    known = Known()
    assert searched("cut", 14, known) == undisturbed
    assert searched("cut", 3, Known(0)) == undisturbed  # what is there is not computed again
    assert not list((tmp_path / "cut" / "trials").iterdir())


def test_another_search_is_refused(searched: Callable[..., Search], tmp_path: Path) -> None:
    searched("mine", 1, Known())
    with pytest.raises(RunError, match="other searched"):
        searched("mine", 1, Known(), ("learning_rate", "epochs"))
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").touch()
    with pytest.raises(RunError, match="is not empty"):
        searched("photos", 1, Known())


def test_the_weight_of_auxiliary_images_is_searched(
    three_classes: Path, synthetic_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def folder(name: str, seed: int) -> DataFolder:
        from training.synthetic.dataset import SyntheticSettings, generate_dataset

        generate_dataset(tmp_path / name, SyntheticSettings(per_class=2, seed=seed, strength=1))
        return DataFolder.read(tmp_path / name)

    known = Known()
    monkeypatch.setattr(module, "cross_validate", known)
    inputs = RunInputs(
        data=DataFolder.read(synthetic_folder),
        out=tmp_path / "out",
        cache=tmp_path / "cache",
        auxiliary=((folder("open", 31), 0.0), (folder("stated", 32), 0.25)),
    )
    found = search(Recipe(**vars(RECIPE) | {"folds": FOLDS}), inputs, ("learning_rate",), 3)
    for trial, weights in zip(found.trials, known.weights, strict=True):
        assert weights == {np.float32(0.25), np.float32(trial.settings[f"weight of {tmp_path / 'open'}"])}
    assert len({trial.settings[f"weight of {tmp_path / 'open'}"] for trial in found.trials}) == 3


def test_the_command_prints_a_command(
    called: Callable[..., subprocess.CompletedProcess], three_classes: Path, tmp_path: Path
) -> None:
    out, more = tmp_path / "tuned", tmp_path / "more"
    for folder in sorted((three_classes / "train").iterdir()):  # other pictures of the same classes
        (more / folder.name).mkdir(parents=True)
        with Image.open(next(folder.glob("*.jpg"))) as image:
            image.transpose(Image.Transpose.ROTATE_180).save(more / folder.name / "turned.png")
    given = (
        "--model",
        "cnn",
        "--data",
        three_classes,
        "--image-size",
        "64x96",
        "--folds",
        2,
        "--epochs",
        1,
        "--seed",
        3,
    )
    words = (
        "training",
        "tune",
        *given,
        "--auxiliary",
        f"{more}/",
        "--acquisitions",
        0,
        "--trials",
        2,
        "--out",
        out,
        "--cache",
        tmp_path / "cache",
    )
    printed = called(*words).stdout
    best = json.loads((out / "report.json").read_text())["trials"]
    best = max(best, key=lambda trial: trial["macro_f1"])
    command = shlex.split(next(line for line in printed.splitlines() if "train by it" in line).partition(": ")[2])
    assert command[:4] == ["python", "-m", "training", "train"]
    parser = argparse.ArgumentParser()
    COMMANDS["train"][0].describe(parser)
    recipe = recipe_of(parser.parse_args(command[4:]))
    assert (recipe.epochs, recipe.acquisitions, recipe.folds, recipe.seed) == (1, 0, 2, 3)
    assert recipe.learning_rate == pytest.approx(best["settings"]["learning_rate"], rel=1e-5)
    weight = best["settings"][f"weight of {more}"]
    assert list(best["settings"]) == ["learning_rate", f"weight of {more}"]
    assert command[command.index("--auxiliary") + 1 :][:2] == [f"{more}/", f"{weight:.3g}"]
    assert {"report.html", "trials.png", "settings.png"} <= {file.name for file in out.iterdir()}
    assert "macro-F1" in printed
    assert called(*words).stdout == printed


def test_nothing_to_search_is_said(
    called: Callable[..., subprocess.CompletedProcess], three_classes: Path, tmp_path: Path
) -> None:
    given = [word for name in SEARCHED for word in (f"--{name.replace('_', '-')}", 1)]
    words = ("training", "tune", "--model", "cnn", "--data", three_classes, "--out", tmp_path / "no")
    assert "nothing is left to search" in called(*words, *given, code=2).stderr
    assert "--folds 1" in called(*words, "--folds", 1, code=2).stderr
    assert not (tmp_path / "no").exists()
