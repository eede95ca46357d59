"""Keras files of others: adopted, they say of a picture's file what they said in their own program."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from edge import Classifier
from edge.contract import CONTRACT_KEY, Contract
from edge.images.preprocessing import OF_OTHERS, Preprocessing, load_page, preprocessing_id
from export.foreign import adoption, facts
from export.foreign.adoption import adopt
from export.foreign.facts import Told
from tests.conftest import ROOT, last_line

NAMES = (
    "nested.h5", "nested-224.h5", "functional.h5", "functional-24.h5", "depthwise.h5", "grey.h5", "several.h5",
    "two.h5", "logit.h5", "removed.h5", "hard.h5", "three.keras",
)  # fmt: skip


@pytest.fixture(scope="session")
def images(synthetic_folder: Path) -> Path:
    return synthetic_folder / "test"


@pytest.fixture(scope="session")
def others(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files, with what they said; in a process of its own, for it loads Keras 2 besides Keras 3."""
    folder = tmp_path_factory.mktemp("others")
    words = [sys.executable, "-m", "tests.export.foreign.make_others", str(folder), str(images)]
    made = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert made.returncode == 0, made.stderr[-2000:]
    return folder


def said(others: Path, name: str) -> tuple[list[str], dict[str, list[float]]]:
    found = json.loads((others / "said.json").read_text())[name]
    words = [part for option, value in found["options"].items() for part in (f"--{option}", value)]
    return words, found["answers"]


def probabilities(rows: np.ndarray, contract: Contract, activation: str | None) -> np.ndarray:
    """What the outputs of a file mean."""
    if activation == "softmax":
        rows = np.exp(rows - rows.max(axis=1, keepdims=True))
        return rows / rows.sum(axis=1, keepdims=True)
    if activation == "sigmoid":
        rows = 1 / (1 + np.exp(-rows))
    return rows if rows.shape[1] == len(contract.labels) else np.hstack([1 - rows, rows])


@pytest.mark.parametrize("name", NAMES)
def test_it_says_of_a_file_what_it_said_in_its_own_program(
    name: str, others: Path, images: Path, called: Callable, tmp_path: Path
) -> None:
    words, answers = said(others, name)
    out = tmp_path / "model.onnx"
    printed = called("export", "convert", others / name, *words, "--images", images, "--out", out).stdout
    assert "parity                                  holds" in printed
    assert ("tf_keras" in printed) == (name != "three.keras")
    classifier = Classifier(out)
    activation = dict(zip(words[::2], words[1::2], strict=True)).get("--activation")
    expected = probabilities(np.array(list(answers.values())), classifier.contract, activation)
    assert np.ptp(expected, axis=0).max() > 0.3  # the pictures are told apart
    found = [classifier.predict(path) for path in answers]
    shares = np.array([list(one.probabilities.values()) for one in found])
    assert np.abs(shares - expected).max() <= 1e-5
    if name in ("several.h5", "functional-24.h5"):
        assert classifier.contract.activation == "sigmoid"
        named = [tuple(np.array(classifier.contract.labels)[row > 0.5]) for row in expected]
        assert [one.labels for one in found] == named
        assert {len(one) for one in named} > {1}
        assert all(one.label is None for one in found)
    else:
        assert [one.label for one in found] == np.array(classifier.contract.labels)[expected.argmax(axis=1)].tolist()
    assert list(tmp_path.iterdir()) == [out]


def test_without_what_must_be_told_it_prints_what_the_file_says_and_the_line_to_type(
    others: Path, called: Callable
) -> None:
    result = called("export", "convert", others / "grey.h5", code=2)
    for part in ("2.2.4", "64, 64, 1", "softmax", "Dense"):
        assert part in result.stdout
    assert "--labels LABEL1,LABEL2,LABEL3,LABEL4 --preprocessing unit|tf|caffe|torch|none --channels grey" in last_line(
        result
    )


