"""The waves of one beat: their form, their size in each lead of a healthy heart, and how beats make a trace.

Sizes and times are those of textbooks (Surawicz and Knilans, Chou's Electrocardiography in Clinical
Practice, 6th edition) and of healthy adults (Rijnbeek et al., Journal of Electrocardiology 2014;47:914).
"""

from dataclasses import dataclass

import numpy as np

from training.synthetic.signals.hearts import Heart
from training.synthetic.signals.recording import RATE, SECONDS

# The two atria; the septum, the free walls and the base of the ventricles; a notch; recovery.
WAVES = ("P", "P2", "Q", "R", "S", "notch", "ST", "T", "U")
DEPOLARISATION = ("Q", "R", "S", "notch")
BEFORE, AFTER = 0.36, 0.76  # seconds around the onset of the QRS that hold every wave
# Size in V1 to V6, millivolt: R grows from V1 to V5, S shrinks; the septum turns to the right and front.
CHEST = {
    "P": (0.06, 0.07, 0.07, 0.06, 0.05, 0.05),
    "P2": (-0.05, 0.00, 0.03, 0.04, 0.04, 0.04),
    "Q": (0.14, 0.16, 0.10, 0.02, -0.06, -0.08),
    "R": (0.06, 0.35, 0.80, 1.35, 1.30, 1.00),
    "S": (-0.85, -1.25, -0.95, -0.50, -0.22, -0.08),
    "ST": (0.02, 0.06, 0.05, 0.02, 0.00, 0.00),
    "T": (0.00, 0.36, 0.42, 0.40, 0.32, 0.23),
    "U": (0.00, 0.03, 0.03, 0.02, 0.01, 0.00),
}


@dataclass(frozen=True)
class Beat:
    """Hold the waves of one kind of beat, as many as there are rows."""

    corners: np.ndarray
    """float (waves, 4), seconds after the onset of the QRS at an interval of 1 s: a wave leaves zero at the first,
    is full from the second to the third and gone at the fourth."""
    sizes: np.ndarray
    """float (8, waves), millivolt in I, II, V1 to V6."""
    j_point: float
    """Seconds after the onset: what is later is recovery and moves with the interval."""


def limb(magnitude: float, degrees: float) -> np.ndarray:
    """Return I and II, (2,), of a vector in the frontal plane; 0 degrees is to the left, 90 is down."""
    return magnitude * np.cos(np.radians(degrees - np.array([0.0, 60.0])))


def along(sizes: np.ndarray, degrees: float) -> float:
    """Return how far the frontal vector whose I and II open `sizes` goes in a direction of the frontal plane."""
    one, two = sizes[:2]
    down = (two - one / 2) * 2 / np.sqrt(3)
    return float(one * np.cos(np.radians(degrees)) + down * np.sin(np.radians(degrees)))


def healthy_beat(heart: Heart, rng: np.random.Generator) -> Beat:
    """Return the beat of this heart as if it were healthy; `rng` draws what is its own, 8 x 9 sizes."""
    spread = rng.uniform(0.8, 1.2, (len(WAVES), 6))
    sizes = np.zeros((8, len(WAVES)))
    # The transition from S to R lies between V2 and V5: read the table a little to the left or right.
    places = np.clip(np.arange(6) + rng.normal(0, 0.45), 0, 5)
    for wave, row in CHEST.items():
        read = places if wave in ("R", "S") else np.arange(6)
        sizes[2:, WAVES.index(wave)] = np.interp(read, np.arange(6), row) * spread[WAVES.index(wave)]
    sizes[2:, WAVES.index("T")] += rng.normal(0, (0.08, 0.05, 0.04, 0.04, 0.03, 0.03))
    if heart.sex == "female":  # smaller ST and T in front: the reason for their lower threshold
        sizes[2:6, WAVES.index("T")] *= 0.8
        sizes[2:6, WAVES.index("ST")] *= 0.5
    _set_limbs(sizes, heart.axis, rng)
    sizes[:, WAVES.index("notch")] = rng.normal(0, 0.05, 8)
    sizes *= heart.amplitude
    pr = heart.pr if heart.pr <= 0.2 else 0.16
    qrs = min(heart.qrs, 0.1)
    return Beat(corners(pr, qrs, heart.qtc), sizes, qrs)


