"""Inspect: say what a Keras file holds, without loading it."""

import argparse
from pathlib import Path

from edge.commands.terminal import add_format


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="an .h5 or a .keras, whoever made it")
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Print what the file says of itself; raise `ModelError` where it is not to be loaded."""
    import json
    from dataclasses import asdict

    from edge.commands.table import Table
    from edge.errors import ModelError
    from training.models.inspection import inspect_keras

    found = inspect_keras(options.file)
    record = asdict(found)
    if options.format == "json":
        print(json.dumps(record, indent=1))
    else:
        record["layers"] = (f"{len(found.layers)}, the last: {', '.join(found.layers[-3:])}",)
        shown = [
            (name, value if isinstance(value, str | int) else ", ".join(map(str, value)))
            for name, value in record.items()
        ]
        print(Table("", ("what", "which"), [(name, str(value) or "none") for name, value in shown]).as_text())
    if found.refused:
        raise ModelError(*(f"{options.file}: {reason}" for reason in found.refused))
    return 0
