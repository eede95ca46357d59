"""Show pictures that look a little like an ECG to an exported model, and count how many it rejects.

    python -m benchmarks.near_misses [--model FILE.onnx] [--pictures DIR]

Six kinds, drawn by matplotlib and so by another generator than the pictures that the in-distribution score is fitted
against: EEG pages, sheet music, stock charts, one large lead, a bedside monitor, bare grid paper. `--pictures` keeps
what was shown, to look at. Without `--model` the shipped model is asked.
"""

import argparse
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from PIL import Image
from scipy.ndimage import gaussian_filter1d

from edge import Classifier
from edge.images.page import open_page
from edge.shipped import shipped_model
from training.synthetic.signals.ecg import record
from training.synthetic.signals.hearts import CLASSES, draw_heart

EACH = 10
PAPERS = (("#f7c9c9", "#eda0a0"), ("#cfe0f5", "#9dbde6"), ("#d8d8d8", "#b0b0b0"), ("#f6dcc0", "#e9b98a"))


def eeg(axes: Axes, rng: np.random.Generator) -> None:
    """Draw eighteen to twenty-two channels of slow and fast waves."""
    count, t = int(rng.integers(18, 23)), np.arange(2500) / 250
    for channel in range(count):
        alpha = np.sin(2 * np.pi * rng.uniform(8, 12) * t + rng.uniform(0, 6))
        wave = gaussian_filter1d(rng.normal(size=t.size), rng.uniform(2, 8))
        wave = wave / wave.std() + alpha * rng.uniform(0, 1.5)
        axes.plot(t, 0.15 * wave - channel, color="black", linewidth=0.6)
        axes.text(-0.35, -channel, f"Fp{channel + 1}-A{channel % 2 + 1}", fontsize=6)
    for second in range(11):
        axes.axvline(second, color="#bbbbbb", linewidth=0.5)


def music(axes: Axes, rng: np.random.Generator) -> None:
    """Draw six staves of notes with stems and bar lines."""
    for top in range(0, 60, 10):
        for line in range(5):
            axes.axhline(-top - line, color="black", linewidth=0.7)
        x = 2.0
        while x < 98:
            y = -top - rng.uniform(-0.5, 4.5)
            axes.add_patch(Ellipse((x, y), 1.3, 0.9, angle=20, color="black"))
            axes.plot([x + 0.6] * 2, [y, y + 3.2], color="black", linewidth=0.9)
            x += float(rng.choice([2.2, 3.3, 4.4]))
        for bar in (0, 25, 50, 75, 100):
            axes.plot([bar] * 2, [-top, -top - 4], color="black", linewidth=1)
    axes.set(xlim=(-1, 101), ylim=(-56, 4))


def stock(axes: Axes, rng: np.random.Generator) -> None:
    """Draw the candles of a hundred days with two moving averages."""
    close = 100 + np.cumsum(rng.normal(size=100))
    start = np.append(100, close[:-1])
    colours = np.where(close > start, "#1b7a43", "#b3261e")
    axes.vlines(np.arange(100), np.minimum(start, close) - 0.7, np.maximum(start, close) + 0.7, colours, linewidth=0.8)
    axes.bar(np.arange(100), close - start, bottom=start, color=colours, width=0.7)
    for width in (5, 20):
        axes.plot(gaussian_filter1d(close, width), linewidth=1)
    axes.grid(color="#dddddd")
    axes.axis("on")


def _ecg_grid(axes: Axes, rng: np.random.Generator, across: float, down: float, step: float = 1.0) -> None:
    thin, strong = PAPERS[rng.integers(len(PAPERS))]
    for every, colour, width in ((step, thin, 0.3), (5 * step, strong, 0.8)):
        axes.vlines(np.arange(0, across + 1e-6, every), 0, down, colour, linewidth=width)
        axes.hlines(np.arange(0, down + 1e-6, every), 0, across, colour, linewidth=width)


def _lead(rng: np.random.Generator, lead: int) -> np.ndarray:
    """Return a lead of a synthetic heart, millivolt, 500 Hz, float (5000,)."""
    return record(draw_heart(str(rng.choice(CLASSES)), rng), rng).leads[lead]


def large_lead(axes: Axes, rng: np.random.Generator) -> None:
    """Draw two seconds of one lead over the whole page."""
    _ecg_grid(axes, rng, 50, 34)
    volts = _lead(rng, int(rng.integers(12)))[:1000]
    axes.plot(np.arange(1000) / 20, 17 + 12 * volts / np.abs(volts).max(), color="black", linewidth=1.6)


def monitor(axes: Axes, rng: np.random.Generator) -> None:
    """Draw a dark screen: an ECG lead, a pulse wave, breathing, and large numbers."""
    axes.figure.set_facecolor("black")
    t = np.arange(2500) / 500
    for row, (colour, wave) in enumerate(
        (
            ("#30e060", _lead(rng, 1)[:2500]),
            ("#30c0ff", np.abs(np.sin(np.pi * 1.2 * t)) ** 3),
            ("#ffe040", np.sin(2 * np.pi * 0.25 * t)),
        )
    ):
        axes.plot(t, wave / np.abs(wave).max() - 2.6 * row, color=colour, linewidth=1.2)
        axes.text(5.3, -2.6 * row - 0.3, f"{rng.integers(12, 140)}", color=colour, fontsize=34)
    axes.set(xlim=(0, 6.6))


def bare_grid(axes: Axes, rng: np.random.Generator) -> None:
    """Draw empty paper with grid, at some size of the squares."""
    _ecg_grid(axes, rng, 250, 170, float(rng.choice([1.0, 2.0, 3.0])))


KINDS: tuple[Callable[[Axes, np.random.Generator], None], ...] = (eeg, music, stock, large_lead, monitor, bare_grid)


def picture(kind: Callable[[Axes, np.random.Generator], None], number: int) -> Image.Image:
    """Return picture `number` of a kind, RGB, 1100x770 pixels."""
    figure = Figure((10, 7), dpi=110)
    axes = figure.add_axes((0.02, 0.02, 0.96, 0.96))
    axes.axis("off")
    kind(axes, np.random.default_rng([KINDS.index(kind), number, 5]))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", facecolor=figure.get_facecolor())
    return open_page(buffer)


def rejected(classifier: Classifier, folder: Path | None = None) -> dict[str, int]:
    """Return how many of the `EACH` pictures of each kind are rejected; keep them in a folder if one is given."""
    counts = {}
    for kind in KINDS:
        counts[kind.__name__] = 0
        for number in range(EACH):
            file = io.BytesIO()
            picture(kind, number).save(file, format="png")
            counts[kind.__name__] += classifier.predict(file).status == "rejected"
            if folder:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / f"{kind.__name__}-{number}.png").write_bytes(file.getvalue())
    return counts


def main() -> None:
    """Print one line a kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path)
    parser.add_argument("--pictures", type=Path)
    options = parser.parse_args()
    counts = rejected(Classifier(options.model or shipped_model()), options.pictures)
    for kind, hits in counts.items():
        print(f"{kind.replace('_', ' '):20s} rejected {hits:2d} of {EACH}")
    print(f"{'all':20s} rejected {sum(counts.values()):2d} of {EACH * len(KINDS)}")


if __name__ == "__main__":
    main()
