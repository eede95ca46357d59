"""Report: one page to take home, as PDF and as PNG."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from demo_views.answer import meaning
from demo_views.reading import Reading
from demo_views.texts import Words
from edge import Contract
from edge.images.masking import blurred
from edge.prediction import Status

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

A4 = (8.27, 11.69)  # inches
DPI = 150
INK, SOFT, BAR = "#1f2a44", "#5c6675", "#3b5b92"
COLOURS = {Status.OK: "#1b7a43", Status.UNCERTAIN: "#8a5200", Status.REJECTED: "#b3261e"}


def write_report(
    reading: Reading, contract: Contract, model: str, words: Words, folder: Path, *, with_header: bool = False
) -> tuple[Path, Path]:
    """Write a page's answer into a folder as PDF and PNG; return both paths.

    The image's top and bottom are blurred unless `with_header`; its name, which may be a person's, is not written.
    """
    from matplotlib import rc_context

    figure = draw(reading, contract, model, words, with_header=with_header)
    pdf, png = folder / "ecg-report.pdf", folder / "ecg-report.png"
    with rc_context({"pdf.fonttype": 42}):
        figure.savefig(pdf, metadata={"CreationDate": None})
        figure.savefig(png, dpi=DPI)
    return pdf, png


def draw(reading: Reading, contract: Contract, model: str, words: Words, *, with_header: bool = False) -> "Figure":
    """Return the report as a figure of one A4 page."""
    from matplotlib.figure import Figure

    figure = Figure(A4)
    page, overlaid = _pictures(reading, with_header=with_header)
    found, top = reading.prediction, 0.955
    figure.text(0.08, top, words("report_title"), size=17, weight="bold", color=INK)
    figure.text(0.08, top - 0.027, words("warning").strip("*"), size=9.5, weight="bold", color=COLOURS[Status.REJECTED])
    title, text = _said(reading, contract, words)
    figure.text(0.08, top - 0.075, title, size=19, weight="bold", color=COLOURS[found.status])
    figure.text(0.08, top - 0.09, textwrap.fill(text, 105), size=10, va="top", color=INK)
    bars = 0.024 * len(found.probabilities)
    if found.probabilities:
        _bars(figure.add_axes((0.3, top - 0.14 - bars, 0.55, bars)), reading, contract, words)
    at = top - 0.165 - bars
    for picture in [page] if overlaid is page else [page, overlaid]:
        height = min(0.84 * A4[0] / A4[1] * picture.height / picture.width, 0.285)
        axes = figure.add_axes((0.08, at - height, 0.84, height))
        axes.imshow(picture)
        axes.set_axis_off()
        at -= height + 0.012
    notes = [] if overlaid is page else [words("heatmap_note", label=words.label(found.label or ""))]
    notes += [] if with_header else [words("report_masked")]
    notes += [words("report_limits", labels=", ".join(map(words.label, contract.labels)))]
    notes += [words("took", name="ECG", milliseconds=round(1000 * reading.seconds), model=model)]
    lines = [textwrap.fill(note, 115) for note in notes]
    figure.text(0.08, at - 0.004, "\n".join(lines), size=8.5, va="top", color=SOFT, linespacing=1.4)
    return figure


def _pictures(reading: Reading, *, with_header: bool) -> tuple[Image.Image, Image.Image]:
    if reading.page is None:
        raise ValueError("a page that cannot be read has no report")
    page, overlaid = reading.shown() if with_header else reading.over(blurred(reading.page))
    return page, overlaid


def _said(reading: Reading, contract: Contract, words: Words) -> tuple[str, str]:
    title, text = meaning(reading.prediction, contract, words)
    return title[:1].upper() + title[1:], text


def _bars(axes: "Axes", reading: Reading, contract: Contract, words: Words) -> None:
    ranked = sorted(reading.prediction.probabilities.items(), key=lambda item: item[1])
    axes.barh(
        [words.label(label).replace("$", r"\$") for label, _ in ranked], [share for _, share in ranked], color=BAR
    )
    for place, (_, share) in enumerate(ranked):
        axes.text(1.02, place, words.share(share), va="center", size=10, color=INK)
    if contract.confidence_threshold:
        axes.axvline(contract.confidence_threshold, color=INK, linestyle="--", linewidth=1)
        axes.text(
            contract.confidence_threshold, -0.65, words("threshold", share=words.share(contract.confidence_threshold)),
            size=8, ha="center", va="top", color=SOFT,
        )  # fmt: skip
    axes.set(xlim=(0, 1), xticks=[])
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(left=False, labelsize=10)
