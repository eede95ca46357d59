"""The command line of the archive: the registry of its commands."""

import argparse
from importlib.util import find_spec

from archive.commands import compare, score
from edge import __version__
from edge.commands.terminal import Parser, run_commands
from edge.errors import UsageError

COMMANDS = {
    "score": (score, "answer every page of an archive, on one machine or many"),
    "compare": (compare, "say what another model answers otherwise on the same archive"),
}
PACKAGES = ("ray", "pyarrow", "fsspec")


def main() -> None:
    """Run the command that the command line names."""
    parser = Parser(prog="archive", description="Classify an archive of ECG images with an exported model.")
    parser.add_argument("--version", action="version", version=__version__)
    run_commands(parser, COMMANDS, run)


def run(options: argparse.Namespace) -> int:
    """Run a command, where what it needs is installed."""
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise UsageError(f"needs the package {missing[0]}: pip install 'ecg-edge[archive]'")
    code: int = COMMANDS[options.command][0].run(options)
    return code


if __name__ == "__main__":
    main()
