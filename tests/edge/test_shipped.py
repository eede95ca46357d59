"""Where no model is given, the shipped one answers: the very file, or a sentence; and the sheet of answers."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge import Classifier, ModelError
from edge.prediction import Prediction, Status
from edge.sheet import CAPTION, PANEL, Sheet
from edge.shipped import DIGESTS, NAME, card, shipped_model


@pytest.fixture
def folder(golden: Path, tmp_path: Path) -> Path:
    """A folder as edge/models is, with the tiny model."""
    models = tmp_path / "models"
    models.mkdir()
    shutil.copy(golden / "tiny.onnx", models / NAME)
    digest = hashlib.sha256((models / NAME).read_bytes()).hexdigest()
    (models / DIGESTS).write_text(f"{digest}  {NAME}\n")
    return models


def test_the_shipped_model_is_found_by_its_digest(folder: Path) -> None:
    assert shipped_model(folder) == folder / NAME
    with (folder / NAME).open("ab") as file:
        file.write(b" ")
    with pytest.raises(ModelError, match=r"ecg_int8.onnx: is not the shipped model, its SHA-256 differs: install"):
        shipped_model(folder)
    (folder / NAME).unlink()
    with pytest.raises(ModelError, match=r"ecg_int8.onnx: the shipped model is missing: install .* or give another"):
        shipped_model(folder)


def test_without_a_list_of_digests_no_model_is_the_shipped_one(folder: Path) -> None:
    for spoil in (lambda: (folder / DIGESTS).write_text("damaged\n\n"), (folder / DIGESTS).unlink):
        spoil()
        with pytest.raises(ModelError, match="its SHA-256 differs"):
            shipped_model(folder)


def test_the_card_is_that_of_the_shipped_bytes(folder: Path) -> None:
    (folder / "card.json").write_text('[{"what": "macro-F1", "value": "0.5", "command": "x"}]')
    assert card(folder / NAME, folder) == [{"what": "macro-F1", "value": "0.5", "command": "x"}]
    other = folder / "other.onnx"
    other.write_bytes(b"other")
    assert card(other, folder) == []


def test_a_sheet_shows_every_page_and_its_answer(edge: Callable, golden: Path, tmp_path: Path) -> None:
    Image.new("RGB", (300, 200), "black").save(tmp_path / "black.png")
    pages = (golden / "page.png", tmp_path / "black.png")
    result = edge("predict", *pages, "--model", golden / "tiny.onnx", "--sheet", tmp_path / "sheet.png")
    assert result.returncode == 0, result.stderr
    assert f"sheet: {tmp_path / 'sheet.png'}" in result.stderr
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 2 * PANEL[0]
        assert sheet.height > PANEL[1] + CAPTION
        pixels = np.asarray(sheet.convert("RGB")).astype(int)
    left, right = pixels[:, : sheet.width // 2], pixels[:, sheet.width // 2 :]
    coloured = [(np.ptp(half[: PANEL[1]], axis=2) > 40).any() for half in (left, right)]
    assert coloured[0]  # the heatmap
    assert (right[: PANEL[1]] == 0).mean() > 0.5  # the black page as it is


def test_a_sheet_and_a_run_that_goes_on_do_not_go_together(edge: Callable, golden: Path, tmp_path: Path) -> None:
    words = ("predict", golden / "page.png", "--model", golden / "tiny.onnx", "--sheet", tmp_path / "sheet.png")
    result = edge(*words, "--out", tmp_path / "out.csv")
    assert result.returncode == 2
    assert "--sheet: does not go with --out" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_long_names_and_rejected_pages_fit_a_panel(classifier: Classifier, tmp_path: Path) -> None:
    sheet = Sheet()
    page, heatmap = Image.new("RGB", (50, 900), "white"), np.zeros((6, 10, 3), np.float32)
    found = Prediction(image="n" * 400, status=Status.REJECTED, page=3, in_distribution=0.1, reason="looks odd")
    sheet.add(found, page, heatmap)
    sheet.write(tmp_path / "sheet.png", classifier.contract)
    with Image.open(tmp_path / "sheet.png") as drawn:
        assert drawn.width < 1.1 * PANEL[0]


def test_nothing_is_written_for_no_page(edge: Callable, golden: Path, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("text")
    sheet = tmp_path / "sheet.png"
    result = edge("predict", tmp_path / "text.jpg", "--model", golden / "tiny.onnx", "--sheet", sheet)
    assert result.returncode == 1
    assert not sheet.exists()
