"""Inspect: say what a Keras or an ONNX file holds, without loading it."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edge.commands.terminal import add_format

if TYPE_CHECKING:
    from export.foreign.onnx_network import OnnxInspection
    from training.models.inspection import Inspection


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="an .h5, a .keras or an .onnx, whoever made it")
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Print what the file says of itself; raise `ModelError` where it is not to be loaded."""
    import json
    from dataclasses import asdict

    from edge.errors import ModelError
    from edge.model_file import ONNX, head_of_model
    from export.foreign.onnx_network import inspect_onnx
    from training.models.inspection import inspect_keras

    inspect = inspect_onnx if head_of_model(options.file).startswith(ONNX) else inspect_keras
    found = inspect(options.file)
    print(json.dumps(asdict(found), indent=1) if options.format == "json" else shown(found))
    if found.refused:
        raise ModelError(*(f"{options.file}: {reason}" for reason in found.refused))
    return 0


def shown(found: "Inspection | OnnxInspection") -> str:
    """Return what was read as a table."""
    from dataclasses import asdict

    from edge.commands.table import Table
    from edge.errors import visible

    record = asdict(found)
    if "layers" in record:
        record["layers"] = (f"{len(record['layers'])}, the last: {', '.join(record['layers'][-3:])}",)
    rows = [
        (name, visible(str(value if isinstance(value, str | int | None) else ", ".join(map(str, value))) or "none"))
        for name, value in record.items()
    ]
    return Table("", ("what", "which"), rows).as_text()
