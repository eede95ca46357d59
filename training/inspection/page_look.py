"""What a page looks like besides its traces: a grid or none, how many rows of traces."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, signal

STROKE = 11  # pixels of the small image: what is thinner is a trace, a letter or a line of the grid
INK = 0.35  # share of the image's darkest ink: darker is a trace or a letter, fainter is grid
GRID = 0.005
"""Mean darkness between the traces from which on a page has a grid.

126 real pages without one have 0.0016 at most, 400 real pages, prints and photos with one 0.0135 at least.
"""
SMOOTH = 6  # rows: less than the distance of two rows of traces, more than a trace is thick
APART = 0.05  # share of the height: rows of traces are further from each other
LEAST, RISE = 0.25, 0.15  # shares of the row with most ink: how much a row has, and has more than between the rows


@dataclass(frozen=True, kw_only=True)
class PageLook:
    """Hold what tells one print from another."""

    grid: float
    """Mean darkness between the traces, 0 to 1; 0 where there is no trace."""
    rows: int
    """Rows of traces."""

    @property
    def has_grid(self) -> bool:
        """Return whether it has a grid."""
        return self.grid >= GRID

    @property
    def name(self) -> str:
        """Return the look in words."""
        return f"{'grid' if self.has_grid else 'no grid'}, {self.rows} row{'s' * (self.rows != 1)} of traces"


def page_look(grey: np.ndarray, ink: np.ndarray, span: tuple[float, float]) -> PageLook:
    """Return the look of a straightened page.

    `grey` is uint8 (height, width); `ink`, the trace alone, float32 of any size; `span` the shares of the height
    where the traces begin and end, NaN where there are none.
    """
    paper = ndimage.grey_closing(grey, (STROKE, STROKE))
    darkness = 1 - (grey + np.float32(1)) / (paper + np.float32(1))
    black = darkness > INK * np.percentile(darkness, 99.5)
    inside = np.zeros(len(grey), bool)
    if not np.isnan(span[0]):
        inside[int(span[0] * len(grey)) : int(np.ceil(span[1] * len(grey)))] = True
    between = inside[:, np.newaxis] & ~ndimage.maximum_filter(black, 3)
    return PageLook(grid=float(darkness[between].mean()) if between.any() else 0.0, rows=_rows(ink))


def _rows(ink: np.ndarray) -> int:
    """Return how many rows the traces stand in."""
    profile = ndimage.gaussian_filter1d(ink.sum(axis=1, dtype=np.float64), SMOOTH)
    most = profile.max()
    if not most:
        return 0
    peaks, _ = signal.find_peaks(profile, LEAST * most, distance=APART * len(profile), prominence=RISE * most)
    return len(peaks)
