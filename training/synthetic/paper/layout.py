"""Where on the paper each lead stands: layouts, looks of machines, and boxes in millimetre."""

from dataclasses import dataclass, replace

from edge.errors import UsageError
from training.synthetic.signals.recording import RATE, SECONDS

CHEST = (("V1", "V4"), ("V2", "V5"), ("V3", "V6"))
THREE_BY_FOUR = (("I", "aVR", *CHEST[0]), ("II", "aVL", *CHEST[1]), ("III", "aVF", *CHEST[2]))
SIX_BY_TWO = (("I", "V1"), ("II", "V2"), ("III", "V3"), ("aVR", "V4"), ("aVL", "V5"), ("aVF", "V6"))
LAYOUTS = {
    "3x4": THREE_BY_FOUR,
    "3x4+1": (*THREE_BY_FOUR, ("II",)),
    "3x4+3": (*THREE_BY_FOUR, ("V1",), ("II",), ("V5",)),
    "6x2": SIX_BY_TWO,
    "12x1": tuple((lead,) for row in zip(*SIX_BY_TWO, strict=True) for lead in row),
}
"""Rows of leads from the top; a row of one lead beside rows of several is a rhythm strip."""

SPEEDS, GAINS = (25.0, 50.0), (10.0, 20.0)  # mm/s, mm/mV
LEAST_ROW = 10.0  # mm; 1 mV at the usual gain: in less, rows cannot be told apart
PULSE_ROOM = 11.0  # mm before a row's first trace, with a calibration pulse


@dataclass(frozen=True)
class Grid:
    """Hold a paper's colours, RGB, 0 to 255."""

    paper: tuple[int, int, int]
    """Of the paper between the lines."""
    thin: tuple[int, int, int] | None
    """Of the lines each millimetre; None prints none."""
    strong: tuple[int, int, int] | None
    """Of the lines each five millimetres; None prints none."""
    frame: tuple[int, int, int] | None = None
    """Of the grid's frame; None prints none."""
    dots: bool = False
    """Whether points are printed instead of lines."""


# The last two are measured on the pages of 2020 and 2019 of the published data set; the first on photos.
GRIDS = {
    "pink": Grid((255, 246, 244), (250, 212, 210), (238, 160, 160)),
    "orange": Grid((255, 244, 230), (250, 214, 180), (238, 168, 120)),
    "green": Grid((246, 253, 246), (205, 232, 208), (150, 200, 160)),
    "blue": Grid((247, 250, 255), (208, 222, 244), (158, 184, 226)),
    "grey": Grid((255, 255, 255), (222, 222, 222), (180, 180, 180)),
    "none": Grid((255, 255, 255), None, None),
    "dots": Grid((251, 250, 248), (104, 78, 78), (92, 66, 66), (250, 160, 165), dots=True),
    "pale": Grid((255, 253, 255), (170, 152, 164), (112, 96, 108), (250, 160, 165), dots=True),
}


