"""The history of a run: loss and accuracy of training and validation, epoch by epoch, in `history.csv`."""

import csv
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from edge.files import replacing
from training.errors import RunError


@dataclass(frozen=True, kw_only=True)
class HistoryRow:
    """Hold one epoch."""

    stage: str
    """What was trained: "cnn", "head" or a stage of fine-tuning."""
    epoch: int
    """From 1, in its stage."""
    loss: float
    """Of the training images, with class and sample weights."""
    accuracy: float
    """Of the training images, unweighted."""
    val_loss: float
    """Of the validation images, unweighted; the epoch is chosen by it. NaN where none were held out."""
    val_accuracy: float
    """Of the validation images, unweighted, or NaN."""


def read_history(file: Path) -> list[HistoryRow]:
    """Read `history.csv`; empty where there is no file. Raises `RunError` for one that is damaged."""
    if not file.exists():
        return []
    kinds = {field.name: field.type for field in fields(HistoryRow)}
    try:
        with file.open(newline="") as lines:
            return [
                HistoryRow(**{name: kinds[name](value) for name, value in row.items()}) for row in csv.DictReader(lines)
            ]
    except (ValueError, TypeError, KeyError, csv.Error) as error:
        raise RunError(f"{file}: is damaged ({error}): remove it") from error


def write_history(rows: Sequence[HistoryRow], file: Path) -> None:
    """Write `history.csv` whole."""
    with replacing(file) as unfinished, unfinished.open("w", newline="") as out:
        writer = csv.DictWriter(out, [field.name for field in fields(HistoryRow)])
        writer.writeheader()
        writer.writerows(map(asdict, rows))


def kept_epoch(rows: Sequence[HistoryRow]) -> HistoryRow:
    """Return the epoch with the lowest validation loss, the first of equals; the last where none was measured."""
    known = [row for row in rows if not math.isnan(row.val_loss)]
    return min(known, key=lambda row: row.val_loss) if known else rows[-1]
