"""Convert: write an `.onnx` if it gives the predictions of the Keras file, of this program or of others."""

import argparse
from pathlib import Path

from edge.errors import ModelError, UsageError
from export.commands.arguments import add_images, add_told, line_to_type, told_of


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "h5", type=Path, metavar="MODEL.h5", help="made by 'python -m training train', or an .h5 or .keras of others"
    )
    add_images(parser, required=False)
    parser.add_argument("--out", "-o", type=Path, metavar="MODEL.onnx", help="the file to write")
    parser.add_argument("--int8", action="store_true", help="int8 convolutions: a quarter of the size, and faster")
    parser.add_argument(
        "--calibration", type=Path, metavar="DIR", help="training images that --int8 takes the ranges of numbers from"
    )
    add_told(parser)


def run(options: argparse.Namespace) -> int:
    """Write the ONNX file and print the table of the comparison."""
    if options.int8 != (options.calibration is not None):
        raise UsageError("--int8 and --calibration DIR go together: give both, or neither")
    from export.commands.inspect import shown
    from training.models.inspection import inspect_keras
    from training.models.saved_model import is_saved_model

    told = told_of(options)
    found = inspect_keras(options.h5)
    if found.refused:
        raise ModelError(f"{options.h5}: {found.refused[0]}")
    if is_saved_model(options.h5):
        if told:
            raise UsageError(f"{options.h5}: is of this program and knows its labels: leave out --labels and the rest")
    elif not told or options.out is None or options.images is None:
        print(shown(found), flush=True)
        form = found.inputs[0] if found.inputs and len(found.inputs[0]) == 3 else (None,) * 3
        line = line_to_type("convert", options.h5, form[2], found.classes)
        raise UsageError(f"{options.h5}: is not of this program, and does not say all that is needed: type {line}")
    if options.out is None or options.images is None:
        raise UsageError("--out MODEL.onnx and --images DIR are needed: give both")
    if told:
        from export.foreign.adoption import adopt

        if options.int8:
            raise UsageError("--int8: is for models of this program: leave it out")
        parity = adopt(options.h5, options.out, options.images, told)
    else:
        from export.convert import convert

        parity = convert(options.h5, options.out, options.images, options.calibration)
    print(parity.table().as_text())
    print(f"model: {options.out}")
    return 0
