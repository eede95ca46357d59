"""Every form of pixels is read as its plain 8-bit twin, or refused by name; so is every kind of source."""

import io
import os
import re
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge import Classifier, PageError, files
from edge.images.page import open_page
from tests.edge import png, tiff

FORM = "TIFF whose form of pixels is not read"


@pytest.fixture(scope="module")
def small(golden: Path) -> Image.Image:
    with Image.open(golden / "page.png") as image:
        return image.convert("RGB").resize((203, 131))  # no whole bytes at 1, 2 and 4 bits


def at_depth(levels: np.ndarray, bits: int) -> np.ndarray:
    """8-bit levels as `bits`; the lower ones of 12 and 16 at random: they must not matter."""
    levels = levels.astype(np.uint32)
    lower = np.random.default_rng(bits).integers(0, 1 << max(bits - 8, 0), levels.shape, np.uint32)
    return levels >> (8 - bits) if bits < 8 else (levels << (bits - 8)) + lower


def seen(samples: np.ndarray, bits: int) -> np.ndarray:
    """What samples of `bits` are at 8 bits."""
    return samples * 255 // (2**bits - 1) if bits < 8 else samples >> (bits - 8)


def grey_rgb(levels: np.ndarray) -> np.ndarray:
    return np.repeat(levels[..., np.newaxis], 3, axis=2)


Form = tuple[str, bytes, np.ndarray, str]
"""A name, the file, its twin, and why it is refused, "" where it must be read."""


def tiffs(rgb: np.ndarray, grey: np.ndarray, palette: Image.Image, order: str) -> Iterator[Form]:
    mark = {"<": "II", ">": "MM"}[order]
    for bits in (1, 2, 4, 8, 12, 16, 32):
        samples = at_depth(grey, bits)
        twin = grey_rgb(seen(samples, bits))
        why = {12: "12 bits" if order == "<" else FORM, 32: "32 bits" if order == "<" else FORM}.get(bits, "")
        yield f"{mark} grey {bits}", tiff.tiff(samples[..., None], bits, tiff.MIN_IS_BLACK, order=order), twin, why
        inverted = (2**bits - 1 - samples)[..., None]
        why = FORM if bits in (12, 32) or (bits, order) == (16, ">") else ""
        yield f"{mark} min is white {bits}", tiff.tiff(inverted, bits, tiff.MIN_IS_WHITE, order=order), twin, why
    for bits in (2, 4, 8, 12, 16, 32):
        samples = at_depth(rgb, bits)
        for separate in (False, True):
            why = "separate planes" if separate and bits == 16 else "" if bits in (8, 16) else FORM
            content = tiff.tiff(samples, bits, tiff.RGB, order=order, separate=separate)
            yield f"{mark} RGB {bits} {separate}", content, seen(samples, bits), why
    for bits in (8, 16):
        colours, full = at_depth(rgb, bits), np.full(grey.shape, 2**bits - 1, np.uint32)
        for extra in (0, 1, 2):
            content = tiff.tiff(np.dstack([colours, full]), bits, tiff.RGB, order=order, extra=extra)
            yield f"{mark} RGB and {extra}, {bits}", content, rgb, ""
        inks = np.dstack([2**bits - 1 - colours, np.zeros_like(full)])
        yield f"{mark} CMYK {bits}", tiff.tiff(inks, bits, tiff.CMYK, order=order), rgb, ""
    alpha = at_depth(255 - grey, 8)
    content = tiff.tiff(np.dstack([at_depth(grey, 8), alpha]), 8, tiff.MIN_IS_BLACK, order=order, extra=2)
    yield f"{mark} grey and alpha", content, grey_rgb(np.rint(grey * (alpha / 255) + 255 - alpha)), ""
    colours = np.array(palette.getpalette()).reshape(-1, 3)
    table = {320: (tiff.SHORT, [int(level) * 257 for level in colours.T.ravel()])}
    content = tiff.tiff(np.asarray(palette)[..., None], 4, tiff.PALETTE, order=order, tags=table)
    yield f"{mark} palette", content, np.asarray(palette.convert("RGB")), ""


