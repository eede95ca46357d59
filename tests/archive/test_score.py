"""An archive on one machine: a row for every page, resumed, and refused where that would mix what differs."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from archive.inputs import inputs_of
from archive.places import place_of
from archive.plan import Plan
from archive.rows import rows_of, schema_of
from edge import Classifier, __version__
from tests.archive.pages import MODEL, archive_of, rows
from tests.conftest import last_line
from tests.demo.server import adopted

SMALL = ("--model", MODEL, "--partition-size", 5)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archive_of(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def done(pictures: Path, tmp_path_factory: pytest.TempPathFactory, command: Callable) -> Path:
    out = tmp_path_factory.mktemp("results") / "out"
    result = command("archive", "score", pictures, "--out", out, *SMALL, "--core-price", "0.05", code=1)
    assert "left out: 1 x .txt" in result.stderr
    assert "14 files in 3 partitions" in result.stderr
    assert "knows nothing about real ECGs" in result.stderr
    assert "cost of a million pages" in result.stdout
    return out


def test_every_page_has_the_answer_of_edge(pictures: Path, done: Path) -> None:
    found, digest = rows(done), hashlib.sha256(MODEL.read_bytes()).hexdigest()
    files = sorted({Path(row["address"]) for row in found})
    assert len(found) == 15
    expected = list(Classifier(MODEL).predict_many(files))
    for row, one in zip(found, expected, strict=True):
        assert (row["address"], row["page"], row["status"]) == (one.image, one.page, str(one.status))
        assert (row["label"], row["probability"]) == (one.label, one.probability)
        for label, share in one.probabilities.items():
            assert row[f"probability_{label}"] == share
        assert row["sha256"] == hashlib.sha256(Path(one.image).read_bytes()).hexdigest()
        assert (row["size"], row["model"], row["version"]) == (Path(one.image).stat().st_size, digest, __version__)
    bad = next(row for row in found if row["status"] == "error")
    assert bad["error"].startswith("is not a picture in JPEG")


def test_others_read_the_results_and_the_summary_counts_them(done: Path) -> None:
    found = rows(done)
    assert duckdb.sql(f"select count(*), count(distinct address) from '{done}/*.parquet'").fetchall() == [(15, 14)]
    assert len(pandas.read_parquet(done)) == 15
    summary = json.loads((done / "_summary.json").read_text())
    assert (summary["files"], summary["pages"]) == (14, 15)
    assert sum(summary["statuses"].values()) == 15
    assert summary["statuses"]["error"] == 1
    assert sum(summary["histogram"]) == sum(row["probability"] is not None for row in found)
    report = (done / "_report.html").read_text()
    assert "is not a picture in JPEG" in report
    assert "ward/bad.jpg" in report
    assert "not a medical device" in report


def test_a_run_goes_on_with_what_is_missing_or_changed(
    pictures: Path, done: Path, tmp_path: Path, command: Callable
) -> None:
    out = tmp_path / "out"
    source = tmp_path / "pictures"
    shutil.copytree(pictures, source, symlinks=True)
    command("archive", "score", source, "--out", out, *SMALL, code=1)
    before, parts = rows(out), sorted(out.glob("part-*"))
    ages = {part: part.stat().st_mtime_ns for part in parts}
    parts[1].unlink()
    result = command("archive", "score", source, "--out", out, *SMALL, code=1)
    assert "2 of 3 partitions are there: going on" in result.stderr
    assert rows(out) == before
    assert {part for part in parts if part.stat().st_mtime_ns != ages[part]} == {parts[1]}
    mended = source / "ward" / "bad.jpg"
    shutil.copy(source / "page0000.jpg", mended)
    command("archive", "score", source, "--out", out, *SMALL)
    again = rows(out)
    assert len(list(out.glob("part-*"))) == 3
    assert parts[2] not in set(out.glob("part-*"))
    assert [row for row in again if row["address"] != str(mended)] == [
        row for row in before if row["address"] != str(mended)
    ]
    assert next(row["status"] for row in again if row["address"] == str(mended)) != "error"


def test_what_differs_is_refused_and_nothing_is_touched(
    pictures: Path, done: Path, tmp_path: Path, called: Callable, onnx_file: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in done.rglob("*")}
    for words, reason in (
        ((pictures, "--model", onnx_file, "--partition-size", 5), "holds results of another model"),
        ((pictures, "--model", MODEL, "--partition-size", 6), "holds results of another partition size"),
        ((pictures / "ward", *SMALL), "holds results of another source"),
    ):
        assert reason in last_line(called("archive", "score", *words, "--out", done, code=2))
    new = pictures / "new.jpg"
    new.symlink_to(pictures / "page0000.jpg")
    try:
        refused = last_line(called("archive", "score", pictures, "--out", done, *SMALL, code=2))
        assert "held other pictures when this run began" in refused
    finally:
        new.unlink()
    assert {path: path.stat().st_mtime_ns for path in done.rglob("*")} == before


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


def test_a_model_whose_classes_do_not_exclude_each_other_names_all(pictures: Path, tmp_path: Path) -> None:
    classifier = Classifier(adopted(MODEL, tmp_path / "theirs.onnx"))
    found = list(rows_of(classifier, "0" * 64, [(str(pictures / "page0000.jpg"), None)]))
    assert (found[0]["status"], found[0]["label"], found[0]["probability"]) == ("ok", None, None)
    assert found[0]["labels"] == list(classifier.predict(pictures / "page0000.jpg").labels) != []
    assert pa.Table.from_pylist(found, schema_of(classifier.contract))["labels"].to_pylist() == [found[0]["labels"]]
    assert "labels" not in schema_of(Classifier(MODEL).contract).names


def test_a_dry_run_says_what_it_takes_and_writes_nothing(pictures: Path, tmp_path: Path, called: Callable) -> None:
    out = tmp_path / "out"
    words = ("archive", "score", pictures, "--out", out, *SMALL, "--dry-run", "--core-price", "1")
    said = dict(line.split("  ", 1) for line in called(*words).stdout.splitlines())
    assert said["files"].strip() == "14"
    assert said["partitions"].strip() == "3, of 5 files"
    assert said["pages, estimated"].strip() == "15"
    assert float(said["core-hours, estimated"].split(",")[0]) > 0
    assert not out.exists()


def test_a_name_tells_every_change_of_what_is_in_it(pictures: Path) -> None:
    inputs = inputs_of(str(pictures), "")
    one = Plan.of("a", inputs, "0" * 64, 5)
    assert one.files == Plan.of("a", inputs, "0" * 64, 5).files
    assert not set(one.files) & set(Plan.of("a", inputs, "1" * 64, 5).files)
    for column, value in (("size", 1), ("modified", "1"), ("address", "/zz")):
        values = [*inputs[column].to_pylist()[:-1], value]
        changed = inputs.set_column(inputs.column_names.index(column), column, pa.array(values))
        assert [a == b for a, b in zip(one.files, Plan.of("a", changed, "0" * 64, 5).files, strict=True)] == [
            True,
            True,
            False,
        ]


def test_an_output_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    place = place_of(str(tmp_path / "a" / "b.txt"))
    place.write(b"one")
    with pytest.raises(TypeError):
        place.write("no bytes")
    assert place.read() == b"one"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.txt"]
