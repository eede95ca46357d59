"""What goes into an archive's run: folders, patterns, lists, clusters; what is wrong with them gets one line."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from archive import engine
from archive.inputs import inputs_of
from edge.errors import UsageError
from tests.archive.pages import MODEL, archive_of
from tests.conftest import ROOT, last_line

AS_A_USER = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
"""What has root obey permissions."""
ROOT_MAY_BE_BOUND = not AS_A_USER or shutil.which("setpriv")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archive_of(tmp_path_factory.mktemp("archive"))


@pytest.mark.parametrize(
    ("source", "options", "reason"),
    [
        ("sizes.csv", (), "its addresses, sizes or times are none"),
        ("nowhere", (), "no such folder or list"),
        ("empty", (), "holds no picture"),
        ("list.csv", ("--column", "path"), "has no column 'path', it has address: give --column"),
        ("bad.parquet", (), "cannot be read as a list"),
        ("notes.txt", (), "is a file: give a folder, a pattern, or a list"),
        ("s9://bucket/x", (), "no file system opens this address"),
        ("list.csv", ("--address", "127.0.0.1:1"), "no Ray cluster can be reached there"),
        ("list.csv", ("--address", "nonsense"), "it has the form host:port"),
        ("list.csv", ("--model", "list.csv"), "is no model file"),
        ("list.csv", ("--out", "taken"), "is there and was not made by this command"),
    ],
)
def test_wrong_use_gets_one_line_and_nothing_is_written(
    source: str,
    options: tuple[str, ...],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    called: Callable,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "taken").mkdir()
    for name, content in (
        ("list.csv", "address\na.jpg\n"),
        ("bad.parquet", "x"),
        ("notes.txt", "x"),
        ("taken/a", "x"),
        ("sizes.csv", "address,size,modified\na.jpg,large,1\n"),
    ):
        (tmp_path / name).write_text(content)
    before = sorted(tmp_path.rglob("*"))
    result = called("archive", "score", source, "--model", MODEL, "--out", "out", *options, code=2)
    assert reason in last_line(result)
    assert len(result.stderr.splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_list_may_name_files_twice_and_files_that_are_not_there(
    pictures: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = [str(pictures / "page0001.jpg"), str(pictures / "gone.jpg"), str(pictures / "page0001.jpg")]
    table = pa.table({"where": names})
    parquet.write_table(table, tmp_path / "list.parquet")
    csv.write_csv(table, tmp_path / "list.csv")
    for name in ("list.parquet", "list.csv"):
        found = inputs_of(str(tmp_path / name), "where")
        assert found["address"].to_pylist() == sorted(set(names))
        assert found["size"].to_pylist() == [None, (pictures / "page0001.jpg").stat().st_size]
        assert "1 addresses are named more than once" in caplog.text
        caplog.clear()
    assert len(inputs_of(f"{pictures}/page000[0-3].jpg", "")) == 4


def test_a_name_that_no_parquet_can_hold_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("a.jpg", "\udcff.jpg", "ü.jpg"):
        (tmp_path / name).write_text("x")
    assert [Path(one).name for one in inputs_of(str(tmp_path), "")["address"].to_pylist()] == ["a.jpg", "ü.jpg"]
    assert "its name is no UTF-8" in caplog.text


@pytest.mark.skipif(not ROOT_MAY_BE_BOUND, reason="root reads everything here")
def test_a_source_that_may_not_be_read_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    (tmp_path / "list.csv").write_text("address\na.jpg\n")
    (tmp_path / "list.csv").chmod(0)
    for source in ("closed", "list.csv"):
        words = ("score", tmp_path / source, "--model", MODEL, "--out", tmp_path / "out")
        command = [*AS_A_USER, sys.executable, "-m", "archive", *map(str, words)]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert result.returncode == 2
        assert re.fullmatch(rf".*{source}.*check.*permissions.*\n", result.stderr)
        assert not (tmp_path / "out").exists()
    (tmp_path / "closed").chmod(0o700)


@pytest.mark.parametrize("word", [None, b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_an_address_where_something_else_answers_is_told(word: bytes | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "PATIENCE", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(lambda: server.accept()[0])
        pool.submit(lambda: word and asked.result().sendall(word))
        with pytest.raises(UsageError, match="no Ray cluster can be reached there"):
            engine.reach(f"127.0.0.1:{server.getsockname()[1]}")
        asked.result().close()
