"""The command line of export: the registry of its commands."""

from edge.commands.terminal import Parser, run_commands
from export.commands import adopt, convert, inspect, verify, web

COMMANDS = {
    "convert": (convert, "write an .onnx if it gives the predictions of the Keras file"),
    "adopt": (adopt, "take an .onnx that others made, if it gives its predictions still"),
    "inspect": (inspect, "say what a Keras or an ONNX file holds, without loading it"),
    "verify": (verify, "compare an .onnx with its .h5"),
    "web": (web, "write a folder of static files that runs an .onnx in the browser"),
}
RENAMED = {"--json": "--format json"}


def main() -> None:
    """Run the command that the command line names."""
    parser = Parser(
        prog="export",
        description="Export trained models to ONNX, and prove that the predictions stay the same.",
        renamed=RENAMED,
    )
    run_commands(parser, COMMANDS)


if __name__ == "__main__":
    main()
