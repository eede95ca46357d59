"""A parametric 12-lead ECG: the recording of a heart that is described by numbers."""

from dataclasses import asdict, replace

import numpy as np

from training.synthetic.signals.beats import Beat, healthy_beat, lay
from training.synthetic.signals.diseases import diseased_beat, premature_beat
from training.synthetic.signals.disturbances import disturbance, swap
from training.synthetic.signals.hearts import Heart
from training.synthetic.signals.recording import LEADS, SECONDS, Recording, twelve
from training.synthetic.signals.rhythms import Rhythm, draw_fibrillation, draw_rhythm

RHYTHM_DISEASES = ("atrial_fibrillation", "sinus_bradycardia", "sinus_tachycardia")
ALTERED = 0.05  # millivolt, half a millimetre of paper: the smallest change that is read by eye


def record(heart: Heart, rng: np.random.Generator) -> Recording:
    """Record a heart for ten seconds. The same heart and the same seed give the same floats.

    What differs between hearts of the same numbers (the size of each wave in each lead, the times of the
    beats, the noise) comes from `rng`. `altered` is true where the signal differs by more than 0.05 mV
    from that of the same heart, drawn alike, without the disease: without infarction or block, with a
    PR interval of 0.16 s, with a sinus beat in its time in place of a premature one. In fibrillation,
    tachycardia and bradycardia the rhythm itself is the disease, and every sample is altered. Noise
    alters nothing. `parameters` holds the heart, its label and `onsets`, the seconds of the QRS.
    """
    healthy = healthy_beat(heart, rng)
    rhythm = draw_rhythm(heart, rng)
    diseased = diseased_beat(healthy, heart, rng)
    early = premature_beat(healthy, heart, rng) if rhythm.early.any() else None
    signal = swap(_trace(diseased, early, rhythm), heart)
    altered = np.zeros((len(LEADS), signal.shape[1]), dtype=bool)
    if heart.kind in RHYTHM_DISEASES:
        altered[:] = True
    elif heart.kind != "normal":
        plain = replace(rhythm, onsets=rhythm.regular, early=np.zeros_like(rhythm.early))
        altered = np.abs(twelve(signal - swap(_trace(healthy, None, plain), heart))) > ALTERED
    if heart.kind == "atrial_fibrillation":
        signal = signal + swap(draw_fibrillation(rng), heart)
    leads = twelve(signal + disturbance(heart, signal.shape[1], rng))
    seen = rhythm.onsets[(rhythm.onsets >= 0) & (rhythm.onsets < SECONDS)]
    return Recording(leads, altered, {"label": heart.label, **asdict(heart), "onsets": seen.tolist()})


def _trace(beat: Beat, early: Beat | None, rhythm: Rhythm) -> np.ndarray:
    """Return the independent leads, float (8, 5000), of beats and premature beats in a rhythm."""
    intervals = np.diff(rhythm.onsets, prepend=2 * rhythm.onsets[0] - rhythm.onsets[1])
    kinds = ((beat, ~rhythm.early), (early, rhythm.early))
    return sum(lay(kind, rhythm.onsets[at], intervals[at], rhythm.gains[at]) for kind, at in kinds if kind is not None)
