"""A first look at a data folder: how many images each class has, and what they look like."""

import sys
from collections import Counter
from pathlib import Path

import numpy as np

from training.data.folder import first_contract, load_images, read_folder
from training.data.splits import are_test
from training.reports import plots
from training.reports.report import DRAWN, Report, Table

SAMPLES = 3


def explore(data: Path, out: Path, seed: int) -> dict[str, dict[str, int]]:
    """Count the images of each split and class, show some of each, and return the counts.

    Unreadable images are named on stderr and in the report, and counted nowhere. A folder without
    splits is divided by the seed, as `train` with that seed divides it.
    """
    images = read_folder(data)
    loaded, unreadable = load_images(images, first_contract(data, images, 224, 224, "none", seed), skip_unreadable=True)
    for line in unreadable:
        print(line, file=sys.stderr)
    is_test = are_test(loaded, seed)
    splits = {"train": loaded.labels[~is_test], "test": loaded.labels[is_test]}
    counts = {split: dict(sorted(Counter(labels.tolist()).items())) for split, labels in splits.items() if len(labels)}

    report = Report("Images")
    if any(image.synthetic for image in loaded.images):
        report.text(DRAWN, warning=True)
    labels = sorted(set(loaded.labels))
    rows = [[label, *(str(numbers.get(label, 0)) for numbers in counts.values())] for label in labels]
    report.table(Table("", ("class", *counts), rows))
    if loaded.images[0].split is None:
        report.text(f"The folder states no splits: these are those that seed {seed} makes.")
    for line in unreadable:
        report.text(line, warning=True)
    report.figure("counts", plots.counts_chart(counts), "Images of each class")
    rng = np.random.default_rng(seed)
    for number, label in enumerate(labels, start=1):
        of_class = np.flatnonzero(loaded.labels == label)
        chosen = rng.choice(of_class, min(SAMPLES, len(of_class)), replace=False)
        report.heading(f"Images of {label}")
        paths = [loaded.images[index].path for index in chosen]
        sheet = plots.contact_sheet(paths, [path.name for path in paths])
        report.figure(f"class-{number}", sheet, f"Images of {label}")
    report.write(out, {"data": str(data), "counts": counts, "unreadable": unreadable})
    return counts
