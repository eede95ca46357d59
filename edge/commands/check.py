"""Check: test whether this machine answers as the exporting one did."""

import argparse

from edge.commands.terminal import add_format, add_model, model_of


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_model(parser)
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Print how this machine's answers differ from the exporting machine's; return 1 where they are others."""
    import dataclasses
    import json

    from edge import Classifier
    from edge.selftest import compare, machine

    found = compare(Classifier(model_of(options)))
    passed = all(one.passed for one in found)
    if options.format == "json":
        pictures = [dataclasses.asdict(one) | {"passed": one.passed} for one in found]
        print(json.dumps({"machine": machine(), "pictures": pictures, "passed": passed}, indent=1))
        return 0 if passed else 1
    print(machine())
    for one in found:
        print(
            f"{one.picture:12s} {'the same pixels' if one.same_pixels else 'OTHER PIXELS'}, logits differ by "
            f"{one.logits_difference:.1e} ({'at most' if one.logits_agree else 'MORE THAN'} {one.tolerance:g})"
        )
    print(
        "passed: this machine answers as the exporting one did" if passed else "failed: do not use it on this machine"
    )
    return 0 if passed else 1
