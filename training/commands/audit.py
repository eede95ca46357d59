"""Audit: find copies, leaks and shortcuts in a data folder."""

import argparse
from pathlib import Path

from training.commands import arguments


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_data(parser)
    parser.add_argument("--out", "-o", type=Path, metavar="REPORT", help="folder for a report; none if not given")
    parser.add_argument("--strict", action="store_true", help="exit with 1 where something leaks")
    arguments.add_show_header(parser)
    arguments.add_seed(parser)


def run(options: argparse.Namespace) -> int:
    """Print what was found; write the report where one is asked for; return 1 where --strict found a leak."""
    import logging

    from training.data.folder import DataFolder
    from training.evaluation.audit import audit
    from training.reports.audit import audit_tables, write_audit

    found = audit(DataFolder.read(options.data, skip_unreadable=True), seed=options.seed)
    print(found.headline)
    for table in audit_tables(found):
        print(f"\n{table.title}\n{table.as_text()}")
    print(*[""] * bool(found.warnings), *(f"warning: {line}" for line in found.warnings), sep="\n")
    for line in found.unreadable:
        logging.getLogger(__name__).warning(line)
    if options.out:
        write_audit(found, options.out, show_header=options.show_header)
        print(f"report: {options.out / 'report.html'}")
    return 1 if options.strict and found.leaks else 0
