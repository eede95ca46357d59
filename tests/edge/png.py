"""Write PNGs in forms that Pillow does not write: every colour type and depth, with a transparent colour."""

import struct
import zlib

import numpy as np

from tests.edge.tiff import packed

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6


def png(
    samples: np.ndarray, bits: int, kind: int, *, transparent: bytes = b"", palette: np.ndarray | None = None
) -> bytes:
    """A PNG of samples (height, width, channels) of `bits`, big-endian; `transparent` is the content of tRNS."""
    height, width = samples.shape[:2]
    rows = packed(samples.reshape(height, -1), bits, ">")
    length = len(rows) // height
    lines = b"".join(b"\0" + rows[k * length : (k + 1) * length] for k in range(height))
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))]
    chunks += [(b"PLTE", palette.astype(np.uint8).tobytes())] if palette is not None else []
    chunks += [(b"tRNS", transparent)] if transparent else []
    chunks += [(b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
