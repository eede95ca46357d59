"""Drawn ECG pages: signals of four classes from a seed, printed as pages, written as a data folder."""

import csv
import shutil
from pathlib import Path

import numpy as np

from edge.errors import UsageError
from edge.files import replacing
from training.pages.page import draw_page
from training.pages.signals import CLASSES

TEST_SHARE = 0.2
QUALITY = 80  # JPEG, as the published pages that people scale down


def draw_pages(out: Path, per_class: int, seed: int) -> int:
    """Write `per_class` pages of each class and a manifest, and return how many pages that is.

    The same seed gives the same bytes; page k of a class is the same in a set of any size. The
    folder appears when it is whole. Raises `UsageError` where `out` already has something in it.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise UsageError(f"{out}: already exists: remove it or give another --out")
    tests = round(TEST_SHARE * per_class)
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as unfinished:
        try:
            rows = []
            for place, (label, make_signals) in enumerate(sorted(CLASSES.items())):
                for number in range(per_class):
                    rng = np.random.default_rng([seed, place, number])
                    split = "test" if number < tests else "train"
                    file = Path(split, label, f"{label}_{number:04d}.jpg")
                    (unfinished / file).parent.mkdir(parents=True, exist_ok=True)
                    draw_page(make_signals(rng), rng).save(unfinished / file, quality=QUALITY)
                    rows.append((file.as_posix(), label, split, "true"))
            with (unfinished / "manifest.csv").open("w", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerows([("path", "label", "split", "drawn"), *rows])
            if out.exists():
                out.rmdir()
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
    return len(rows)
