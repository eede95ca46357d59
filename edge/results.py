"""Results: predictions as text, JSON, JSON Lines or CSV, and the journal by which an interrupted run goes on."""

import csv
import json
import logging
import os
import re
from collections.abc import Iterable, Iterator
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


class Journal:
    """Keep the answers of a run in a file beside its results until these are whole.

    Each line is a prediction as JSON, with what changes when its file does. What an interrupted run has answered is
    `kept`: the cut last line is dropped, and the pages of a last file that holds several, for it may not be through.
    While a run writes, another one is refused.
    """

    def __init__(self, out: Path, key: str) -> None:
        """Read what is there; `key` tells apart what does not go together, another model above all.

        Raises `UsageError` where another run writes to `out`. A journal that cannot be read is set aside.
        """
        self._opened: dict[str, Signature] = {}
        out = out.resolve()
        self.path = out.with_name(f".unfinished-{key}-{short(out.name)}")
        self._file = self._locked()
        lines = [line for line in self._file.read().splitlines(keepends=True) if line.endswith(b"\n")]
        try:
            records = [json.loads(line) for line in lines]
            self._signatures: list[Signature] = [record.pop("file", None) for record in records]
            self.kept = [Prediction.from_record(record) for record in records]
        except (ValueError, TypeError, KeyError, AttributeError):
            aside = out.with_name(f".damaged-{key}-{short(out.name)}")
            self.path.replace(aside)
            log.warning("%s: cannot be read and is set aside: all images are answered again", aside)
            self._file, self.kept, self._signatures, lines = self._locked(), [], [], []
        self._sizes = list(map(len, lines))
        if self.kept and self.kept[-1].page is not None:
            self._keep(next(k for k, one in enumerate(self.kept) if one.image == self.kept[-1].image))

    def answered(self, names: list[str]) -> int:
        """Return how many of the named files are answered; raise `UsageError` where they are others.

        What comes after a file that was changed or replaced since counts as not answered.
        """
        done = [found.image for found in self.kept if found.page in (None, 1)]
        if done != names[: len(done)]:
            raise UsageError(
                f"{self.path}: is of an interrupted run on other images: repeat that command, or delete this file"
            )
        for place, (found, then) in enumerate(zip(self.kept, self._signatures, strict=True)):
            if then is None or then != signature(found.image):
                log.info("%s: was changed since its answer: going on from there", found.image)
                self._keep(place if found.page is None else place - found.page + 1)
                break
        return sum(found.page in (None, 1) for found in self.kept)

    def opening(self, source: str | Path) -> None:
        """Note what a file is like, before it is opened."""
        self._opened[str(source)] = signature(source)

    def record(self, predictions: Iterable[Prediction]) -> Iterator[Prediction]:
        """Yield predictions once they are written down, with what their files were like when they were opened."""
        self._file.truncate(sum(self._sizes))
        self._file.seek(0, os.SEEK_END)
        for found in predictions:
            line = found.as_record() | {"file": self._opened.get(found.image)}
            self._file.write(f"{json.dumps(line)}\n".encode())
            self._file.flush()
            yield found

    def all(self) -> Iterator[Prediction]:
        """Yield every answer that is written down."""
        self._file.seek(0)
        for line in self._file:
            record = json.loads(line)
            record.pop("file", None)
            yield Prediction.from_record(record)

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

    def _keep(self, count: int) -> None:
        del self.kept[count:], self._signatures[count:], self._sizes[count:]

    def _locked(self) -> BinaryIO:
        """Return the open file; raise `UsageError` where another run holds it."""
        while True:
            file = self.path.open("a+b")
            if not locked(file):
                file.close()
                raise UsageError(f"{self.path}: another run writes there: wait for it, or give another --out")
            # A run that has just ended removes the file: then this one is nowhere.
            if self.path.exists() and os.path.samestat(os.fstat(file.fileno()), self.path.stat()):
                file.seek(0)
                return file
            file.close()
