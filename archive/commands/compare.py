"""Compare: what another model says otherwise of the same archive."""

import argparse


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("first", metavar="DEST_A", help="results of 'python -m archive score'")
    parser.add_argument("second", metavar="DEST_B", help="results of another model for the same source")
    parser.add_argument("--out", "-o", metavar="DIR", help="write every change, and a report with a sample of images")


def run(options: argparse.Namespace) -> int:
    """Print how many answers changed, and from what to what."""
    from archive.comparison import compared
    from archive.places import place_of
    from edge.errors import UsageError

    out = options.out and place_of(options.out)
    if out and out.files():
        raise UsageError(f"{options.out}: is there already: give the name of a new or an empty folder")
    found = compared(place_of(options.first), place_of(options.second))
    print(found.table().as_text())
    if out:
        out.below("changes.parquet").write(found.changes)
        out.below("report.html").write(found.report().encode())
        print(f"report: {out.below('report.html').path}")
    return 0
