"""The report of an evaluation: what it holds, what it says of missing values, that it is one file."""

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.conftest import LABELS
from training.evaluation.baselines import BASELINES


def test_the_report_of_several_models(
    called: Callable, h5: Path, onnx_file: Path, three_classes: Path, tmp_path: Path
) -> None:
    out = tmp_path / "report"
    result = called("training", "evaluate", h5, onnx_file, "--data", three_classes, "--out", out)
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    first, second = (model["metrics"] for model in report["models"])
    assert first["confusion"] == second["confusion"]
    assert report["comparisons"] == []  # an export is no other model
    (parity,) = report["parity"]
    assert 0 < max(parity["logits"], parity["probabilities"], parity["in_distribution"]) < 1e-4
    (latency,) = report["latency"]
    assert 0 < latency["median_ms"] <= latency["p95_ms"]
    assert report["provenance"]["command"].startswith("python -m training evaluate ")
    assert set(report["baselines"]) == set(BASELINES)
    assert first["images"] == 6
    assert report["models"][0]["robustness"] is None  # nobody asked
    assert first["seen_in_training"] == 0
    assert [one["label"] for one in first["predictions"]] == [label for label in LABELS for _ in range(2)]
    html = (out / "report.html").read_text(encoding="utf-8")
    assert "not a medical device" in html
    assert not re.search(r'(src|href)="(?!data:|#)', html)
    pictures = {path.name for path in out.iterdir()}
    assert {"model-1-confusion.png", "model-1-curves.png", "model-1-random.jpg"} <= pictures
    assert not [name for name in pictures if name.startswith("model-2-")]  # an export is no other model
    assert {f"model-1-{name}.png" for name in ("discrimination", "calibration", "risk")} <= pictures
    card = (out / "model_card.md").read_text(encoding="utf-8")
    sha256 = report["models"][0]["facts"]["sha256"]
    for needed in ("Not a medical device", sha256, "macro-F1", LABELS[0], "sensitivity"):
        assert needed in card
    assert card.count("## cnn (") == 1  # an export has no card of its own
    for section in ("Intended use", "Limits", "TRIPOD+AI", "Models and baselines"):
        assert section in html
    assert len([name for name in pictures if name.startswith("model-1-class-")]) == 3
    assert len(re.findall(r"^macro-F1 \d", result.stdout, re.MULTILINE)) == 2
    assert str(out / "report.html") in result.stdout


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
    found = report["models"][0]["metrics"]
    assert found["images"] == 4
    absent = found["classes"][LABELS[1]]
    assert absent["images"] == 0
    for name in ("sensitivity", "f1", "auroc", "average_precision"):
        assert absent[name] == {"value": None, "low": None, "high": None, "note": absent[name]["note"]}
        assert absent[name]["note"]
    assert LABELS[1] in found["overall"]["macro_f1"]["note"]
    assert "no image of this class" in result.stdout
    assert {value: group["images"] for value, group in found["subgroups"]["sex"].items()} == {"f": 2, "m": 2}
    for group in found["subgroups"]["sex"].values():
        assert "fewer than 10 images: proves little" in group["accuracy"]["note"]
    assert set(found["subgroups"]["age"]) == {"not stated", "40 to 59", "not a number"}
    html = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "1 unreadable images were left out" in html
    assert "By sex" in html
    assert "no image of this class" in html
