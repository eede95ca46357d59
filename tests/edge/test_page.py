"""The one way from a picture to pixels."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from edge import Contract, PageError, load_page
from edge.images.preprocessing import PREPROCESSING


def test_pixels_are_the_golden_ones(golden: Path, contract: Contract) -> None:
    with Image.open(golden / "pixels.png") as image:
        expected = np.asarray(image)
    pixels = load_page(golden / "page.png", contract.preprocessing)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (96, 160, 3)
    # If this fails, models trained before see other pixels: give the preprocessing a new id.
    np.testing.assert_array_equal(pixels, expected)
    assert PREPROCESSING == "stretch-box-bilinear-1"


def test_the_golden_pixels_tell_nearest_neighbour_from_the_preprocessing(golden: Path, page: Image.Image) -> None:
    with Image.open(golden / "pixels.png") as image:
        difference = np.abs(np.asarray(page.resize(image.size, Image.Resampling.NEAREST)).astype(int) - image)
    assert difference.mean() > 5


def test_an_open_file_and_a_path_give_the_same(golden: Path, contract: Contract) -> None:
    path = golden / "page.png"
    with path.open("rb") as file:
        np.testing.assert_array_equal(load_page(file, contract.preprocessing), load_page(path, contract.preprocessing))


def save_transparent(page: Image.Image, path: Path) -> Image.Image:
    """Ink on nothing: white paper is only behind it."""
    grey = page.convert("L")
    alpha = grey.point(lambda level: 255 if level < 128 else 0)
    ink = page.copy()
    ink.putalpha(alpha)
    ink.save(path)
    twin = Image.new("RGB", page.size, "white")
    twin.paste(page, mask=alpha)
    return twin


def with_lower_bits(levels: np.ndarray) -> np.ndarray:
    """Make 16 bits of 8, the lower ones at random: they must not matter."""
    return levels.astype(np.uint16) * 256 + np.random.default_rng(0).integers(0, 256, levels.shape, np.uint16)


def save_16_bit(page: Image.Image, path: Path) -> Image.Image:
    grey = page.convert("L")
    Image.fromarray(with_lower_bits(np.asarray(grey))).save(path)
    return grey.convert("RGB")


def save_palette(page: Image.Image, path: Path) -> Image.Image:
    palette = page.quantize(200)
    palette.save(path)
    return palette.convert("RGB")


def save_transparent_palette(page: Image.Image, path: Path) -> Image.Image:
    palette = page.quantize(64)
    paper = palette.getpixel((0, 0))
    palette.save(path, transparency=paper)
    twin = np.array(palette.convert("RGB"))
    twin[np.asarray(palette) == paper] = 255
    return Image.fromarray(twin)


def save_grey(page: Image.Image, path: Path) -> Image.Image:
    page.convert("L").save(path)
    return page.convert("L").convert("RGB")


def save_rotated(page: Image.Image, path: Path) -> Image.Image:
    """As a phone does: the sensor's picture lies on its side, and a note says how to turn it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    page.transpose(Image.Transpose.ROTATE_90).save(path, format="JPEG", quality=90, exif=exif)
    with Image.open(path) as stored:
        return stored.transpose(Image.Transpose.ROTATE_270).convert("RGB")


def save_cmyk(page: Image.Image, path: Path) -> Image.Image:
    page.convert("CMYK").save(path, format="JPEG", quality=90)
    with Image.open(path) as stored:
        assert stored.mode == "CMYK"
        return stored.convert("RGB")


def save_16_bit_colour(page: Image.Image, path: Path) -> Image.Image:
    """Pillow writes no 16-bit colour, so the PNG is put together by hand."""
    samples = with_lower_bits(np.asarray(page)).astype(">u2").reshape(page.height, -1)
    rows = b"".join(b"\0" + row.tobytes() for row in samples)
    header = struct.pack(">IIBBBBB", *page.size, 16, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in chunks
        )
    )
    return page


