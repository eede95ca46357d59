"""Training: what a run is, that it repeats, and that it can be continued."""

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from edge import files
from edge.contract import CONTRACT_KEY
from edge.errors import ModelError
from edge.images.preprocessing import Preprocessing
from tests.conftest import LABELS, RECIPE, trained
from training.data.folder import DataFolder
from training.data.history import read_history
from training.data.loaded_images import LoadedImages, short_digest
from training.data.splits import hold_out
from training.errors import RunError
from training.fit import loop, network
from training.fit.augmentation import augmented
from training.fit.run import RunInputs, train
from training.models.calibration import calibrated, fit_thresholds
from training.models.cnn import build_cnn
from training.models.in_distribution import choose_in_distribution_threshold
from training.models.saved_model import TRAINED_ON_KEY, load_model


def again(data: Path, run: Path, **changes: object) -> Path:
    return trained(data, run, replace(RECIPE, **changes))


def training_images(folder: Path, preprocessing: Preprocessing) -> LoadedImages:
    data = DataFolder.read(folder)
    return data.load(preprocessing, data.but("test"))


def test_the_cnn_has_at_most_a_million_parameters_and_flattens_a_small_map() -> None:
    for height, width in ((224, 224), (96, 160), (320, 512)):
        network = build_cnn(4, height, width)
        flatten = next(layer for layer in network.layers if isinstance(layer, keras.layers.Flatten))
        assert max(flatten.input.shape[1:3]) <= 7
        assert network.count_params() <= 1_000_000
        kinds = {type(layer).__name__ for layer in network.layers}
        assert {"Conv2D", "MaxPooling2D", "Flatten", "Dense"} <= kinds


