"""The self-test and the bench: they say so where this machine answers otherwise."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from edge import Classifier, ModelError
from edge import selftest as testing
from edge.images.preprocessing import Preprocessing
from edge.selftest import CHECK_KEY, answers, compare, high_size, selftest_pictures

NAMES = ["colour.png", "grey.png", "large.jpg", "high.png"]


def test_this_machine_passes(edge: Callable, golden: Path) -> None:
    result = edge("check", golden / "tiny.onnx")
    assert result.returncode == 0, result.stdout
    assert "passed" in result.stdout
    assert all(name in result.stdout for name in NAMES)
    record = json.loads(edge("check", golden / "tiny.onnx", "--format", "json").stdout)
    assert [one["picture"] for one in record["pictures"]] == NAMES
    assert record["passed"] is True
    assert all(one["passed"] and one["same_pixels"] for one in record["pictures"])


def test_another_resize_is_noticed(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    def nearest(image: Image.Image, preprocessing: Preprocessing) -> np.ndarray:
        return np.asarray(image.resize((preprocessing.width, preprocessing.height), Image.Resampling.NEAREST))

    monkeypatch.setattr(testing, "load_page", nearest)
    found = compare(classifier)
    assert not any(one.passed or one.same_pixels for one in found)


def test_the_order_of_the_passes_of_a_resize_is_noticed(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Pillow's main branch does it where the height shrinks by more than twice as many pixels as the width."""

    def vertical_first(image: Image.Image, preprocessing: Preprocessing) -> np.ndarray:
        first = image.resize((image.width, preprocessing.height), Image.Resampling.BILINEAR)
        return np.asarray(first.resize((preprocessing.width, preprocessing.height), Image.Resampling.BILINEAR))

    ours = {answer.picture: answer for answer in answers(classifier)}
    monkeypatch.setattr(testing, "load_page", vertical_first)
    theirs = {answer.picture: answer for answer in answers(classifier)}
    assert ours["high.png"].pixels != theirs["high.png"].pixels


@pytest.mark.parametrize(("height", "width"), [(224, 224), (96, 160), (384, 512), (320, 512), (512, 256), (128, 176)])
def test_one_picture_is_high_enough_for_the_order_of_the_passes_to_matter(height: int, width: int) -> None:
    across, down = high_size(Preprocessing(height, width))
    assert across < 4 * width  # no blocks are averaged before
    assert down < 4 * height
    assert down - height > 2 * (across - width)


def changed(golden: Path, out: Path, change: Callable[[list], object]) -> Path:
    model = onnx.load(golden / "tiny.onnx")
    entry = next(entry for entry in model.metadata_props if entry.key == CHECK_KEY)
    found = json.loads(entry.value)
    change(found)
    entry.value = json.dumps(found)
    onnx.save(model, out)
    return out


def test_other_logits_are_noticed_and_exit_with_1(edge: Callable, golden: Path, tmp_path: Path) -> None:
    def shift(found: list) -> None:
        found[1][2][0] += 0.01

    result = edge("check", changed(golden, tmp_path / "model.onnx", shift))
    assert result.returncode == 1
    assert [("MORE THAN" in line) for line in result.stdout.splitlines()[1:5]] == [False, True, False, False]
    assert "failed" in result.stdout


@pytest.mark.parametrize("change", [lambda found: found[0].pop(), lambda found: found[0].__setitem__(0, "other.png")])
def test_answers_that_do_not_fit_are_refused(change: Callable, golden: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"export"):
        compare(Classifier(changed(golden, tmp_path / "model.onnx", change)))


def test_a_model_without_answers_is_refused(edge: Callable, golden: Path, tmp_path: Path) -> None:
    model = onnx.load(golden / "tiny.onnx")
    model.metadata_props.remove(next(entry for entry in model.metadata_props if entry.key == CHECK_KEY))
    onnx.save(model, tmp_path / "model.onnx")
    result = edge("check", tmp_path / "model.onnx")
    assert result.returncode == 2
    assert "export the .h5 again" in result.stderr


def test_the_pictures_differ_and_are_the_same_every_time(classifier: Classifier) -> None:
    preprocessing = classifier.contract.preprocessing
    assert selftest_pictures(preprocessing) == selftest_pictures(preprocessing)
    found = answers(classifier)
    assert [answer.picture for answer in found] == NAMES
    assert len({answer.pixels for answer in found}) == len(found)


def test_bench_prints_every_step_as_table_and_json(edge: Callable, golden: Path) -> None:
    result = edge("bench", golden / "tiny.onnx", "--runs", "3", "--format", "json")
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    steps = found["milliseconds"]
    assert {"decode", "preparation", "run, 1 thread, batch 1", "run, 1 thread, batch 8", "cold start"} <= set(steps)
    assert all(0 < step["median"] <= step["p95"] for step in steps.values())
    assert steps["cold start"]["median"] > steps["decode"]["median"]
    assert 30 < found["peak memory"] < 300
    assert "cold start" in edge("bench", golden / "tiny.onnx", "--runs", "2").stdout
    old = edge("bench", golden / "tiny.onnx", "--json")
    assert old.returncode == 2
    assert old.stderr == "edge: --json is called --format json now: see 'edge --help'\n"
