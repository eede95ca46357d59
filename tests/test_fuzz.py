"""Random damage: a picture is read or refused, a model file is described or refused, and nothing else happens.

The soak tests try a hundred thousand each: `python -m pytest -m soak tests/test_fuzz.py -s`.
"""

import io
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge import EcgError, PageError
from edge.images.page import count_pages, open_page
from tests.conftest import ROOT
from tests.edge import png, tiff

MOST_SECONDS = 5


def pictures() -> dict[str, bytes]:
    """A small sound picture in every format, and in the forms of TIFF and PNG that few programs write."""
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (70, 90, 3), np.uint8)).resize((180, 140))
    pixels, found = np.asarray(image), {}
    forms = ("AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PCX", "PDF", "PNG", "PPM", "SGI", "TGA", "TIFF", "WEBP")
    for form in forms:
        file = io.BytesIO()
        image.save(file, format=form)
        found[form] = file.getvalue()
    for name, options in (("progressive", {"progressive": True}), ("restarts", {"restart_marker_rows": 1})):
        file = io.BytesIO()
        image.save(file, format="JPEG", **options)
        found[f"JPEG {name}"] = file.getvalue()
    for compression in ("tiff_lzw", "tiff_deflate", "jpeg", "packbits", "group4"):
        file = io.BytesIO()
        image.convert("1" if compression == "group4" else "RGB").save(file, format="TIFF", compression=compression)
        found[f"TIFF {compression}"] = file.getvalue()
    found["TIFF 16"] = tiff.tiff(pixels[..., :1].astype(np.uint32) * 257, 16, tiff.MIN_IS_WHITE)
    found["PNG 16"] = png.png(pixels.astype(np.uint32) * 257, 16, png.RGB, transparent=bytes(6))
    return found


