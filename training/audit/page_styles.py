"""Page styles that give the class away: prints on which a class is missing that others have."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from training.inspection.inspected_image import InspectedImage

EXPECTED = 8
"""So many images of a class have to be expected in a style before their absence means anything: by chance none of
them appears once in 3,000 styles (Poisson)."""
RARE = 0.05
"""Share of the expected number up to which a class counts as missing."""


@dataclass(frozen=True, kw_only=True)
class PageStyle:
    """Hold how many different images of each class a page style has."""

    name: str
    """As the manifest calls it, or what the page looks like: grid, rows of traces."""
    stated: bool
    """Whether the manifest says so, or the images show it."""
    counts: dict[str, int]
    """By class."""
    missing: tuple[str, ...]
    """Classes that are missing here, though the other images have them."""

    @property
    def warning(self) -> str:
        """Return what is missing, in a line."""
        says = "page style" if self.stated else "pages with"
        few = ", ".join(f"{self.counts[label] or 'none'} {label}" for label in self.missing)
        return f"{says} {self.name}: of {sum(self.counts.values())} images {few}, though others are: it tells the class"


def page_styles(inspected: Sequence[InspectedImage]) -> tuple[PageStyle, ...]:
    """Return the page styles of different images: those of the manifest, then those that the images show.

    The most frequent come first. A class counts as missing where the other styles' share of it lets at least eight
    images be expected and at most a twentieth of these are there.
    """
    labels = sorted({one.image.label for one in inspected})
    total = Counter(one.image.label for one in inspected)
    found = []
    for stated in (True, False):
        names = [one.image.page_style if stated else one.look.name for one in inspected]
        for name, number in Counter(filter(None, names)).most_common():
            here = Counter(one.image.label for one, its in zip(inspected, names, strict=True) if its == name)
            others = max(1, len(inspected) - number)
            expected = {label: number * (total[label] - here[label]) / others for label in labels}
            missing = tuple(
                label for label in labels if expected[label] >= EXPECTED and here[label] <= RARE * expected[label]
            )
            counts = {label: here[label] for label in labels}
            found.append(PageStyle(name=name, stated=stated, counts=counts, missing=missing))
    return tuple(found)
