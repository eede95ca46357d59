"""Results: predictions as text, JSON, JSON Lines or CSV, and the journal by which an interrupted run goes on."""

import csv
import glob
import json
import logging
import os
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from edge.contract import Contract
from edge.errors import UsageError, visible
from edge.files import HEAD, IMAGE_SUFFIXES, head_of, locked, short
from edge.prediction import Prediction

log = logging.getLogger(__name__)

RESULTS = re.compile(
    rb"""\Aimage,page,status,label,|\A\[\]\n|"""
    rb"""\A(\[\n \{\n  |\{)"image": "([^"\\]|\\.)*",\s+("page": \d+,\s+)?"""
    rb""""status": "(ok|uncertain|rejected|error)",\s+"(label|error)": """
)
"""How results begin as CSV, JSON or JSON Lines."""
ANSWER = re.compile(
    rb"""[^\n]+: (rejected: does not look like [^\n]+|(uncertain: )?[^\n]+ \d+\.\d%(, [^\n]+ \d+\.\d%)+|"""
    rb"""[^\n]+ \([^\n]+ \d+\.\d%(, [^\n]+ \d+\.\d%)+\))|"""
    rb"""[^\n]+\.(?i:""" + "|".join(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES)).encode() + rb""")"""
    rb"""(, page \d+)?: (uncertain: )?[^\n]+ \d+\.\d%"""
)
"""A line of text with an answer; one of a single class, as --top-k 1 writes, has the name of an image."""
FAILURE = re.compile(rb"[^\n]+: [^\n]+: [^\n]+")
"""A line of text with an error; among others it is one of ours."""
NOTES = ("in_distribution", "reason", "error", "heatmap")
"""Columns after those of the classes."""
Signature = list[int] | None
"""What changes with a file's bytes: size, times of change, inode; None for a picture that is no file."""


def are_results(path: Path) -> bool:
    """Return whether a file holds results, by its beginning; of text each line is an answer, or an error among them."""
    head = head_of(path)
    if RESULTS.search(head):
        return True
    lines = head.splitlines()
    if len(head) == HEAD:
        lines.pop()  # the last one may be cut
    answers = [ANSWER.fullmatch(line) is not None for line in lines]
    return any(answers) and all(ours or FAILURE.fullmatch(line) for ours, line in zip(answers, lines, strict=True))


def signature(source: str | Path) -> Signature:
    """Return what changes when a file is written or replaced; None for what is no file."""
    try:
        found = Path(source).stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def write(
    predictions: Iterable[Prediction], out: TextIO, form: str, contract: Contract, top_k: int | None = None
) -> None:
    """Write predictions as they come, all but JSON, which is one array; `top_k` shortens text."""
    if form == "json":
        records = [prediction.as_record() for prediction in predictions]
        print(_json(records, out, indent=1), file=out)
        return
    table = csv.writer(out, lineterminator="\n")
    several = ["labels"] if contract.activation == "sigmoid" else []
    if form == "csv":
        classes = [f"probability_{label}" for label in contract.labels]
        table.writerow(["image", "page", "status", "label", "probability", *classes, *NOTES, *several])
    for found in predictions:
        if form == "csv":
            row = [found.probabilities.get(label) for label in contract.labels]
            notes = [getattr(found, name) for name in NOTES] + ["|".join(found.labels or ()) for _ in several]
            table.writerow([found.image, found.page, found.status, found.label, found.probability, *row, *notes])
        elif form == "jsonl":
            print(_json(found.as_record(), out), file=out)
        else:
            print(visible(_in_words(found, top_k)), file=out)
        out.flush()


