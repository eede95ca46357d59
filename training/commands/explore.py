"""Explore: count and show the images of a data folder."""

import argparse

from training.commands import arguments


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_data(parser)
    arguments.add_out(parser, "REPORT", "folder for the report")
    arguments.add_show_header(parser)
    arguments.add_seed(parser)


def run(options: argparse.Namespace) -> int:
    """Print the counts and write the report."""
    from training.data.folder import DataFolder
    from training.reports.data_folder import overview, write_overview
    from training.reports.report import check_report_folder

    check_report_folder(options.out, "explore")
    found = overview(DataFolder.read(options.data, skip_unreadable=True), seed=options.seed)
    write_overview(found, options.out, show_header=options.show_header)
    print(found.table().as_text())
    print(f"report: {options.out / 'report.html'}")
    return 0
