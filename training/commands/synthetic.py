"""Synthetic: make ECG images, from a seed or from recorded signals."""

import argparse
import logging
from pathlib import Path

from edge.commands.terminal import positive, threads
from training.commands import arguments
from training.synthetic.settings import ANY, SyntheticSettings

# Written out, so that --help need not import what makes images; a test compares them.
LOOKS = ("blue", "green", "orange", "pink", "plain", "report", "report-2019")
LAYOUTS = ("12x1", "3x4", "3x4+1", "3x4+3", "6x2")
ACQUISITIONS = ("bw", "clean", "photo", "scan", "screen", "stained")
DEFAULT = SyntheticSettings()


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments; their defaults are those of the settings."""
    arguments.add_out(parser, "DIR", "folder for the class folders and the manifest")
    parser.add_argument("--per-class", type=positive, metavar="N", help="images a class: 40, or every record")
    parser.add_argument(
        "--signals", type=Path, metavar="DIR", help="real recordings: PTB-XL as published, or WFDB in class folders"
    )
    parser.add_argument(
        "--label-sets",
        action="store_true",
        help="also records that are one of several classes: PTB-XL's infarctions of unknown stage",
    )
    for name, choices, text, default in (
        ("look", LOOKS, "paper and print of a machine", DEFAULT.look),
        ("layout", LAYOUTS, "rows and columns of leads, +N rhythm strips; the look's if not given", DEFAULT.layout),
        ("acquisition", ACQUISITIONS, "what became of the page", DEFAULT.acquisition),
    ):
        parser.add_argument(f"--{name}", choices=(*choices, ANY), default=default, help=f"{text}; any: each its own")
    parser.add_argument(
        "--strength", type=int, choices=(1, 2, 3), default=DEFAULT.strength, help="how strong the acquisition is"
    )
    parser.add_argument("--speed", type=float, choices=(25.0, 50.0), help="mm/s; the look's if not given")
    parser.add_argument("--gain", type=float, choices=(10.0, 20.0), help="mm/mV; the look's if not given")
    parser.add_argument("--dpi", type=positive, metavar="N", help="resolution, 72 to 300; the look's if not given")
    parser.add_argument(
        "--paper", type=arguments.paper_size, metavar="WIDTHxHEIGHT", help="in mm; the look's if not given"
    )
    parser.add_argument("--font", metavar="FONT", help="an installed font, or a TrueType file; the look's if not given")
    parser.add_argument("--truth", action="store_true", help="a JSON file beside each image: parameters, leads, mask")
    parser.add_argument("--workers", type=threads, metavar="N", help="processes; one a core if not given")
    arguments.add_skip_unreadable(parser)
    arguments.add_seed(parser, DEFAULT.seed)


def run(options: argparse.Namespace) -> int:
    """Make the images and print how many they are."""
    import dataclasses
    import os

    from training.synthetic.dataset import generate_dataset

    names = [field.name for field in dataclasses.fields(SyntheticSettings)]
    settings = SyntheticSettings(**{name: getattr(options, name) for name in names})
    workers = options.workers or os.cpu_count() or 1
    count, skipped = generate_dataset(options.out, settings, options.signals, workers, options.skip_unreadable)
    for line in skipped:
        logging.getLogger(__name__).warning("skipped %s", line)
    print(f"{count} synthetic ECG images: {options.out}")
    return 0
