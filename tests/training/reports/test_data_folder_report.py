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
