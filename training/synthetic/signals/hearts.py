"""A heart and the conditions under which it is recorded, as numbers drawn at random for a class."""

from dataclasses import KW_ONLY, dataclass

import numpy as np

KINDS = {
    "abnormal_heartbeat": (
        "atrial_fibrillation",
        "first_degree_av_block",
        "left_bundle_branch_block",
        "premature_atrial",
        "premature_ventricular",
        "right_bundle_branch_block",
        "sinus_bradycardia",
        "sinus_tachycardia",
    ),
    "history_of_mi": ("old_anterior", "old_inferior", "old_lateral"),
    "myocardial_infarction": ("anterior", "inferior", "lateral"),
    "normal": ("normal",),
}
CLASSES = tuple(KINDS)
LABELS = {kind: label for label, kinds in KINDS.items() for kind in kinds}

# Beats a minute. Tachycardia is over 100 and bradycardia under 60: Surawicz and Knilans, Chou's
# Electrocardiography in Clinical Practice, 6th edition.
RATES = {
    "atrial_fibrillation": (60, 135),
    "first_degree_av_block": (50, 80),
    "premature_atrial": (58, 88),
    "premature_ventricular": (58, 88),
    "sinus_bradycardia": (36, 56),
    "sinus_tachycardia": (106, 150),
}
# Seconds. Blocks: QRS from 0.12 (AHA/ACCF/HRS: Surawicz et al., Circulation 2009;119:e235).
QRS = {
    "left_bundle_branch_block": (0.13, 0.17),
    "right_bundle_branch_block": (0.125, 0.16),
    "old_anterior": (0.095, 0.115),
    "old_inferior": (0.095, 0.115),
    "old_lateral": (0.095, 0.115),
}
ELECTRODES = ("RA", "LA", "LL", "C1", "C2", "C3", "C4", "C5", "C6")
ARTEFACTS = {"none": 0.88, "loose_electrode": 0.1, "swapped_arms": 0.02}  # shares, assumed


@dataclass(frozen=True)
class Heart:
    """Describe one heart and how it is recorded."""

    kind: str
    """A disease or rhythm among those of `KINDS`."""
    _: KW_ONLY
    sex: str = "male"
    """"male" or "female"."""
    age: int = 60
    """Years."""
    rate: float = 72.0
    """Beats a minute."""
    axis: float = 45.0
    """Of the QRS without the disease, degrees: 0 to the left, 90 down."""
    amplitude: float = 1.0
    """Factor of all waves."""
    pr: float = 0.16
    """PR interval, seconds."""
    qrs: float = 0.09
    """Duration of the QRS, seconds."""
    qtc: float = 0.41
    """Corrected QT interval, seconds."""
    severity: float = 1.5
    """From 1: how far the disease goes beyond its criterion."""
    noise: float = 0.0
    """Standard deviation of white noise, millivolt."""
    muscle: float = 0.0
    """Standard deviation of muscle noise, millivolt."""
    mains: float = 0.0
    """Standard deviation of mains hum, millivolt."""
    wander: float = 0.0
    """Amplitude of the wandering baseline, millivolt."""
    artefact: str = "none"
    """A key of `ARTEFACTS`."""
    electrode: str = "RA"
    """One of `ELECTRODES`, where the artefact is."""

    @property
    def label(self) -> str:
        """Return the class of this kind of heart."""
        return LABELS[self.kind]


def draw_heart(label: str, rng: np.random.Generator) -> Heart:
    """Draw a heart of the class `label`, one of `CLASSES`: each kind of it is equally likely.

    Raises KeyError for another label. Ranges of healthy adults: Rijnbeek et al., Journal of
    Electrocardiology 2014;47:914; the QT interval of women is longer.
    """
    kind = KINDS[label][rng.integers(len(KINDS[label]))]
    female = bool(rng.random() < 0.45)
    rate = rng.uniform(*RATES.get(kind, (60, 98)))
    return Heart(
        kind=kind,
        sex="female" if female else "male",
        age=int(rng.integers(32 if label.endswith(("infarction", "mi")) else 20, 90)),
        rate=rate,
        axis=_draw_axis(kind, rng),
        amplitude=rng.uniform(0.65, 1.3),
        pr=_draw_pr(kind, rate, rng),
        qrs=rng.uniform(*QRS.get(kind, (0.08, 0.1))),
        qtc=rng.uniform(0.38, 0.43) + 0.01 * female,
        severity=rng.uniform(1.0, 2.6),
        noise=rng.uniform(0.002, 0.01),
        muscle=rng.uniform(0.004, 0.018) if rng.random() < 0.3 else 0.0,
        mains=rng.uniform(0.002, 0.015) if rng.random() < 0.25 else 0.0,
        wander=rng.uniform(0.0, 0.16),
        artefact=str(rng.choice(list(ARTEFACTS), p=list(ARTEFACTS.values()))),
        electrode=ELECTRODES[rng.integers(len(ELECTRODES))],
    )


def _draw_axis(kind: str, rng: np.random.Generator) -> float:
    """Return degrees: -30 to 90 is normal, left bundle branch block turns it to the left."""
    if kind == "left_bundle_branch_block":
        return rng.uniform(-50, 40)
    return float(np.clip(rng.normal(42, 27), -28, 88))


def _draw_pr(kind: str, rate: float, rng: np.random.Generator) -> float:
    """Return seconds: 0.12 to 0.2 is normal, shorter at high rates; over 0.2 is first-degree AV block."""
    if kind == "first_degree_av_block":
        return rng.uniform(0.225, 0.34)
    return rng.uniform(0.125, 0.195 if rate < 90 else 0.15)
