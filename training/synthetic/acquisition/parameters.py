"""Acquisitions: what a scanner, a phone, a screen or a stain make of a page, as parameters drawn from a seed."""

from dataclasses import KW_ONLY, dataclass

import numpy as np

STRENGTHS = (1, 2, 3)
FACTORS = {1: 0.5, 2: 1.0, 3: 1.6}
"""How the middle strength's ranges are scaled."""

Ranges = dict[str, tuple[float, float]]

# Ranges of the middle strength. A phone photo's are those that give the medians of real phone photos of ECGs
# (`python -m benchmarks.acquisitions --photos DIR --synthetic DIR` prints both); the others are set by eye.
ACQUISITIONS: dict[str, Ranges] = {
    "clean": {"compression": (5, 25)},
    "scan": {
        "turn": (-0.8, 0.8), "shade": (0.0, 0.06), "cast": (0.0, 0.02), "fade": (0.0, 0.12), "blur": (0.3, 0.7),
        "noise": (1.0, 3.0), "compression": (15, 40),
    },
    "bw": {
        "turn": (-0.8, 0.8), "fade": (0.0, 0.1), "blur": (0.2, 0.5), "noise": (2.0, 6.0), "hardness": (3.0, 7.0),
        "compression": (15, 40),
    },
    "photo": {
        "turn": (-2.6, 2.6), "lean": (-18.0, -6.0), "pan": (-10.0, 10.0), "curl": (-0.012, 0.012),
        "margin": (0.0, 0.02), "shade": (0.05, 0.2), "glare": (0.0, 0.15), "cast": (0.005, 0.035), "dark": (0.0, 0.12),
        "fade": (0.0, 0.04), "blur": (0.1, 0.4), "noise": (5.0, 9.0), "shrink": (0.0, 0.05), "compression": (10, 30),
    },
    "screen": {
        "turn": (-1.5, 1.5), "lean": (2.0, 6.0), "pan": (-4.0, 4.0), "margin": (0.0, 0.02), "shade": (0.05, 0.2),
        "glare": (0.0, 0.2), "cast": (0.03, 0.1), "fade": (0.1, 0.25), "blur": (0.5, 0.9), "noise": (2.0, 5.0),
        "moire": (0.06, 0.16), "shrink": (0.0, 0.2), "compression": (25, 50),
    },
    "stained": {
        "turn": (-0.8, 0.8), "shade": (0.05, 0.15), "cast": (0.02, 0.06), "fade": (0.05, 0.15), "blur": (0.3, 0.7),
        "noise": (1.0, 3.0), "stains": (2.0, 4.0), "creases": (2.0, 4.0), "compression": (15, 40),
    },
}  # fmt: skip


@dataclass(frozen=True)
class Acquisition:
    """Hold the parameters of one acquisition; 0 leaves a thing as it is."""

    kind: str
    """A key of `ACQUISITIONS`."""
    strength: int
    """One of `STRENGTHS`."""
    seed: int
    """Makes what the other parameters leave open."""
    _: KW_ONLY
    turn: float = 0.0
    """Rotation in the image's plane, degrees."""
    lean: float = 0.0
    """Rotation about the horizontal axis, degrees."""
    pan: float = 0.0
    """Rotation about the vertical axis, degrees."""
    curl: float = 0.0
    """The paper's bow, as a share of the height."""
    margin: float = 0.0
    """The background around the page, as a share of the height."""
    shade: float = 0.0
    """Range of the light over the page, as a share."""
    glare: float = 0.0
    """Strength of a reflection."""
    cast: float = 0.0
    """Largest gain or loss of a colour channel."""
    dark: float = 0.0
    """Loss of light, as a share."""
    fade: float = 0.0
    """What the ink has lost of its black, as a share."""
    blur: float = 0.0
    """Standard deviation in pixels of a page 1106 pixels wide."""
    noise: float = 0.0
    """Standard deviation in grey levels."""
    moire: float = 0.0
    """Amplitude of the pattern of a screen."""
    hardness: float = 0.0
    """Steepness of the black-and-white threshold."""
    shrink: float = 0.0
    """Share of its size that a messenger takes away."""
    compression: float = 0.0
    """100 less the JPEG quality."""
    stains: float = 0.0
    """How many."""
    creases: float = 0.0
    """How many."""

    @property
    def moves(self) -> bool:
        """Return whether a pixel lies elsewhere than on the page."""
        return any((self.turn, self.lean, self.pan, self.curl, self.margin))

    @property
    def lights(self) -> bool:
        """Return whether the light changes a pixel."""
        return any((self.shade, self.glare, self.cast, self.dark, self.fade))


def draw_acquisition(kind: str, strength: int, rng: np.random.Generator) -> Acquisition:
    """Draw the parameters of an acquisition of one of `ACQUISITIONS` at one of `STRENGTHS`."""
    values = {name: FACTORS[strength] * rng.uniform(*bounds) for name, bounds in ACQUISITIONS[kind].items()}
    return Acquisition(kind, strength, int(rng.integers(2**32)), **values)