def pngs(rgb: np.ndarray, grey: np.ndarray, palette: Image.Image) -> Iterator[Form]:
    for bits in (1, 2, 4, 8, 16):
        samples = at_depth(grey, bits)
        plain = seen(samples, bits)
        yield f"PNG grey {bits}", png.png(samples[..., None], bits, png.GREY), grey_rgb(plain), ""
        for level in {int(samples.min()), int(samples[0, 0]), int(np.median(samples))}:
            content = png.png(samples[..., None], bits, png.GREY, transparent=struct.pack(">H", level))
            yield f"PNG grey {bits} without {level}", content, grey_rgb(np.where(samples == level, 255, plain)), ""
    for bits in (8, 16):
        samples, alpha = at_depth(rgb, bits), at_depth(255 - grey, bits)
        plain, opaque = seen(samples, bits), seen(alpha, bits) / 255
        colour = samples.reshape(-1, 3)[samples.sum(axis=2).argmin()]
        content = png.png(samples, bits, png.RGB, transparent=struct.pack(">HHH", *map(int, colour)))
        same = (seen(samples, bits) == seen(colour, bits)).all(axis=2, keepdims=True)  # to 8 bits: so Pillow reads it
        yield f"PNG RGB {bits} without a colour", content, np.where(same, 255, plain), ""
        both = opaque[..., None]
        content = png.png(np.dstack([samples, alpha]), bits, png.RGBA)
        yield f"PNG RGBA {bits}", content, np.rint(plain * both + 255 * (1 - both)), ""
        content = png.png(np.dstack([at_depth(grey, bits), alpha]), bits, png.GREY_ALPHA)
        yield f"PNG grey and alpha {bits}", content, grey_rgb(np.rint(grey * opaque + 255 * (1 - opaque))), ""
    colours, places = np.array(palette.getpalette()).reshape(-1, 3), np.asarray(palette)
    content = png.png(places[..., None], 4, png.PALETTE, palette=colours, transparent=bytes([255, 0]))
    yield "PNG palette", content, np.where((places == 1)[..., None], 255, np.asarray(palette.convert("RGB"))), ""


def others(image: Image.Image) -> Iterator[Form]:
    for form in ("BMP", "DIB", "JPEG2000", "PCX", "PPM", "SGI", "TGA", "WEBP"):
        content = io.BytesIO()
        image.save(content, format=form, **({"lossless": True} if form == "WEBP" else {}))
        yield form, content.getvalue(), np.asarray(image), ""
    for form in ("GIF", "PNG", "WEBP"):  # of an animation the first picture is meant
        content = io.BytesIO()
        palette = image.quantize(200)
        further = [Image.new("RGB", image.size, colour) for colour in ("red", "blue")]
        options = {"lossless": True} if form == "WEBP" else {}
        palette.convert("RGB").save(content, format=form, save_all=True, append_images=further, **options)
        first = Image.open(io.BytesIO(content.getvalue())).convert("RGB")
        assert np.abs(np.asarray(first).astype(int) - np.asarray(image)).mean() < 5
        yield f"animated {form}", content.getvalue(), np.asarray(first), ""
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK"):
        content = io.BytesIO()
        picture = image.convert(mode)
        picture.save(content, format="TIFF")
        yield f"TIFF {mode}", content.getvalue(), np.asarray(picture.convert("RGB")), ""


def test_every_form_of_pixels_is_read_as_its_plain_twin_or_refused(small: Image.Image) -> None:
    rgb, grey, palette = np.asarray(small), np.asarray(small.convert("L")), small.quantize(16)
    forms = [
        *tiffs(rgb, grey, palette, "<"),
        *tiffs(rgb, grey, palette, ">"),
        *pngs(rgb, grey, palette),
        *others(small),
    ]
    assert len({name for name, *_ in forms}) == len(forms) > 90
    wrong = []
    for name, content, twin, why in forms:
        try:
            found = np.asarray(open_page(content)).astype(int)
        except PageError as error:
            wrong += [f"{name}: {error}"] if not why or why not in str(error) else []
        else:
            difference = np.abs(found - twin.astype(int)).max()
            wrong += [f"{name}: differs by {difference}"] if difference > 1 or why else []
    assert wrong == []


def jpeg(image: Image.Image, **options: object) -> bytes:
    content = io.BytesIO()
    image.save(content, format="JPEG", quality=85, **options)
    return content.getvalue()


