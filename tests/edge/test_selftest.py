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
from edge.selftest import CHECK_KEY, answers, check, pictures


def test_this_machine_passes(edge: Callable, golden: Path) -> None:
    result = edge("check", golden / "tiny.onnx")
    assert result.returncode == 0, result.stdout
    assert "passed" in result.stdout
    assert all(name in result.stdout for name in pictures())


def test_another_resize_is_noticed(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    def nearest(image: Image.Image, contract: object) -> np.ndarray:
        return np.asarray(
            image.resize((contract.preprocessing.width, contract.preprocessing.height), Image.Resampling.NEAREST)
        )

    monkeypatch.setattr(testing, "load_page", nearest)
    lines, passed = check(classifier)
    assert not passed
    assert all("OTHER PIXELS" in line for line in lines)


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
    assert [("MORE THAN" in line) for line in result.stdout.splitlines()[1:4]] == [False, True, False]
    assert "failed" in result.stdout


@pytest.mark.parametrize("change", [lambda found: found[0].pop(), lambda found: found[0].__setitem__(0, "other.png")])
def test_answers_that_do_not_fit_are_refused(change: Callable, golden: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"export"):
        check(Classifier(changed(golden, tmp_path / "model.onnx", change)))


def test_a_model_without_answers_is_refused(edge: Callable, golden: Path, tmp_path: Path) -> None:
    model = onnx.load(golden / "tiny.onnx")
    model.metadata_props.remove(next(entry for entry in model.metadata_props if entry.key == CHECK_KEY))
    onnx.save(model, tmp_path / "model.onnx")
    result = edge("check", tmp_path / "model.onnx")
    assert result.returncode == 2
    assert "export the .h5 again" in result.stderr


def test_the_pictures_differ_and_are_the_same_every_time(classifier: Classifier) -> None:
    assert pictures() == pictures()
    found = answers(classifier)
    assert len({answer.pixels for answer in found}) == len(found) == 3


def test_bench_prints_every_step_as_table_and_json(edge: Callable, golden: Path) -> None:
    result = edge("bench", golden / "tiny.onnx", "--runs", "3", "--json")
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    steps = found["milliseconds"]
    assert {"decode", "preparation", "run, 1 thread, batch 1", "run, 1 thread, batch 8", "cold start"} <= set(steps)
    assert all(0 < step["median"] <= step["p95"] for step in steps.values())
    assert steps["cold start"]["median"] > steps["decode"]["median"]
    assert 30 < found["peak memory"] < 300
    assert "cold start" in edge("bench", golden / "tiny.onnx", "--runs", "2").stdout
