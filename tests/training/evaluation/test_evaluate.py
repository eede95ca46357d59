"""Evaluation: the numbers, the report, and what it says of images that the model has seen."""

import csv
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from edge import Classifier, ModelError
from tests.conftest import LABELS, last_line
from training.errors import DataError
from training.evaluation.baselines import BASELINES
from training.evaluation.evaluate import evaluate
from training.reports.explore import explore


def test_the_report_of_several_models(
    called: Callable, h5: Path, onnx_file: Path, three_classes: Path, tmp_path: Path
) -> None:
    out = tmp_path / "report"
    result = called("training", "evaluate", h5, onnx_file, "--data", three_classes, "--out", out)
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    first, second = report["models"].values()
    assert first["confusion"] == second["confusion"]
    assert report["differences"] == {}  # an export is no other model
    (differences,) = report["parity"].values()
    assert 0 < max(differences.values()) < 1e-4
    (latency,) = report["latency"].values()
    assert 0 < latency["median_ms"] <= latency["p95_ms"]
    assert report["data"]["command"].startswith("python -m training evaluate ")
    assert set(report["baselines"]) == set(BASELINES)
    assert first["images"] == 6
    assert "robustness" not in first  # nobody asked
    assert first["images_seen_in_training"] == 0
    assert [answer["label"] for answer in first["answers"]] == [label for label in LABELS for _ in range(2)]
    html = (out / "report.html").read_text(encoding="utf-8")
    assert "not a medical device" in html
    assert not re.search(r'(src|href)="(?!data:)', html)
    pictures = {path.name for path in out.glob("*.png")}
    assert {
        "model-1-confusion.png",
        "model-1-curves.png",
        "model-2-confusion.png",
        "model-1-random.png",
    } <= pictures
    assert {f"model-1-{name}.png" for name in ("discrimination", "calibration", "risk")} <= pictures
    card = (out / "model_card.md").read_text(encoding="utf-8")
    for needed in ("Not a medical device", first["facts"]["sha256"], "macro-F1", LABELS[0], "sensitivity"):
        assert needed in card
    assert card.count("## cnn (") == 1  # an export has no card of its own
    for section in ("Intended use", "Limits", "TRIPOD+AI", "Beside the models"):
        assert section in html
    assert "model-2-curves.png" not in pictures  # no history lies beside the .onnx
    assert len([name for name in pictures if name.startswith("model-1-class-")]) == 3
    assert len(re.findall(r"^macro-F1 \d", result.stdout, re.MULTILINE)) == 2
    assert str(out / "report.html") in result.stdout


def test_pages_that_the_model_has_seen_are_counted_and_said(h5: Path, three_classes: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(three_classes / "test", data / "test")
    for number, image in enumerate(sorted((three_classes / "train" / "normal").iterdir())[:3]):
        shutil.copy(image, data / "test" / "normal" / f"renamed {number}.jpg")
    numbers = evaluate([h5], data, tmp_path / "report", False, "here")["models"][str(h5)]
    assert numbers["images"] == 9
    assert numbers["images_seen_in_training"] == 3
    assert {Path(answer["image"]).name for answer in numbers["answers"] if answer["seen_in_training"]} == {
        f"renamed {number}.jpg" for number in range(3)
    }
    assert "has seen 3 of these 9 images" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")


def test_what_is_missing_is_marked_and_explained(
    h5: Path, three_classes: Path, tmp_path: Path, called: Callable
) -> None:
    """A test set of two classes, small subgroups, an age that is none, an image that is gone."""
    data = shutil.copytree(three_classes, tmp_path / "data")
    shutil.rmtree(data / "test" / LABELS[1])
    with (data / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "split", "sex", "age"])
        for number, image in enumerate(sorted(data.rglob("*.jpg"))):
            split, label, _ = image.relative_to(data).parts
            writer.writerow([image.relative_to(data), label, split, "fm"[number % 2], ("", "55", "old")[number % 3]])
        writer.writerow([f"test/{LABELS[2]}/gone.jpg", LABELS[2], "test", "f", ""])
    words = ("training", "evaluate", h5, "--data", data, "--out", tmp_path / "report")
    assert "gone.jpg: no such file" in called(*words, code=2).stderr
    assert not (tmp_path / "report").exists()
    result = called(*words, "--skip-unreadable")
    report = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    (found,) = report["models"].values()
    assert found["images"] == 4
    absent = found["classes"][LABELS[1]]
    assert absent["images"] == 0
    for name in ("sensitivity", "f1", "auroc", "average_precision"):
        assert absent[name] == {"value": None, "low": None, "high": None, "note": absent[name]["note"]}
        assert absent[name]["note"]
    assert LABELS[1] in found["overall"]["macro_f1"]["note"]
    assert "no image of this class" in result.stdout
    assert {value: line["images"]["value"] for value, line in found["subgroups"]["sex"].items()} == {"f": 2, "m": 2}
    assert set(found["subgroups"]["age"]) <= {"not stated", "40 to 59", "not a number"}
    assert all("proves little" in line["images"]["note"] for line in found["subgroups"]["sex"].values())
    html = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "1 unreadable images were left out" in html
    assert "By sex" in html
    assert "no image of this class" in html


