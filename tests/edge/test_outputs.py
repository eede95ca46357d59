"""Outputs destroy nothing: no input, no model, nothing that this program did not make; devices are written to."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from edge.errors import UsageError
from edge.files import check_output, replacing
from edge.results import are_results
from edge.sheet import is_sheet
from tests.conftest import ROOT, last_line


@pytest.fixture
def copies(golden: Path, tmp_path: Path) -> dict[str, Path]:
    """The model, an image, a link and a hard link to it, and files of others."""
    found = {"model": tmp_path / "tiny.onnx", "image": tmp_path / "page.png"}
    found["model"].write_bytes((golden / "tiny.onnx").read_bytes())
    found["image"].write_bytes((golden / "page.png").read_bytes())
    found["link"], found["hard link"] = tmp_path / "link.csv", tmp_path / "hard.csv"
    found["link"].symlink_to(found["image"])
    os.link(found["image"], found["hard link"])
    found["notes"], found["picture"] = tmp_path / "notes.txt", tmp_path / "other.png"
    found["notes"].write_text("what somebody wrote\n")
    Image.new("RGB", (80, 80)).save(found["picture"])
    found["folder"] = tmp_path / "folder"
    found["folder"].mkdir()
    return found


@pytest.mark.parametrize("option", ["--out", "--sheet"])
@pytest.mark.parametrize("name", ["model", "image", "link", "hard link", "notes", "picture", "folder"])
def test_what_is_there_is_left_as_it_is(option: str, name: str, edge: Callable, copies: dict[str, Path]) -> None:
    before = {key: path.read_bytes() for key, path in copies.items() if path.is_file()}
    names = sorted(path.name for path in copies["image"].parent.iterdir())
    result = edge("predict", copies["image"], "--model", copies["model"], option, copies[name])
    assert result.returncode == 2
    reason = {
        "folder": "is a folder",
        "notes": "was not made by this command",
        "picture": "was not made by this command",
    }
    assert f"{copies[name]}: " in last_line(result)
    assert reason.get(name, "is read by this command") in last_line(result)
    assert {key: path.read_bytes() for key, path in copies.items() if path.is_file()} == before
    assert sorted(path.name for path in copies["image"].parent.iterdir()) == names
    assert copies["link"].is_symlink()


@pytest.mark.parametrize("form", ["text", "json", "jsonl", "csv"])
def test_results_of_this_program_are_replaced(
    form: str, edge: Callable, copies: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "results"
    for empty in (True, False):
        if empty:
            out.touch()
        result = edge("predict", copies["image"], "--model", copies["model"], "--format", form, "--out", out)
        assert result.returncode == 0, result.stderr
        assert are_results(out)
    sheet = tmp_path / "sheet.png"
    for _ in range(2):
        assert edge("predict", copies["image"], "--model", copies["model"], "--sheet", sheet).returncode == 0
    assert is_sheet(sheet)


@pytest.mark.parametrize(
    "text",
    [
        '{"image": "a.png", "label": "normal"}\n',
        '[\n {\n  "image": "a.png",\n  "label": "normal"\n }\n]\n',
        "image,page,label\n",
        "battery: about 97.1% left, charge it\n",
        "rejected: my paper\n",
        "My notes\nResult: accuracy 93.5%\nnext: rerun: tomorrow\n",
        "Result: accuracy 93.5%\n",
        '{"image": "a.jpg", "status": "todo", "label": "normal"}\n',
        '{"image": "a.jpg", "status": "ok", "answer": "normal"}\n',
        "a.png: may not be read: check its permissions\n",
    ],
)
def test_what_only_looks_like_results_is_left(text: str, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text(text)
    assert not are_results(tmp_path / "notes")


@pytest.mark.parametrize(
    "text",
    [
        "scan.JPG: normal 93.5%\n",
        "scans.tif, page 2: uncertain: normal 43.5%\n",
        "a.png: b, d (b 91.0%, d 72.0%, a 3.0%)\nb.png: none of the classes (b 1.0%, d 2.0%)\n",
        "broken.png: is damaged: copy it again\na: normal 70.0%, other 30.0%\n",
        "a.png: rejected: does not look like the ECG images that the model was trained on\n",
    ],
)
def test_text_of_this_program_is_known(text: str, tmp_path: Path) -> None:
    (tmp_path / "results").write_text(text)
    assert are_results(tmp_path / "results")
    (tmp_path / "long").write_text(text * 500)
    assert are_results(tmp_path / "long")
    (tmp_path / "mixed").write_text(f"{text}and what somebody wrote below\n")
    assert not are_results(tmp_path / "mixed")


def test_text_that_begins_with_an_error_is_replaced(edge: Callable, copies: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_text("no picture")
    words = ("predict", tmp_path / "broken.png", copies["image"], "--model", copies["model"], "--out")
    for _ in range(2):
        assert edge(*words, tmp_path / "results").returncode == 1
    assert (tmp_path / "results").read_text().splitlines()[0].startswith(f"{tmp_path / 'broken.png'}: ")


def test_a_link_stays_and_what_it_leads_to_is_written(edge: Callable, copies: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "results.csv", tmp_path / "latest.csv"
    link.symlink_to(target)
    words = ("predict", copies["image"], "--model", copies["model"], "--format", "csv", "--out", link)
    for _ in range(2):  # it leads to nothing, then to results
        assert edge(*words).returncode == 0
        assert link.is_symlink()
        assert are_results(target)
    assert [path.name for path in target.parent.iterdir()] == ["results.csv"]


def test_a_pipe_and_a_device_are_written_to(copies: dict[str, Path], tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    words = [sys.executable, "-m", "edge", "predict", str(copies["image"]), "--model", str(copies["model"])]
    process = subprocess.Popen([*words, "--format", "csv", "--out", str(pipe)], cwd=ROOT, stderr=subprocess.DEVNULL)
    assert pipe.read_bytes().startswith(b"image,page,status,")
    assert process.wait(timeout=60) == 0
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    result = subprocess.run(
        [*words, "--format", "csv", "--out", "/dev/null"], cwd=ROOT, capture_output=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    subprocess.run([*words, "--sheet", "/dev/null"], cwd=ROOT, check=True, timeout=60)
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_heatmap_replaces_no_picture_of_others(edge: Callable, copies: dict[str, Path], tmp_path: Path) -> None:
    maps = tmp_path / "maps"
    maps.mkdir()
    Image.new("RGB", (80, 80)).save(maps / "page.jpg")
    before = (maps / "page.jpg").read_bytes()
    for _ in range(2):
        assert edge("predict", copies["image"], "--model", copies["model"], "--heatmaps", maps).returncode == 0
        assert sorted(path.name for path in maps.iterdir()) == ["page-2.jpg", "page.jpg"]
    assert (maps / "page.jpg").read_bytes() == before


def test_a_heatmap_replaces_no_image_that_is_read(edge: Callable, copies: dict[str, Path], tmp_path: Path) -> None:
    """Heatmaps of an earlier run are read as images here, one of them by a link."""
    maps, linked = tmp_path / "maps", tmp_path / "linked"
    words = ("--model", copies["model"], "--heatmaps")
    assert edge("predict", copies["image"], *words, maps).returncode == 0
    before = (maps / "page.jpg").read_bytes()
    linked.mkdir()
    (linked / "page.jpg").symlink_to(maps / "page.jpg")
    for folder in (maps, linked):
        assert edge("predict", maps / "page.jpg", copies["image"], *words, folder).returncode == 0
        assert (maps / "page.jpg").read_bytes() == before
        assert len(list(folder.iterdir())) > 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_an_error_of_writing_names_what_was_typed(edge: Callable, copies: dict[str, Path], tmp_path: Path) -> None:
    words = ("predict", copies["image"], "--model", copies["model"], "--quiet", "--out")
    for out, reason in (("/dev/full", "No space left on device"), (tmp_path / "none" / "r.csv", "No such file")):
        result = edge(*words, out)
        assert result.returncode == 2
        assert result.stderr.startswith(f"{out}: {reason}")
        assert result.stderr.count("\n") == 1


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(old) as unfinished:
        unfinished.write_text("half")
        raise ZeroDivisionError
    assert old.read_text() == "old"
    assert list(tmp_path.iterdir()) == [old]


def test_a_disk_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a disk to lose: its kind is what the system says of a path."""
    real = tmp_path.stat()
    disk = os.stat_result((stat.S_IFBLK | 0o600, *real[1:]))
    monkeypatch.setattr(Path, "stat", lambda *_, **__: disk)
    with pytest.raises(UsageError, match="is a disk"):
        check_output(Path("disk"), [], are_results)
