"""Measure how well near copies of images are found, change by change.

    python -m benchmarks.near_copies --data DIR

Every image gets one changed copy; the pairs (image, its copy) are to be found among all pairs of images and
copies. The changes are those of people who share images: scaled to 0.5 to 1.5, saved as JPEG at quality
40, turned by 1 to 2 degrees on white or on repeated edges, up to 3 % cut from each side (from one alone
in a quarter of the images), moved by up to 2 % on white, and all of these one after the other.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from edge.files import find_images
from edge.images.page import open_page
from training.inspection.near_copies import MAP, THRESHOLD, fingerprint, near_copies
from training.inspection.trace import isolated

LOWEST = 0.5  # pairs are scored down to here, to show both tails


def rescale(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Scale to half to one and a half times the size."""
    factor = rng.uniform(0.5, 1.5)
    return image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.BICUBIC)


def jpeg(image: Image.Image, _: np.random.Generator) -> Image.Image:
    """Save as JPEG at quality 40."""
    file = BytesIO()
    image.save(file, "JPEG", quality=40)
    return open_page(file)


def rotate(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Turn by 1 to 2 degrees either way, the corners white or the edge repeated."""
    angle = rng.uniform(1, 2) * rng.choice((-1, 1))
    if rng.random() < 0.5:
        return image.rotate(angle, Image.Resampling.BICUBIC, fillcolor="white")
    margin = max(image.size) // 8
    wider = Image.fromarray(np.pad(np.asarray(image), ((margin, margin), (margin, margin), (0, 0)), mode="edge"))
    box = (margin, margin, margin + image.width, margin + image.height)
    return wider.rotate(angle, Image.Resampling.BICUBIC).crop(box)


def crop(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Cut up to 3 % from each side, or 3 % from one."""
    shares = rng.uniform(0, 0.03, 4) if rng.random() < 0.75 else 0.03 * np.eye(4)[rng.integers(4)]
    left, top, right, bottom = shares
    box = (left * image.width, top * image.height, (1 - right) * image.width, (1 - bottom) * image.height)
    return image.crop(tuple(map(round, box)))


def shift(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Move by up to 2 % of each side, on white."""
    moved = Image.new("RGB", image.size, "white")
    x, y = rng.uniform(-0.02, 0.02, 2) * image.size
    moved.paste(image, (round(x), round(y)))
    return moved


def all_together(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Apply every change, JPEG last."""
    for change in (rotate, crop, shift, rescale, jpeg):
        image = change(image, rng)
    return image


Change = Callable[[Image.Image, np.random.Generator], Image.Image]
CHANGES: dict[str, Change] = {change.__name__: change for change in (rescale, jpeg, rotate, crop, shift, all_together)}


def look(paths: list[Path], name: str, change: Change, seed: int) -> Iterator[np.ndarray]:
    """Yield the fingerprint of each image after a change, on two threads."""

    def one(number: int) -> np.ndarray:
        return fingerprint(isolated(change(open_page(paths[number]), np.random.default_rng([seed, number]))))

    with ThreadPoolExecutor(2) as pool:
        yield from tqdm(pool.map(one, range(len(paths))), name, len(paths), unit="image", disable=None)


def main() -> None:
    """Print one line a change."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of images that are all different recordings")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    paths, start = find_images(options.data), time.perf_counter()
    originals = np.fromiter(look(paths, "unchanged", lambda image, _: image, 0), np.dtype((np.float16, MAP)))
    opened = time.perf_counter() - start
    images = len(paths)
    for place, (name, change) in enumerate(CHANGES.items()):
        copies = np.fromiter(look(paths, name, change, options.seed + place), np.dtype((np.float16, MAP)))
        start = time.perf_counter()
        pairs = near_copies(np.concatenate([originals, copies]), LOWEST)
        compared = time.perf_counter() - start
        true = np.array([score for i, j, score in pairs if j == i + images])
        false = np.array([score for i, j, score in pairs if j != i + images])
        found, wrong = int((true >= THRESHOLD).sum()), int((false >= THRESHOLD).sum())
        lowest = true.min() if len(true) == images else f"<{LOWEST}"
        print(
            f"{name:13s} recall {found / images:.4f}  precision {found / max(1, found + wrong):.4f}  "
            f"copies: lowest {lowest:.5}, 1 % under {np.quantile(true, 0.01):.3f}  "
            f"different: highest {false.max(initial=0):.3f}, {(false >= 0.8).sum()} of {len(false)} from 0.8  "
            f"compared in {compared:.1f} s",
            flush=True,
        )
    print(f"{1000 * opened / images:.0f} s to open and fingerprint 1,000 images on two threads")


if __name__ == "__main__":
    main()
