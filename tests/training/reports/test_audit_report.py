"""The audit's report: the pairs side by side, numbers as the audit has them, any name as it is."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from training.audit.audit import audit
from training.audit.baselines_asked import AS_IT_STANDS, WITHOUT_COPIES
from training.data.folder import DataFolder
from training.data.leaks import ACROSS, TWO_LABELS
from training.reports.audit import write_audit
from training.reports.data_folder import overview, write_overview


def test_the_report_shows_the_pairs_and_strict_exits_with_1(
    called: Callable, three_classes: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(three_classes, tmp_path / "images")
    clean = called("training", "audit", "--data", folder, "--strict")
    assert "30 files: 0 redundant copies, 30 different images" in clean.stdout
    image = sorted((folder / "train" / "normal").iterdir())[0]
    shutil.copy(image, folder / "test" / "abnormal heartbeat" / "copy.jpg")
    result = called("training", "audit", "--data", folder, "--out", tmp_path / "report", "--strict", code=1)
    assert "1 redundant copies" in result.stdout
    assert f"warning: 1 x {ACROSS}" in result.stdout
    numbers = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert (numbers["redundant_bytes"], numbers["redundant_pixels"]) == (1, 1)
    assert {leak["kind"] for leak in numbers["leaks"]} == {ACROSS, TWO_LABELS}
    named = {Path(numbers["images"][index]["path"]).name for index in numbers["leaks"][0]["images"]}
    assert named == {"copy.jpg", image.name}
    assert set(numbers["baselines"]) == {AS_IT_STANDS, WITHOUT_COPIES}
    html = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "copy.jpg" in html
    assert "not a medical device" in html
    assert (tmp_path / "report" / "leak-1-1.jpg").exists()


def test_names_that_look_like_formulas_are_shown(tmp_path: Path) -> None:
    for label in ("a$b$c", "d_$e$_"):
        (tmp_path / "images" / label).mkdir(parents=True)
        for number in range(3):
            pixels = np.random.default_rng(number % 2 + ord(label[0])).integers(0, 256, (70, 90, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / label / f"x$_$y{number}.png")
    data = DataFolder.read(tmp_path / "images")
    found = audit(data, seed=0)
    assert found.redundant_pixels == 2
    write_audit(found, tmp_path / "report")
    write_overview(overview(data, seed=0), tmp_path / "explore")
    for folder in ("report", "explore"):
        assert "a$b$c" in (tmp_path / folder / "report.html").read_text(encoding="utf-8")