TWINS = {
    "transparent.png": save_transparent,
    "16 bit.png": save_16_bit,
    "16 bit colour.png": save_16_bit_colour,
    "palette.png": save_palette,
    "transparent palette.PNG": save_transparent_palette,
    "grey.tif": save_grey,
    "rotated.jpg": save_rotated,
    "cmyk.jpeg": save_cmyk,
    "plain.bmp": lambda page, path: page.save(path) or page,
    "plain.webp": lambda page, path: page.save(path, lossless=True) or page,
}


@pytest.mark.parametrize("name", TWINS)
def test_a_picture_is_answered_like_its_plain_twin(
    name: str, page: Image.Image, contract: Contract, tmp_path: Path
) -> None:
    twin = tmp_path / "twin.png"
    TWINS[name](page, tmp_path / name).save(twin)
    pixels = load_page(tmp_path / name, contract.preprocessing)
    np.testing.assert_array_equal(pixels, load_page(twin, contract.preprocessing))
    assert pixels.std() > 5  # the traces are there


def make_text(page: Image.Image, path: Path) -> None:
    path.write_text("this is no picture")


def make_truncated(page: Image.Image, path: Path) -> None:
    page.save(path)
    path.write_bytes(path.read_bytes()[:-4000])


def make_empty(page: Image.Image, path: Path) -> None:
    path.touch()


def make_small(page: Image.Image, path: Path) -> None:
    page.resize((200, 63)).save(path)


def make_bomb(page: Image.Image, path: Path) -> None:
    """A small file that says that it holds 30,000 x 30,000 pixels."""
    page.save(path, format="PNG")
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 30000, 30000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(data)


def make_large(page: Image.Image, path: Path) -> None:
    """Between Pillow's warning and its error, where Pillow alone would decode."""
    Image.new("1", (10000, 9000)).save(path, format="PNG")


def make_two_pages(page: Image.Image, path: Path) -> None:
    page.save(path, format="TIFF", save_all=True, append_images=[page])


def make_nothing(page: Image.Image, path: Path) -> None:
    pass


REFUSED = {
    "text.jpg": (make_text, "is not a picture"),
    "truncated.jpg": (make_truncated, "truncated"),
    "empty.png": (make_empty, "is not a picture"),
    "small.png": (make_small, "200x63"),
    "bomb.png": (make_bomb, "more than"),
    "large.png": (make_large, "90000000 pixels"),
    "two pages.tif": (make_two_pages, "2 pages"),
    "missing.jpg": (make_nothing, "no such file"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_bad_picture_is_refused_by_name_and_in_one_line(
    name: str, page: Image.Image, contract: Contract, tmp_path: Path
) -> None:
    make, reason = REFUSED[name]
    make(page, tmp_path / name)
    with pytest.raises(PageError) as refusal:
        load_page(tmp_path / name, contract.preprocessing)
    assert str(refusal.value).startswith(f"{tmp_path / name}: ")
    assert reason in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_the_smallest_page_is_read(page: Image.Image, contract: Contract, tmp_path: Path) -> None:
    page.resize((200, 64)).save(tmp_path / "small.png")
    assert load_page(tmp_path / "small.png", contract.preprocessing).shape == (96, 160, 3)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "BMP", "WEBP"])
@given(data=st.data())
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_bytes_are_read_or_refused_and_nothing_else(form: str, data: st.DataObject, contract: Contract) -> None:
    buffer = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").resize((80, 70)).save(buffer, format=form)
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 8))):
        # Headers matter most: half of the damage falls into the first bytes.
        last = data.draw(st.sampled_from((min(64, len(content)) - 1, len(content) - 1)))
        content[data.draw(st.integers(0, last))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content
    try:
        assert load_page(io.BytesIO(content), contract.preprocessing).shape == (96, 160, 3)
    except PageError as error:
        assert "\n" not in str(error)
