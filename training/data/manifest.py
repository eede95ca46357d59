"""The tables of a data folder: `manifest.csv`, a row for each image, and `labels.csv`, a row for each class folder."""

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from training.data.loaded_images import ATTRIBUTES, EcgImage
from training.errors import DataError

MANIFEST, LABELS = "manifest.csv", "labels.csv"
SPLITS = ("train", "test")


def read_manifest(folder: Path) -> dict[Path, EcgImage]:
    """Read `manifest.csv`: columns path and label, optionally split, group, synthetic and those of `ATTRIBUTES`.

    Empty where there is no such file. Raises `DataError` for a file that cannot be used.
    """
    file = folder / MANIFEST
    if not file.exists():
        return {}
    images: dict[Path, EcgImage] = {}
    for row in _rows(file, ("path", "label")):
        path = folder / row["path"]
        if "\\" in row["path"] and not path.exists():  # as Windows writes it
            path = folder / row["path"].replace("\\", "/")
        inside = path.relative_to(folder) if path.is_relative_to(folder) else path
        if inside.is_absolute() or ".." in inside.parts or re.match(r"[A-Za-z]:", row["path"]):
            raise DataError(f"{file}: names {row['path']}, which lies outside: give paths below the data folder")
        if path in images:
            raise DataError(f"{file}: names {row['path']} twice: remove one of the lines")
        if "drawn" in row:
            raise DataError(f"{file}: has the column 'drawn', which is called 'synthetic' now: rename it")
        split = row.get("split") or None
        if split not in (None, *SPLITS):
            raise DataError(f"{file}: has split {split!r} for {row['path']}: only 'train' and 'test' are splits")
        synthetic = (row.get("synthetic") or "false").lower()
        if synthetic not in ("true", "false"):
            raise DataError(f"{file}: has synthetic={synthetic!r} for {row['path']}: give 'true' or 'false'")
        images[path] = EcgImage(
            path=path,
            label=row["label"],
            split=split,
            group=row.get("group") or None,
            synthetic=synthetic == "true",
            **{name: row.get(name) or "" for name in ATTRIBUTES},
        )
    return images


def read_labels(folder: Path) -> dict[str, str]:
    """Read `labels.csv`: columns folder and label. Empty where there is none; `DataError` where it cannot be used."""
    file = folder / LABELS
    if not file.exists():
        return {}
    names = {row["folder"]: row["label"] for row in _rows(file, ("folder", "label"))}
    for name in names:
        if not any((folder / split / name).is_dir() for split in ("", *SPLITS)):
            raise DataError(f"{file}: names the folder {name!r}, which is not there: correct it or remove the line")
    return names


def _rows(file: Path, required: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file that has the required columns."""
    if not file.is_file():
        raise DataError(f"{file}: is no file: replace it by a table, or remove it")
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines)
            missing = [name for name in required if name not in (reader.fieldnames or [])]
            if missing:
                raise DataError(f"{file}: has no column {missing[0]!r}: its first line must name {','.join(required)}")
            for number, row in enumerate(reader, start=2):
                if not all(row[name] for name in required):
                    raise DataError(f"{file}: line {number} has no {' or no '.join(required)}: complete it")
                yield row
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file}: cannot be read as CSV in UTF-8 ({error}): save it as such") from error
