"""A parametric 12-lead ECG: waves as bell curves in time, with an amplitude in each independent lead.

Shapes and times are those of textbooks: Surawicz and Knilans, Chou's Electrocardiography in Clinical
Practice, 6th edition. The criteria of infarction are those of the Fourth Universal Definition
(Thygesen et al., Circulation 2018;138:e618): ST elevation of at least 0.1 mV at the J point, 0.2 mV in
V2 and V3; old infarction by Q waves of at least 0.03 s and 0.1 mV.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

RATE = 500  # samples a second
SECONDS = 10.0
LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")

# Amplitudes in millivolt of a normal beat in the eight independent leads I, II, V1 to V6.
AMPLITUDE = {
    "P": (0.08, 0.12, 0.05, 0.06, 0.06, 0.06, 0.06, 0.06),
    "Q": (-0.04, -0.06, 0.00, 0.00, 0.00, -0.03, -0.06, -0.07),
    "R": (0.55, 0.90, 0.20, 0.40, 0.80, 1.40, 1.30, 1.00),
    "S": (-0.10, -0.15, -0.90, -1.20, -0.80, -0.40, -0.15, -0.08),
    "ST": (0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00),
    "T": (0.18, 0.28, -0.05, 0.30, 0.36, 0.36, 0.30, 0.22),
}
CENTRE = {"P": -0.16, "Q": -0.028, "R": 0.0, "S": 0.03, "T": 0.27}  # seconds after the R peak
WIDTH = {"P": 0.022, "Q": 0.009, "R": 0.012, "S": 0.012, "T": 0.05}  # standard deviation, seconds

# Share of a change in each independent lead; the limb leads give the reciprocal change by themselves.
TERRITORY = {
    "anterior": (0.1, -0.1, 0.6, 1.0, 1.0, 0.8, 0.2, 0.0),
    "inferior": (-0.4, 0.6, -0.2, -0.3, -0.1, 0.0, 0.0, 0.1),
    "lateral": (0.7, -0.1, -0.2, -0.2, 0.0, 0.3, 0.9, 1.0),
}


@dataclass(frozen=True)
class Beat:
    """Describe one kind of beat: `amplitude` in millivolt by wave, (8,) each; times in seconds."""

    amplitude: dict[str, np.ndarray]
    centre: dict[str, float]
    width: dict[str, float]


def normal(rng: np.random.Generator) -> np.ndarray:
    """Return sinus rhythm, float (12, 5000), millivolt at 500 Hz."""
    return _finish(_rhythm(_beat(rng), _sinus(rng, rng.uniform(58, 98))), rng)


def myocardial_infarction(rng: np.random.Generator) -> np.ndarray:
    """Return an acute infarction of one territory: ST elevation with a tall T, reciprocal depression."""
    beat, share = _beat(rng), _territory(rng)
    beat.amplitude["ST"] += rng.uniform(0.25, 0.5) * share
    beat.amplitude["T"] += rng.uniform(0.1, 0.4) * share
    return _finish(_rhythm(beat, _sinus(rng, rng.uniform(60, 110))), rng)


def history_of_mi(rng: np.random.Generator) -> np.ndarray:
    """Return an old infarction of one territory: wide Q waves, lost R, inverted T."""
    beat, share = _beat(rng), np.clip(_territory(rng), 0, None)
    beat.amplitude["Q"] -= rng.uniform(0.3, 0.7) * share
    beat.amplitude["R"] *= 1 - rng.uniform(0.5, 0.85) * np.clip(share, 0, 1)
    beat.amplitude["T"] -= rng.uniform(0.5, 0.9) * share
    beat.centre["Q"], beat.width["Q"] = -0.035, 0.016
    return _finish(_rhythm(beat, _sinus(rng, rng.uniform(55, 95))), rng)


def abnormal_heartbeat(rng: np.random.Generator) -> np.ndarray:
    """Return one abnormal rhythm or conduction, each as likely."""
    kinds = (
        _fibrillation,
        _premature_beats,
        _left_bundle_branch_block,
        _first_degree_block,
        _tachycardia,
        _bradycardia,
    )
    return _finish(kinds[rng.integers(len(kinds))](rng), rng)


CLASSES: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    function.__name__: function for function in (normal, myocardial_infarction, history_of_mi, abnormal_heartbeat)
}


def _beat(rng: np.random.Generator) -> Beat:
    """Return a normal beat of some person: amplitudes vary by lead and as a whole."""
    size = rng.uniform(0.8, 1.25)
    amplitude = {wave: size * np.array(row) * rng.uniform(0.8, 1.2, 8) for wave, row in AMPLITUDE.items()}
    return Beat(amplitude, dict(CENTRE), dict(WIDTH))


def _territory(rng: np.random.Generator) -> np.ndarray:
    names = sorted(TERRITORY)
    return np.array(TERRITORY[names[rng.integers(len(names))]])


def _sinus(rng: np.random.Generator, rate: float) -> np.ndarray:
    """Return the times of R peaks in seconds at a rate in beats a minute, with some variability."""
    intervals = 60 / rate * (1 + rng.normal(0, 0.02, int(SECONDS * rate / 60) + 4))
    return np.cumsum(intervals) - rng.uniform(0.5, 1.5) * 60 / rate


def _rhythm(beat: Beat, peaks: np.ndarray, others: dict[int, Beat] | None = None) -> np.ndarray:
    """Return the independent leads, float (8, 5000), of beats at the given times; `others` by their number."""
    time = np.arange(int(SECONDS * RATE)) / RATE
    leads = np.zeros((8, time.size))
    for number, peak in enumerate(peaks):
        kind = (others or {}).get(number, beat)
        # Bazett: the T wave comes later after a longer interval.
        stretch = np.sqrt(peaks[number] - peaks[number - 1]) if number else np.sqrt(peaks[1] - peaks[0])
        after = time - peak
        for wave, centre in kind.centre.items():
            centre = centre * stretch if wave == "T" else centre
            leads += kind.amplitude[wave][:, np.newaxis] * np.exp(-(((after - centre) / kind.width[wave]) ** 2) / 2)
        j_point, end = kind.centre["S"] + 0.03, kind.centre["T"] * stretch
        plateau = (1 + np.tanh((after - j_point) / 0.016)) * (1 - np.tanh((after - end) / 0.06)) / 4
        leads += kind.amplitude["ST"][:, np.newaxis] * plateau
    return leads


def _fibrillation(rng: np.random.Generator) -> np.ndarray:
    """Return atrial fibrillation: irregular intervals, no P waves, fibrillatory waves of 5 to 8 Hz."""
    beat = _beat(rng)
    beat.amplitude["P"] *= 0
    peaks = np.cumsum(rng.uniform(0.38, 1.05, 28)) - 0.5
    time = np.arange(int(SECONDS * RATE)) / RATE
    phase = np.cumsum(2 * np.pi * (rng.uniform(5, 8) + rng.normal(0, 8, time.size)) / RATE)
    share = np.array([0.5, 1, 1.5, 1, 0.6, 0.4, 0.4, 0.4])
    return _rhythm(beat, peaks[peaks < SECONDS + 1]) + 0.05 * share[:, np.newaxis] * np.sin(phase)


def _premature_beats(rng: np.random.Generator) -> np.ndarray:
    """Return sinus rhythm with premature ventricular beats: early, wide, T against the QRS, then a pause."""
    beat, peaks = _beat(rng), _sinus(rng, rng.uniform(60, 90))
    wide = _beat(rng)
    wide.amplitude.update(P=np.zeros(8), R=1.4 * wide.amplitude["R"], T=-1.2 * np.abs(wide.amplitude["T"]))
    wide.width.update(R=0.035, S=0.03, Q=0.02, T=0.07)
    every = int(rng.integers(2, 5))
    early = dict.fromkeys(range(1, len(peaks), every), wide)
    peaks[list(early)] -= 0.3 * np.median(np.diff(peaks))
    return _rhythm(beat, peaks, early)


def _left_bundle_branch_block(rng: np.random.Generator) -> np.ndarray:
    """Return left bundle branch block: QRS over 0.12 s, deep S in V1 to V3, broad R and opposite T in I, V5, V6."""
    beat = _beat(rng)
    beat.amplitude.update(
        Q=np.zeros(8),
        R=beat.amplitude["R"] * (1.1, 0.8, 0.3, 0.3, 0.3, 0.7, 1.0, 1.1),
        S=beat.amplitude["S"] * (0, 1, 1.6, 1.6, 1.8, 1, 0, 0),
        T=np.array([-0.2, -0.05, 0.35, 0.45, 0.4, 0.1, -0.25, -0.3]),
    )
    beat.width.update(R=0.032, S=0.03)
    return _rhythm(beat, _sinus(rng, rng.uniform(60, 95)))


def _first_degree_block(rng: np.random.Generator) -> np.ndarray:
    """Return first-degree AV block: a PR interval over 0.2 s."""
    beat = _beat(rng)
    beat.centre["P"] = -rng.uniform(0.26, 0.36)
    return _rhythm(beat, _sinus(rng, rng.uniform(55, 80)))


def _tachycardia(rng: np.random.Generator) -> np.ndarray:
    """Return sinus tachycardia: over 100 beats a minute."""
    return _rhythm(_beat(rng), _sinus(rng, rng.uniform(115, 150)))


def _bradycardia(rng: np.random.Generator) -> np.ndarray:
    """Return sinus bradycardia: under 60 beats a minute."""
    return _rhythm(_beat(rng), _sinus(rng, rng.uniform(36, 48)))


def _finish(independent: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add wander and noise, and derive the twelve leads, float (12, 5000), after Einthoven and Goldberger."""
    time = np.arange(independent.shape[1]) / RATE
    wander = rng.uniform(0, 0.05, (8, 1)) * np.sin(
        2 * np.pi * (rng.uniform(0.1, 0.4) * time + rng.uniform(0, 1, (8, 1)))
    )
    one, two, *chest = independent + wander + rng.normal(0, rng.uniform(0.004, 0.012), independent.shape)
    return np.array([one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2, *chest])
