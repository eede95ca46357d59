"""Score: answer every page of an archive, and go on where an interrupted run stopped."""

import argparse
import logging
import math
import os
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.commands.terminal import MODEL, model_of, notice, positive, shown

if TYPE_CHECKING:
    from archive.places import Place
    from archive.plan import Plan

log = logging.getLogger(__name__)

EVERY = 60.0
"""Seconds between two lines of progress in a log."""
BAR = 20
"""Characters."""


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "source", metavar="SOURCE", help="a folder, a pattern, or a list of addresses, .parquet or .csv"
    )
    parser.add_argument("--out", "-o", required=True, metavar="DEST", help="folder for the results, here or at s3://")
    parser.add_argument("--model", type=Path, metavar="FILE", help=MODEL)
    parser.add_argument("--column", default="address", metavar="NAME", help="column of a list with the addresses")
    parser.add_argument(
        "--address", metavar="HOST:PORT", help="a Ray cluster, or auto; one on this machine if not given"
    )
    parser.add_argument("--partition-size", type=positive, default=500, metavar="N", help="files in a unit of work")
    parser.add_argument("--dry-run", action="store_true", help="say what there is to do and what it takes, and end")
    parser.add_argument("--core-price", type=price, metavar="X", help="of a core for an hour, to say what it costs")


def price(text: str) -> float:
    """Read a price."""
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 <= found < math.inf:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no price: give a number")
    return found


def run(options: argparse.Namespace) -> int:
    """Answer what is not answered yet; return 1 where something could not be read."""
    import hashlib

    from archive.inputs import inputs_of
    from archive.places import place_of
    from archive.plan import Plan
    from edge.classifier import Classifier

    model = model_of(options)
    classifier, content = Classifier(model, threads=1), model.read_bytes()
    source = options.source if "://" in options.source else str(Path(options.source).absolute())
    inputs, out = inputs_of(source, options.column), place_of(options.out)
    plan = Plan.of(source, inputs, hashlib.sha256(content).hexdigest(), options.partition_size)
    if options.dry_run:
        from archive.estimate import estimate

        print(estimate(plan, inputs, classifier, options.core_price).as_text())
        return 0
    if options.address is not None:
        from archive.engine import reach

        reach(options.address)
    plan.settle(inputs, out)
    log.info(notice(classifier.contract))
    failed = _answer(options, plan, out, content)
    if failed:
        log.error("%d of %d partitions could not be written (%s): repeat the command", *failed)
        return 2
    from archive.summary import summarise

    plan.tidy(out)
    summary = summarise(plan, out, options.core_price)
    print(summary.table().as_text())
    print(f"report: {out.below('_report.html').path}")
    return 1 if summary.statuses.get("error") else 0


def _answer(options: argparse.Namespace, plan: "Plan", out: "Place", content: bytes) -> tuple[int, int, str] | None:
    """Answer the partitions that are missing; return how many of how many could not be written, and why."""
    numbers, stale = plan.missing(out)
    if not numbers:
        return None
    if len(numbers) < len(plan.files):
        log.info("%d of %d partitions are there: going on", len(plan.files) - len(numbers), len(plan.files))
    from archive.engine import answered, cluster
    from archive.worker import Worker

    files = sum(map(plan.size, numbers))
    jobs = [{"number": number, "file": plan.files[number], "stale": stale.get(number, [])} for number in numbers]
    home = None if options.address else os.environ.get("HOME")
    with cluster(options.address) as cores:
        log.info("%d files in %d partitions, on %d cores", files, len(numbers), cores)
        progress = Progress(files)
        found = progress.counting(answered(Worker, (options.out, content, plan.model, home), jobs, cores))
        reasons = [one["failed"] for one in shown(found, progress.line, EVERY) if one["failed"]]
    return (len(reasons), len(jobs), reasons[0]) if reasons else None


class Progress:
    """Count what passes by, and make a line of it."""

    def __init__(self, files: int) -> None:
        """Begin; so many files are to be answered."""
        self.files, self.done, self.pages, self.errors = files, 0, 0, 0

    def counting(self, found: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield what became of each partition, and count it."""
        for one in found:
            self.done, self.pages = self.done + one["files"], self.pages + one["pages"]
            self.errors += one["errors"]
            yield one

    def line(self, _: int, seconds: float) -> str:
        """Say how far the work is after so many seconds."""
        share = self.done / self.files
        left = timedelta(seconds=round(seconds * (1 / share - 1))) if share else "unknown"
        bar = "#" * round(BAR * share)
        return (
            f"[{bar:{BAR}}] {self.done} of {self.files} files, {self.pages / seconds:.1f} pages a second, "
            f"{self.errors} errors, left: {left}"
        )