@pytest.mark.parametrize(
    "options", [{}, {"subsampling": 2}, {"progressive": True}, {"restart_marker_rows": 1}], ids=str
)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_that_lacks_image_data_is_refused_and_a_whole_one_is_not(
    mode: str, options: dict[str, object], page: Image.Image
) -> None:
    whole = jpeg(page.convert(mode), **options)
    open_page(whole)
    for share in (0.3, 0.5, 0.8):
        cut = whole[: int(len(whole) * share)].rstrip(b"\xff") + b"\xff\xd9"
        with pytest.raises(PageError, match="lacks a part of its image data"):
            open_page(cut)


@pytest.mark.parametrize("options", [{"subsampling": 0}, {"subsampling": 2}, {"progressive": True}], ids=str)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_jpeg_without_some_of_its_restart_intervals_is_refused(
    mode: str, options: dict[str, object], page: Image.Image
) -> None:
    """Eight intervals less, and the numbers of the restart markers still follow each other."""
    whole = jpeg(page.convert(mode), restart_marker_blocks=50, **options)
    open_page(whole)
    marks = [found.start() for found in re.finditer(rb"\xff[\xd0-\xd7]", whole)]
    assert len(marks) > 20
    lacking = whole[: marks[4]] + whole[marks[12] :]
    with pytest.raises(PageError, match="lacks a part of its image data"):
        open_page(lacking)


@pytest.mark.parametrize("name", ["a.tif", "b.tif", "c.avif"])
def test_a_file_that_was_cut_says_so(name: str, page: Image.Image, tmp_path: Path) -> None:
    page.save(tmp_path / name, **({"compression": "tiff_lzw"} if name == "b.tif" else {}))
    whole = (tmp_path / name).read_bytes()
    if name.endswith("tif"):  # its table at the end, as libtiff writes it
        at = int.from_bytes(whole[4:8], "little")
        whole = whole[:4] + len(whole).to_bytes(4, "little") + whole[8:] + whole[at : at + 2000]
    with pytest.raises(PageError, match="is cut short or damaged: copy it again"):
        open_page(whole[: int(len(whole) * 0.6)])


def test_a_grey_jpeg_is_no_cut_one() -> None:
    """The last block of these is what the decoder makes of none, and yet it is there."""
    for mode, colour in (("RGB", (128, 128, 128)), ("L", 128), ("CMYK", (127, 127, 127, 127))):
        for options in ({}, {"progressive": True}):
            assert np.ptp(np.asarray(open_page(jpeg(Image.new(mode, (200, 100), colour), **options)))) == 0


