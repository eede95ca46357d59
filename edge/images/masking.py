"""Masking: a page without the parts where names stand."""

from PIL import Image

HEADER, FOOTER = 0.3, 0.12
"""Shares of an image's height where names stand, as in the augmentation of the training."""
BLOCKS = 40  # of blurred pixels across an image: no letter is left


def blurred(page: Image.Image) -> Image.Image:
    """Return a page whose top and bottom, where names stand, are blocks of one colour each."""
    side = max(1, page.width // BLOCKS)
    hidden = page.copy()
    for top, bottom in ((0, round(HEADER * page.height)), (round((1 - FOOTER) * page.height), page.height)):
        part = page.crop((0, top, page.width, bottom))
        small = part.resize((max(1, part.width // side), max(1, part.height // side)), Image.Resampling.BOX)
        hidden.paste(small.resize(part.size, Image.Resampling.NEAREST), (0, top))
    return hidden
