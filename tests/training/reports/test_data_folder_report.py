"""The report on a data folder counts what is there and names what cannot be read."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.conftest import LABELS


def test_explore_counts_and_names_unreadable_pages(three_classes: Path, tmp_path: Path, called: Callable) -> None:
    data = shutil.copytree(three_classes, tmp_path / "data")
    bad = data / "train" / "normal" / "bad.jpg"
    bad.write_text("no picture")
    result = called("training", "explore", "--data", data, "--out", tmp_path / "report")
    report = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert report["counts"] == {"train": dict.fromkeys(LABELS, 8), "test": dict.fromkeys(LABELS, 2)}
    assert len(report["unreadable"]) == 1
    assert str(bad) in result.stderr
    assert len(list((tmp_path / "report").glob("class-*.jpg"))) == 3
    assert (tmp_path / "report" / "counts.png").exists()


def test_a_folder_of_one_class_is_shown_and_what_training_misses_is_said(
    three_classes: Path, tmp_path: Path, called: Callable
) -> None:
    shutil.copytree(three_classes / "train" / "normal", tmp_path / "data" / "normal")
    result = called("training", "explore", "--data", tmp_path / "data", "--out", tmp_path / "report")
    report = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert report["counts"] == {"images": {"normal": 8}}
    (missing,) = report["missing"]
    assert "training would miss something" in result.stderr
    html = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "<p class=verdict>Training would miss something.</p>" in html
    assert missing.partition(": ")[2].partition("'")[0] in html
