"""Object storage: read, write and go on, against a server of S3's protocol."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer
from pyarrow.fs import S3FileSystem

from archive.inputs import inputs_of
from archive.places import place_of
from archive.plan import Plan
from archive.rows import error_row
from archive.worker import Worker
from edge.errors import UsageError
from tests.archive.pages import MODEL, archive_of, rows
from tests.conftest import last_line


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3FileSystem]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in (
        ("AWS_ENDPOINT_URL", f"http://{host}:{port}"),
        ("AWS_ACCESS_KEY_ID", "nobody"),
        ("AWS_SECRET_ACCESS_KEY", "nothing"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ):
        monkeypatch.setenv(name, value)
    system = S3FileSystem(endpoint_override=f"{host}:{port}", scheme="http", allow_bucket_creation=True)
    system.create_dir("scans")
    system.create_dir("results")
    yield system
    server.stop()


def test_an_archive_is_read_from_and_written_to_it(storage: S3FileSystem, tmp_path: Path, command: Callable) -> None:
    pictures = archive_of(tmp_path / "pictures", 6)
    for path in (path for path in pictures.rglob("*") if path.is_file()):
        with storage.open_output_stream(f"scans/2026/{path.relative_to(pictures)}") as file:
            file.write(path.read_bytes())
    words = ("archive", "score", "s3://scans/2026", "--out", "s3://results/a", "--model", MODEL, "--partition-size", 3)
    result = command(*words, code=1)
    assert "left out: 1 x .txt" in result.stderr
    found = rows("results/a", storage)
    assert len(found) == 9
    assert found[0]["address"] == "s3://scans/2026/page0000.jpg"
    some = inputs_of("s3://scans/*/page000[12].jpg", "")
    assert some["address"].to_pylist() == [f"s3://scans/2026/page000{number}.jpg" for number in (1, 2)]
    assert inputs_of("s3://scans/**/*.pdf", "")["address"].to_pylist() == ["s3://scans/2026/ward/two.pdf"]
    with pytest.raises(UsageError, match="holds no picture"):
        inputs_of("s3://scans/*/*/*/*.jpg", "")
    assert [row["address"] for row in found if row["error"]] == ["s3://scans/2026/ward/bad.jpg"]
    parts = sorted(one.path for one in storage.get_file_info(selector("results/a")) if "part-" in one.path)
    assert len(parts) == 3
    storage.delete_file(parts[1])
    assert "2 of 3 partitions are there" in command(*words, code=1).stderr
    assert rows("results/a", storage) == found
    with storage.open_output_stream("scans/2026/page0000.jpg") as file:
        file.write(b"changed")
    command(*words, code=1)
    assert (
        next(row["status"] for row in rows("results/a", storage) if row["address"].endswith("page0000.jpg")) == "error"
    )
    assert len(rows("results/a", storage)) == 9


def test_a_worker_that_is_ended_in_the_middle_leaves_no_half_of_a_file(
    storage: S3FileSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of Parquet that is closed after some of its rows can be read, and nothing says what it lacks."""
    inputs, out = inputs_of(str(archive_of(tmp_path / "pictures", 2)), ""), place_of("s3://results/half")
    plan = Plan.of("pictures", inputs, "0" * 64, 10)
    plan.settle(inputs, out)
    worker = Worker("s3://results/half", MODEL.read_bytes(), "0" * 64)

    def ended(*_: object) -> Iterator[dict]:
        yield error_row("a.jpg", "is not a picture")
        raise KeyboardInterrupt

    monkeypatch.setattr("archive.worker.rows_of", ended)
    with pytest.raises(KeyboardInterrupt):
        worker({"job": [json.dumps({"number": 0, "file": plan.files[0], "stale": []})]})
    assert plan.missing(out) == ([0], {})


def test_a_bucket_that_is_not_there_gets_one_line(storage: S3FileSystem, command: Callable) -> None:
    result = command("archive", "score", "s3://nowhere/2026", "--out", "s3://results/a", "--model", MODEL, code=2)
    assert "s3://nowhere/2026: no such folder or list" in last_line(result)
    assert len(result.stderr.splitlines()) == 1


def selector(path: str) -> object:
    from pyarrow.fs import FileSelector

    return FileSelector(path, recursive=True)
