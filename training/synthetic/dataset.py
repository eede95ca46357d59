"""Sets of synthetic ECG images: class folders and a manifest, written in parallel, complete or not there."""

import csv
import dataclasses
import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from edge.commands.terminal import hide_progress
from edge.errors import UsageError
from edge.files import replacing
from training.errors import DataError, RunError
from training.synthetic.acquisition.camera import acquire
from training.synthetic.acquisition.parameters import ACQUISITIONS
from training.synthetic.ground_truth import truth
from training.synthetic.paper.layout import LAYOUTS, LOOKS, Style
from training.synthetic.paper.printed_page import find_font, print_page
from training.synthetic.processes import mapping
from training.synthetic.settings import ANY, LABEL_SEPARATOR, SyntheticSettings
from training.synthetic.signals.ecg import record
from training.synthetic.signals.hearts import CLASSES, draw_heart
from training.synthetic.signals.wfdb_records import Record, list_records, read_record

TEST_SHARE = 0.2
QUALITY = 80  # JPEG, as the published pages that people scale down
PER_CLASS = 40  # images, where nobody says how many and no record does


@dataclass(frozen=True, kw_only=True)
class ImageJob:
    """Name one image to write."""

    file: Path
    """Inside the set."""
    label: str
    """The class, or a set of classes."""
    split: str
    """"train" or "test"."""
    seed: tuple[int, ...]
    """Of all that is random in it."""
    record: Record | None = None
    """The recording to print; None for that of a synthetic heart."""


