"""What diseases do to a beat: infarctions by territory, bundle branch blocks, premature beats.

Infarction: Fourth Universal Definition (Thygesen et al., Circulation 2018;138:e618). Blocks:
AHA/ACCF/HRS recommendations, part III (Surawicz et al., Circulation 2009;119:e235).
"""

from dataclasses import dataclass, replace

import numpy as np

from training.synthetic.signals.beats import WAVES, Beat, along, corners, limb
from training.synthetic.signals.hearts import Heart
from training.synthetic.signals.recording import LEADS, twelve


@dataclass(frozen=True)
class Territory:
    """Describe where an infarction shows."""

    degrees: tuple[float, float]
    """Range of its direction in the frontal plane."""
    frontal: float
    """Its share there."""
    chest: tuple[float, ...]
    """Its shares in V1 to V6."""
    leads: tuple[str, ...]
    """Those that show it in any case."""


# Over 90 degrees III rises above II, as when the right coronary artery is closed. The limb leads give
# the reciprocal changes by themselves: aVL of an inferior, III and aVF of a lateral infarction.
TERRITORIES = {
    "anterior": Territory((-75, -25), 0.3, (0.45, 0.95, 1.0, 0.75, 0.3, 0.05), ("V2", "V3", "V4")),
    "inferior": Territory((95, 112), 1.0, (-0.1, -0.45, -0.4, -0.2, 0.0, 0.1), ("II", "III", "aVF")),
    "lateral": Territory((-30, 0), 1.0, (-0.35, -0.35, -0.1, 0.4, 0.9, 0.95), ("I", "aVL", "V5", "V6")),
}
Q_DEPTH, Q_WIDTH = 0.1, 0.03  # millivolt, seconds: the definition's, in two contiguous leads


def st_threshold(lead: str, sex: str, age: int) -> float:
    """Return the elevation at the J point, millivolt, that with a contiguous lead's is an acute infarction.

    Thygesen et al., Circulation 2018;138:e618, table 2.
    """
    if lead not in ("V2", "V3"):
        return 0.1
    if sex == "female":
        return 0.15
    return 0.2 if age >= 40 else 0.25


def diseased_beat(healthy: Beat, heart: Heart, rng: np.random.Generator) -> Beat:
    """Return what the heart's disease makes of its healthy beat; the beat itself where it alters rhythm alone."""
    if heart.kind in TERRITORIES:
        return _acute(healthy, heart, rng)
    if heart.kind.startswith("old_"):
        return _old(healthy, heart, rng)
    if heart.kind == "left_bundle_branch_block":
        return _left_block(healthy, heart, rng)
    if heart.kind == "right_bundle_branch_block":
        return _right_block(healthy, heart, rng)
    if heart.kind == "first_degree_av_block":
        return replace(healthy, corners=corners(heart.pr, healthy.j_point, heart.qtc))
    if heart.kind == "atrial_fibrillation":
        sizes = healthy.sizes.copy()
        sizes[:, :2] = 0
        return replace(healthy, sizes=sizes)
    return healthy


def premature_beat(healthy: Beat, heart: Heart, rng: np.random.Generator) -> Beat:
    """Return the premature beat: of atrial origin another P wave; of ventricular a wide QRS, T against it."""
    sizes = healthy.sizes.copy()
    if heart.kind == "premature_atrial":
        sizes[:, :2] *= rng.choice([-1.0, 0.5, 1.3]) * rng.uniform(0.8, 1.2, (8, 1))
        return replace(healthy, sizes=sizes, corners=corners(rng.uniform(0.125, 0.15), healthy.j_point, heart.qtc))
    width, qt = rng.uniform(0.135, 0.175), heart.qtc + 0.05
    left = rng.choice([-1.0, 1.0])  # 1: from the left ventricle, positive in V1
    main = np.concatenate([limb(rng.uniform(0.9, 1.6), rng.uniform(-180, 180)), left * np.linspace(1.1, -0.9, 6)])
    main[4] += rng.uniform(-0.8, 0.8)
    main *= heart.amplitude * rng.uniform(0.8, 1.2, 8)
    sizes[:, WAVES.index("P") : WAVES.index("R")] = 0
    for wave, share in {"R": 1.0, "S": 0.55, "notch": 0.1, "ST": -0.1, "T": -0.4, "U": 0.0}.items():
        sizes[:, WAVES.index(wave)] = share * main
    places = corners(heart.pr, width, qt)
    places[WAVES.index("R")] = np.array([0, 0.36, 0.4, 0.7]) * width
    places[WAVES.index("S")] = np.array([0.4, 0.66, 0.7, 1]) * width
    return Beat(places, sizes, width)


def _shares(territory: Territory, degrees: float, rng: np.random.Generator) -> np.ndarray:
    chest = np.array(territory.chest) * rng.uniform(0.85, 1.15, 6)
    return np.concatenate([limb(territory.frontal, degrees), chest])


def _needed(sizes: np.ndarray, shares: np.ndarray, goals: dict[str, float]) -> float:
    """Return how much of the shares, (8,), lifts sizes, (8,), to the goal in every lead named."""
    own, change = twelve(sizes), twelve(shares)
    return max((goal - own[LEADS.index(lead)]) / change[LEADS.index(lead)] for lead, goal in goals.items())


def _lose(sizes: np.ndarray, wave: str, share: float, territory: Territory, degrees: float) -> None:
    """Take a share of a wave's forces towards the territory away, in place."""
    column = sizes[:, WAVES.index(wave)]
    frontal = territory.frontal * max(along(column, degrees), 0.0)
    column[:2] -= share * limb(frontal, degrees)
    column[2:] *= 1 - share * np.clip(territory.chest, 0, 1)