def test_a_run_folder_holds_model_history_configuration_and_report(run: Path) -> None:
    files = {path.name for path in run.iterdir()}
    assert {"ecg_cnn_model.h5", "history.csv", "config.json", "report.html", "report.json", "curves.png"} <= files
    assert not [name for name in files if name.endswith(".weights.h5") or name.startswith(".")]
    with (run / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    assert "synthetic" not in (run / "report.html").read_text()  # these images have no manifest that says so


def test_the_contract_is_in_the_h5(h5: Path, three_classes: Path) -> None:
    model = load_model(h5)
    contract = model.contract
    assert contract.labels == LABELS
    assert (contract.preprocessing, contract.architecture) == (Preprocessing(96, 160), "cnn")
    loaded = training_images(three_classes, contract.preprocessing)
    assert contract.trained_on.images == len(loaded) == 24
    assert model.trained_on == {short_digest(digest) for digest in loaded.digests}


def test_the_h5_holds_the_best_epoch_by_validation_loss(run: Path, three_classes: Path, h5: Path) -> None:
    """The kept network, scored here on the validation images again, has the lowest loss of the history."""
    model = load_model(h5)
    loaded = training_images(three_classes, model.contract.preprocessing)
    chosen = loaded.select(hold_out(loaded.labels, loaded.groups, RECIPE.seed))
    probabilities = calibrated(model.run(chosen.pixels).logits, 1.0)  # the temperature came after the choice
    truth = [model.contract.labels.index(label) for label in chosen.labels]
    loss = -np.log(probabilities[np.arange(len(truth)), truth]).mean()
    history = read_history(run / "history.csv")
    assert loss == pytest.approx(min(row.val_loss for row in history), rel=1e-4)


def test_temperature_and_thresholds_come_from_the_validation_pages(h5: Path, three_classes: Path) -> None:
    model = load_model(h5)
    contract = model.contract
    loaded = training_images(three_classes, contract.preprocessing)
    chosen = loaded.select(hold_out(loaded.labels, loaded.groups, RECIPE.seed))
    found = model.run(chosen.pixels)
    truth = np.array([contract.labels.index(label) for label in chosen.labels])
    decided = fit_thresholds(found.logits, truth, RECIPE.target_accuracy)
    assert contract.temperature == pytest.approx(decided["temperature"], rel=1e-3) != 1
    assert contract.confidence_threshold == pytest.approx(decided["confidence_threshold"], abs=1e-4)
    assert contract.in_distribution_threshold == pytest.approx(
        choose_in_distribution_threshold(found.in_distribution), abs=1e-4
    )
    np.testing.assert_allclose(found.probabilities, calibrated(found.logits, contract.temperature), atol=1e-6)


def test_with_folds_they_come_from_the_out_of_fold_answers(three_classes: Path, tmp_path: Path) -> None:
    path = again(three_classes, tmp_path / "run", folds=2, epochs=1, target_accuracy=0.5)
    with (tmp_path / "run" / "out_of_fold.csv").open(encoding="utf-8") as file:
        in_distribution = np.array([[float(row["in_distribution"])] for row in csv.DictReader(file)])
    assert len(in_distribution) == 24
    assert load_model(path).contract.in_distribution_threshold == pytest.approx(
        choose_in_distribution_threshold(in_distribution), abs=1e-5
    )


def test_training_twice_gives_the_same_bytes(command: Callable, run: Path, three_classes: Path, tmp_path: Path) -> None:
    """In a fresh process and under another hash seed than the run of the fixture."""
    out = tmp_path / "again"
    options = ("--epochs", 3, "--image-size", "96x160", "--out", out)
    result = command("training", "train", "--model", "cnn", "--data", three_classes, *options, PYTHONHASHSEED="7")
    assert (out / "ecg_cnn_model.h5").read_bytes() == (run / "ecg_cnn_model.h5").read_bytes()
    assert result.stdout.splitlines() == [f"model: {out / 'ecg_cnn_model.h5'}", f"report: {out / 'report.html'}"]
    assert "epoch 3 of 3" in result.stderr


def test_another_seed_gives_another_model(three_classes: Path, h5: Path, tmp_path: Path) -> None:
    other = again(three_classes, tmp_path / "other", seed=1, epochs=1)
    assert load_model(other).contract.trained_on.seed == 1
    assert other.read_bytes() != h5.read_bytes()


class Interrupting(loop.Batches):
    """Batches of a run that is interrupted in its third epoch."""

    def __getitem__(self, number: int):
        if self._epoch == 2:
            raise KeyboardInterrupt
        return super().__getitem__(number)


def test_an_interrupted_run_goes_on_and_ends_with_the_same_bytes(
    three_classes: Path, run: Path, h5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(network, "Batches", Interrupting)
        with pytest.raises(KeyboardInterrupt):
            again(three_classes, tmp_path / "run")
    assert len(read_history(tmp_path / "run" / "history.csv")) == 2
    assert not (tmp_path / "run" / "ecg_cnn_model.h5").exists()
    assert again(three_classes, tmp_path / "run").read_bytes() == h5.read_bytes()
    assert (tmp_path / "run" / "history.csv").read_text() == (run / "history.csv").read_text()


@pytest.mark.parametrize("damaged", ["history.csv", "cnn-2.weights.h5", "no weights"])
def test_a_power_cut_that_left_damaged_files_changes_nothing(
    damaged: str, three_classes: Path, h5: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A file whose name was on the disk before its content: empty, cut, or full of NULs."""
    folder = tmp_path / "run"

    with monkeypatch.context() as patch:
        patch.setattr(network, "Batches", Interrupting)
        with pytest.raises(KeyboardInterrupt):
            again(three_classes, folder)
    if damaged == "no weights":
        (folder / "cnn-2.weights.h5").unlink()
    else:
        content = (folder / damaged).read_bytes()
        (folder / damaged).write_bytes(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))
    assert again(three_classes, folder).read_bytes() == h5.read_bytes()
    assert "is damaged" in caplog.text
    assert "cnn begins again" in caplog.text


def test_two_processes_in_one_run_folder_are_told_apart(three_classes: Path, run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    with (tmp_path / "run" / "config.json").open("rb") as held:
        assert files.locked(held)
        with pytest.raises(RunError, match="another process works there"):
            again(three_classes, tmp_path / "run")
    again(three_classes, tmp_path / "run")


def test_a_run_without_its_model_is_trained_no_further_and_gets_it(
    three_classes: Path, h5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an interrupt while the report was written."""
    folder = tmp_path / "run"
    assert train(RECIPE, RunInputs(data=DataFolder.read(three_classes), out=folder, cache=tmp_path / "cache"))
    assert not list(folder.glob("ecg_*"))
    monkeypatch.setattr(network, "Batches", None)  # no epoch is trained again
    assert again(three_classes, folder).read_bytes() == h5.read_bytes()
    assert not list(folder.glob("*.weights.h5"))


def test_a_complete_run_is_left_as_it_is(run: Path, three_classes: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = (run / "ecg_cnn_model.h5").stat().st_mtime_ns
    with caplog.at_level("INFO"):
        again(three_classes, run)
    assert (run / "ecg_cnn_model.h5").stat().st_mtime_ns == before
    assert "is complete, nothing was trained" in caplog.text


def test_another_configuration_in_a_run_is_refused(
    run: Path, three_classes: Path, synthetic_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match=r"other epochs \(3, now 4\): give another --out"):
        again(three_classes, run, epochs=4)
    with pytest.raises(RunError, match="other images"):
        again(synthetic_folder, run)
    (tmp_path / "letter.txt").write_text("")
    with pytest.raises(RunError, match="no run"):
        again(three_classes, tmp_path)


def test_folds_give_every_page_an_answer_of_a_model_that_has_not_seen_it(
    three_classes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned: dict[str, set[str]] = {}
    original = network.NetworkTrainer.train

    def watched(self, learn, choose, folder):
        learned[folder.name] = {*learn.digests, *choose.digests}
        return original(self, learn, choose, folder)

    monkeypatch.setattr(network.NetworkTrainer, "train", watched)
    model = again(three_classes, tmp_path / "run", folds=3, epochs=1)
    with (tmp_path / "run" / "out_of_fold.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    loaded = training_images(three_classes, load_model(model).contract.preprocessing)
    digests = {
        image.path.relative_to(three_classes).as_posix(): digest
        for image, digest in zip(loaded.images, loaded.digests, strict=True)
    }
    assert {row["path"] for row in rows} == set(digests)
    for row in rows:
        assert digests[row["path"]] not in learned[row["fold"]]
        assert sum(float(row[label]) for label in LABELS) == pytest.approx(1, abs=1e-5)
    assert not (tmp_path / "run" / "folds").exists()
    assert len(rows) == len(loaded)


def test_a_model_that_learns_from_test_images_too_is_measured_as_if_it_did_not(
    three_classes: Path, tmp_path: Path
) -> None:
    """The same answers out of fold, so the same thresholds; and a model that has seen all images."""
    models = [again(three_classes, tmp_path / str(test), folds=2, epochs=1, with_test=test) for test in (False, True)]
    without, with_test = ((model.parent / "out_of_fold.csv").read_bytes() for model in models)
    assert without == with_test
    contracts = [load_model(model).contract for model in models]
    assert [contract.trained_on.images for contract in contracts] == [24, 30]
    assert contracts[0].confidence_threshold == contracts[1].confidence_threshold
    assert load_model(models[0]).trained_on < load_model(models[1]).trained_on


def test_class_weights_let_every_class_weigh_the_same() -> None:
    targets = np.eye(3, dtype=np.float32)[[0] * 6 + [1] * 3 + [2]]
    weights = targets @ loop.class_weights(targets)
    assert [weights[targets[:, index] == 1].sum() for index in range(3)] == pytest.approx([10 / 3] * 3)


def test_augmentations_leave_an_ecg_an_ecg() -> None:
    """A mark in a corner stays in its corner, about as large and as dark: nothing is mirrored or lost."""
    image = np.full((200, 300, 3), 250, np.uint8)
    image[30:50, 40:60] = 10
    seen = set()
    for number in range(1, 40):
        changed = augmented(image, "0123456789abcdef", number, seed=4)
        assert (changed.dtype, changed.shape) == (image.dtype, image.shape)
        np.testing.assert_array_equal(changed, augmented(image, "0123456789abcdef", number, seed=4))
        rows, columns = np.nonzero(changed[:, :, 0] < 100)
        # At most: 3 % shift, 5 % scale and 2 degrees about the centre, 60 rows and 100 columns away.
        assert abs(rows.mean() - 39.5) <= 0.03 * 200 + 0.05 * 60 + 0.035 * 100 + 1
        assert abs(columns.mean() - 49.5) <= 0.03 * 300 + 0.05 * 100 + 0.035 * 60 + 1
        assert 340 <= rows.size <= 460
        seen.add((round(rows.mean(), 1), round(columns.mean(), 1)))
    assert len(seen) > 30
    assert augmented(image, "0123456789abcdef", 0, seed=4) is image


def test_batches_are_small_where_pages_are_few() -> None:
    assert [loop.batch_size(count) for count in (5, 64, 128, 236, 256, 512, 10_000)] == [4, 4, 8, 8, 16, 32, 32]


def test_an_h5_that_is_not_ours_is_refused(h5: Path, tmp_path: Path, onnx_file: Path) -> None:
    foreign = tmp_path / "foreign.h5"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save(foreign)
    stripped = shutil.copy(h5, tmp_path / "stripped.h5")
    with h5py.File(stripped, "a") as file:
        del file[TRAINED_ON_KEY]
    swapped = shutil.copy(h5, tmp_path / "swapped.h5")
    with h5py.File(swapped, "a") as file:
        contract = json.loads(file.attrs[CONTRACT_KEY])
        turned = contract["preprocessing"] | {"height": 160, "width": 96}
        file.attrs[CONTRACT_KEY] = json.dumps(contract | {"preprocessing": turned})
    cut = tmp_path / "cut.h5"
    cut.write_bytes(h5.read_bytes()[:5000])
    old = shutil.copy(h5, tmp_path / "old.h5")
    with h5py.File(old, "a") as file:
        file.attrs[CONTRACT_KEY] = json.dumps(contract | {"schema": 2})
    reasons = {old: "schema 2, this program reads schema 3: train the model again with 'python -m training train'"} | {
        foreign: "not from this program",
        stripped: "has no ecg_trained_on, it is not from this program",
        swapped: "contradicts",
        cut: "is cut short",
    }
    for path, reason in (reasons | {tmp_path / "none.h5": "no such model", onnx_file: "is an ONNX file"}).items():
        with pytest.raises(ModelError, match=reason) as refusal:
            load_model(Path(path))
        assert "\n" not in str(refusal.value)
