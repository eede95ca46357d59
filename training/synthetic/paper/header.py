"""The made-up text above and below the grid of a page; it always says that a program drew the page."""

from dataclasses import dataclass

import numpy as np

from training.synthetic.paper.layout import LAYOUTS, Style

DRAWN = "drawn by a program"


@dataclass(frozen=True)
class Text:
    """Hold a text and where it stands on the page."""

    x: float
    """mm from the left."""
    y: float
    """mm from the top."""
    size: float
    """Height of the letters, mm."""
    text: str
    """What it says."""
    anchor: str = "ls"
    """Which point of the text stands there, as Pillow names it."""


def printed(style: Style) -> list[Text]:
    """Return what every page of a style says."""
    settings = f"{style.speed:g}mm/s {style.gain:g}mm/mV"
    if style.header == "report":
        words = (
            (41, "Years"), (78.5, "cm"), (97.2, "kg"), (115.5, "/"), (121.7, "mmHg"), (139, "Race:Unknown"),
            (169.3, "Room No.:"), (193.5, "Department:"),
        )  # fmt: skip
        return [
            Text(144.2, 8.4, 5.9, "ECG REPORT", "ms"),
            *(Text(x, 12.0, 3.8, word) for x, word in words),
            *(Text(x, 16.2, 3.8, word) for x, word in ((8.7, "Exam.Room:"), (35, "Medication:"))),
            Text(8.7, 21.8, 3.8, "Diagnosis Information:"),
            Text(197.5, 26.2, 3.8, "Technician :"),
            Text(197.5, 30.4, 3.8, "Ref-Phys. :"),
            Text(197.5, 34.4, 3.8, "Report Confirmed by:"),
        ]
    return [
        Text(110, 18, 3.6, DRAWN),
        Text(10, style.area[3] + 4.5, 3.2, settings),
        Text(style.area[2], style.area[3] + 4.5, 3.2, style.layout, "rs"),
    ]


def personal(style: Style, parameters: dict, rate: int, rng: np.random.Generator) -> list[Text]:
    """Return what a page says of its recording: heart rate in beats a minute and sex, and a made-up number and time."""
    number, sex = int(rng.integers(150_000, 190_000)), str(parameters.get("sex") or "").capitalize()
    date = f"2020-{rng.integers(1, 13):02d}-{rng.integers(1, 29):02d}"
    time = f"{rng.integers(1, 12):02d}:{rng.integers(60):02d}:{rng.integers(60):02d} {rng.choice(['AM', 'PM'])}"
    if style.header == "report":
        columns = max(map(len, LAYOUTS[style.layout]))
        strips = sum(len(row) < columns for row in LAYOUTS[style.layout])
        leads = f"{columns}*{style.seconds / columns:g}s+{strips}r"
        foot = style.height - 2.6
        settings = f"0.67~25Hz AC50 {style.speed:g}mm/s {style.gain:g}mm/mV {leads} \u2665{rate}"
        return [
            Text(8.7, 12.0, 3.8, f"ID : {number}"),
            Text(56.8, 12.0, 3.8, sex),
            Text(8.7, foot, 3.0, f"{settings}   {DRAWN}"),
            Text(227.3, foot, 3.1, f"{date}   {time}"),
        ]
    return [
        Text(10, 12, 4.4, f"ID: {number}   {sex}   {date} {time}"),
        Text(10, 18, 3.6, f"Vent. rate   {rate} BPM"),
    ]
