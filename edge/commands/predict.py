"""One run of `edge predict`: from the sources to the results, and on from where an interrupted run stopped."""

import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from edge.classifier import Classifier
from edge.commands.terminal import NOT_A_DEVICE, SYNTHETIC_MODEL
from edge.errors import UsageError
from edge.files import replacing
from edge.images.pipeline import Ahead
from edge.prediction import Prediction
from edge.results import Journal, write

LONG = 5.0  # seconds between two lines of progress in a log, after which work is long


@dataclass(frozen=True)
class Job:
    """Say what a run answers with, and how its results look."""

    model: Path
    threads: int | None
    form: str
    top_k: int | None
    heatmaps: Path | None
    quiet: bool


def run(job: Job, sources: list[str | Path], out: Path | None, opener: Ahead) -> int:
    """Classify sources, "-" being standard input; return 1 where one of them could not be read."""
    if out is None and sys.stdout is None:
        raise UsageError("standard output is closed: give --out FILE")
    classifier = Classifier(job.model, job.threads)
    if job.heatmaps is not None:
        classifier.require_heatmap()
    if job.form == "text" and not job.quiet:
        print(SYNTHETIC_MODEL if classifier.contract.trained_on.synthetic else NOT_A_DEVICE, file=sys.stderr)
    journal = None if out is None else Journal(out, _key(job))
    kept = [] if journal is None else journal.kept
    done = 0 if journal is None else journal.answered(list(map(str, sources)))
    heatmaps = None
    if job.heatmaps is not None:
        from edge.heatmap import Heatmaps

        heatmaps = Heatmaps(job.heatmaps, {found.heatmap for found in kept if found.heatmap})
    answers = classifier.predict_many(map(_opened, sources[done:]), heatmaps, opener)
    failed = sum(found.status == "error" for found in kept)
    total = len(kept)

    def counted(predictions: Iterable[Prediction]) -> Iterator[Prediction]:
        nonlocal failed, total
        for found in predictions if job.quiet else _shown(predictions, len(sources) - done):
            failed += found.status == "error"
            total += 1
            yield found

    if out is None or journal is None:
        write(counted(answers), sys.stdout, job.form, classifier.contract.labels, job.top_k)
    else:
        try:
            for _ in journal.record(counted(answers)):
                pass
        except KeyboardInterrupt:
            print(f"{total} answers are kept: repeat the command, it goes on", file=sys.stderr)
            raise
        with replacing(out) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as file:
            write(journal.all(), file, job.form, classifier.contract.labels, job.top_k)
        journal.path.unlink()
    if failed:
        print(f"{failed} of {total} pictures could not be read", file=sys.stderr)
    return 1 if failed else 0


def _key(job: Job) -> str:
    """Return what tells a run's journal from that of another model, or of one without heatmaps."""
    import hashlib

    content = hashlib.sha256(job.model.read_bytes())
    content.update(str(job.heatmaps).encode())
    return content.hexdigest()[:8]


def _opened(source: str | Path) -> Path | BytesIO:
    """Return a path, or the picture on standard input."""
    if isinstance(source, Path):
        return source
    if sys.stdin is None:
        raise UsageError("-: standard input is closed: give a file, or a picture to read")
    picture = BytesIO(sys.stdin.buffer.read())
    picture.name = source
    return picture


def _shown(predictions: Iterable[Prediction], sources: int) -> Iterator[Prediction]:
    """Say on stderr how far long work is: on a terminal in place, in a log every few seconds."""
    terminal = sys.stderr.isatty()
    every, end = (0.2, "\r") if terminal else (LONG, "\n")
    last = start = time.monotonic()
    number = 0
    for number, found in enumerate(predictions, start=1):
        yield found
        if (now := time.monotonic()) - last >= every and now - start >= 1:
            last = now
            print(
                f"answered: {number}, of {sources} files, {number / (now - start):.1f} a second",
                end=end,
                file=sys.stderr,
            )
    if terminal and last > start:
        print(file=sys.stderr)
