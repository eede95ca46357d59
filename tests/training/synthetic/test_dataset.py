"""Sets of synthetic ECG images: data folders that say what they are, repeat, resume, and refuse what cannot be."""

import csv
import errno
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.errors import UsageError
from tests.conftest import last_line
from tests.training.synthetic.wfdb import write
from training.data.folder import DataFolder
from training.errors import DataError, RunError
from training.synthetic import dataset as sets
from training.synthetic.dataset import SyntheticSettings, generate_dataset
from training.synthetic.signals.recording import LEADS

SMALL = SyntheticSettings(per_class=2, seed=5, strength=1)


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*.*")
    }


def test_the_set_is_a_data_folder_that_says_that_it_is_synthetic(synthetic_folder: Path) -> None:
    with (synthetic_folder / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 40
    assert {row["synthetic"] for row in rows} == {"true"}
    assert sum(row["split"] == "test" for row in rows) == 8
    assert len(DataFolder.read(synthetic_folder).classes()) == 4
    with Image.open(synthetic_folder / rows[0]["path"]) as image:
        assert (image.size, image.format) == ((1106, 786), "JPEG")


def test_the_same_seed_gives_the_same_bytes_for_any_number_of_workers_in_a_set_of_any_size(
    synthetic_folder: Path, tmp_path: Path
) -> None:
    wanted = replace(SMALL, look="any", layout="any", acquisition="any", strength=2, truth=True)
    generate_dataset(tmp_path / "one", wanted)
    generate_dataset(tmp_path / "three", wanted, workers=3)
    assert digests(tmp_path / "one") == digests(tmp_path / "three")
    generate_dataset(tmp_path / "fewer", replace(SMALL, per_class=3))
    fewer = {Path(name).name: digest for name, digest in digests(tmp_path / "fewer").items() if name.endswith("jpg")}
    assert fewer.items() <= {Path(name).name: digest for name, digest in digests(synthetic_folder).items()}.items()
    generate_dataset(tmp_path / "other", replace(SMALL, seed=6))
    assert not set(digests(tmp_path / "other").values()) & set(digests(synthetic_folder).values())


def test_the_truth_says_where_the_disease_is(tmp_path: Path) -> None:
    generate_dataset(
        tmp_path / "set", SyntheticSettings(per_class=3, seed=1, acquisition="photo", strength=2, truth=True)
    )
    for file in (tmp_path / "set").rglob("*.json"):
        found = json.loads(file.read_text())
        width, height = found["size"]
        with Image.open(file.with_name(found["image"])) as image:
            assert image.size == (width, height)
            pixels = np.asarray(image.convert("L")).astype(int)
        runs = np.array(found["mask"])
        assert runs.sum() == width * height
        mask = np.repeat(np.arange(runs.size) % 2 == 1, runs).reshape(height, width)
        altered = {lead["lead"] for lead in found["leads"] if lead["altered"] > 0}
        if found["label"] == "normal":
            assert not mask.any()
            assert not altered
            continue
        assert mask.any()
        assert altered
        # What the mask covers is trace: darker at its darkest than the paper around, in nearly every piece of it.
        outline = np.array([lead["outline"] for lead in found["leads"]])
        assert (outline > 0).all()
        assert (outline < [width, height]).all()
        assert np.percentile(pixels[mask], 5) < 0.6 * np.median(pixels)
        assert found["recording"]["label"] == found["label"]
        assert found["pixel_per_millivolt"] == pytest.approx(10 * found["pixel_per_millimetre"])


def test_an_interrupted_set_is_not_there_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original, written = sets.print_page, []

    def failing(*arguments: object) -> object:
        written.append(1)
        if len(written) == 4:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(sets, "print_page", failing)
    with pytest.raises(KeyboardInterrupt):
        generate_dataset(tmp_path / "set", SMALL)
    assert not (tmp_path / "set").exists()
    generate_dataset(tmp_path / "set", SMALL)
    assert len(written) == 1 + 8  # three of eight were there already, the fourth was begun twice
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    monkeypatch.undo()
    generate_dataset(tmp_path / "straight", SMALL)
    assert digests(tmp_path / "set") == digests(tmp_path / "straight")


def test_a_full_disk_is_one_line_and_a_rerun_completes_the_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original, written = Path.write_bytes, []

    def full(path: Path, content: bytes) -> int:
        written.append(path)
        if len(written) == 3:
            original(path, content[:1000])
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(RunError, match=r"No space left on device.*repeat the command") as refusal:
        generate_dataset(tmp_path / "set", SMALL)
    assert "\n" not in str(refusal.value)
    monkeypatch.undo()
    (unfinished,) = tmp_path.iterdir()
    assert len(list(unfinished.rglob("*.jpg"))) == 2
    assert len(list(unfinished.rglob(".*"))) == 0  # nothing half-written
    generate_dataset(tmp_path / "set", SMALL)
    assert len(list((tmp_path / "set").rglob("*.jpg"))) == 8


def test_a_folder_with_something_in_it_is_left_alone(synthetic_folder: Path) -> None:
    with pytest.raises(UsageError, match="already exists"):
        generate_dataset(synthetic_folder, SMALL)
    assert len(list(synthetic_folder.rglob("*.jpg"))) == 40


def signals(folder: Path, bad: bool = False) -> Path:
    for label in ("normal", "history_of_mi"):
        for number in range(3):
            write(folder / label, name=f"r{number}")
    if bad:
        write(folder / "normal", np.ones((3, 5000)), names=LEADS[:3], name="three")
    return folder


def test_pages_of_real_recordings_are_of_their_class_and_keep_their_person(tmp_path: Path) -> None:
    count, skipped = generate_dataset(tmp_path / "set", SyntheticSettings(look="pink"), signals(tmp_path / "wfdb"))
    assert (count, skipped) == (6, [])
    assert (
        sorted(image.label for image in DataFolder.read(tmp_path / "set").images)
        == ["history_of_mi"] * 3 + ["normal"] * 3
    )
    count, _ = generate_dataset(tmp_path / "two", SyntheticSettings(per_class=2), tmp_path / "wfdb")
    assert count == 4


def test_a_record_that_cannot_be_drawn_is_one_line(called: Callable, tmp_path: Path) -> None:
    folder = signals(tmp_path / "wfdb", bad=True)
    words = ("training", "synthetic", "--out", tmp_path / "set", "--signals", folder, "--workers", 1)
    result = called(*words, code=2)
    line, remedy = result.stderr.splitlines()[-2:]
    assert line.startswith(f"{folder / 'normal' / 'three.hea'}: no lead V1, V2, V3, V4, V5, V6: ")
    assert remedy == "1 records cannot be used: remove them, or give --skip-unreadable"
    assert not (tmp_path / "set").exists()
    result = called(*words, "--skip-unreadable")
    assert result.stdout == f"6 synthetic ECG images: {tmp_path / 'set'}\n"
    assert "skipped" in result.stderr


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--font", "No Such Font"), "No Such Font: no such font is installed: give the path of a TrueType file"),
        (("--dpi", "20"), "20 dpi: pages are drawn at 72 to 300: give one of these"),
        (
            ("--paper", "200x190"),
            "layout 3x4+1 at 25 mm/s: needs 261 mm of paper, there are 187: use a wider paper",
        ),
        (("--paper", "0x210"), "'0x210' is no WIDTHxHEIGHT in mm of at most 1200, as in 297x210"),
        (("--signals", "nowhere"), "nowhere: no such folder: give one of PTB-XL or of WFDB records"),
        (("--strength", "4"), "argument --strength: invalid choice: 4"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(called: Callable, tmp_path: Path, options: tuple, line: str) -> None:
    result = called("training", "synthetic", "--out", tmp_path / "set", "--per-class", 1, *options, code=2)
    assert line in last_line(result)
    assert list(tmp_path.iterdir()) == []


def test_records_none_of_which_can_be_used_make_no_set(tmp_path: Path) -> None:
    write(tmp_path / "wfdb" / "normal", np.zeros((12, 5000)), name="flat")
    with pytest.raises(DataError, match="none of its records can be used"):
        generate_dataset(tmp_path / "set", SyntheticSettings(), tmp_path / "wfdb", skip_unreadable=True)
    assert not (tmp_path / "set").exists()