def test_pages_of_one_group_have_no_interval(h5: Path, three_classes: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(three_classes / "test", data / "test")
    with (data / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "split", "group"])
        for image in sorted(data.rglob("*.jpg")):
            writer.writerow([image.relative_to(data), image.parent.name, "test", "one patient"])
    numbers = evaluate([h5], data, tmp_path / "report", False, "here")
    overall = numbers["models"][str(h5)]["overall"]
    for name in ("accuracy", "macro_f1", "ece"):
        assert overall[name]["value"] is not None
        assert overall[name]["low"] is None
        assert "one group only" in overall[name]["note"]
    assert "no training images" in numbers["baselines"]
    assert "no interval" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")


def test_the_device_and_the_report_say_the_same_of_every_page(
    h5: Path, onnx_file: Path, three_classes: Path, tmp_path: Path
) -> None:
    numbers = evaluate([h5], three_classes, tmp_path / "report", False, "here")["models"][str(h5)]
    device = Classifier(onnx_file)
    for answer in numbers["answers"]:
        assert device.predict(answer["image"]).status == answer["status"]
    answered = [answer["label"] == answer["predicted"] for answer in numbers["answers"] if answer["status"] == "ok"]
    expected = sum(answered) / len(answered) if answered else None
    assert numbers["status"]["accuracy_of_ok"]["value"] == expected
    counted = Counter(answer["status"] for answer in numbers["answers"])
    assert {name: numbers["status"][name] for name in ("ok", "uncertain", "rejected")} == {
        name: counted[name] for name in ("ok", "uncertain", "rejected")
    }


def test_another_model_is_compared_page_by_page(h5: Path, three_classes: Path, tmp_path: Path) -> None:
    from tests.training.fit.test_run import again

    other = again(three_classes, tmp_path / "run", epochs=1, seed=4)
    numbers = evaluate([h5, other], three_classes, tmp_path / "report", False, "here")
    ((pair, differences),) = numbers["differences"].items()
    assert pair == f"{other} minus {h5}"
    old, new = (numbers["models"][str(path)]["overall"]["accuracy"]["value"] for path in (h5, other))
    assert differences["accuracy"]["value"] == pytest.approx(new - old)
    assert numbers["parity"] == numbers["latency"] == {}


def test_a_flat_folder_is_divided_as_in_training(synthetic_folder: Path, tmp_path: Path) -> None:
    from tests.training.fit.test_run import again

    flat = tmp_path / "flat"
    for split in ("train", "test"):
        shutil.copytree(synthetic_folder / split, flat, dirs_exist_ok=True)
    model = again(flat, tmp_path / "run", epochs=1, seed=3)
    numbers = evaluate([model], flat, tmp_path / "report", False, "here")["models"][str(model)]
    assert numbers["images"] == 8
    assert numbers["images_seen_in_training"] == 0


