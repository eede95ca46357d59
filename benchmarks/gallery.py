"""Make a contact sheet: every disease, layout, look and acquisition of the image generator.

python -m benchmarks.gallery --out FILE
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from training.synthetic.acquisition.camera import acquire
from training.synthetic.acquisition.parameters import ACQUISITIONS, STRENGTHS
from training.synthetic.paper.layout import LAYOUTS, LOOKS, Style
from training.synthetic.paper.printed_page import print_page
from training.synthetic.signals.ecg import record
from training.synthetic.signals.hearts import KINDS, draw_heart
from training.synthetic.signals.recording import Recording

COLUMNS = 6
STRENGTH = {1: "weak", 2: "middle", 3: "strong"}


def recording_of(kind: str, seed: int) -> Recording:
    """Return the recording of a heart of one kind, the first one that the seed gives without an artefact."""
    label = next(label for label, kinds in KINDS.items() if kind in kinds)
    for number in range(10_000):
        rng = np.random.default_rng([seed, number])
        heart = draw_heart(label, rng)
        if heart.kind == kind and heart.artefact == "none":
            return record(heart, rng)
    raise ValueError(kind)


def pictures(seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each picture, uint8 (height, width, 3), with its caption."""

    def printed(kind: str, style: Style) -> np.ndarray:
        return print_page(recording_of(kind, seed), style, np.random.default_rng(seed)).pixels

    for kinds in KINDS.values():
        for kind in kinds:
            yield kind.replace("_", " "), printed(kind, LOOKS["report"])
    for look, style in LOOKS.items():
        yield f"look {look}", printed("normal", style)
    for layout in LAYOUTS:
        yield f"layout {layout}", printed("inferior", replace(LOOKS["pink"], layout=layout))
    yield "50 mm/s, 20 mm/mV", printed("inferior", replace(LOOKS["orange"], layout="3x4", speed=50.0, gain=20.0))
    image = printed("anterior", LOOKS["report"])
    for acquisition in ACQUISITIONS:
        for strength in STRENGTHS:
            picture = acquire(image, acquisition, strength, np.random.default_rng([seed, strength])).pixels
            yield f"acquisition {acquisition}, {STRENGTH[strength]}", picture


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    shown = list(pictures(options.seed))
    rows = -(-len(shown) // COLUMNS)
    figure = Figure((3.3 * COLUMNS, 2.55 * rows), layout="constrained")
    panels = list(figure.subplots(rows, COLUMNS).flat)
    for axes in panels:
        axes.axis("off")
    for axes, (caption, pixels) in zip(panels, shown, strict=False):
        axes.imshow(pixels)
        axes.set_title(caption, fontsize=9)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out, dpi=130, pil_kwargs={"quality": 80, "optimize": True})


if __name__ == "__main__":
    main()
