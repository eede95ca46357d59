"""Verify: compare an `.onnx` with what it was made of."""

import argparse
import logging
from pathlib import Path

from edge.commands.terminal import add_format
from export.commands.arguments import add_images


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("h5", type=Path, metavar="MODEL.h5", help="what the .onnx was made of, an .onnx of others too")
    add_images(parser)
    parser.add_argument("onnx", type=Path, metavar="MODEL.onnx", help="made by 'convert' or 'adopt'")
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Print the comparison; return 1 where the two disagree."""
    import json

    from edge import Classifier
    from export.comparison_images import ComparisonImages
    from export.parity import compare
    from training.models.saved_model import load_model

    classifier = Classifier(options.onnx)
    if classifier.contract.adopted:
        from export.foreign.adoption import verify

        parity = verify(options.h5, classifier, options.images)
    else:
        model = load_model(options.h5)
        parity = compare(model, classifier, ComparisonImages.read(options.images, model))
    print(json.dumps(parity.as_record(), indent=1) if options.format == "json" else parity.table().as_text())
    if parity.failures:
        failures = "; ".join(parity.failures)
        logging.getLogger(__name__).error("%s: gives other predictions than %s: %s", options.onnx, options.h5, failures)
    return 1 if parity.failures else 0
