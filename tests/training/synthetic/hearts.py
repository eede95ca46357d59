"""Hearts and recordings that tests of signals share."""

from dataclasses import replace

import numpy as np

from training.synthetic.signals.ecg import record
from training.synthetic.signals.hearts import KINDS, Heart, draw_heart
from training.synthetic.signals.recording import LEADS, RATE, SECONDS, Recording

ALL_KINDS = tuple(kind for kinds in KINDS.values() for kind in kinds)
CLEAN = {"noise": 0.0, "muscle": 0.0, "mains": 0.0, "wander": 0.0, "artefact": "none"}
SEEDS = range(25)
INFARCTION_LEADS = {"anterior": ("V2", "V3"), "inferior": ("II", "III", "aVF"), "lateral": ("I", "aVL", "V5", "V6")}


def heart_of(kind: str, seed: int, **changes: object) -> Heart:
    """A heart drawn until it is of the kind."""
    label = next(label for label, kinds in KINDS.items() if kind in kinds)
    rng = np.random.default_rng([seed, ALL_KINDS.index(kind)])
    while (heart := draw_heart(label, rng)).kind != kind:
        pass
    return replace(heart, **changes)


def clean(kind: str, seed: int, **changes: object) -> tuple[Heart, Recording, dict[str, np.ndarray]]:
    heart = heart_of(kind, seed, **(CLEAN | changes))
    recording = record(heart, np.random.default_rng(seed))
    return heart, recording, dict(zip(LEADS, recording.leads, strict=True))


def whole_beats(recording: Recording) -> list[int]:
    """The samples at which those QRS begin that have a second of signal on either side."""
    return [round(onset * RATE) for onset in recording.parameters["onsets"] if 1 < onset < SECONDS - 1]


def qrs_of(recording: Recording, first: int) -> tuple[float, float]:
    """Where the QRS at a sample begins and ends, in seconds around it: it is over when no lead is steep for 30 ms."""
    slope = np.abs(np.diff(recording.leads[:, first - 10 : first + 110], axis=1)).max(axis=0) * RATE
    steep = np.flatnonzero(slope > 3.5)  # millivolt a second
    pause = np.flatnonzero(np.diff(steep, append=steep[-1] + 100) > 15)[0]
    return (steep[0] - 10) / RATE, (steep[pause] + 1 - 10) / RATE