@dataclass(frozen=True, kw_only=True)
class Style:
    """Say how a machine prints a page.

    Raises `UsageError` where the leads do not fit the paper.
    """

    layout: str = "3x4+1"
    """A key of `LAYOUTS`."""
    speed: float = 25.0
    """mm/s."""
    gain: float = 10.0
    """mm/mV."""
    grid: str = "dots"
    """A key of `GRIDS`."""
    dpi: int = 100
    """Resolution, 72 to 300."""
    width: float = 280.9
    """Of the paper, mm."""
    height: float = 199.6
    """Of the paper, mm."""
    line: float = 0.36
    """Width of the trace, mm."""
    font: str = "STIXGeneral"
    """An installed font, or the path of a TrueType file."""
    band: tuple[float, float] | None = None
    """The machine's filter, lowest and highest frequency in Hz; None for no filter."""
    pulse: float = 5.0
    """Width of the calibration pulse, mm; 0 for none."""
    separators: bool = False
    """Whether a line stands between columns, else ticks."""
    header: str = "plain"
    """The text around the grid: "plain" or "report"."""

    def __post_init__(self) -> None:
        """Refuse what no paper could show."""
        if self.layout not in LAYOUTS or self.grid not in GRIDS:
            raise UsageError(f"{self.layout}, {self.grid}: no such layout or grid: give one of {[*LAYOUTS, *GRIDS]}")
        if not (72 <= self.dpi <= 300):
            raise UsageError(f"{self.dpi} dpi: pages are drawn at 72 to 300: give one of these")
        needed, there = PULSE_ROOM + self.seconds * self.speed, self.area[2] - self.area[0]
        if needed > there:
            raise UsageError(
                f"layout {self.layout} at {self.speed:g} mm/s: needs {needed:.0f} mm of paper, there are {there:.0f}: "
                "use a wider paper"
            )
        if self.row < LEAST_ROW:
            raise UsageError(
                f"layout {self.layout}: leaves {self.row:.1f} mm for a row, at least {LEAST_ROW:g} are needed: "
                "use a higher paper"
            )

    @property
    def seconds(self) -> float:
        """Return how many seconds a whole row shows: ten at 25 mm/s, five at 50 mm/s, as machines print them."""
        return SECONDS * SPEEDS[0] / self.speed

    @property
    def area(self) -> tuple[float, float, float, float]:
        """Return the grid's left, top, right and bottom, in mm."""
        return 8.7, 36.1, self.width - 4.7, self.height - 7.1

    @property
    def row(self) -> float:
        """Return the height of a row in mm."""
        return (self.area[3] - self.area[1] - 4) / len(LAYOUTS[self.layout])

    @property
    def pixels(self) -> tuple[int, int]:
        """Return the page's width and height in pixels."""
        return round(self.width * self.dpi / 25.4), round(self.height * self.dpi / 25.4)


@dataclass(frozen=True, kw_only=True)
class LeadBox:
    """Place a piece of one lead on the paper."""

    lead: str
    """One of `LEADS`."""
    left: float
    """Where the trace begins, mm."""
    baseline: float
    """Height of its zero line, mm from the top."""
    top: float
    """Of its row, mm."""
    bottom: float
    """Of its row, mm."""
    start: float
    """First second of the recording that is shown."""
    end: float
    """Second at which it ends."""
    first: bool
    """Whether it is the first lead of its row."""

    @property
    def samples(self) -> slice:
        """Return the samples of a recording that are shown."""
        return slice(round(self.start * RATE), round(self.end * RATE))


def lead_boxes(style: Style) -> list[LeadBox]:
    """Return the boxes of all leads, row by row; the columns of a row follow each other in time."""
    boxes, left = [], style.area[0] + PULSE_ROOM - 0.3
    for number, row in enumerate(LAYOUTS[style.layout]):
        top = style.area[1] + 4 + number * style.row
        seconds = style.seconds / len(row)
        for column, lead in enumerate(row):
            start = column * seconds
            box = LeadBox(
                lead=lead,
                left=left + start * style.speed,
                baseline=top + style.row / 2,
                top=top,
                bottom=top + style.row,
                start=start,
                end=start + seconds,
                first=column == 0,
            )
            boxes.append(box)
    return boxes


LOOKS = {
    # As SE-3 machines print them, filter included; the footer of those pages says 0.67~25Hz.
    "report": Style(band=(0.67, 25.0), line=0.4, pulse=2.2, separators=True, header="report"),
    "pink": Style(grid="pink", font="DejaVuSans", line=0.3),
    "orange": Style(grid="orange", font="DejaVuSans", line=0.3),
    "green": Style(grid="green", font="DejaVuSansMono", line=0.35),
    "blue": Style(grid="blue", font="DejaVuSans", line=0.28),
    "plain": Style(grid="none", font="DejaVuSans", line=0.4),
}
LOOKS["report-2019"] = replace(LOOKS["report"], grid="pale")
