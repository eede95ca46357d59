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
from pyarrow import parquet

from archive.commands.score import Progress
from archive.inputs import inputs_of
from archive.places import place_of
from archive.plan import Plan
from archive.rows import error_row, rows_of, schema_of
from archive.summary import summarise
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


@pytest.mark.parametrize("scheme", ["", "memory://"])
def test_an_output_appears_whole_or_not_at_all(scheme: str, tmp_path: Path) -> None:
    """Also where fsspec opens it and it is no object storage: a file is there before all of it is written."""
    place = place_of(f"{scheme}{tmp_path}/a/b.txt")
    assert place.local == (not scheme)
    place.write(b"one")
    place.write(b"two")
    with pytest.raises(TypeError):
        place.write("no bytes")
    assert place.read() == b"two"
    assert [one.base_name for one in place_of(f"{scheme}{tmp_path}/a").files()] == ["b.txt"]


def test_errors_are_counted_by_their_kind(pictures: Path, tmp_path: Path) -> None:
    out, inputs = place_of(str(tmp_path)), inputs_of(str(pictures / "ward"), "")
    plan = Plan.of("ward", inputs, "0" * 64, 10)
    errors = [f"When reading 'scans/{name}.jpg' of bucket 'b': timed out (after {name} s (of 9))" for name in range(9)]
    rows = [error_row(f"/{number}.jpg", error) for number, error in enumerate(errors)]
    table = pa.Table.from_pylist(rows, schema_of(Classifier(MODEL).contract))
    parquet.write_table(table, tmp_path / plan.files[0])
    found = summarise(plan, out)
    assert found.errors == {"When reading of bucket: timed out": 9}
    assert found.examples == {"When reading of bucket: timed out": ["/0.jpg", "/1.jpg", "/2.jpg"]}


def test_progress_says_files_rate_errors_and_what_is_left() -> None:
    progress = Progress(40)
    list(progress.counting([{"files": 10, "pages": 12, "errors": 3}]))
    assert progress.line(1, 60) == "[#####               ] 10 of 40 files, 0.2 pages a second, 3 errors, left: 0:03:00"
