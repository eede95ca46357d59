"""WFDB records that tests write, and the refusal that a person reads."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from training.errors import DataError
from training.synthetic.signals.ecg import record
from training.synthetic.signals.hearts import Heart
from training.synthetic.signals.recording import LEADS, RATE, SECONDS
from training.synthetic.signals.wfdb_records import Record

HEART = record(Heart("normal", qrs=0.1), np.random.default_rng(1)).leads  # (12, 5000), without noise
TIME = np.arange(HEART.shape[1]) / RATE


def at_rate(rate: float, seconds: float = SECONDS) -> np.ndarray:
    """Twelve smooth leads that hold nothing over 11 Hz, (12, n), the same curve at any rate."""
    time = np.arange(round(seconds * rate)) / rate
    sizes = np.linspace(0.2, 1.5, 12)[:, np.newaxis]
    return sizes * (np.sin(2 * np.pi * 1.3 * time) + 0.4 * np.cos(2 * np.pi * 11 * time + sizes))


def write(
    folder: Path,
    signal: np.ndarray = HEART,
    rate: float = RATE,
    names: tuple[str, ...] = LEADS,
    unit: str = "mV",
    name: str = "one",
    form: str = "24",
) -> Record:
    import wfdb

    folder.mkdir(parents=True, exist_ok=True)
    count = len(names)
    wfdb.wrsamp(name, rate, [unit] * count, list(names), signal.T, fmt=[form] * count, write_dir=str(folder))
    return Record(path=folder / f"{name}.hea", label="normal")


def refusal(call: Callable[[], object]) -> str:
    """What a person reads: one line that names a file and says what to do."""
    with pytest.raises(DataError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert message.count(": ") >= 2
    return message
