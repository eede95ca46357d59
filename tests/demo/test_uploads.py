"""Uploads are gone: after minutes, at the end, and after an end that nobody saw coming."""

import os
import signal
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from gradio_client import Client, handle_file

from demo_views import uploads
from tests.demo.server import start, stop


def until(true: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.05)
    return true()


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != uploads.LOCK]


def test_a_file_goes_in_time_and_what_was_there_before_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads.tempfile, "gettempdir", lambda: str(tmp_path))
    assert uploads.KEPT + uploads.LOOK <= 600  # ten minutes
    with uploads.Uploads(kept=2, look=0.1) as ours:
        assert stat.S_IMODE(ours.folder.stat().st_mode) == 0o700
        own, theirs = ours.folder / "example.jpg", ours.folder / "hash" / "page.jpg"
        own.write_text("example")
        ours.begin()
        theirs.parent.mkdir()
        theirs.write_text("page")
        os.utime(theirs, (0, 0))  # how old a copy says it is does not count, nor does the clock on the wall
        begin = time.monotonic()
        assert not until(lambda: not theirs.exists(), 1)
        assert until(lambda: not theirs.exists(), 5)
        assert 1.5 <= time.monotonic() - begin <= 2.5
        assert own.exists()
    assert list(tmp_path.iterdir()) == []


def test_another_file_of_the_same_name_has_its_own_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads.tempfile, "gettempdir", lambda: str(tmp_path))
    with uploads.Uploads(kept=2, look=0.1) as ours:
        ours.begin()
        page = ours.folder / "hash" / "page.jpg"
        page.parent.mkdir()
        page.write_text("page")
        time.sleep(1.4)
        (ours.folder / "new.jpg").write_text("page")
        (ours.folder / "new.jpg").replace(page)
        assert not until(lambda: not page.exists(), 1)
        assert until(lambda: not page.parent.exists(), 5)


def test_the_folder_goes_although_its_warden_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads.tempfile, "gettempdir", lambda: str(tmp_path))
    with uploads.Uploads(look=0.1) as ours:
        ours.begin()
        first = ours._warden
        first.kill()
        assert until(lambda: ours._warden is not first)
        ours._warden.kill()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_however_the_demo_ends(
    ending: signal.Signals, onnx_file: Path, three_classes: Path, tmp_path: Path
) -> None:
    process, address = start(onnx_file, tmp_path)
    image = next((three_classes / "test").rglob("*.jpg"))
    Client(address, verbose=False).predict(handle_file(image), api_name="/classify")
    (folder,) = tmp_path.glob(f"{uploads.PREFIX}*")
    assert any(path.name == image.name for path in files(folder))
    process.send_signal(ending)
    process.communicate(timeout=30)
    assert until(lambda: not folder.exists())


def test_what_a_power_cut_left_goes_and_what_is_in_use_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads.tempfile, "gettempdir", lambda: str(tmp_path))
    left, strange = tmp_path / f"{uploads.PREFIX}left", tmp_path / f"{uploads.PREFIX}strange"
    left.mkdir()
    (left / uploads.LOCK).touch()
    (left / "page.jpg").touch()
    strange.mkdir()  # no lock: not of this program
    (strange / "letter.txt").touch()
    (tmp_path / f"{uploads.PREFIX}link").symlink_to(tmp_path)
    with uploads.Uploads() as first, uploads.Uploads() as second:
        assert not left.exists()
        assert (strange / "letter.txt").exists()
        assert first.folder.exists()
        assert second.folder.exists()


def test_the_demo_writes_nowhere_else(onnx_file: Path, three_classes: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    process, address = start(onnx_file, tmp_path, HOME=str(home))
    try:
        Client(address, verbose=False).predict(
            handle_file(next((three_classes / "test").rglob("*.jpg"))), api_name="/classify"
        )
        assert files(home) == []
    finally:
        stop(process)
    assert not list(tmp_path.glob(f"{uploads.PREFIX}*"))
