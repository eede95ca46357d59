"""JPEG: whether a file holds all of its image data; the decoder fills what is missing with grey."""

import re
from collections.abc import Callable

from PIL import Image

from edge.errors import PageError

START_OF_SCAN, END_OF_IMAGE, RESTART_INTERVAL = 0xDA, 0xD9, 0xDD
RESTART = re.compile(rb"\xff[\xd0-\xd7]")
FRAME = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}
BARE = {0x01, *range(0xD0, 0xD9)}  # markers without a length
MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")  # within image data, restarts and stuffed zeros apart
GREY = (127, 128)  # what the decoder makes of blocks without data, with four inks in their complement
LAST = 8  # pixels of the last block's side
MOST_DECODED = 2_000_000_000
"""Pixels times scans: each scan of a progressive JPEG goes over all of them, and a small file may have thousands."""
PROBE = bytes(197 * place % 255 for place in range(4096))
"""Data that changes the picture where its own has ended too early, and is passed over where it is complete."""


def refuse_scans(content: bytes, image: Image.Image) -> None:
    """Raise `PageError` for a progressive JPEG, opened as `image`, that would take minutes to decode."""
    scans = content.count(bytes((0xFF, START_OF_SCAN)))
    if scans * image.width * image.height > MOST_DECODED:
        raise PageError(f"has {scans} scans of {image.width}x{image.height} pixels: save it again, or scale it down")


def may_lack_data(image: Image.Image) -> bool:
    """Return whether a decoded JPEG is worth `lacks_data`: it is progressive, or its last block is middle grey."""
    corner = image.crop((image.width - LAST, image.height - LAST, *image.size)).getextrema()
    bands = corner if isinstance(corner[0], tuple) else (corner,)
    return "progressive" in image.info or all(low == high and low in GREY for low, high in bands)


def lacks_data(content: bytes, image: Image.Image, decoded: Callable[[bytes], bytes]) -> bool:
    """Return whether the JPEG `content`, decoded as `image`, ends its image data too early; `decoded` gives pixels.

    Its last scan does where more data before the end marker change the picture, or where a scan has fewer restart
    markers than its blocks ask for. A progressive one does as well where no scan has some coefficients of the first
    component.
    """
    found = _scans(content)
    if found is None:
        return False
    end, coefficients, restarts_lack = found
    if restarts_lack or ("progressive" in image.info and coefficients != set(range(64))):
        return True
    return decoded(content[:end] + PROBE + content[end:]) != image.tobytes()


def _restarts(frame: bytes, components: bytes, interval: int) -> int:
    """Return how many restart markers a scan has, by ITU-T T.81: `frame` is what follows the length of its header.

    `components` are the identifiers in the scan: several are interleaved, one alone is not.
    """
    height, width = int.from_bytes(frame[1:3]), int.from_bytes(frame[3:5])
    sampled = {frame[at]: (frame[at + 1] >> 4, frame[at + 1] & 15) for at in range(6, len(frame) - 2, 3)}
    across, down = (max(one) for one in zip(*sampled.values(), strict=True))
    if len(components) == 1:
        own = sampled.get(components[0], (across, down))
        width, height = -(-width * own[0] // across), -(-height * own[1] // down)
        across = down = 1
    blocks: int = -(-width // (8 * across)) * -(-height // (8 * down))
    return (blocks - 1) // interval


def _scans(content: bytes) -> tuple[int, set[int], bool] | None:
    """Return where the image data of a JPEG end, what the scans hold of its first component, and whether one is short.

    These are the coefficients, and whether a scan lacks restart markers. None where it does not have the form of a JPEG
    up to there.
    """
    place, first, frame, interval, lack = 2, -1, b"", 0, False
    coefficients: set[int] = set()
    while place + 4 <= len(content):
        if content[place] != 0xFF:
            return None
        marker = content[place + 1]
        if marker == END_OF_IMAGE:
            return place, coefficients, lack
        if marker == 0xFF or marker in BARE:
            place += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(content[place + 2 : place + 4])
        part = content[place + 4 : place + 2 + length]
        place += 2 + length
        if marker in FRAME and len(part) > 6:
            first, frame = part[6], part
        if marker == RESTART_INTERVAL:
            interval = int.from_bytes(part[:2])
        if marker == START_OF_SCAN and part:
            count = part[0]
            if first in part[1 : 1 + 2 * count : 2] and len(part) >= 4 + 2 * count:
                coefficients |= set(range(part[1 + 2 * count], part[2 + 2 * count] + 1))
            after = MARKER.search(content, place)
            if after is None:
                return None
            if interval and frame and 2 * count < len(part):
                wanted = _restarts(frame, part[1 : 1 + 2 * count : 2], interval)
                lack = lack or len(RESTART.findall(content, place, after.start())) < wanted
            place = after.start()
    return (place, coefficients, lack) if content[place : place + 2] == bytes((0xFF, END_OF_IMAGE)) else None