def _acute(healthy: Beat, heart: Heart, rng: np.random.Generator) -> Beat:
    """Raise the J point to its threshold or beyond, and T with it; R may begin to be lost."""
    territory = TERRITORIES[heart.kind]
    degrees = rng.uniform(*territory.degrees)
    shares, sizes, places = _shares(territory, degrees, rng), healthy.sizes.copy(), healthy.corners.copy()
    _lose(sizes, "R", rng.uniform(0, 0.5), territory, degrees)
    _lose(sizes, "S", rng.uniform(0, 0.5), territory, degrees)
    st, t = WAVES.index("ST"), WAVES.index("T")
    sizes[:2, st] = 0  # the direction is the infarction's: III above II is a sign
    goals = {lead: 1.05 * st_threshold(lead, heart.sex, heart.age) for lead in territory.leads}
    extent = heart.severity * _needed(sizes[:, st], shares, goals)
    sizes[:, st] += extent * shares
    sizes[:, t] += extent * rng.uniform(0.1, 0.9) * shares
    # From a slope that runs into T to a dome: the plateau ends between the J point and the peak of T.
    plateau = places[t, 1] - healthy.j_point
    places[t, 0] = healthy.j_point + rng.uniform(0, 0.25) * plateau
    places[st, 2:] = healthy.j_point + np.array([rng.uniform(0.15, 0.8) * plateau, places[t, 3] - healthy.j_point])
    return replace(healthy, sizes=sizes, corners=places)


def _old(healthy: Beat, heart: Heart, rng: np.random.Generator) -> Beat:
    """Write Q waves of at least the definition's width and depth; lose R; invert T more or less."""
    territory = TERRITORIES[heart.kind.removeprefix("old_")]
    degrees = rng.uniform(*territory.degrees)
    shares = _shares(territory, degrees, rng)
    shares[2:] = np.clip(shares[2:], 0, None)
    sizes, qrs = healthy.sizes.copy(), heart.qrs
    q, t = WAVES.index("Q"), WAVES.index("T")
    _lose(sizes, "R", rng.uniform(0.6, 0.95), territory, degrees)
    goals = dict.fromkeys(territory.leads, 1.2 * Q_DEPTH)
    sizes[:, q] -= heart.severity * _needed(-sizes[:, q], shares, goals) * shares
    _lose(sizes, "T", 1.0, territory, degrees)
    sizes[:, t] -= rng.uniform(0.0, 0.3) * shares
    places = corners(heart.pr, qrs, heart.qtc)
    # R waits until Q has lasted: no lead of the territory can turn positive before.
    wait = Q_WIDTH + 0.006
    places[q] = 0, 0.018, 0.024, 0.65 * qrs
    places[WAVES.index("R")] = wait, wait + 0.22 * qrs, wait + 0.22 * qrs, 0.85 * qrs
    return Beat(places, sizes, qrs)


def _left_block(healthy: Beat, heart: Heart, rng: np.random.Generator) -> Beat:
    """Write broad notched R in I, aVL, V5 and V6 without Q, rS or QS in V1 to V3, ST and T against the QRS."""
    sizes, qrs = healthy.sizes.copy(), heart.qrs
    chest = np.array([-1.1, -1.6, -1.5, -0.6, 0.6, 0.95])
    main = heart.amplitude * np.concatenate([limb(0.9, heart.axis), chest]) * rng.uniform(0.85, 1.15, 8)
    sizes[:, WAVES.index("Q")] = heart.amplitude * np.array([0.03, 0.03, 0.1, 0.12, 0.12, 0.05, 0, 0])
    for wave, share in {"R": 0.75, "S": 0.8, "ST": -0.1, "T": -0.25}.items():
        sizes[:, WAVES.index(wave)] = share * main * rng.uniform(0.9, 1.1, 8)
    # Between R and S the notch stays in the leads on the left and is filled on the right.
    sizes[:, WAVES.index("notch")] = main * np.array([0.1, 0.1, 0.42, 0.42, 0.42, 0.3, 0.1, 0.1])
    places = corners(heart.pr, qrs, heart.qtc + 0.04)
    places[WAVES.index("Q")] = np.array([0, 0.1, 0.1, 0.22]) * qrs
    places[WAVES.index("R")] = np.array([0.06, 0.3, 0.33, 0.6]) * qrs
    places[WAVES.index("notch")] = np.array([0.34, 0.49, 0.51, 0.66]) * qrs
    places[WAVES.index("S")] = np.array([0.36, 0.66, 0.7, 1]) * qrs
    return Beat(places, sizes, qrs)


def _right_block(healthy: Beat, heart: Heart, rng: np.random.Generator) -> Beat:
    """Add a late force to the right and front: rsR' in V1, a wide S in I and V6, T inverted in V1."""
    qrs, start = heart.qrs, 0.062
    chest = np.array([0.85, 0.6, 0.1, -0.15, -0.3, -0.32]) * rng.uniform(0.85, 1.15, 6)
    late = heart.amplitude * np.concatenate([limb(rng.uniform(0.25, 0.4), rng.uniform(165, 200)), chest])
    places = corners(heart.pr, qrs, heart.qtc + 0.03)
    early = corners(heart.pr, 0.085, heart.qtc)
    initial = [WAVES.index(wave) for wave in ("Q", "R", "S")]
    places[initial] = early[initial]
    places[WAVES.index("notch")] = start, start + 0.4 * (qrs - start), start + 0.5 * (qrs - start), qrs
    sizes = healthy.sizes.copy()
    sizes[2:4, WAVES.index("S")] *= 0.55  # the late force meets what is left of S
    sizes[:, WAVES.index("notch")] = late
    sizes[:, WAVES.index("T")] -= 0.25 * late
    return Beat(places, sizes, qrs)