def mutated(rng: np.random.Generator, content: bytes) -> bytes:
    """Bytes with one to eight of them changed, most often near the beginning, a part cut out, doubled or cut off."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 9)):
        last = len(changed) if rng.random() < 0.5 else min(len(changed), 200)
        changed[rng.integers(0, last)] = rng.choice([0, 255, 127, int(rng.integers(0, 256))])
    kind, (begin, end) = rng.integers(0, 8), sorted(rng.integers(0, len(changed) + 1, 2))
    if kind == 0:
        del changed[begin : min(end, begin + 64)]
    elif kind == 1:
        changed[begin:begin] = changed[begin : min(end, begin + 64)]
    elif kind == 2:
        del changed[max(begin, 1) :]
    return bytes(changed)


def ask(content: bytes) -> str:
    """What becomes of a damaged picture."""
    start = time.monotonic()
    try:
        count_pages(content)
        outcome = f"read {open_page(content).mode}"
    except PageError as error:
        assert str(error).isprintable()
        outcome = "refused"
    assert time.monotonic() - start < MOST_SECONDS
    return outcome


@pytest.mark.filterwarnings("ignore")  # Pillow's, which our programs do not show
def test_damaged_pictures_are_read_or_refused() -> None:
    rng, outcomes = np.random.default_rng(1), Counter()
    for content in pictures().values():
        assert ask(content) == "read RGB"
        outcomes.update(ask(mutated(rng, content)) for _ in range(120))
    assert outcomes["read RGB"] > 300
    assert outcomes["refused"] > 300
    assert set(outcomes) == {"read RGB", "refused"}


def inspect_damaged(model: Path, seed: int, count: int) -> Counter[str]:
    """What becomes of damaged model files under static inspection, each in a process of its own."""
    if model.suffix == ".onnx":
        from export.foreign.onnx_network import inspected
    else:
        from training.models.inspection import inspected

    outcomes = ("described", "refused", "unreadable")

    def outcome(file: Path) -> int:
        try:
            return outcomes.index("refused" if inspected(file).refused else "described")
        except EcgError as error:
            assert str(error).isprintable()
            return outcomes.index("unreadable")

    rng, found, file = np.random.default_rng(seed), Counter(), model.with_name(f"damaged{seed}")
    for _ in range(count):
        file.write_bytes(mutated(rng, model.read_bytes()))
        child = os.fork()
        if not child:
            code = len(outcomes)
            signal.alarm(MOST_SECONDS)  # HDF5 itself goes round and round on some files
            try:
                code = outcome(file)
            finally:  # an exception that nobody expects
                os._exit(code)
        _, status = os.waitpid(child, 0)
        ended = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        left = "hung" if ended == signal.SIGALRM else "crashed"
        found[left if ended else (*outcomes, "wrong")[os.WEXITSTATUS(status)]] += 1
    file.unlink()
    return found


def in_a_process(model: Path, seed: int, count: int) -> str:
    """What `inspect_damaged` finds, from a process without threads, which may fork."""
    words = "from tests.test_fuzz import *; print(inspect_damaged(Path(sys.argv[1]), *map(int, sys.argv[2:])))"
    command = [sys.executable, "-c", words, str(model), str(seed), str(count)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert found.returncode == 0, found.stderr[-2000:]
    assert "wrong" not in found.stdout
    return found.stdout


@pytest.fixture(scope="module")
def small_models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    import keras
    import onnx

    folder = tmp_path_factory.mktemp("models")
    network = keras.Sequential([keras.layers.Input((64, 64, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    for name in ("m.h5", "m.keras"):
        network.save(folder / name)
    foreign = onnx.load(ROOT / "tests" / "edge" / "golden" / "tiny.onnx")
    del foreign.metadata_props[:]  # the contract, which alone would refuse it
    onnx.save(foreign, folder / "m.onnx")
    return [folder / name for name in ("m.h5", "m.keras", "m.onnx")]


def test_damaged_models_are_described_or_refused(small_models: list[Path]) -> None:
    for model in small_models:
        assert "unreadable" in in_a_process(model, seed=1, count=400)


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore")
def test_a_hundred_thousand_damaged_pictures() -> None:
    rng, outcomes, forms = np.random.default_rng(2), Counter(), pictures()
    for _ in range(100_000 // len(forms) + 1):
        outcomes.update(ask(mutated(rng, content)) for content in forms.values())
    print(dict(outcomes))
    assert set(outcomes) == {"read RGB", "refused"}


@pytest.mark.soak
def test_a_hundred_thousand_damaged_models(small_models: list[Path]) -> None:
    for model in small_models:
        for seed in range(50):
            print(model.name, in_a_process(model, seed, 1000))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5))
def test_five_hundred_conversions_of_damaged_models(
    seed: int, small_models: list[Path], synthetic_folder: Path
) -> None:
    """A hundred for each seed, loaded and converted, or refused in one line; nothing is left."""
    from export.foreign.adoption import SECONDS, adopt
    from export.foreign.facts import Facts, Told

    told = Told(labels=("a", "b"), scale="unit", channels="rgb", resize="nearest", activation="softmax")
    three = replace(told, labels=("a", "b", "c"), scale="none")
    folder = small_models[0].parent
    out, images = folder / "out.onnx", synthetic_folder / "test" / "normal"
    rng, outcomes = np.random.default_rng(seed), Counter()
    while outcomes.total() < 100:
        model = small_models[(0, 2)[outcomes.total() % 2]]  # damage to an archive hardly ever passes
        file = folder / f"damaged{model.suffix}"
        file.write_bytes(mutated(rng, model.read_bytes()))
        try:
            Facts.read(file, file)
        except EcgError:
            continue
        start = time.monotonic()
        try:
            adopt(file, out, images, told if model.suffix == ".h5" else three)
            outcomes[f"{model.suffix} converted"] += 1
            out.unlink()
        except EcgError as error:
            assert str(error).isprintable()
            outcomes[f"{model.suffix} {type(error).__name__}"] += 1
        assert time.monotonic() - start < SECONDS
        file.unlink()
        assert {path.name for path in folder.iterdir()} == {"m.h5", "m.keras", "m.onnx"}
        print(seed, dict(outcomes), flush=True)