def _json(record: Any, out: TextIO, indent: int | None = None) -> str:  # noqa: ANN401 - whatever JSON can hold
    """Return a record as JSON, with escapes where `out` cannot write its letters."""
    text = json.dumps(record, ensure_ascii=False, indent=indent)
    try:
        text.encode(out.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(record, indent=indent)
    return text


def _in_words(found: Prediction, top_k: int | None) -> str:
    name = found.image if found.page is None else f"{found.image}, page {found.page}"
    if found.error is not None:
        return found.error
    if found.status == "rejected":
        return f"{name}: rejected: {found.reason}"
    ranked = sorted(found.probabilities.items(), key=lambda item: -item[1])[:top_k]
    shares = ", ".join(f"{name} {share:.1%}" for name, share in ranked)
    if found.labels is not None:
        return f"{name}: {', '.join(found.labels) or 'none of the classes'} ({shares})"
    return f"{name}: uncertain: {shares}" if found.status == "uncertain" else f"{name}: {shares}"


def _is_held(path: Path) -> bool:
    """Return whether another run has locked a journal."""
    try:
        with path.open("rb") as file:
            return not locked(file)
    except OSError:  # it has just ended
        return False


class Journal:
    """Keep the answers of a run in a file beside its results until these are whole.

    Each line is a prediction as JSON, with what changes when its file does. The cut last line of an interrupted run is
    dropped, and so are the pages of a last file that holds several, for it may not be through. Answers are read from
    the file where they are needed, and none stays in memory. While a run writes, another one is refused.
    """

    def __init__(self, out: Path, key: str) -> None:
        """Read what is there; `key` tells apart what does not go together, another model above all.

        Raises `UsageError` where another run writes to `out`. A journal that cannot be read is set aside.
        """
        self._opened: deque[tuple[str, Signature]] = deque()
        self._out = out = out.resolve()
        self.path = out.with_name(f".unfinished-{key}-{short(out.name)}")
        self._file = self._locked()
        self._end = sum(len(line) for line in self._file if line.endswith(b"\n"))
        self.count = 0
        """Answers that are written down."""
        try:
            last: tuple[int, int] | None = None
            for number, (start, found, _) in enumerate(self._records()):
                if found.page == 1:
                    last = start, number
                elif found.page is None:
                    last = None
                self.count = number + 1
            if last is not None:
                self._end, self.count = last
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            aside = out.with_name(f".damaged-{key}-{short(out.name)}")
            self.path.replace(aside)
            log.warning("%s: cannot be read and is set aside: all images are answered again", aside)
            self._file, self._end, self.count = self._locked(), 0, 0

    def answered(self, names: Sequence[str]) -> int:
        """Return how many of the named files are answered; raise `UsageError` where they are others.

        What comes after a file that was changed or replaced since counts as not answered.
        """
        files, changed = 0, None
        for number, (start, found, then) in enumerate(self._records()):
            if found.page not in (None, 1):
                continue
            if files == len(names) or found.image != names[files]:
                raise UsageError(
                    f"{self.path}: is of an interrupted run on other images: repeat that command, or delete this file"
                )
            if changed is None and (then is None or then != signature(found.image)):
                log.info("%s: was changed since its answer: going on from there", found.image)
                changed = files, start, number
            files += 1
        if changed is not None:
            files, self._end, self.count = changed
        return files

    def opening(self, source: str | Path) -> None:
        """Note what a file is like, before it is opened."""
        self._opened.append((str(source), signature(source)))

    def record(self, predictions: Iterable[Prediction]) -> Iterator[Prediction]:
        """Yield predictions once they are written down, with what their files were like when they were opened."""
        self._file.truncate(self._end)
        self._file.seek(0, os.SEEK_END)
        opened: Signature = None
        for found in predictions:
            if self._opened and found.page in (None, 1) and self._opened[0][0] == found.image:
                _, opened = self._opened.popleft()
            line = f"{json.dumps(found.as_record() | {'file': opened})}\n".encode()
            self._file.write(line)
            self._file.flush()
            self._end += len(line)
            self.count += 1
            yield found

    def answers(self) -> Iterator[Prediction]:
        """Yield every answer that is written down."""
        for _, found, _ in self._records():
            yield found

    def remove(self) -> None:
        """Remove the file: the results are whole."""
        self.path.unlink()

    def __enter__(self) -> "Journal":
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let other runs write; an empty file is removed."""
        if self.path.exists() and not self.path.stat().st_size:
            self.path.unlink()
        self._file.close()

    def _records(self) -> Iterator[tuple[int, Prediction, Signature]]:
        """Yield where a line begins, its prediction, and what the file was like."""
        start = 0
        self._file.seek(0)
        while start < self._end:
            line = self._file.readline()
            record = json.loads(line)
            then = record.pop("file", None)
            yield start, Prediction.from_record(record), then
            start += len(line)

    def _locked(self) -> BinaryIO:
        """Return the open file; raise `UsageError` where another run holds it, or one of another model."""
        while True:
            try:
                file = self.path.open("a+b")
            except OSError as error:
                raise OSError(error.errno, error.strerror, str(self._out)) from error
            others = self.path.parent.glob(f".unfinished-*-{glob.escape(short(self._out.name))}")
            if not locked(file) or any(map(_is_held, set(others) - {self.path})):
                file.close()
                raise UsageError(f"{self._out}: another run writes there: wait for it, or give another --out")
            # A run that has just ended removes the file: then this one is nowhere.
            if self.path.exists() and os.path.samestat(os.fstat(file.fileno()), self.path.stat()):
                file.seek(0)
                return file
            file.close()
