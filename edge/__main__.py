"""The command line of the device: the registry of its commands."""

import argparse
import sys

from edge import __version__
from edge.commands import bench, check, info, predict
from edge.commands.terminal import Parser, at_once, run_commands
from edge.errors import UsageError

COMMANDS = {
    "predict": (predict, "classify ECG images"),
    "check": (check, "test whether this machine answers as the exporting one did"),
    "bench": (bench, "measure what an image costs on this machine"),
    "info": (info, "show what a model is"),
}
RENAMED = {"--json": "--format json"}


def main() -> None:
    """Run the command that the command line names."""
    parser = Parser(prog="edge", description="Classify ECG images with an exported model.", renamed=RENAMED)
    parser.add_argument("--version", action="version", version=__version__)
    run_commands(parser, COMMANDS, run, at_once)


def run(options: argparse.Namespace) -> int:
    """Run a command, unless what it would print could not be read."""
    if sys.stdout is None and getattr(options, "out", None) is None:
        remedy = "give --out FILE" if "out" in options else "leave it open"
        raise UsageError(f"standard output is closed: {remedy}")
    code: int = COMMANDS[options.command][0].run(options)
    return code


if __name__ == "__main__":
    main()
