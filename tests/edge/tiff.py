"""Write TIFFs in forms that Pillow does not write: any depth, photometric interpretation, byte order, planar form."""

import struct

import numpy as np

SHORT, LONG = 3, 4
MIN_IS_WHITE, MIN_IS_BLACK, RGB, PALETTE, CMYK = 0, 1, 2, 3, 5


def packed(samples: np.ndarray, bits: int, order: str) -> bytes:
    """The rows of samples, (height, n), each from a new byte."""
    if bits in (8, 16, 32):
        return samples.astype(f"{order}u{bits // 8}").tobytes()
    digits = (samples[..., np.newaxis] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(digits.reshape(len(samples), -1).astype(np.uint8), axis=1).tobytes()


def tiff(
    samples: np.ndarray,
    bits: int,
    photometric: int,
    *,
    order: str = "<",
    separate: bool = False,
    extra: int | None = None,
    tags: dict[int, tuple[int, list[int]]] | None = None,
) -> bytes:
    """A TIFF of one page: samples (height, width, channels) of `bits`, `extra` what the last channel is besides."""
    height, width, channels = samples.shape
    planes = [samples[..., k] for k in range(channels)] if separate else [samples.reshape(height, -1)]
    strips = [packed(plane, bits, order) for plane in planes]
    entries = {
        256: (LONG, [width]), 257: (LONG, [height]), 258: (SHORT, [bits] * channels), 259: (SHORT, [1]),
        262: (SHORT, [photometric]), 273: (LONG, [0] * len(strips)), 277: (SHORT, [channels]), 278: (LONG, [height]),
        279: (LONG, [len(strip) for strip in strips]), 284: (SHORT, [2 if separate else 1]),
    }  # fmt: skip
    entries |= {338: (SHORT, [extra])} if extra is not None else {}
    entries |= tags or {}
    after = 8 + 2 + 12 * len(entries) + 4
    sizes = {tag: len(values) * (2 if kind == SHORT else 4) for tag, (kind, values) in entries.items()}
    places, end = {}, after
    for tag, size in sizes.items():
        if size > 4:
            places[tag], end = end, end + size + size % 2
    starts = [end + sum(len(strip) for strip in strips[:k]) for k in range(len(strips))]
    entries[273] = (LONG, starts)
    directory, values = struct.pack(f"{order}H", len(entries)), b""
    for tag, (kind, numbers) in sorted(entries.items()):
        content = struct.pack(f"{order}{len(numbers)}{'H' if kind == SHORT else 'L'}", *numbers)
        directory += struct.pack(f"{order}HHL", tag, kind, len(numbers))
        directory += struct.pack(f"{order}L", places[tag]) if tag in places else content.ljust(4, b"\0")
    for tag in places:  # in the order in which they were placed
        kind, numbers = entries[tag]
        content = struct.pack(f"{order}{len(numbers)}{'H' if kind == SHORT else 'L'}", *numbers)
        values += content + b"\0" * (len(content) % 2)
    mark = b"II" if order == "<" else b"MM"
    head = mark + struct.pack(f"{order}HL", 42, 8) + directory + struct.pack(f"{order}L", 0) + values
    return head + b"".join(strips)