def _set_limbs(sizes: np.ndarray, axis: float, rng: np.random.Generator) -> None:
    """Write I and II: each wave is a vector in the frontal plane, and that of the QRS as a whole has the axis."""
    turn = rng.normal(0, 10, 6)
    septum = limb(rng.uniform(0.03, 0.14), axis + 140 + 2 * turn[0])
    base = limb(rng.uniform(0.05, 0.3), axis + 180 + rng.choice([-60, 60]) + 2 * turn[1])
    whole = rng.uniform(0.7, 1.3) * limb(1, axis)
    sizes[:2, WAVES.index("Q")], sizes[:2, WAVES.index("S")] = septum, base
    sizes[:2, WAVES.index("R")] = whole - septum - base
    t_axis = 42 + 0.4 * (axis - 42) + turn[2]
    sizes[:2, WAVES.index("T")] = limb(rng.uniform(0.2, 0.38), t_axis)
    sizes[:2, WAVES.index("ST")] = limb(rng.uniform(0, 0.03), t_axis)
    sizes[:2, WAVES.index("P")] = limb(rng.uniform(0.06, 0.12), 60 + turn[3])
    sizes[:2, WAVES.index("P2")] = limb(rng.uniform(0.04, 0.08), 40 + turn[4])
    sizes[:2, WAVES.index("U")] = limb(0.015, 50 + turn[5])


def corners(pr: float, qrs: float, qt: float) -> np.ndarray:
    """Return the corners of `WAVES`, (9, 4), of intervals in seconds. T falls faster than it rises."""
    peak = qrs + 0.68 * (qt - qrs)
    return np.array(
        [
            (-pr, 0.042 - pr, 0.045 - pr, 0.085 - pr),
            (0.03 - pr, 0.066 - pr, 0.069 - pr, 0.108 - pr),
            (0.0, 0.2 * qrs, 0.2 * qrs, 0.42 * qrs),
            (0.14 * qrs, 0.42 * qrs, 0.42 * qrs, 0.72 * qrs),
            (0.4 * qrs, 0.66 * qrs, 0.66 * qrs, qrs),
            (0.55 * qrs, 0.7 * qrs, 0.7 * qrs, 0.85 * qrs),
            (0.7 * qrs, qrs, qrs + 0.02, peak),
            (qrs + 0.2 * (qt - qrs), peak, peak, qt),
            (qt - 0.01, qt + 0.06, qt + 0.07, qt + 0.17),
        ]
    )


def lay(beat: Beat, onsets: np.ndarray, intervals: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """Return the trace of beats, float (8, 5000), millivolt in I, II, V1 to V6.

    `onsets` of the QRS, the `intervals` before them, seconds, and the `gains` of the QRS, which
    breathing changes: float (beats,) each. Recovery follows the interval after Fridericia (cube root).
    """
    length, span = int(SECONDS * RATE), int((BEFORE + AFTER) * RATE)
    trace = np.zeros((8, length + 2 * span))
    inside = (onsets > -AFTER) & (onsets < SECONDS + BEFORE)
    onsets, intervals, gains = onsets[inside], intervals[inside], gains[inside]
    first = np.ceil((onsets - BEFORE) * RATE).astype(int)
    time = (first[:, np.newaxis] + np.arange(span)) / RATE - onsets[:, np.newaxis]  # (beats, span)
    later = np.maximum(beat.corners - beat.j_point, 0)
    moved = beat.corners + later * (np.cbrt(intervals)[:, np.newaxis, np.newaxis] - 1)  # (beats, waves, 4)
    start, full, leave, end = (moved[..., corner, np.newaxis] for corner in range(4))
    # In place: these are the largest arrays of a recording, (beats, waves, span).
    ramp = (time[:, np.newaxis] - start) * (1 / (full - start))
    fall = (end - time[:, np.newaxis]) * (1 / (end - leave))
    np.minimum(ramp, fall, out=ramp)
    np.clip(ramp, 0, 1, out=ramp)
    np.multiply(ramp, -2, out=fall)
    fall += 3
    fall *= ramp
    fall *= ramp  # ramp ** 2 * (3 - 2 * ramp): smooth at every corner
    sizes = np.repeat(beat.sizes[np.newaxis], onsets.size, axis=0)
    sizes[:, :, [WAVES.index(wave) for wave in DEPOLARISATION]] *= gains[:, np.newaxis, np.newaxis]
    for number, part in enumerate(sizes @ fall):
        trace[:, first[number] + span : first[number] + 2 * span] += part
    return trace[:, span : span + length]
