"""The command line of the export: convert and verify."""

import argparse
import json
import logging
from pathlib import Path

from edge.commands.terminal import Parser, add_format, add_verbosity, configure_logging, exit_with
from edge.errors import UsageError

log = logging.getLogger(__name__)


def main() -> None:
    """Run the command that the command line names."""
    parser = Parser(
        prog="export",
        description="Export trained models to ONNX, and prove that the predictions stay the same.",
        renamed={"--json": "--format json"},
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    command = commands.add_parser(
        "convert", help="write an .onnx", description="Write an .onnx if it predicts what the .h5 predicts."
    )
    _h5_and_images(command)
    command.add_argument("--out", "-o", type=Path, required=True, metavar="MODEL.onnx", help="the file to write")
    command.add_argument("--int8", action="store_true", help="int8 convolutions: a quarter of the size, and faster")
    command.add_argument(
        "--calibration", type=Path, metavar="DIR", help="training images that --int8 takes the ranges of numbers from"
    )
    command = commands.add_parser(
        "verify", help="compare an .onnx with its .h5", description="Compare an .onnx with its .h5."
    )
    _h5_and_images(command)
    command.add_argument("onnx", type=Path, metavar="MODEL.onnx", help="made by 'convert'")
    add_format(command)
    options = parser.parse_args()
    configure_logging(options)
    exit_with(lambda: convert(options) if options.command == "convert" else verify(options))


def _h5_and_images(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("h5", type=Path, metavar="MODEL.h5", help="made by 'python -m training train'")
    parser.add_argument(
        "--images", type=Path, required=True, metavar="DIR", help="ECG images to compare on, with subfolders"
    )
    add_verbosity(parser)


def convert(options: argparse.Namespace) -> int:
    """Write the ONNX file and print the table of the comparison."""
    if options.int8 != (options.calibration is not None):
        raise UsageError("--int8 and --calibration DIR go together: give both, or neither")
    from export.convert import convert as convert_model

    print(convert_model(options.h5, options.out, options.images, options.calibration).table().as_text())
    print(f"model: {options.out}")
    return 0


def verify(options: argparse.Namespace) -> int:
    """Print the comparison; return 1 where the two disagree."""
    from edge import Classifier
    from export.comparison_images import ComparisonImages
    from export.parity import compare
    from training.models.saved_model import load_model

    model, classifier = load_model(options.h5), Classifier(options.onnx)
    parity = compare(model, classifier, ComparisonImages.read(options.images, model))
    print(json.dumps(parity.as_record(), indent=1) if options.format == "json" else parity.table().as_text())
    if parity.failures:
        log.error("%s: gives other answers than %s: %s", options.onnx, options.h5, "; ".join(parity.failures))
    return 1 if parity.failures else 0


if __name__ == "__main__":
    main()
