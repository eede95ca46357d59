"""Evaluate: evaluate models on the test images of a data folder."""

import argparse
import contextlib
import shlex
import sys
from pathlib import Path

from training.commands import arguments


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "models", nargs="+", type=Path, metavar="MODEL", help="an .h5 or an .onnx; several stand side by side"
    )
    arguments.add_data(parser)
    arguments.add_out(parser, "REPORT", "folder for the report")
    parser.add_argument(
        "--robustness",
        action="store_true",
        help="also under simulated acquisitions, turned, shrunk, blurred, compressed and cut; takes minutes",
    )
    parser.add_argument(
        "--heatmaps", action="store_true", help="also whether the heatmaps of an .onnx are faithful; takes minutes"
    )
    arguments.add_skip_unreadable(parser)
    arguments.add_show_header(parser)


def run(options: argparse.Namespace) -> int:
    """Print the metrics and write the report."""
    with contextlib.redirect_stdout(sys.stderr):
        from training.data.folder import DataFolder
        from training.evaluation.evaluate import evaluate
        from training.reports.evaluation import evaluation_lines, write_evaluation
        from training.reports.report import check_report_folder

        check_report_folder(options.out, "evaluate")
        evaluation = evaluate(
            options.models,
            DataFolder.read(options.data, skip_unreadable=options.skip_unreadable),
            command=shlex.join(["python", "-m", "training", *sys.argv[1:]]),
            robustness=options.robustness,
            heatmaps=options.heatmaps,
        )
    for line in evaluation_lines(evaluation):
        print(line)
    write_evaluation(evaluation, options.out, show_header=options.show_header)
    print(f"report: {options.out / 'report.html'}")
    return 0
