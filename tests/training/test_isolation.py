"""A process for files of others has no network, an empty home and bounds; whatever becomes of it, this one goes on."""

import ctypes
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from training.isolation import run_isolated

MODULE = "tests.training.prober"


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_it_has_a_home_of_its_own_that_is_removed_and_no_secrets(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "secret")
    found = run_isolated(MODULE, "look", str(port), str(tmp_path / "x"), seconds=60)
    assert found["home"] == found["folder"] != str(Path.home())
    assert not Path(found["folder"]).exists()
    assert "MY_TOKEN" not in found["names"]


@pytest.mark.skipif(
    not shutil.which("unshare") or subprocess.run(["unshare", "-rn", "true"], capture_output=True).returncode != 0,
    reason="this system has no network namespaces, or does not allow them",
)
def test_it_reaches_no_network(port: int, tmp_path: Path) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=5).close()  # this process does
    assert run_isolated(MODULE, "look", str(port), str(tmp_path / "x"), seconds=60)["net"] is False


@pytest.mark.parametrize(("word", "seconds"), [("crash", 60), ("hang", 2), ("mumble", 60), ("eat", 60)])
def test_what_becomes_of_it_is_no_answer(word: str, seconds: int) -> None:
    assert run_isolated(MODULE, word, seconds=seconds) is None


def has_landlock() -> bool:
    """Ask for the version of Landlock's interface."""
    return sys.platform == "linux" and ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1) > 0


@pytest.mark.skipif(not has_landlock(), reason="this system has no Landlock")
def test_it_writes_nothing_outside_its_folder(port: int, tmp_path: Path) -> None:
    found = run_isolated(MODULE, "look", str(port), str(tmp_path / "outside"), seconds=60)
    assert found["wrote"] is False
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux'")
def test_it_ends_when_its_parent_is_killed() -> None:
    words = "from training.isolation import run_isolated; run_isolated('tests.training.prober', 'orphan', seconds=60)"
    parent = subprocess.Popen([sys.executable, "-c", words], cwd=ROOT)

    def children() -> list[int]:
        found = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text()
        return list(map(int, found.split()))

    deadline = time.monotonic() + 60
    while not (found := children()) or b"orphan" not in Path(f"/proc/{found[0]}/cmdline").read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(2)  # so that it has come to `confine`
    parent.kill()
    parent.wait()
    while Path(f"/proc/{found[0]}").exists() and "State:\tZ" not in Path(f"/proc/{found[0]}/status").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
