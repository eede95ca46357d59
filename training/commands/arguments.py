"""Arguments that several commands have, and how their values are read."""

import argparse
import math
from pathlib import Path

from edge.commands.terminal import seed
from training.data.cache import default_cache

MOST_PIXELS = 2048
"""Of a side of a model's input."""


def image_size(text: str) -> tuple[int, int]:
    """Read HEIGHTxWIDTH in pixels."""
    height, _, width = text.partition("x")
    if not all(side.isdecimal() and len(side) <= 4 and 32 <= int(side) <= MOST_PIXELS for side in (height, width)):
        raise argparse.ArgumentTypeError(
            f"{text[:40]!r} is no HEIGHTxWIDTH of 32 to {MOST_PIXELS} pixels, as in 224x224"
        )
    return int(height), int(width)


def share(text: str) -> float:
    """Read a share above 0 and up to 1."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share above 0 and up to 1, as in 0.9")
    return number


def paper_size(text: str) -> tuple[float, float]:
    """Read WIDTHxHEIGHT in millimetres."""
    try:
        width, height = map(float, text.split("x"))
    except ValueError:
        width = height = math.nan
    if not (0 < width <= 1200 and 0 < height <= 1200):
        raise argparse.ArgumentTypeError(f"{text!r} is no WIDTHxHEIGHT in mm of at most 1200, as in 297x210")
    return width, height


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add --data."""
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="folder with a folder of images for each class"
    )


def add_out(parser: argparse.ArgumentParser, metavar: str, text: str) -> None:
    """Add --out."""
    parser.add_argument("--out", "-o", type=Path, required=True, metavar=metavar, help=text)


def add_seed(parser: argparse.ArgumentParser, default: int = 0) -> None:
    """Add --seed."""
    parser.add_argument(
        "--seed", type=seed, default=default, metavar="N", help="makes the splits and all else that is random"
    )


def add_skip_unreadable(parser: argparse.ArgumentParser) -> None:
    """Add --skip-unreadable."""
    parser.add_argument("--skip-unreadable", action="store_true", help="name unreadable images and go on without them")


def add_show_header(parser: argparse.ArgumentParser) -> None:
    """Add --show-header."""
    parser.add_argument(
        "--show-header",
        action="store_true",
        help="show headers and footers of ECG images in the report; they name people and are masked otherwise",
    )


def add_cache(parser: argparse.ArgumentParser, text: str) -> None:
    """Add --cache."""
    parser.add_argument("--cache", type=Path, default=default_cache(), metavar="DIR", help=text)
