"""When beats come: the onsets of the QRS complexes in ten seconds of a rhythm."""

from dataclasses import dataclass

import numpy as np

from training.synthetic.signals.hearts import Heart
from training.synthetic.signals.recording import RATE, SECONDS


@dataclass(frozen=True)
class Rhythm:
    """Hold the beats from before the first second until after the last."""

    onsets: np.ndarray
    """Of the QRS, seconds, float (beats,)."""
    regular: np.ndarray
    """Where they would be were none premature, seconds, float (beats,)."""
    early: np.ndarray
    """Whether a beat is premature, bool (beats,)."""
    gains: np.ndarray
    """Factor of the QRS, which changes with breathing, float (beats,)."""


def draw_rhythm(heart: Heart, rng: np.random.Generator) -> Rhythm:
    """Draw the beats of this heart's rhythm."""
    count = int((SECONDS + 2) * heart.rate / 60 * 1.4) + 6
    breathing = np.sin(2 * np.pi * rng.uniform(0.2, 0.35) * 60 / heart.rate * np.arange(count) + rng.uniform(0, 6))
    if heart.kind == "atrial_fibrillation":
        # Gamma with a variation of 0.23 and a refractory floor: no interval says anything about the next.
        spread = rng.gamma(8, 1 / 8, count)
        intervals = 60 / heart.rate * (0.35 + 0.65 * spread)
    else:
        swing = rng.uniform(0.004, 0.035) if heart.rate < 100 else 0.004
        intervals = 60 / heart.rate * (1 + swing * breathing + rng.normal(0, 0.006, count))
    regular = np.cumsum(intervals) - rng.uniform(1.2, 2.2) * intervals[0] - 0.3
    onsets, early = regular.copy(), np.zeros(count, dtype=bool)
    if heart.kind.startswith("premature"):
        # From every second beat (bigeminy) to one or two in a page.
        step = int(rng.integers(2, 7))
        early[int(rng.integers(3, 5)) :: step] = True
        before = np.flatnonzero(early) - 1
        onsets[early] -= rng.uniform(0.28, 0.42) * np.diff(regular)[before]
        if heart.kind == "premature_ventricular":
            # Never on the T wave of the beat before.
            onsets[early] = np.maximum(onsets[early], onsets[before] + 0.42)
    return Rhythm(onsets, regular, early, 1 + rng.uniform(0, 0.05) * breathing)


def draw_fibrillation(rng: np.random.Generator) -> np.ndarray:
    """Return the waves of fibrillating atria, float (8, 5000) in millivolt: 350 to 550 a minute, largest in V1."""
    time = np.arange(int(SECONDS * RATE)) / RATE
    drift = np.interp(time, np.arange(0, SECONDS + 1, 0.5), rng.normal(0, 1.4, int(2 * SECONDS) + 2))
    phase = 2 * np.pi * np.cumsum(rng.uniform(5.8, 9.2) + drift) / RATE
    size = np.interp(time, np.arange(0, SECONDS + 1, 0.4), rng.uniform(0.4, 1.3, 28)) * rng.uniform(0.02, 0.07)
    shares = np.array([0.4, 0.8, 1.4, 1.0, 0.6, 0.4, 0.35, 0.3])[:, np.newaxis]
    lag = rng.uniform(0, 1.2, (8, 1))
    return shares * size * (np.sin(phase + lag) + 0.35 * np.sin(2 * phase + 2 * lag))
