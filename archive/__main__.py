"""The command line of the archive: the registry of its commands."""

import argparse
from importlib.util import find_spec

from archive.commands import compare, score
from edge import __version__
from edge.commands.terminal import Parser, add_verbosity, configure_logging, exit_with
from edge.errors import UsageError

COMMANDS = {
    "score": (score, "answer every page of an archive, on one machine or many"),
    "compare": (compare, "say what another model answers otherwise on the same archive"),
}
PACKAGES = ("ray", "pyarrow")


def main() -> None:
    """Run the command that the command line names."""
    parser = Parser(prog="archive", description="Classify an archive of ECG images with an exported model.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (command, text) in COMMANDS.items():
        described = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        command.describe(described)
        add_verbosity(described)
    options = parser.parse_args()
    configure_logging(options)
    exit_with(lambda: run(options))


def run(options: argparse.Namespace) -> int:
    """Run a command, where what it needs is installed."""
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise UsageError(f"needs the package {missing[0]}: pip install 'ecg-edge[archive]'")
    code: int = COMMANDS[options.command][0].run(options)
    return code


if __name__ == "__main__":
    main()
