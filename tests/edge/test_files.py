"""Which files of a folder count: each one that is left out is counted by its reason, and none is passed over."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from edge.files import IMAGE_SUFFIXES, find_images
from tests.conftest import ROOT


@pytest.fixture
def folder(tmp_path: Path, page: Image.Image) -> Path:
    """What people, a notebook, a NAS and a Mac leave in a folder."""
    folder = tmp_path / "ecgs"
    for name in (
        "a.jpg",
        "b.JFIF",
        "c.jpe",
        "d.mpo",
        "e.gif",
        "inside/f.png",
        ".ipynb_checkpoints/a.jpg",
        "@eaDir/a.jpg",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        form = {"f.png": "PNG", "e.gif": "GIF"}.get(Path(name).name, "JPEG")
        page.save(folder / name, format=form)
    for name in ("scan", "scan.0001"):
        page.save(folder / name, format="TIFF")
    for name in ("notes.txt", "README", "1.2.840", "._a.jpg", "Thumbs.db"):
        (folder / name).write_text("no picture")
    return folder


def names(found: list[Path], folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in found]


def test_every_file_counts_or_is_counted(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        found = find_images(folder)
    images = ["a.jpg", "b.JFIF", "c.jpe", "d.mpo", "e.gif", "inside/f.png", "scan", "scan.0001"]
    assert names(found, folder) == images
    assert caplog.messages == [
        f"{folder}: left out: 1 x .840, 1 x .db, 1 x .txt, 1 x folder of a system, 2 x hidden, 1 x no suffix"
    ]
    files = [path for path in folder.rglob("*") if path.is_file()]
    in_folders = 2  # below .ipynb_checkpoints and @eaDir, which are counted as folders
    assert len(files) - in_folders == len(found) + 5
    caplog.clear()
    with caplog.at_level("INFO"):
        assert names(find_images(folder, recursive=False), folder) == [name for name in images if "/" not in name]
    assert "1 x folder inside" in caplog.text


def test_predict_says_what_it_leaves_out(
    folder: Path, golden: Path, edge: Callable[..., subprocess.CompletedProcess]
) -> None:
    found = edge("predict", folder, "--model", golden / "tiny.onnx")
    assert len(found.stdout.splitlines()) == 7
    assert f"{folder}: left out: 1 x .840, 1 x .db, 1 x .txt, 1 x folder inside" in found.stderr
    assert "left out" not in edge("predict", folder, "--model", golden / "tiny.onnx", "--quiet").stderr
    nothing = edge("predict", "")
    assert (nothing.returncode, nothing.stderr) == (2, "'': is no path: give an image or a folder\n")


@pytest.mark.skipif(os.name != "posix", reason="links and pipes")
def test_links_are_followed_once_and_what_cannot_be_read_is_an_error(
    folder: Path, tmp_path: Path, golden: Path, caplog: pytest.LogCaptureFixture, edge: Callable
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "g.png").write_bytes((folder / "inside" / "f.png").read_bytes())
    (folder / "linked").symlink_to(elsewhere)
    (folder / "inside" / "above").symlink_to(folder)
    (folder / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    os.mkfifo(folder / "pipe.jpg")
    with caplog.at_level("INFO"):
        found = names(find_images(folder), folder)
    assert {"linked/g.png", "gone.jpg"} <= set(found)
    assert len(found) == 10
    assert "1 x folder that is read already" in caplog.text
    assert "1 x pipe or device" in caplog.text
    answered = edge("predict", folder, "--model", golden / "tiny.onnx", "--quiet")
    assert f"{folder / 'gone.jpg'}: no such file: check the path\n" in answered.stdout
    assert answered.returncode == 1


def test_a_link_to_a_folder_above_brings_no_file_twice(page: Image.Image, tmp_path: Path) -> None:
    folder = tmp_path / "above" / "given"
    (folder / "inside").mkdir(parents=True)
    for place in (folder.parent, folder, folder / "inside"):
        page.save(place / "p.png")
    (folder / "up").symlink_to("..")
    found = find_images(folder)
    assert sorted(path.resolve() for path in found) == sorted(
        place / "p.png" for place in (folder.parent, folder, folder / "inside")
    )


@pytest.mark.skipif(os.name != "posix", reason="names and links of this kind")
def test_what_cannot_be_named_or_followed_stops_no_other(
    page: Image.Image, golden: Path, tmp_path: Path, edge: Callable
) -> None:
    """A folder without access is among these where tests do not run as root."""
    page.save(tmp_path / "good.png")
    loops = tmp_path / "loops"
    loops.mkdir()
    page.save(loops / "good.png")
    (loops / "a.png").symlink_to("b.png")
    (loops / "b.png").symlink_to("a.png")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    given = ["x" * 300, f"{'y' * 300}.png/z.png", loops, loops / "a.png", closed / "p.png", tmp_path / "good.png"]
    result = edge("predict", *given, "--model", golden / "tiny.onnx", "--format", "jsonl", "--quiet")
    closed.chmod(0o700)
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert [record["status"] == "error" for record in records] == [True, True, True, True, False, True, True, False]
    assert result.returncode == 1
    assert "Traceback" not in result.stderr


def test_a_folder_without_access_is_an_error_and_stops_nothing(
    folder: Path, golden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As who may read everything, a test cannot make such a folder: the system's answer is put in its place."""
    from edge import Classifier

    listed, iterated = os.scandir, Path.iterdir

    def scandir(path: Path) -> object:
        if Path(path).name == "inside":
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    def iterdir(path: Path) -> object:
        if path.name == "inside":
            raise PermissionError(13, "Permission denied", str(path))
        return iterated(path)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(Path, "iterdir", iterdir)
    found = find_images(folder)
    assert folder / "inside" in found
    answers = {answer.image: answer for answer in Classifier(golden / "tiny.onnx").predict_many(found)}
    assert answers[str(folder / "inside")].error.endswith("is a folder that may not be read: check its permissions")
    assert sum(answer.status != "error" for answer in answers.values()) == 7


