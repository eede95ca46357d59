"""The download of VGG16's weights, from servers of this machine that behave in different ways."""

import hashlib
import http.server
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from training.errors import RunError
from training.models import imagenet_weights as weights

CONTENT = b"weights" * 1000


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:100] if self.path == "/cut" else CONTENT)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http_server:
        threading.Thread(target=http_server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http_server.server_port}"
        http_server.shutdown()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(weights, "MD5", hashlib.md5(CONTENT).hexdigest())
    return tmp_path


def test_the_download_is_kept_and_used_again(server: str) -> None:
    path = weights.vgg16_weights("imagenet", f"{server}/good")
    assert path.read_bytes() == CONTENT
    assert weights.vgg16_weights("imagenet", "http://127.0.0.1:1/nobody") == path


@pytest.mark.parametrize("image", ["missing", "cut"])
def test_a_failed_download_is_said_and_leaves_nothing(image: str, server: str, home: Path) -> None:
    with pytest.raises(RunError, match="--weights PATH"):
        weights.vgg16_weights("imagenet", f"{server}/{image}")
    assert [path for path in home.rglob("*") if path.is_file()] == []


def test_a_refused_connection_is_said_at_once() -> None:
    with pytest.raises(RunError, match="cannot be downloaded"):
        weights.vgg16_weights("imagenet", "http://127.0.0.1:1/nobody")


def test_a_silent_server_is_given_up_within_20_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start = time.monotonic()
        with pytest.raises(RunError, match="cannot be downloaded"):
            weights.vgg16_weights("imagenet", f"http://127.0.0.1:{silent.getsockname()[1]}/silent")
        assert time.monotonic() - start < 20


def test_another_file_of_that_name_is_refused(home: Path) -> None:
    kept = home / "models" / weights.URL.rsplit("/", 1)[1]
    kept.parent.mkdir()
    kept.write_bytes(b"something else")
    with pytest.raises(RunError, match="delete it"):
        weights.vgg16_weights("imagenet")