WRONG = {
    "labels too few": ("nested.h5", {"labels": "a,b,c"}, "gives (4,) for a picture, --labels names 3 classes"),
    "labels twice": ("nested.h5", {"labels": "a,a,b,c"}, "no list of at least two different names"),
    "channels": ("grey.h5", {"channels": "rgb"}, "takes 1 channels, --channels says rgb"),
    "grey for three": ("nested.h5", {"channels": "grey"}, "takes 3 channels, --channels says grey"),
    "caffe of grey": ("grey.h5", {"preprocessing": "caffe"}, "is for three channels"),
    "another size": ("nested.h5", {"image-size": "32x32"}, "takes 64x64, --image-size says 32x32"),
    "logits of what": ("functional.h5", {"activation": None}, "ends without softmax or sigmoid"),
    "no images": ("nested.h5", {"images": "nowhere"}, "is no folder with images"),
    "int8": ("nested.h5", {"int8": "", "calibration": "."}, "is for models of this program"),
    "over a picture": ("nested.h5", {"out": "PICTURE"}, "is read by this command"),
    "over another file": ("nested.h5", {"out": "notes.txt"}, "was not made by this command"),
    "probabilities as logits": ("mean.h5", {"activation": "softmax"}, "numbers that sum to 1, which are probabilities"),
    "two outputs": ("both.keras", {}, "takes 1 inputs and gives 2 outputs: one picture and one output are wanted"),
    "a label that is no text": ("nested.h5", {"labels": "a,b,c,\udcff"}, "printable letters"),
    "a label with a bar": ("nested.h5", {"labels": "a,b,c,d|e"}, "printable letters"),
    "huge input": ("huge.h5", {}, "takes 20000x20000, each side has to have 8 to 4096 pixels"),
    "custom layer": ("custom.h5", {}, "needs 'MyAttention', which no Keras has"),
    "operator of TensorFlow": ("operator.h5", {}, "needs 'TensorFlowOpLayer', which no Keras has"),
    "two forms at once": ("both.h5", {}, "is an HDF5 file and something else at once"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_gets_one_line_and_nothing_is_written(
    case: str, others: Path, images: Path, called: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, changes, reason = WRONG[case]
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_text("mine\n")
    words, _ = said(others, name)
    options = dict(zip(words[::2], words[1::2], strict=True)) | {"--images": images, "--out": "model.onnx"}
    options |= {f"--{key}": value for key, value in changes.items()}
    if options["--out"] == "PICTURE":
        options["--out"] = min(images.rglob("*.jpg"))
    given = [part for option, value in options.items() if value is not None for part in (option, value) if part != ""]
    assert reason in last_line(called("export", "convert", others / name, *given, code=2))
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_our_own_file_needs_no_telling(h5: Path, images: Path, called: Callable, tmp_path: Path) -> None:
    told = ("--labels", "a,b", "--preprocessing", "unit", "--channels", "rgb", "--resize", "nearest")
    ends = ("--images", images, "--out", tmp_path / "m.onnx")
    assert "knows its labels" in last_line(called("export", "convert", h5, *told, *ends, code=2))
    assert "--out MODEL.onnx and --images DIR are needed" in last_line(called("export", "convert", h5, code=2))


def test_a_model_that_says_the_same_of_everything_is_told_of(
    others: Path, images: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told(labels=tuple("abcd"), scale="unit", channels="rgb", resize="nearest")
    monkeypatch.setattr(adoption, "SPREAD", 2.0)
    adopt(others / "nested.h5", tmp_path / "m.onnx", images, told)
    assert "says the same of every image" in caplog.text


def test_parity_fails_where_the_original_is_another_or_sees_other_pixels(
    others: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, called: Callable
) -> None:
    told = Told(labels=tuple("abcd"), scale="unit", channels="rgb", resize="nearest")
    adopt(others / "nested.h5", tmp_path / "m.onnx", images, told)
    served = Classifier(tmp_path / "m.onnx")
    logit = replace(told, labels=("a", "b"), activation="sigmoid")
    adopt(others / "logit.h5", tmp_path / "logit.onnx", images, logit)
    assert not adoption.verify(others / "logit.h5", Classifier(tmp_path / "logit.onnx"), images).failures
    words = ("verify", others / "nested.h5", tmp_path / "m.onnx", "--images", images, "--format", "json")
    assert json.loads(called("export", *words).stdout)["holds"] is True
    assert adoption.verify(others / "nested-224.h5", served, images).failures
    model = onnx.load(tmp_path / "m.onnx")
    entry = next(entry for entry in model.metadata_props if entry.key == CONTRACT_KEY)
    entry.value = entry.value.replace('"channels": "rgb"', '"channels": "bgr"')
    onnx.save(model, tmp_path / "m.onnx")
    assert adoption.verify(others / "nested.h5", Classifier(tmp_path / "m.onnx"), images).failures


@pytest.mark.parametrize("name", ["nested.h5", "nested-224.h5", "functional-24.h5", "depthwise.h5", "grey.h5"])
def test_without_keras_2_a_repaired_configuration_says_the_same(
    name: str, others: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "KERAS_2", ("keras",))
    words, answers = said(others, name)
    options = {word.removeprefix("--"): value for word, value in zip(words[::2], words[1::2], strict=True)}
    options |= {"labels": tuple(options["labels"].split(",")), "scale": options.pop("preprocessing")}
    parity = adopt(others / name, tmp_path / "m.onnx", images, Told(**options))
    assert parity.loaded.endswith("with a repaired configuration")
    classifier = Classifier(tmp_path / "m.onnx")
    expected = probabilities(np.array(list(answers.values())), classifier.contract, options.get("activation"))
    found = np.array([list(classifier.predict(path).probabilities.values()) for path in answers])
    assert np.abs(found - expected).max() <= 1e-5


def test_what_another_keras_means_something_else_by_is_not_repaired(
    others: Path, images: Path, called: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`hard_sigmoid` is clip(0.2 x + 0.5) in Keras 2 and relu6(x + 3) / 6 in Keras 3; a layer that only Keras 2 has."""
    monkeypatch.setattr(facts, "KERAS_2", ("keras",))
    for name, reason in (("hard.h5", "'hard_sigmoid', which is another function"), ("removed.h5", "ThresholdedReLU")):
        words, _ = said(others, name)
        ends = ("--images", images, "--out", tmp_path / "m.onnx")
        assert reason in last_line(called("export", "convert", others / name, *words, *ends, code=2))
        assert list(tmp_path.iterdir()) == []


def test_a_model_of_others_says_that_it_is_one(
    others: Path, images: Path, called: Callable, tmp_path: Path, command: Callable
) -> None:
    words, answers = said(others, "several.h5")
    called("export", "convert", others / "several.h5", *words, "--images", images, "--out", tmp_path / "m.onnx")
    picture = next(iter(answers))
    told = command("edge", "info", tmp_path / "m.onnx")
    for part in ("Keras 2.4.0", "sigmoid", "adopted scale"):
        assert part in told.stdout
    assert "trained on" not in told.stdout
    assert "no in-distribution score and no fitted temperature" in told.stderr
    found = command("edge", "predict", picture, "--model", tmp_path / "m.onnx", "--format", "jsonl")
    assert "no in-distribution score" in found.stderr
    record = json.loads(found.stdout)
    assert (record["label"], record["in_distribution"], record["probability"]) == (None, None, None)
    header, row = command(
        "edge", "predict", picture, "--model", tmp_path / "m.onnx", "--format", "csv"
    ).stdout.splitlines()
    assert header.endswith(",labels")
    assert row.endswith("|".join(record["labels"]))
    refused = command("edge", "predict", picture, "--model", tmp_path / "m.onnx", "--heatmaps", tmp_path / "h", code=2)
    assert "a model of others has none" in refused.stderr


def test_it_can_be_evaluated_but_not_where_it_names_several_classes(
    others: Path, synthetic_folder: Path, called: Callable, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    classes = ("abnormal_heartbeat", "history_of_mi", "myocardial_infarction", "normal")
    told = Told(labels=classes, scale="unit", channels="rgb", resize="nearest")
    for name in ("nested", "several"):
        adopt(others / f"{name}.h5", tmp_path / f"{name}.onnx", synthetic_folder / "test", told)
    report = tmp_path / "report"
    ends = ("--data", synthetic_folder, "--out", report)
    called("training", "evaluate", tmp_path / "nested.onnx", *ends)
    (model,) = json.loads((report / "report.json").read_text())["models"]
    listed = model["metrics"]["predictions"]
    assert {(one["in_distribution"], one["status"]) for one in listed} == {(None, "ok")}
    assert "made by Keras 2.21.0" in (report / "model_card.md").read_text()
    several = called("training", "evaluate", tmp_path / "several.onnx", *ends, code=2)
    assert "evaluation is for one class an image" in last_line(several)


@pytest.mark.parametrize("identity", OF_OTHERS)
def test_pictures_are_resized_as_others_resize_them(identity: str, images: Path) -> None:
    import keras
    import tensorflow as tf

    method, grey = OF_OTHERS[identity]
    assert preprocessing_id(method, grey=grey) == identity
    path = min(images.rglob("*.jpg"))
    for size in ((64, 64), (240, 171), (1800, 300)):
        found = load_page(path, Preprocessing(*size, identity))
        mode = {"color_mode": "grayscale" if grey else "rgb"}
        if method == "tf-bilinear":
            expected = tf.image.resize(keras.utils.img_to_array(keras.utils.load_img(path, **mode)), size).numpy()
            assert np.abs(found - expected).max() <= 0.501
        else:
            expected = keras.utils.img_to_array(
                keras.utils.load_img(path, target_size=size, interpolation=method, **mode)
            )
            np.testing.assert_array_equal(found, np.broadcast_to(expected, found.shape))
