"""Simulated acquisitions (scans, photos) of ECG images at a model's size, made once and kept in a cache."""

import hashlib
import logging
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from edge.commands.terminal import hide_progress
from edge.images.page import open_page
from edge.images.preprocessing import Preprocessing, load_page
from training.data.cache import read_array, write_array
from training.data.loaded_images import LoadedImages
from training.errors import DataError
from training.synthetic.acquisition.camera import acquire
from training.synthetic.acquisition.parameters import ACQUISITIONS, FACTORS, STRENGTHS
from training.synthetic.processes import mapping

log = logging.getLogger(__name__)

ALONE = 16  # pictures; for fewer, starting processes takes longer than they save


@dataclass(frozen=True)
class AcquisitionSeries:
    """Name one acquisition of each image: what it is drawn from."""

    kinds: tuple[str, ...]
    """Keys of `ACQUISITIONS`; one that stands twice is twice as likely."""
    strengths: tuple[int, ...]
    """Of `STRENGTHS`."""
    number: int = 0
    """Tells the acquisitions of one image apart."""


PHOTO_SERIES = AcquisitionSeries(("photo",), (2,))
"""What a model is asked about: phone photos of middle strength. No seed gives the picture of another series."""


def training_series(number: int) -> AcquisitionSeries:
    """Return what a model learns from: phone photos, which change an image most, are twice as likely as the others."""
    return AcquisitionSeries(("bw", "photo", "photo", "scan", "screen", "stained"), STRENGTHS, number)


def simulated_acquisitions(
    loaded: LoadedImages, series: AcquisitionSeries, preprocessing: Preprocessing, seed: int, cache: Path
) -> np.ndarray:
    """Return an acquisition of each image as the model takes it, uint8 (n, height, width, 3).

    It is made from the image at its own resolution; it depends on the image's digest, the series and the seed
    alone. Where no acquisition leaves the traces legible the image itself stands, and a message counts that.
    Raises `RunError` for a damaged file of the cache.
    """
    key = repr((series, seed, ACQUISITIONS, FACTORS, preprocessing))
    folder = cache / "acquisitions" / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}"
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{digest}.npy" for digest in loaded.digests]
    missing = [
        (image.path, digest, file)
        for image, digest, file in zip(loaded.images, loaded.digests, files, strict=True)
        if not file.exists()
    ]
    if missing:
        make = partial(_make, series=series, preprocessing=preprocessing, seed=seed)
        with mapping(1 if len(missing) < ALONE else os.cpu_count() or 1) as mapped:
            failed = sum(tqdm(mapped(make, missing), total=len(missing), unit="acquisition", disable=hide_progress()))
        if failed:
            log.warning("%d acquisitions would not be legible: the images stand in for them", failed)
    shape = (preprocessing.height, preprocessing.width, 3)
    return np.stack([read_array(file, shape, np.uint8) for file in files])


def _make(job: tuple[Path, str, Path], series: AcquisitionSeries, preprocessing: Preprocessing, seed: int) -> bool:
    """Write one acquisition into the cache; return whether the image itself had to stand in."""
    path, digest, file = job
    rng = np.random.default_rng([seed, int(series == PHOTO_SERIES), series.number, int(digest[:16], 16)])
    image = open_page(path)
    kind, strength = str(rng.choice(series.kinds)), int(rng.choice(series.strengths))
    try:
        picture = Image.fromarray(acquire(np.asarray(image), kind, strength, rng).pixels)
    except DataError:
        picture = image
    write_array(file, load_page(picture, preprocessing))
    return picture is image
