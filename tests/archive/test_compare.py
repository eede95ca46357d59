"""Two models on one archive: how many answers changed, which, and a sample with images."""

import base64
import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from archive.comparison import compared
from archive.inputs import inputs_of
from archive.places import place_of
from archive.plan import Plan
from archive.rows import schema_of
from edge import Classifier
from tests.archive.pages import EXAMPLES, MODEL, archive_of
from tests.conftest import last_line

LABELS = Classifier(MODEL).contract.labels


def results(pictures: Path, out: Path, answers: list[str | None]) -> Path:
    """Results as a model writes them that gives each picture the answer here; None for one that is rejected."""
    inputs = inputs_of(str(pictures), "")
    plan = Plan.of(str(pictures), inputs, f"{len(str(out)):064}", 4)
    plan.settle(inputs, place_of(str(out)))
    rows = [
        {"address": address, "status": "ok" if label else "rejected", "label": label, "probability": label and 0.9}
        for address, label in zip(inputs["address"].to_pylist(), answers, strict=True)
    ]
    schema = schema_of(Classifier(MODEL).contract)
    for number, name in enumerate(plan.files):
        parquet.write_table(pa.Table.from_pylist(rows[4 * number : 4 * number + 4], schema), out / name)
    return out


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    pictures = archive_of(tmp_path / "pictures", 6)
    one, other, last = LABELS
    first = results(pictures, tmp_path / "a", [one, one, other, other, last, None, one, one])
    second = results(pictures, tmp_path / "other", [one, other, other, None, last, None, other, one])
    return first, second


def test_changes_are_counted_listed_and_shown(two: tuple[Path, Path], tmp_path: Path, called: Callable) -> None:
    said = called("archive", "compare", *two, "--out", tmp_path / "out").stdout
    one, other, _ = LABELS
    assert re.search(r"changed answers +3, 37.50%", said)
    assert re.search(rf"{re.escape(one)} +{re.escape(other)} +2\n", said)
    assert re.search(rf"{re.escape(other)} +rejected +1\n", said)
    changes = parquet.read_table(tmp_path / "out" / "changes.parquet").to_pylist()
    assert [Path(change["address"]).name for change in changes] == ["page0001.jpg", "page0003.jpg", "bad.jpg"]
    assert (changes[1]["label_a"], changes[1]["status_b"], changes[1]["label_b"]) == (other, "rejected", None)
    report = (tmp_path / "out" / "report.html").read_text()
    shown = re.findall(r"data:image/jpeg;base64,([^']+)", report)
    assert len(shown) == 2
    assert "bad.jpg" in report
    assert "cannot be read" in report
    page = Image.open(io.BytesIO(base64.b64decode(shown[0]))).convert("L")
    header, original = (np.asarray(one)[:60] for one in (page, Image.open(EXAMPLES[1]).convert("L").resize(page.size)))
    steps = [np.mean(abs(np.diff(one.astype(int), axis=1)) > 40) for one in (header, original)]
    assert steps[0] < steps[1] / 5  # no letter is left


def test_of_many_changes_all_are_written_and_a_few_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other, _ = LABELS
    pictures = archive_of(tmp_path / "pictures", 98)
    first, second = (results(pictures, tmp_path / str(name), [name] * 100) for name in (one, other))
    monkeypatch.setattr("archive.rows.TOGETHER", 16)
    found, again = (compared(place_of(str(first)), place_of(str(second))) for _ in range(2))
    assert found.changed == {(one, other): 100}
    assert len(parquet.read_table(pa.BufferReader(found.changes))) == 100
    names = [Path(change["address"]).stem for change in found.sample]
    assert len(set(names)) == 12
    assert found.sample == again.sample
    assert any(name > "page0049" for name in names)
    assert any(name < "page0050" for name in names)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("a", "nowhere"), "nowhere: holds no results of 'python -m archive score'"),
        (("a", "other", "--out", "a"), "a: is there already"),
    ],
)
def test_what_cannot_be_compared_gets_one_line(
    words: tuple[str, ...],
    reason: str,
    two: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    called: Callable,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert reason in last_line(called("archive", "compare", *words, code=2))


def test_results_that_are_not_whole_or_of_other_pages_are_refused(
    two: tuple[Path, Path], tmp_path: Path, called: Callable
) -> None:
    other = results(archive_of(tmp_path / "fewer", 1), tmp_path / "fewer-out", [None, None, None])
    assert "hold other pages" in last_line(called("archive", "compare", two[0], other, code=2))
    next(two[1].glob("part-*")).unlink()
    assert "is not whole" in last_line(called("archive", "compare", *two, code=2))