@pytest.mark.parametrize("value", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\0\x09\x01"])
def test_a_damaged_exif_value_harms_no_sound_picture(value: bytes, page: Image.Image) -> None:
    whole = jpeg(page)
    segment = b"\xff\xe1" + struct.pack(">H", len(value) + 2) + value
    np.testing.assert_array_equal(open_page(whole[:2] + segment + whole[2:]), open_page(whole))


@pytest.mark.parametrize("turn", range(1, 9))
def test_every_orientation_is_made_upright_once(turn: int, small: Image.Image, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    for form in ("PNG", "TIFF", "WEBP"):
        file = tmp_path / f"turned.{form}"
        small.save(file, format=form, exif=exif, **({"lossless": True} if form == "WEBP" else {}))
        found = open_page(file)
        with Image.open(file) as image:
            image.load()
            np.testing.assert_array_equal(found, open_page(image))
        assert (np.asarray(found).shape == np.asarray(small).shape) == (turn < 5)
        np.testing.assert_array_equal(open_page(found), found)  # what is upright is not turned again
    stored = {1: small, 3: small.rotate(180), 6: small.transpose(Image.Transpose.ROTATE_270)}
    if turn in stored:
        np.testing.assert_array_equal(found, stored[turn])


def test_thumbnails_and_reduced_levels_of_a_tiff_are_no_pages(
    page: Image.Image, tmp_path: Path, classifier: Classifier
) -> None:
    file = tmp_path / "scan.tif"
    reduced = page.resize((page.width // 2, page.height // 2))
    page.save(file, save_all=True, append_images=[reduced])
    content = file.read_bytes()
    with Image.open(file) as image:
        assert image.n_frames == 2
    file.write_bytes(marked_as_reduced(content))
    np.testing.assert_array_equal(open_page(file), page)
    assert [found.page for found in classifier.predict_many([file])] == [None]


def marked_as_reduced(content: bytes) -> bytes:
    """Turn the width's tag of the second picture's directory, the first in it, into NewSubfileType = 1, and add it."""
    first = struct.unpack_from("<L", content, 4)[0]
    count = struct.unpack_from("<H", content, first)[0]
    link = first + 2 + 12 * count
    second = struct.unpack_from("<L", content, link)[0]
    count = struct.unpack_from("<H", content, second)[0]
    entries = content[second + 2 : second + 2 + 12 * count]
    directory = struct.pack("<H", count + 1) + struct.pack("<HHLL", 254, tiff.LONG, 1, 1) + entries + bytes(4)
    padded = content + bytes(len(content) % 2)
    return padded[:link] + struct.pack("<L", len(padded)) + padded[link + 4 :] + directory


def test_the_library_takes_pictures_arrays_and_bytes_as_it_takes_files(
    page: Image.Image, golden: Path, classifier: Classifier
) -> None:
    file = golden / "page.png"
    known = classifier.predict(file).probabilities
    transparent = page.convert("RGBA")
    sources = [
        page,
        file.read_bytes(),
        file.open("rb"),
        np.asarray(page),
        transparent,
        np.asarray(transparent),
        str(file),
    ]
    found = [classifier.predict(source) for source in sources] + list(
        classifier.predict_many(sources[:2] + sources[3:])
    )
    assert all(one.probabilities == known for one in found)
    assert found[0].image == found[1].image == "picture"
    for wrong in (np.zeros((100, 100)), np.zeros((100, 100, 2), np.uint8), np.zeros((3, 100, 100, 3), np.uint8)):
        with pytest.raises(PageError, match="is no picture"):
            classifier.predict(wrong)
    with pytest.raises(PageError, match="shorter side"):
        classifier.predict(Image.new("RGB", (20, 20)))
    with pytest.raises(PageError, match="32 bits"):
        classifier.predict(Image.new("F", (200, 200)))


@pytest.mark.skipif(os.name != "posix", reason="pipes as files")
def test_a_pipe_is_read_as_a_file_and_one_that_never_ends_is_bounded(
    golden: Path, tmp_path: Path, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = (golden / "page.png").read_bytes()
    for predict in (classifier.predict, lambda source: next(iter(classifier.predict_many([source])))):
        writer = threading.Thread(target=pipe.write_bytes, args=[content])
        writer.start()
        found = predict(pipe)
        writer.join()
        assert found.image == str(pipe)
        assert found.probabilities == classifier.predict(golden / "page.png").probabilities
    monkeypatch.setattr(files, "SILENCE", 0.05)
    with pytest.raises(PageError, match=r"pipe: sends nothing"):
        classifier.predict(pipe)
    with pytest.raises(PageError, match="/dev/zero: does not end after 256 MB"):
        classifier.predict("/dev/zero")
    with pytest.raises(PageError, match="/dev/null: is not a picture"):
        classifier.predict("/dev/null")


@pytest.mark.skipif(os.name != "posix", reason="names of this kind")
@pytest.mark.parametrize("name", ["x" * 300, "a/" * 3000, "nul\0.png", "\udcff.png", ""])
def test_a_name_that_cannot_be_gets_its_line(name: str, classifier: Classifier, golden: Path) -> None:
    bad, good = classifier.predict_many([name, golden / "page.png"])
    assert bad.status == "error"
    assert "\n" not in bad.error
    assert good.probabilities


def test_decoders_do_not_write_to_stderr(
    page: Image.Image, edge: Callable[..., subprocess.CompletedProcess], tmp_path: Path
) -> None:
    """libtiff and libjpeg complain by themselves about what they can read nevertheless."""
    whole = jpeg(page)
    (tmp_path / "extraneous.jpg").write_bytes(whole[:-2] + bytes(100) + whole[-2:])
    unknown = {65000: (tiff.SHORT, [1]), 282: (tiff.SHORT, [0])}
    samples = np.asarray(page.convert("L"))[..., None]
    (tmp_path / "unknown tag.tif").write_bytes(tiff.tiff(samples, 8, 1, tags=unknown))
    page.save(tmp_path / "deflated.tif", compression="tiff_deflate")
    content = bytearray((tmp_path / "deflated.tif").read_bytes())
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "deflated.tif").write_bytes(content)
    found = edge("predict", tmp_path, "--quiet")
    assert found.returncode == 1
    assert found.stderr == "1 of 3 images could not be read\n"
