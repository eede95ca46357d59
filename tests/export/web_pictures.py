"""Pictures for the page in the browser: of every kind that it reads, and of those that it refuses."""

import io

import numpy as np
from PIL import Image

from tests.conftest import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.jpg"))
PIXELS = """
const [text, width, height, done] = arguments;
(async () => {
  const { opened } = await import("/picture.js");
  const { prepared } = await import("/pixels.js");
  const page = await opened(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)));
  const pixels = prepared(page, width, height);
  let bytes = "";
  for (let at = 0; at < pixels.length; at += 32768) bytes += String.fromCharCode(...pixels.subarray(at, at + 32768));
  return btoa(bytes);
})().then(done, (error) => done({ key: error.key ?? String(error) }));
"""
"""Has the page open the bytes of a file and prepare it for a model of a width and a height; gives them, or why not."""


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def encoded(image: Image.Image, form: str, **settings: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **settings)
    return file.getvalue()


def pictures() -> dict[str, bytes]:
    """Files of every kind that the page reads, by what they are."""
    dice = np.random.default_rng(0)
    noise = Image.fromarray(dice.integers(0, 256, (700, 900, 3), dtype=np.uint8))
    clear = Image.fromarray(np.dstack([np.asarray(noise), dice.integers(0, 256, (700, 900), dtype=np.uint8)]))
    with Image.open(EXAMPLES[0]) as page:
        drawn = page.convert("RGB").resize((1301, 927))
    found = {
        "png": encoded(noise, "PNG"), "png, grey": encoded(noise.convert("L"), "PNG"),
        "png, 1 bit": encoded(drawn.convert("1"), "PNG"), "png, palette": encoded(drawn.quantize(64), "PNG"),
        "png, transparent colour": encoded(drawn.quantize(64), "PNG", transparency=3),
        "png, opacity": encoded(clear, "PNG"), "png, grey with opacity": encoded(clear.convert("LA"), "PNG"),
        "png, a colour left out": encoded(drawn, "PNG", transparency=drawn.getpixel((5, 5))),
        "webp": encoded(noise, "WEBP", lossless=True),
        "webp, opacity": encoded(clear, "WEBP", lossless=True, exact=True),
        "bmp": encoded(noise, "BMP"), "bmp, palette": encoded(drawn.quantize(200), "BMP"),
        "enlarged": encoded(noise.resize((300, 200)), "PNG"),
        "wide": encoded(noise.resize((3001, 200)), "PNG"), "high": encoded(noise.resize((200, 3001)), "PNG"),
    }  # fmt: skip
    for turn in range(2, 9):
        found[f"png, turn {turn}"] = encoded(drawn, "PNG", exif=turned(turn))
        found[f"webp, turn {turn}"] = encoded(drawn, "WEBP", lossless=True, exif=turned(turn))
    return found


def bad() -> tuple[dict[str, list[bytes]], dict[str, list[bytes]]]:
    """Files that are refused, by the key of the text: everywhere, and by the page alone."""
    with Image.open(EXAMPLES[0]) as page:
        drawn = page.convert("RGB").resize((900, 640))
    wide = np.zeros((70, 70), np.uint16)
    jpeg, slow, png, webp, bmp = (
        encoded(drawn, "JPEG"), encoded(drawn, "JPEG", progressive=True), encoded(drawn, "PNG"),
        encoded(drawn, "WEBP"), encoded(drawn, "BMP"),
    )  # fmt: skip
    scan = slow.rindex(b"\xff\xda")  # its head alone, without data
    broken = bytearray(png)
    broken[len(png) // 2 : len(png) // 2 + 400] = bytes(400)
    huge = bytearray(png)
    huge[16:24] = (10_000).to_bytes(4, "big") * 2
    everywhere = {
        "browser_unknown": [b"no picture" * 50, b""],
        "browser_small": [encoded(drawn.resize((63, 200)), "PNG")],
        "browser_large": [bytes(huge)],
        "browser_damaged": [bytes(broken)],
        "browser_scans": [slow[:-2] + slow[scan : scan + 2 + slow[scan + 3]] * 4000 + slow[-2:]],
        "browser_cut": [
            *(content[: len(content) * 2 // 3] for content in (jpeg, slow, png, webp, bmp)),
            *(content[: len(content) * 2 // 3] + b"\xff\xd9" for content in (jpeg, slow)),
            png[:20],
        ],
        "browser_kind": [b"\0\0\0\x18ftypheic" + bytes(200)],
    }
    here = {
        "browser_form": [encoded(drawn.convert("CMYK"), "JPEG"), encoded(Image.fromarray(wide), "PNG")],
        "browser_kind": [encoded(drawn, kind) for kind in ("TIFF", "PDF", "GIF")],
    }
    return everywhere, here
