"""A first look at a data folder: how many images each class has, what they look like, what training would miss."""

import logging
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.commands.table import Table
from edge.images.preprocessing import Preprocessing
from training.data.folder import DataFolder
from training.data.loaded_images import EcgImage
from training.data.splits import are_test
from training.errors import DataError
from training.evaluation.result import SCHEMA
from training.reports import plots
from training.reports.masking import shown
from training.reports.report import SYNTHETIC, Report

log = logging.getLogger(__name__)

SAMPLES = 3  # of each class


@dataclass(frozen=True, kw_only=True)
class FolderOverview:
    """Hold what a first look at a data folder tells."""

    schema: int = SCHEMA
    """Version of the form of `report.json`."""
    folder: str
    """The data folder."""
    counts: dict[str, dict[str, int]]
    """Images by split, then by class."""
    states_splits: bool
    """Whether the folder says which images are for test; else the seed divides them."""
    seed: int
    """Of the splits and the samples."""
    missing: tuple[str, ...]
    """What training would miss."""
    unreadable: tuple[str, ...]
    """One line for each image that cannot be read."""
    synthetic: bool
    """Whether synthetic ECG images are among them."""
    samples: dict[str, tuple[EcgImage, ...]]
    """Some images of each class."""

    def table(self) -> Table:
        """Return the counts, a row for each class."""
        labels = sorted({label for numbers in self.counts.values() for label in numbers})
        rows = [[label, *(str(numbers.get(label, 0)) for numbers in self.counts.values())] for label in labels]
        return Table("", ("class", *self.counts), rows)


def overview(data: DataFolder, *, seed: int) -> FolderOverview:
    """Count the images of each split and class, and choose some of each.

    Unreadable images are named and counted nowhere. A folder without splits is divided by the seed, as `train`
    with that seed divides it; where it cannot be divided, that is said and all its images are counted together.
    """
    loaded = data.load(Preprocessing(32, 32))  # the size does not matter: the splits follow from the pictures
    missing = []
    try:
        data.classes()
        is_test = are_test(loaded, seed)
        splits = {"train": loaded.labels[~is_test], "test": loaded.labels[is_test]}
    except DataError as error:
        missing.append(str(error))
        splits = {"images": loaded.labels}
    for line in missing:
        log.warning("training would miss something: %s", line)
    rng, samples = np.random.default_rng(seed), {}
    for label in sorted(set(loaded.labels.tolist())):
        of_class = np.flatnonzero(loaded.labels == label)
        chosen = rng.choice(of_class, min(SAMPLES, len(of_class)), replace=False)
        samples[label] = tuple(loaded.images[index] for index in chosen)
    return FolderOverview(
        folder=str(data.path),
        counts={name: dict(sorted(Counter(of.tolist()).items())) for name, of in splits.items() if len(of)},
        states_splits=data.states_splits,
        seed=seed,
        missing=tuple(missing),
        unreadable=loaded.unreadable,
        synthetic=any(image.synthetic for image in loaded.images),
        samples=samples,
    )


def verdict(found: FolderOverview) -> str:
    """Return whether the folder serves for training, in one sentence."""
    return "Training would miss something." if found.missing else "Ready for training."


def beware(found: FolderOverview) -> list[str]:
    """Return what to know before training, the gravest first."""
    unreadable = f"{len(found.unreadable)} images cannot be read." if found.unreadable else ""
    return list(filter(None, (*found.missing, SYNTHETIC if found.synthetic else "", unreadable)))


def write_overview(found: FolderOverview, folder: Path, *, show_header: bool = False) -> None:
    """Write `report.html`, `report.json` and the pictures."""
    report = Report("Images of a data folder", "explore")
    total = sum(number for numbers in found.counts.values() for number in numbers.values())
    splits = ", ".join(f"{sum(numbers.values())} {name}" for name, numbers in found.counts.items())
    facts = {"folder": found.folder, "images": f"{total} ({splits})", "classes": ", ".join(found.samples)}
    report.summary(verdict(found), facts, beware(found))
    report.section("Counts")
    report.table(found.table())
    if not found.states_splits and not found.missing:
        report.text(f"The folder states no splits: these are those that seed {found.seed} makes.")
    for line in found.unreadable:
        report.text(line, warning=True)
    report.chart("counts", plots.counts_chart(found.counts), "Images of each class, the numbers of the table above")
    for number, (label, images) in enumerate(found.samples.items(), start=1):
        report.section(f"Images of {label}")
        pictures = [shown(image.path, show_header=show_header) for image in images]
        names = [image.path.name for image in images]
        sheet = plots.contact_sheet(pictures, names)
        report.sheet(f"class-{number}", sheet, f"Images of {label}: {', '.join(names)}")
    report.write(folder, found)
