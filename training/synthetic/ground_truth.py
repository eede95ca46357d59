"""The truth of a synthetic ECG image, as JSON: what made it, where its leads lie, what the disease altered."""

import dataclasses

import numpy as np

from training.synthetic.acquisition.camera import AcquiredImage
from training.synthetic.paper.layout import Style
from training.synthetic.paper.printed_page import PrintedPage, altered_mask
from training.synthetic.signals.recording import LEADS, Recording


def truth(recording: Recording, style: Style, page: PrintedPage, acquired: AcquiredImage) -> dict:
    """Return everything that is known of an image.

    Points are x and y in pixels of the picture, from its upper left corner. A lead's `outline` is its
    box clockwise from the upper left, `baseline` the two ends of its zero line, `altered` the share of its
    shown samples that the disease altered. `mask` is the altered part of the picture as run lengths
    of the flattened rows, the first of them outside (COCO's uncompressed form, but by rows).
    `pixel_per_millimetre` is that of the page before a camera; `homography` is the camera's.
    """
    height, width, _ = page.pixels.shape
    size, scale = [width, height], page.scale
    leads = []
    for box in page.boxes:
        end = box.left + (box.end - box.start) * style.speed
        outline = [(box.left, box.top), (end, box.top), (end, box.bottom), (box.left, box.bottom)]
        ends = [(box.left, box.baseline), (end, box.baseline)]
        leads.append(
            {
                "lead": box.lead,
                "seconds": [box.start, box.end],
                "outline": _points(acquired, np.array(outline) * scale),
                "baseline": _points(acquired, np.array(ends) * scale),
                "altered": round(float(recording.altered[LEADS.index(box.lead), box.samples].mean()), 4),
            }
        )
    return {
        "recording": recording.parameters,
        "style": dataclasses.asdict(style),
        "acquisition": dataclasses.asdict(acquired.acquisition),
        "size": size,
        "corners": _points(acquired, np.array([[0, 0], [width, 0], size, [0, height]], float)),
        "homography": acquired.forward.tolist(),
        "pixel_per_millimetre": scale,
        "pixel_per_millivolt": scale * style.gain,
        "pixel_per_second": scale * style.speed,
        "leads": leads,
        "mask": _run_lengths(acquired.follow(altered_mask(recording, style))),
    }


def _points(acquired: AcquiredImage, points: np.ndarray) -> list[list[float]]:
    return acquired.place(points).round(2).tolist()


def _run_lengths(mask: np.ndarray) -> list[int]:
    """Return the lengths of the runs of a flattened mask, the first one of what is outside."""
    flat = mask.ravel()
    edges = np.flatnonzero(np.diff(flat, prepend=False)).tolist()
    return np.diff([0, *edges, flat.size]).tolist()