def generate_dataset(
    out: Path, wanted: SyntheticSettings, signals: Path | None = None, workers: int = 1, skip_unreadable: bool = False
) -> tuple[int, list[str]]:
    """Write a set of images and a manifest; return how many images that is, and which records were left out.

    The same arguments give the same bytes, for any number of `workers` (processes); image k of a class
    is the same in a set of any size. The set grows in a hidden folder beside `out` and appears when
    it is whole: repeating the command goes on where one stopped. `signals` is a folder that
    `list_records` reads. Raises `UsageError` where `out` already has something in it, `DataError` for
    records that cannot be used, unless `skip_unreadable`, `RunError` where the disk is full.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise UsageError(f"{out}: already exists: remove it or give another --out")
    jobs = _jobs_from_records(wanted, signals) if signals else _jobs_from_hearts(wanted)
    _check(wanted)
    key = hashlib.sha256(repr((wanted, jobs)).encode()).hexdigest()[:8]
    unfinished = out.with_name(f".unfinished-{key}-{out.name}")
    try:
        for folder in {job.file.parent for job in jobs}:
            (unfinished / folder).mkdir(parents=True, exist_ok=True)
        errors = list(filter(None, _written(jobs, wanted, unfinished, workers)))
        if errors and not skip_unreadable:
            raise DataError(*errors, f"{len(errors)} records cannot be used: remove them, or give --skip-unreadable")
        there = [job for job in jobs if (unfinished / job.file).exists()]
        if not there:
            raise DataError(f"{signals}: none of its records can be used: give others")
        _write_manifest(there, wanted, unfinished)
        if out.exists():
            out.rmdir()
        unfinished.rename(out)
    except OSError as error:
        raise RunError(
            f"{out}: cannot be written ({error.strerror or error}): make room and repeat the command, it goes on"
        ) from error
    return len(there), errors


def _style(wanted: SyntheticSettings, rng: np.random.Generator) -> Style:
    """Return the style of one page."""
    look = LOOKS[str(rng.choice(sorted(LOOKS))) if wanted.look == ANY else wanted.look]
    changes = {name: getattr(wanted, name) for name in ("layout", "speed", "gain", "dpi", "font")}
    if wanted.layout == ANY:
        changes["layout"] = str(rng.choice(sorted(LAYOUTS)))
    changes["width"], changes["height"] = wanted.paper or (None, None)
    return dataclasses.replace(look, **{name: value for name, value in changes.items() if value is not None})


def _check(wanted: SyntheticSettings) -> None:
    """Raise `UsageError` where a page of this set could not be printed."""
    for look in sorted(LOOKS) if wanted.look == ANY else [wanted.look]:
        for layout in sorted(LAYOUTS) if wanted.layout == ANY else [wanted.layout]:
            style = _style(dataclasses.replace(wanted, look=look, layout=layout), np.random.default_rng())
            find_font(style.font)


def _jobs_from_hearts(wanted: SyntheticSettings) -> list[ImageJob]:
    """Return a job for each heart of each class; the first fifth of them is for test."""
    count = wanted.per_class or PER_CLASS
    jobs = []
    for place, label in enumerate(sorted(CLASSES)):
        for number in range(count):
            split = "test" if number < round(TEST_SHARE * count) else "train"
            file = Path(split, label, f"{label}_{number:04d}.jpg")
            jobs.append(ImageJob(file=file, label=label, split=split, seed=(wanted.seed, place, number)))
    return jobs


def _jobs_from_records(wanted: SyntheticSettings, signals: Path) -> list[ImageJob]:
    """Return a job for each record, or for `per_class` of each class, chosen by the seed.

    A fifth of the patients is for test.
    """
    jobs, order = [], np.random.default_rng(wanted.seed)
    records = list_records(signals, wanted.label_sets)
    for label in sorted({found.label for found in records}):
        of_class = [found for found in records if found.label == label]
        chosen = sorted(order.permutation(len(of_class))[: wanted.per_class].tolist())
        for found in (of_class[index] for index in chosen):
            name = found.path.relative_to(signals).with_suffix("").as_posix()
            digest = hashlib.sha256(f"{wanted.seed} {found.group or name}".encode()).digest()
            split = "test" if digest[0] < TEST_SHARE * 256 else "train"
            seed = (wanted.seed, int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]))
            file = Path(split, label.replace(LABEL_SEPARATOR, "_or_"), f"{name.replace('/', '-')}.jpg")
            jobs.append(ImageJob(file=file, label=label, split=split, seed=seed, record=found))
    return jobs


def _written(jobs: list[ImageJob], wanted: SyntheticSettings, folder: Path, workers: int) -> Iterator[str | None]:
    """Write all images that are not there yet and yield, for each, what was wrong with its record, or None."""
    waiting = [job for job in jobs if not (folder / job.file).exists()]
    write = partial(_write_image, wanted=wanted, folder=folder)
    with mapping(workers) as mapped:
        yield from tqdm(mapped(write, waiting), total=len(waiting), unit="image", disable=hide_progress())


def _write_image(job: ImageJob, wanted: SyntheticSettings, folder: Path) -> str | None:
    """Write one image, and its truth before it; return what is wrong with its record, or None."""
    rng = np.random.default_rng(job.seed)
    try:
        recording = read_record(job.record) if job.record else record(draw_heart(job.label, rng), rng)
    except DataError as error:
        return str(error)
    style = _style(wanted, rng)
    page = print_page(recording, style, rng)
    kind = str(rng.choice(sorted(ACQUISITIONS))) if wanted.acquisition == ANY else wanted.acquisition
    acquired = acquire(page.pixels, kind, wanted.strength, rng)
    target = folder / job.file
    if wanted.truth:
        found = {"image": target.name, "label": job.label} | truth(recording, style, page, acquired)
        with replacing(target.with_suffix(".json")) as unfinished:
            unfinished.write_text(json.dumps(found, allow_nan=False) + "\n", encoding="utf-8")
    file = io.BytesIO()
    Image.fromarray(acquired.pixels).save(file, "JPEG", quality=QUALITY, dpi=(style.dpi, style.dpi))
    with replacing(target) as unfinished:
        unfinished.write_bytes(file.getvalue())
    return None


def _write_manifest(jobs: list[ImageJob], wanted: SyntheticSettings, folder: Path) -> None:
    """Write the manifest that `training.data.folder` reads: one row an image."""
    columns = ("path", "label", "split", "group", "synthetic", "sex", "age", "page_style")
    with replacing(folder / "manifest.csv") as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for job in jobs:
            group, sex, age = (job.record.group, job.record.sex, job.record.age) if job.record else ("", "", "")
            style = f"{wanted.look} {wanted.acquisition}"
            writer.writerow([job.file.as_posix(), job.label, job.split, group, "true", sex, age, style])
