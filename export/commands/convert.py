"""Convert: write an `.onnx` if it gives the predictions of the `.h5`."""

import argparse
from pathlib import Path

from edge.errors import UsageError
from export.commands.arguments import add_h5_and_images


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_h5_and_images(parser)
    parser.add_argument("--out", "-o", type=Path, required=True, metavar="MODEL.onnx", help="the file to write")
    parser.add_argument("--int8", action="store_true", help="int8 convolutions: a quarter of the size, and faster")
    parser.add_argument(
        "--calibration", type=Path, metavar="DIR", help="training images that --int8 takes the ranges of numbers from"
    )


def run(options: argparse.Namespace) -> int:
    """Write the ONNX file and print the table of the comparison."""
    if options.int8 != (options.calibration is not None):
        raise UsageError("--int8 and --calibration DIR go together: give both, or neither")
    from export.convert import convert

    print(convert(options.h5, options.out, options.images, options.calibration).table().as_text())
    print(f"model: {options.out}")
    return 0
