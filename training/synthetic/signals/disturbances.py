"""What recording adds to a heart's signal: noise, wander, mains, muscle, and electrodes that are loose or swapped."""

import numpy as np

from training.synthetic.signals.hearts import ELECTRODES, Heart
from training.synthetic.signals.recording import RATE


def swap(independent: np.ndarray, heart: Heart) -> np.ndarray:
    """Return the independent leads, (8, n), as the electrodes sit: with swapped arms I turns over and II is III."""
    if heart.artefact != "swapped_arms":
        return independent
    one, two = independent[:2]
    return np.concatenate([[-one, two - one], independent[2:]])


def disturbance(heart: Heart, samples: int, rng: np.random.Generator) -> np.ndarray:
    """Draw all that recording adds to the independent leads I, II, V1 to V6, float (8, samples), millivolt."""
    time = np.arange(samples) / RATE
    added = rng.normal(0, heart.noise, (8, samples))
    for low, high in ((0.08, 0.2), (0.2, 0.4)):  # Hz: movement and breathing
        phase = 2 * np.pi * (rng.uniform(low, high) * time + rng.uniform(0, 1, (8, 1)))
        added += heart.wander / 2 * rng.uniform(0, 1, (8, 1)) * np.sin(phase)
    if heart.mains:
        shares = np.sqrt(2) * heart.mains * rng.uniform(0.3, 1.3, (8, 1))
        added += shares * np.sin(2 * np.pi * (50 * time + rng.uniform(0, 1)))
    if heart.muscle:
        knots = np.linspace(0, samples, 12)
        strength = np.interp(np.arange(samples), knots, rng.uniform(0.1, 1.6, knots.size))
        sparks = rng.normal(0, heart.muscle, (8, samples))
        added[:, 1:] += strength[1:] * (sparks[:, 1:] - 0.4 * sparks[:, :-1]) * rng.uniform(0.2, 1.2, (8, 1))
    if heart.artefact == "loose_electrode":
        added += _effect(heart.electrode)[:, np.newaxis] * _loose(samples, rng)
    return added


def _loose(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Return the potential of an electrode that loses contact once or twice, float (samples,), millivolt."""
    potential = np.zeros(samples)
    for _ in range(rng.integers(1, 3)):
        length = int(rng.uniform(0.4, 2.0) * RATE)
        first = int(rng.integers(0, samples - length))
        walk = np.cumsum(rng.normal(0, 1, length)) * np.hanning(length)
        potential[first : first + length] += rng.uniform(0.3, 1.2) * walk / np.abs(walk).max()
    return potential


def _effect(electrode: str) -> np.ndarray:
    """Return what 1 mV at an electrode is in I, II, V1 to V6, (8,).

    I = LA - RA, II = LL - RA, and each chest lead is taken against the mean of the three limbs.
    """
    place = ELECTRODES.index(electrode)
    if place >= 3:
        return np.eye(8)[place - 1]
    limbs = ((-1.0, -1.0), (1.0, 0.0), (0.0, 1.0))[place]
    return np.array([*limbs, *[-1 / 3] * 6])
