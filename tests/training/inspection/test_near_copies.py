"""Near copies: a recording is known again through every change, its template alone is not."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from benchmarks.near_copies import CHANGES
from training.inspection import near_copies as traces
from training.inspection.near_copies import THRESHOLD, fingerprint, near_copies
from training.inspection.trace import isolated
from training.synthetic.paper.layout import LOOKS
from training.synthetic.paper.printed_page import print_page
from training.synthetic.signals.ecg import record
from training.synthetic.signals.hearts import CLASSES, draw_heart

WHITE = Image.new("RGB", (1106, 786), "white")


def drawn(label: str, seed: int | list[int], size: float = 1.0) -> Image.Image:
    rng = np.random.default_rng(seed)
    recording = record(draw_heart(label, rng), rng)
    recording = replace(recording, leads=size * recording.leads)
    return Image.fromarray(print_page(recording, LOOKS["report"], np.random.default_rng(0)).pixels)


@pytest.fixture(scope="module")
def images() -> list[Image.Image]:
    """Two recordings of each class, all on one template."""
    return [drawn(label, [place, number]) for place, label in enumerate(CLASSES) for number in range(2)]


@pytest.fixture(scope="module")
def originals(images: list[Image.Image]) -> np.ndarray:
    return np.stack([fingerprint(isolated(image)) for image in images])


def found(fingerprints: np.ndarray) -> list[tuple[int, int]]:
    return [(i, j) for i, j, _ in near_copies(fingerprints)]


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_copy_is_found_and_nothing_else(name: str, images: list[Image.Image], originals: np.ndarray) -> None:
    copies = [
        fingerprint(isolated(CHANGES[name](image, np.random.default_rng(number))))
        for number, image in enumerate(images)
    ]
    assert found(np.concatenate([originals, copies])) == [(i, i + len(images)) for i in range(len(images))]


def test_a_set_of_two_is_enough(images: list[Image.Image], originals: np.ndarray) -> None:
    copy = fingerprint(isolated(CHANGES["all_together"](images[0], np.random.default_rng(0))))
    assert found(np.stack([originals[0], copy])) == [(0, 1)]
    assert found(originals[:2]) == []


def test_another_shape_of_page_works_as_well(images: list[Image.Image]) -> None:
    strips = [image.crop((0, 600, image.width, 760)) for image in images[:4]]
    copies = [strip.resize((800, 116), Image.Resampling.BICUBIC) for strip in strips]
    assert found(np.stack([fingerprint(isolated(image)) for image in strips + copies])) == [
        (0, 4),
        (1, 5),
        (2, 6),
        (3, 7),
    ]


def test_a_scan_at_three_times_the_size_is_found(images: list[Image.Image], originals: np.ndarray) -> None:
    large = [fingerprint(isolated(image.resize((3318, 2358), Image.Resampling.BICUBIC))) for image in images[:3]]
    assert found(np.concatenate([originals[:3], large])) == [(0, 3), (1, 4), (2, 5)]


def test_separators_do_not_count(images: list[Image.Image], originals: np.ndarray) -> None:
    ruled = [image.copy() for image in images]
    for image in ruled:
        for x in (308, 565, 821):
            ImageDraw.Draw(image).line([(x, 200), (x, 560)], fill="black", width=3)
    assert found(np.concatenate([originals, [fingerprint(isolated(image)) for image in ruled]])) == [
        (i, i + 8) for i in range(8)
    ]


def test_flat_baselines_do_not_count() -> None:
    flat = [drawn("normal", number, size=0.12) for number in range(4)]
    assert found(np.stack([fingerprint(isolated(image)) for image in flat])) == []


def blanks() -> dict[str, Image.Image]:
    """Images without a trace."""
    images = {"white": WHITE, "black": Image.new("RGB", WHITE.size), "smallest": Image.new("RGB", (64, 64), "white")}
    for name, colour in (("pink grid", (240, 190, 190)), ("grey grid", (120, 120, 120))):
        images[name] = WHITE.copy()
        draw = ImageDraw.Draw(images[name])
        for x in range(20, 1100, 21):
            draw.line([(x, 20), (x, 766)], fill=colour)
        for y in range(20, 780, 21):
            draw.line([(20, y), (1086, y)], fill=colour)
    images["header"] = WHITE.copy()
    draw = ImageDraw.Draw(images["header"])
    draw.text((400, 20), "ECG REPORT      ID: none", fill="black", font_size=20)
    draw.line([(16, 54), (1090, 54)], fill="black", width=3)
    return images


@pytest.mark.parametrize("name", blanks())
def test_pages_without_a_trace_are_no_copies(name: str) -> None:
    one = fingerprint(isolated(blanks()[name]))
    assert not one.any()
    assert near_copies(np.stack([one, one]), threshold=0.1) == []


def test_two_pages_of_noise_are_no_copies() -> None:
    rng = np.random.default_rng(0)
    noise = [Image.fromarray(rng.integers(0, 256, (786, 1106, 3), dtype=np.uint8)) for _ in range(2)]
    assert found(np.stack([fingerprint(isolated(image)) for image in noise])) == []


def test_the_order_of_pages_does_not_matter(images: list[Image.Image], originals: np.ndarray) -> None:
    copies = [fingerprint(isolated(CHANGES["crop"](image, np.random.default_rng(5)))) for image in images]
    both = np.concatenate([originals, copies])
    order = np.random.default_rng(1).permutation(len(both))
    forward = {(i, j): score for i, j, score in near_copies(both, threshold=0.0)}
    shuffled = {
        tuple(sorted((int(order[i]), int(order[j])))): score for i, j, score in near_copies(both[order], threshold=0.0)
    }
    assert len(forward) >= len(images)
    assert forward.keys() == shuffled.keys()
    assert all(abs(score - shuffled[pair]) < 1e-4 for pair, score in forward.items())


def test_the_same_page_gives_the_same_fingerprint_and_the_highest_score(
    images: list[Image.Image], originals: np.ndarray
) -> None:
    again = np.stack([fingerprint(isolated(image)) for image in images])
    np.testing.assert_array_equal(again, originals)
    scores = {(i, j): score for i, j, score in near_copies(np.concatenate([originals, again]))}
    assert all(scores[i, i + len(images)] == pytest.approx(1, abs=1e-3) for i in range(len(images)))


def test_blocks_change_nothing(originals: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    twice = np.concatenate([originals, originals])
    whole = near_copies(twice, threshold=0.0)
    monkeypatch.setattr(traces, "BLOCK", 3)
    assert [pair[:2] for pair in near_copies(twice, threshold=0.0)] == [pair[:2] for pair in whole]
    assert [pair[:2] for pair in whole if pair[2] >= THRESHOLD] == [(i, i + 8) for i in range(8)]
