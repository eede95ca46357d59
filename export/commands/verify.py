"""Verify: compare an `.onnx` with its `.h5`."""

import argparse
import logging
from pathlib import Path

from edge.commands.terminal import add_format
from export.commands.arguments import add_h5_and_images


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_h5_and_images(parser)
    parser.add_argument("onnx", type=Path, metavar="MODEL.onnx", help="made by 'convert'")
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Print the comparison; return 1 where the two disagree."""
    import json

    from edge import Classifier
    from export.comparison_images import ComparisonImages
    from export.parity import compare
    from training.models.saved_model import load_model

    model, classifier = load_model(options.h5), Classifier(options.onnx)
    parity = compare(model, classifier, ComparisonImages.read(options.images, model))
    print(json.dumps(parity.as_record(), indent=1) if options.format == "json" else parity.table().as_text())
    if parity.failures:
        failures = "; ".join(parity.failures)
        logging.getLogger(__name__).error("%s: gives other predictions than %s: %s", options.onnx, options.h5, failures)
    return 1 if parity.failures else 0