def test_the_documented_suffixes_are_those_of_the_program() -> None:
    section = (
        (ROOT / "docs" / "data.md")
        .read_text(encoding="utf-8")
        .partition("## Which files count")[2]
        .partition("\n## ")[0]
    )
    documented = {word for word in section.partition("PDF needs")[0].split() if word.startswith("`.")}
    assert {word.strip("`,") for word in documented} == IMAGE_SUFFIXES


@pytest.mark.skipif(os.name != "posix", reason="names of this kind")
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_odd_names_get_their_lines_whatever_the_terminal_can_print(encoding: str, tmp_path: Path, golden: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    odd = [b"new\nline.png", b"n" * 250 + b".png", "caf\u00e9 \u6ce2.png".encode(), b"caf\xe9.png"]
    for name in odd:
        (Path(os.fsdecode(os.fsencode(folder) + b"/" + name))).write_bytes((golden / "page.png").read_bytes())
    words = (sys.executable, "-m", "edge", "predict", folder, "--model", golden / "tiny.onnx", "--quiet")
    environment = os.environ | {"PYTHONIOENCODING": encoding}

    def printed(*more: object) -> str:
        found = subprocess.run([*words, *more], cwd=ROOT, env=environment, capture_output=True, timeout=60)
        assert (found.returncode, found.stderr) == (0, b"")
        return found.stdout.decode(encoding)

    assert len(printed().splitlines()) == len(odd)
    records = [json.loads(line) for line in printed("--format", "jsonl").splitlines()]
    assert {os.fsencode(Path(record["image"]).name) for record in records} == set(odd)
    assert len(list(csv.reader(io.StringIO(printed("--format", "csv"))))) == 1 + len(odd)
    printed("--heatmaps", tmp_path / "heatmaps", "--out", tmp_path / "results.jsonl", "--format", "jsonl")
    assert len(list((tmp_path / "heatmaps").glob("*.jpg"))) == len(odd)
    assert (tmp_path / "results.jsonl").read_text(encoding="utf-8").count("\n") == len(odd)
