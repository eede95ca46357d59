"""A process for files of others has no network, an empty home and bounds; whatever becomes of it, this one goes on."""

import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from training.isolation import run_isolated

MODULE = "tests.training.prober"


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_it_has_a_home_of_its_own_that_is_removed_and_no_secrets(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "secret")
    found = run_isolated(MODULE, "look", str(port), seconds=60)
    assert found["home"] == found["folder"] != str(Path.home())
    assert not Path(found["folder"]).exists()
    assert "MY_TOKEN" not in found["names"]


@pytest.mark.skipif(
    not shutil.which("unshare") or subprocess.run(["unshare", "-rn", "true"], capture_output=True).returncode != 0,
    reason="this system has no network namespaces, or does not allow them",
)
def test_it_reaches_no_network(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=5).close()  # this process does
    assert run_isolated(MODULE, "look", str(port), seconds=60)["net"] is False


@pytest.mark.parametrize(("word", "seconds"), [("crash", 60), ("hang", 2), ("mumble", 60), ("eat", 60)])
def test_what_becomes_of_it_is_no_answer(word: str, seconds: int) -> None:
    assert run_isolated(MODULE, word, seconds=seconds) is None
