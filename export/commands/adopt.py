"""Adopt: take an ONNX file that others made, if it gives its predictions still."""

import argparse
from pathlib import Path

from edge.errors import ModelError, UsageError
from export.commands.arguments import add_images, add_told, line_to_type, told_of


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("onnx", type=Path, metavar="THEIRS.onnx", help="an ONNX file, whoever made it")
    add_images(parser, required=False)
    parser.add_argument("--out", "-o", type=Path, metavar="MODEL.onnx", help="the file to write")
    add_told(parser)


def run(options: argparse.Namespace) -> int:
    """Write the adopted model and print the table of the comparison."""
    from export.commands.inspect import shown
    from export.foreign.adoption import adopt
    from export.foreign.onnx_network import inspect_onnx

    told, found = told_of(options), inspect_onnx(options.onnx)
    if found.refused:
        raise ModelError(f"{options.onnx}: {found.refused[0]}")
    if not told or options.out is None or options.images is None:
        print(shown(found), flush=True)
        channels = next((side for side in (found.picture[3:] + found.picture[1:2]) if side in (1, 3)), None)
        line = line_to_type("adopt", options.onnx, channels, None)
        raise UsageError(f"{options.onnx}: does not say all that is needed: type {line}")
    print(adopt(options.onnx, options.out, options.images, told).table().as_text())
    print(f"model: {options.out}")
    return 0