def test_drawn_pages_are_said_to_be_drawn_wherever_results_are_shown(
    synthetic_folder: Path, called: Callable, command: Callable, tmp_path: Path
) -> None:
    from export.convert import convert
    from tests.training.fit.test_run import again

    model = again(synthetic_folder, tmp_path / "run", epochs=1)
    assert "synthetic ECG images" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    result = called("training", "evaluate", model, "--data", synthetic_folder, "--out", tmp_path / "report")
    assert "synthetic ECG images" in result.stdout
    assert "synthetic ECG images" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    convert(model, tmp_path / "ecg.onnx", synthetic_folder / "test")
    image = next((synthetic_folder / "test").rglob("*.jpg"))
    assert "synthetic ECG images" in command("edge", "predict", image, "--model", tmp_path / "ecg.onnx").stderr
    explore(synthetic_folder, tmp_path / "explore", seed=0)
    assert "synthetic ECG images" in (tmp_path / "explore" / "report.html").read_text(encoding="utf-8")


def test_explore_counts_and_names_unreadable_pages(three_classes: Path, tmp_path: Path, called: Callable) -> None:
    data = shutil.copytree(three_classes, tmp_path / "data")
    bad = data / "train" / "normal" / "bad.jpg"
    bad.write_text("no picture")
    result = called("training", "explore", "--data", data, "--out", tmp_path / "report")
    report = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert report["counts"] == {"train": dict.fromkeys(LABELS, 8), "test": dict.fromkeys(LABELS, 2)}
    assert len(report["unreadable"]) == 1
    assert str(bad) in result.stderr
    assert len(list((tmp_path / "report").glob("class-*.png"))) == 3
    assert (tmp_path / "report" / "counts.png").exists()


def test_unusable_input_is_refused(h5: Path, three_classes: Path, synthetic_folder: Path, tmp_path: Path) -> None:
    only_train = shutil.copytree(three_classes, tmp_path / "only train")
    shutil.rmtree(only_train / "test")
    with pytest.raises(DataError, match="has no test images"):
        evaluate([h5], only_train, tmp_path / "report", False, "here")
    with pytest.raises(DataError, match="does not know the class 'abnormal_heartbeat'"):
        evaluate([h5], synthetic_folder, tmp_path / "report", False, "here")
    with pytest.raises(ModelError, match=r"neither \.h5 nor \.onnx"):
        evaluate([three_classes], three_classes, tmp_path / "report", False, "here")
    assert not (tmp_path / "report").exists()


def test_wrong_use_of_training_gets_one_line_and_2(called: Callable, three_classes: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    train = ("train", "--model", "cnn", "--image-size", "96x160")
    for arguments, reason in (
        ((*train, "--data", tmp_path / "none", "--out", tmp_path / "run"), "no such folder"),
        ((*train, "--data", tmp_path / "empty", "--out", tmp_path / "run"), "has no images"),
        ((*train, "--data", three_classes, "--out", tmp_path / "file" / "run"), "Not a directory"),
        ((*train, "--data", three_classes, "--out", tmp_path / "run", "--folds", "1"), "at least 2"),
        ((*train, "--data", three_classes, "--out", tmp_path / "run", "--fine-tune", "block5"), "vgg16"),
        ((*train, "--data", three_classes, "--out", tmp_path / "run", "--epochs", "0"), "at least 1"),
        (("train", "--data", three_classes, "--out", tmp_path / "run"), "--model"),
        (("explore", "--data", three_classes, "--out", tmp_path / "file"), "File exists"),
        (("images", "--out", tmp_path / "file"), "already exists"),
    ):
        result = called("training", *arguments, code=2)
        assert reason in last_line(result)
        assert result.stdout == ""
    assert {path.name for path in tmp_path.iterdir()} == {"empty", "file"}
