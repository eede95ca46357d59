"""Captured pictures of pages at a model's size, made once and kept in a cache."""

import hashlib
import os
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from edge.contract import Contract
from edge.files import replacing
from edge.page import load_page, open_page
from training.data.folder import Loaded
from training.errors import DataError, RunError
from training.synthetic.acquisition.camera import photograph
from training.synthetic.acquisition.parameters import FACTORS, KINDS, STRENGTHS
from training.synthetic.processes import mapping

ALONE = 16  # pictures; for fewer, starting processes takes longer than they save


@dataclass(frozen=True)
class Series:
    """Name one captured picture of each page: the kinds and strengths it is drawn from, and its number."""

    kinds: tuple[str, ...]
    strengths: tuple[int, ...]
    number: int = 0


LEARNED = ("bw", "photo", "photo", "scan", "screen", "stained"), STRENGTHS
"""What a model learns from: phone photos, which change a page most, are twice as likely as the others."""
ASKED = Series(("photo",), (2,))
"""What it is asked about: phone photos of middle strength. No seed gives the picture of another series."""


def captured_pages(loaded: Loaded, series: Series, contract: Contract, seed: int, cache: Path) -> np.ndarray:
    """Return a captured picture of each page as the model takes it, uint8 (n, height, width, 3).

    The picture is taken of the page at its own resolution; it depends on the page's digest, the
    series and the seed alone. Where no capture leaves the traces legible the page itself stands, and
    a line on stderr counts that. Raises `RunError` for a damaged file of the cache.
    """
    key = repr((series, seed, KINDS, FACTORS, contract.preprocessing, contract.height, contract.width))
    folder = cache / f"captures-{hashlib.sha256(key.encode()).hexdigest()[:24]}"
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{digest}.npy" for digest in loaded.digests]
    missing = [
        (page.path, digest, file)
        for page, digest, file in zip(loaded.pages, loaded.digests, files, strict=True)
        if not file.exists()
    ]
    if missing:
        make = partial(_make, series=series, contract=contract, seed=seed)
        with mapping(1 if len(missing) < ALONE else os.cpu_count() or 1) as mapped:
            failed = sum(tqdm(mapped(make, missing), total=len(missing), unit="capture", disable=None))
        if failed:
            print(f"{failed} captured pictures would not be legible: the pages stand in for them", file=sys.stderr)
    return np.stack([_read(file, (contract.height, contract.width, 3)) for file in files])


def _make(job: tuple[Path, str, Path], series: Series, contract: Contract, seed: int) -> bool:
    """Write one picture into the cache; return whether the page itself had to stand in."""
    path, digest, file = job
    asked = int(series == ASKED)
    rng = np.random.default_rng([seed, asked, series.number, int(digest[:16], 16)])
    page = open_page(path)
    kind, strength = str(rng.choice(series.kinds)), int(rng.choice(series.strengths))
    try:
        picture = Image.fromarray(photograph(np.asarray(page), kind, strength, rng).pixels)
    except DataError:
        picture = page
    with replacing(file) as unfinished, unfinished.open("wb") as out:
        np.save(out, load_page(picture, contract))
    return picture is page


def _read(file: Path, shape: tuple[int, ...]) -> np.ndarray:
    try:
        pixels = np.load(file)
    except (OSError, ValueError, EOFError) as error:
        raise RunError(f"{file}: is damaged ({error}): delete it, it is made again") from error
    if pixels.shape != shape or pixels.dtype != np.uint8:
        raise RunError(f"{file}: holds {pixels.dtype} {pixels.shape}, not {shape}: delete it, it is made again")
    return pixels
