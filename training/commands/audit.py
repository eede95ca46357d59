"""Audit: find copies, leaks, shortcuts and doubtful labels in a data folder."""

import argparse
from pathlib import Path

from training.commands import arguments

CROSS_VALIDATED = Path()
"""What --labels stands for without a folder."""


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_data(parser)
    parser.add_argument("--out", "-o", type=Path, metavar="REPORT", help="folder for a report; none if not given")
    parser.add_argument("--strict", action="store_true", help="exit with 1 where something leaks")
    parser.add_argument(
        "--labels",
        nargs="?",
        type=Path,
        const=CROSS_VALIDATED,
        metavar="TRUSTED",
        help="also rank the images whose label models do not believe: cross-validated, or models that learned from "
        "another data folder, whose labels are trusted",
    )
    arguments.add_cache(parser, "folder for what --labels computes of each image")
    arguments.add_show_header(parser)
    arguments.add_seed(parser)


def run(options: argparse.Namespace) -> int:
    """Print what was found; write the report where one is asked for; return 1 where --strict found a leak."""
    import logging
    from dataclasses import replace

    from training.audit.audit import audit
    from training.data.folder import DataFolder
    from training.reports.audit import audit_tables, label_tables, write_audit
    from training.reports.report import check_report_folder

    if options.out:
        check_report_folder(options.out, "audit")
    data = DataFolder.read(options.data, skip_unreadable=True)
    named = options.labels is not None and options.labels is not CROSS_VALIDATED
    trusted = DataFolder.read(options.labels) if named else None
    found = audit(data, seed=options.seed)
    if options.labels is not None:
        from training.audit.labels_asked import audit_labels  # Keras, which the audit needs for this alone

        labels = audit_labels(data, found, trusted=trusted, seed=options.seed, cache=options.cache)
        found = replace(found, labels=labels)
    print(found.headline)
    for table in (*audit_tables(found), *label_tables(found.labels)):
        print(f"\n{table.title}\n{table.as_text()}")
    print(*[""] * bool(found.warnings), *(f"warning: {line}" for line in found.warnings), sep="\n")
    for line in found.unreadable:
        logging.getLogger(__name__).warning(line)
    if options.out:
        write_audit(found, options.out, show_header=options.show_header)
        print(f"report: {options.out / 'report.html'}")
    return 1 if options.strict and found.leaks else 0
