"""The device's command line, as a real process."""

import csv
import hashlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from edge import Classifier


@pytest.fixture
def folder(golden: Path, tmp_path: Path) -> Path:
    """Two pages, one of them in a folder of the folder, one text named .jpg, one file that is no picture."""
    pages = tmp_path / "my pages"
    (pages / "more").mkdir(parents=True)
    shutil.copy(golden / "page.png", pages / "a page.PNG")
    shutil.copy(golden / "page.png", pages / "more" / "b.png")
    (pages / "notes.txt").write_text("no picture")
    return pages


def test_json_lines_hold_the_whole_unrounded_answer(edge: Callable, golden: Path, classifier: Classifier) -> None:
    page = golden / "page.png"
    result = edge("predict", page, "--model", golden / "tiny.onnx", "--format", "jsonl", "--top-k", 1)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == classifier.predict(page).as_record()
    assert result.stdout.count("\n") == 1


def test_every_format_says_the_same(edge: Callable, golden: Path, folder: Path) -> None:
    bad = folder / "bad.jpg"
    bad.write_text("no picture")

    def output(form: str) -> str:
        result = edge("predict", folder, "--recursive", "--model", golden / "tiny.onnx", "--format", form)
        assert result.returncode == 1
        assert "1 of 3 images could not be read" in result.stderr
        return result.stdout

    records = [json.loads(line) for line in output("jsonl").splitlines()]
    assert [record["status"] for record in records] == ["ok", "error", "ok"]
    assert json.loads(output("json")) == records
    rows = list(csv.DictReader(io.StringIO(output("csv"))))
    for row, record in zip(rows, records, strict=True):
        assert (row["image"], row["status"], row["error"]) == (
            record["image"],
            record["status"],
            record.get("error", ""),
        )
        for label, share in record.get("probabilities", {}).items():
            assert float(row[f"probability_{label}"]) == share
    text = output("text").splitlines()
    assert text[0].startswith(f"{records[0]['image']}: {records[0]['label']} {records[0]['probability']:.1%}, ")
    assert text[1] == records[1]["error"]


def test_a_folder_is_read_flat_unless_recursive(edge: Callable, golden: Path, folder: Path) -> None:
    model = ("--model", golden / "tiny.onnx", "--format", "jsonl")
    flat = edge("predict", folder, *model).stdout.splitlines()
    deep = edge("predict", folder, "--recursive", *model).stdout.splitlines()
    assert [Path(json.loads(line)["image"]).name for line in flat] == ["a page.PNG"]
    assert [Path(json.loads(line)["image"]).name for line in deep] == ["a page.PNG", "b.png"]
    assert Path(json.loads(deep[1])["image"]).is_file()


def test_top_k_shortens_the_text(edge: Callable, golden: Path) -> None:
    result = edge("predict", golden / "page.png", "--model", golden / "tiny.onnx", "--top-k", "1", "--threads", "1")
    assert result.stdout.count("%") == 1
    assert "synthetic ECG images" in result.stderr  # the tiny model says that of itself


def test_out_is_written_whole_and_stdout_stays_empty(edge: Callable, golden: Path, tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    command = ("predict", golden / "page.png", "--model", golden / "tiny.onnx", "--format", "json")
    printed = edge(*command).stdout
    assert edge(*command, "--out", out).stdout == ""
    assert out.read_text(encoding="utf-8") == printed
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_info_shows_the_contract(edge: Callable, golden: Path) -> None:
    result = edge("info", golden / "tiny.onnx")
    assert result.returncode == 0
    for part in (
        "früherer Infarkt, Vorderwand",
        "96",
        "160",
        "stretch-box-bilinear-1",
        "logits, probabilities",
        "SHA-256",
    ):
        assert part in result.stdout
    assert "synthetic ECG images" in result.stderr
    record = json.loads(edge("info", golden / "tiny.onnx", "--format", "json").stdout)
    assert record["preprocessing"] == {"height": 96, "width": 160, "id": "stretch-box-bilinear-1"}
    assert record["sha256"] == hashlib.sha256((golden / "tiny.onnx").read_bytes()).hexdigest()


def test_quiet_says_nothing_but_errors(edge: Callable, golden: Path) -> None:
    words = ("predict", golden / "page.png", "--model", golden / "tiny.onnx")
    assert "synthetic ECG images" in edge(*words).stderr
    assert edge(*words, "--quiet").stderr == ""
    missing = edge("predict", golden / "none.png", "--model", golden / "tiny.onnx", "--quiet")
    assert missing.stderr == "1 of 1 images could not be read\n"


WRONG = {
    "model that is missing": (("predict", "PAGE", "--model", "none.onnx"), 2, "no such model file"),
    "model that is a picture": (("predict", "PAGE", "--model", "PAGE"), 2, "is no model file"),
    "missing picture": (("predict", "none.jpg", "--model", "MODEL"), 1, "1 of 1 images"),
    "folder without pictures": (("predict", "EMPTY", "--model", "MODEL"), 2, "without images"),
    "no threads": (("predict", "PAGE", "--model", "MODEL", "--threads", "0"), 2, "from 1 to 256"),
    "unknown format": (("predict", "PAGE", "--model", "MODEL", "--format", "xml"), 2, "xml"),
    "out in no folder": (("predict", "PAGE", "--model", "MODEL", "--out", "EMPTY/no/x.json"), 2, "No such file"),
    "no command": ((), 2, "COMMAND"),
    "info of nothing": (("info", "none.onnx"), 2, "no such model file"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_use_gets_one_line_and_its_exit_code(name: str, edge: Callable, golden: Path, tmp_path: Path) -> None:
    command, code, reason = WRONG[name]
    places = {"PAGE": golden / "page.png", "MODEL": golden / "tiny.onnx", "EMPTY": tmp_path}
    words = [str(places.get(word, word)).replace("EMPTY", str(tmp_path)) for word in command]
    result = edge(*words)
    messages = [line for line in result.stderr.splitlines() if "synthetic ECG images" not in line]
    assert result.returncode == code, result.stderr
    assert len(messages) == 1
    assert reason in messages[0]
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []
