"""What the tests of the archive share: a small archive of pictures, and what its results hold."""

from pathlib import Path
from typing import Any

import pyarrow.dataset
from PIL import Image

from tests.conftest import ROOT

MODEL = ROOT / "tests" / "edge" / "golden" / "tiny.onnx"
EXAMPLES = sorted((ROOT / "examples").glob("*.jpg"))


def archive_of(folder: Path, count: int = 12) -> Path:
    """A folder of pictures, below it a PDF of two pages, a file that is no picture, and one that is left out."""
    (folder / "ward").mkdir(parents=True)
    for number in range(count):
        (folder / f"page{number:04}.jpg").symlink_to(EXAMPLES[number % len(EXAMPLES)])
    with Image.open(EXAMPLES[0]) as page, Image.open(EXAMPLES[1]) as other:
        page.save(folder / "ward" / "two.pdf", save_all=True, append_images=[other])
    (folder / "ward" / "bad.jpg").write_text("no picture")
    (folder / "notes.txt").write_text("no picture")
    return folder


def rows(out: Path | str, filesystem: Any = None) -> list[dict]:
    """All rows of the results, read as others read them: every Parquet file of the folder."""
    data = pyarrow.dataset.dataset(str(out), filesystem=filesystem, exclude_invalid_files=True)
    found = data.to_table().to_pylist()
    return sorted(found, key=lambda row: (row["address"], row["page"] or 0))
