"""The command line of training: the registry of its commands."""

from edge.commands.terminal import Parser, run_commands
from training.commands import audit, evaluate, explore, synthetic, train, tune

COMMANDS = {
    "explore": (explore, "count and show the images of a data folder"),
    "audit": (audit, "find copies, leaks and shortcuts in a data folder"),
    "train": (train, "train a model on a data folder"),
    "tune": (tune, "search for a recipe of training by cross-validation"),
    "evaluate": (evaluate, "evaluate models, .h5 or .onnx, on the test images of a data folder"),
    "synthetic": (synthetic, "make ECG images of four classes, from a seed or from recorded signals"),
}
RENAMED = {
    "pages": "synthetic", "--extra-pages": "--auxiliary", "--captures": "--acquisitions", "--capture": "--acquisition",
    "--views": "--augmentations",
}  # fmt: skip


def main() -> None:
    """Run the command that the command line names."""
    parser = Parser(prog="training", description="Train and evaluate models that read ECG images.", renamed=RENAMED)
    run_commands(parser, COMMANDS)


if __name__ == "__main__":
    main()
