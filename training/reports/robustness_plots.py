"""The chart of robustness: what a model loses under each change, step by step."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.reports.plots import INK, RIGHT, SOFT, WRONG

COLUMNS = 4
SHARES = {"rejected": WRONG, "uncertain": SOFT}


def robustness_chart(found: dict, axes_names: Mapping[str, str]) -> Figure:
    """Draw macro-F1 with its interval and the shares rejected and uncertain over the steps, a panel for each change.

    `found` is what `training.evaluation.robustness.robustness` returns of a model, `axes_names` says what the
    steps of each change are.
    """
    rows = -(-(len(axes_names) + 1) // COLUMNS)  # one more panel for the legend
    figure = Figure((3.1 * COLUMNS, 2.5 * rows), layout="constrained")
    panels = list(figure.subplots(rows, COLUMNS, sharey=True, squeeze=False).flat)
    level = found["undisturbed"]["macro_f1"]["value"]
    for panel, (name, steps) in zip(panels, axes_names.items(), strict=False):
        lines = [line for line in found["conditions"] if line["change"] == name]
        _draw_change(panel, lines)
        panel.axhline(level, color=RIGHT, linewidth=1.2, linestyle=":", label="macro-F1, undisturbed")
        panel.set(title=name, xlabel=steps, ylim=(0, 1.02))
        panel.set_xlim(-0.5, len(lines) - 0.5)
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelleft=True)
    for panel in panels[len(axes_names) :]:
        panel.axis("off")
    panels[-1].legend(*panels[0].get_legend_handles_labels(), loc="center", frameon=False)
    return figure


def _draw_change(panel: Axes, lines: Sequence[dict]) -> None:
    """Draw the steps of one change side by side: shares as stacked bars, macro-F1 as a line before them."""
    at = np.arange(len(lines))
    below = np.zeros(len(lines))
    for name, colour in SHARES.items():
        share = _values(lines, name, "value")
        panel.bar(at, share, 0.6, below, color=colour, alpha=0.35, label=f"share {name}")
        below += np.nan_to_num(share)
    value, low, high = (_values(lines, "macro_f1", part) for part in ("value", "low", "high"))
    panel.plot(at, value, "o-", color=INK, markersize=4, label="macro-F1, 95 % interval")
    panel.vlines(at, low, high, color=INK, linewidth=1)
    panel.set_xticks(at, [f"{line['step']:g}" for line in lines])


def _values(lines: Sequence[dict], figure: str, part: str) -> np.ndarray:
    """Return a part of a figure at each step, float (steps,), NaN where it is not defined."""
    return np.array([line[figure][part] for line in lines], float)
