"""Arguments that both commands of export take."""

import argparse
from pathlib import Path


def add_h5_and_images(parser: argparse.ArgumentParser) -> None:
    """Add the trained model and the images to compare on."""
    parser.add_argument("h5", type=Path, metavar="MODEL.h5", help="made by 'python -m training train'")
    parser.add_argument(
        "--images", type=Path, required=True, metavar="DIR", help="ECG images to compare on, with subfolders"
    )
