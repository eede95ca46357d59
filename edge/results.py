"""Results: predictions as text, JSON, JSON Lines or CSV, and the journal by which an interrupted run goes on."""

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from edge.errors import UsageError
from edge.prediction import Prediction


def write(
    predictions: Iterable[Prediction], out: TextIO, form: str, labels: tuple[str, ...], top_k: int | None = None
) -> None:
    """Write predictions as they come, all but JSON, which is one array; `top_k` shortens text."""
    if form == "json":
        records = [prediction.as_record() for prediction in predictions]
        print(json.dumps(records, ensure_ascii=False, indent=1), file=out)
        return
    table = csv.writer(out, lineterminator="\n")
    if form == "csv":
        classes = [f"probability_{label}" for label in labels]
        table.writerow(
            [
                "image",
                "page",
                "status",
                "label",
                "probability",
                *classes,
                "in_distribution",
                "reason",
                "error",
                "heatmap",
            ]
        )
    for found in predictions:
        if form == "csv":
            row = [found.probabilities.get(label) for label in labels]
            notes = (found.in_distribution, found.reason, found.error, found.heatmap)
            table.writerow([found.image, found.page, found.status, found.label, found.probability, *row, *notes])
        elif form == "jsonl":
            print(json.dumps(found.as_record(), ensure_ascii=False), file=out)
        else:
            print(_in_words(found, top_k), file=out)
        out.flush()


def _in_words(found: Prediction, top_k: int | None) -> str:
    name = found.image if found.page is None else f"{found.image}, page {found.page}"
    if found.error is not None:
        return found.error
    if found.status == "rejected":
        return f"{name}: rejected: {found.reason}"
    ranked = sorted(found.probabilities.items(), key=lambda item: -item[1])[:top_k]
    shares = ", ".join(f"{name} {share:.1%}" for name, share in ranked)
    return f"{name}: uncertain: {shares}" if found.status == "uncertain" else f"{name}: {shares}"


class Journal:
    """Keep the answers of a run in a file beside its results until these are whole.

    Each line is a prediction as JSON. What an interrupted run has answered is `kept`: the cut last line
    is dropped, and the pages of a last file that holds several, for it may not be through.
    """

    def __init__(self, out: Path, key: str) -> None:
        """Read what is there; `key` tells apart what does not go together, another model above all."""
        self.path = out.with_name(f".unfinished-{key}-{out.name}")
        lines = self.path.read_bytes().splitlines(keepends=True) if self.path.is_file() else []
        lines = [line for line in lines if line.endswith(b"\n")]
        self.kept = [Prediction.from_record(json.loads(line)) for line in lines]
        if self.kept and self.kept[-1].page is not None:
            last = self.kept[-1].image
            while self.kept and self.kept[-1].image == last:
                self.kept.pop()
        self._end = sum(map(len, lines[: len(self.kept)]))  # bytes of what is kept

    def answered(self, names: list[str]) -> int:
        """Return how many of the named files are answered; raise `UsageError` where they are others."""
        done = [found.image for found in self.kept if found.page in (None, 1)]
        if done != names[: len(done)]:
            raise UsageError(
                f"{self.path}: is of an interrupted run on other images: repeat that command, or delete this file"
            )
        return len(done)

    def record(self, predictions: Iterable[Prediction]) -> Iterator[Prediction]:
        """Yield predictions once they are written down."""
        with self.path.open("a", encoding="utf-8", newline="") as file:
            file.truncate(self._end)
            for found in predictions:
                print(json.dumps(found.as_record(), ensure_ascii=False), file=file, flush=True)
                yield found

    def all(self) -> Iterator[Prediction]:
        """Yield every answer that is written down."""
        with self.path.open(encoding="utf-8") as file:
            for line in file:
                yield Prediction.from_record(json.loads(line))
