"""Predict: classify ECG images, and go on where an interrupted run stopped."""

import argparse
import contextlib
import logging
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from edge.commands.sources import opened_source, sources_of
from edge.commands.terminal import MODEL, model_of, notice, positive, shown, threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy import ndarray
    from PIL.Image import Image

    from edge.contract import Contract
    from edge.prediction import Prediction
    from edge.results import Journal
    from edge.sheet import Sheet

log = logging.getLogger(__name__)

LONG = 5.0  # seconds between two lines of progress in a log


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="an image, a folder of images, or - for one on standard input"
    )
    parser.add_argument("--model", type=Path, metavar="FILE", help=MODEL)
    parser.add_argument(
        "--format", choices=("text", "json", "jsonl", "csv"), default="text", help="how results are written"
    )
    parser.add_argument("--top-k", type=positive, metavar="N", help="show the N most probable classes, text only")
    parser.add_argument(
        "--threads",
        type=threads,
        metavar="N",
        help="threads that run the model, and that open pages ahead; one a core if not given",
    )
    parser.add_argument("--recursive", action="store_true", help="look into the folders of a folder as well")
    parser.add_argument(
        "--heatmaps", type=Path, metavar="DIR", help="write each answered image with what speaks for and against it"
    )
    parser.add_argument(
        "--sheet", type=Path, metavar="FILE.png", help="write all images with heatmaps and answers into one picture"
    )
    parser.add_argument(
        "--out", "-o", type=Path, metavar="FILE", help="write the results here; an interrupted run then goes on"
    )


def run(options: argparse.Namespace) -> int:
    """Classify the images; return 1 where one of them could not be read."""
    from edge.errors import UsageError

    sources = list(sources_of(options.paths, options.recursive))
    if options.out is not None and options.sheet is not None:
        raise UsageError("--sheet: does not go with --out, whose interrupted runs go on: give one of the two")
    model = model_of(options)
    _check_outputs(options, [model, *(source for source in sources if isinstance(source, Path))])
    from edge.files import is_stream
    from edge.results import Journal

    keeps = options.out is not None and not is_stream(options.out)
    with Journal(options.out, _key(options, model)) if keeps else contextlib.nullcontext() as journal:
        return _answer(options, sources, model, journal)


def _check_outputs(options: argparse.Namespace, reads: list[Path]) -> None:
    """Raise `UsageError` where an output would replace what is read, or what this program did not make."""
    from edge.files import check_output

    if options.out is not None:
        from edge.results import are_results

        check_output(options.out, reads, are_results)
    if options.sheet is not None:
        from edge.sheet import is_sheet

        check_output(options.sheet, reads, is_sheet)


def _answer(options: argparse.Namespace, sources: list[str | Path], model: Path, journal: "Journal | None") -> int:
    """Classify the images, but those that the journal has; return 1 where one of them could not be read."""
    done = 0 if journal is None else journal.answered(list(map(str, sources)))

    def opened(source: str | Path) -> "Path | BinaryIO":
        if journal is not None:
            journal.opening(source)
        return opened_source(source)

    # The first page is opened while onnxruntime is imported and the model loaded.
    from edge.images.pipeline import PagePipeline

    pipeline = PagePipeline(map(opened, sources[done:]), options.threads)
    from edge.classifier import Classifier

    classifier = Classifier(model, options.threads)
    if options.heatmaps is not None or options.sheet is not None:
        classifier.require_heatmap()
    if options.format == "text" or classifier.contract.adopted:
        log.info(notice(classifier.contract))
    tally, drawn = Tally(), set()
    for kept in tally.counting([] if journal is None else journal.answers()):
        drawn.add(kept.heatmap)
    explained, sheet = _explaining(options, drawn, [source for source in sources if isinstance(source, Path)])

    def line(number: int, seconds: float) -> str:
        return f"answered: {number}, of {len(sources) - done} files, {number / seconds:.1f} a second"

    found = tally.counting(shown(classifier.predict_many(pipeline, explained), line, LONG))
    _write(options, found, classifier.contract, journal)
    if sheet is not None:
        sheet.write(options.sheet, classifier.contract)
        log.info("sheet: %s", options.sheet)
    if tally.failed:
        log.error("%d of %d images could not be read", tally.failed, tally.total)
    return 1 if tally.failed else 0


def _write(
    options: argparse.Namespace, found: Iterator["Prediction"], contract: "Contract", journal: "Journal | None"
) -> None:
    """Write predictions as they come to standard output, a device or a pipe; to a file when they are whole."""
    from edge.files import naming, replacing
    from edge.results import write

    if options.out is None:
        write(found, sys.stdout, options.format, contract, options.top_k)
    elif journal is None:
        with (
            naming(options.out),
            options.out.open("w", encoding="utf-8", newline="", errors="backslashreplace") as file,
        ):
            write(found, file, options.format, contract, options.top_k)
    else:
        try:
            for _ in journal.record(found):
                pass
        except KeyboardInterrupt:
            log.error("%d answers are kept: repeat the command, it goes on", journal.count)
            raise
        with (
            replacing(options.out) as unfinished,
            unfinished.open("w", encoding="utf-8", newline="", errors="backslashreplace") as file,
        ):
            write(journal.answers(), file, options.format, contract, options.top_k)
        journal.remove()


class Tally:
    """Count predictions as they pass by."""

    total = 0
    failed = 0

    def counting(self, predictions: Iterable["Prediction"]) -> Iterator["Prediction"]:
        """Yield predictions and count them."""
        for found in predictions:
            self.failed += found.status == "error"
            self.total += 1
            yield found


def _explaining(
    options: argparse.Namespace, drawn: set[str | None], reads: list[Path]
) -> tuple["Callable[[Prediction, Image, ndarray], Prediction] | None", "Sheet | None"]:
    """Return what is done with an answer, its page and its heatmap, None for nothing, and the sheet if one is made.

    `drawn` are the heatmaps of an interrupted run, `reads` the images.
    """
    if options.heatmaps is None and options.sheet is None:
        return None, None
    from edge.heatmap import Heatmaps
    from edge.sheet import Sheet

    heatmaps = None if options.heatmaps is None else Heatmaps(options.heatmaps, drawn, reads)
    sheet = None if options.sheet is None else Sheet()

    def explained(found: "Prediction", page: "Image", heatmap: "ndarray") -> "Prediction":
        if sheet is not None:
            sheet.add(found, page, heatmap)
        return found if heatmaps is None else heatmaps.add(found, page, heatmap)

    return explained, sheet


def _key(options: argparse.Namespace, model: Path) -> str:
    """Return what tells a run's journal from that of another model, or of one without heatmaps."""
    import hashlib

    content = hashlib.sha256(model.read_bytes() if model.is_file() else b"")
    content.update(str(options.heatmaps).encode())
    return content.hexdigest()[:8]
