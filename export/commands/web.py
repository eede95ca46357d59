"""Web: write a folder of static files that runs a model in the browser."""

import argparse
from pathlib import Path


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("model", type=Path, metavar="MODEL.onnx", help="made by 'python -m export convert'")
    parser.add_argument("--out", "-o", type=Path, required=True, metavar="DIR", help="the folder to write")


def run(options: argparse.Namespace) -> int:
    """Write the folder and say how large it is."""
    from export.web.folder import write_web

    size = write_web(options.model, options.out)
    print(f"page: {options.out}, {size / 1e6:.1f} MB: any static server gives it out, over HTTPS or on localhost")
    return 0
