"""Pictures that are no ECG, from a seed: what an in-distribution score learns to tell from ECG images.

Everything here is made by a program, so that a training needs no pictures of others. The benchmarks that count how
many other pictures a model rejects have generators of their own.
"""

from collections.abc import Callable

import cv2
import numpy as np

Painter = Callable[[np.random.Generator, int, int], np.ndarray]


def other_pictures(count: int, height: int, width: int, seed: int) -> np.ndarray:
    """Return pictures that are no ECG, uint8 (count, height, width, 3), RGB; the kinds take turns."""
    rng = np.random.default_rng([seed, 77])
    return np.stack([KINDS[number % len(KINDS)](rng, height, width) for number in range(count)])


def _colour(rng: np.random.Generator, low: int = 0, high: int = 256) -> tuple[int, ...]:
    return tuple(rng.integers(low, high, 3).tolist())


def _paper(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), _colour(rng, 225), np.uint8)


def _gridded(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Return bare grid paper, with a margin and a line of print or without."""
    page, step = _paper(rng, height, width), float(rng.uniform(3.5, 14))
    ink = np.array(_colour(rng, 110, 230))
    top = int(rng.uniform(0, 0.25) * height)
    for every, colour in ((1, (ink + 2 * 255) // 3), (5, ink)):
        for x in np.arange(0, width, step * every):
            cv2.line(page, (int(x), top), (int(x), height), colour.tolist(), 1)
        for y in np.arange(top, height, step * every):
            cv2.line(page, (0, int(y)), (width, int(y)), colour.tolist(), 1)
    if top > 20:
        cv2.putText(page, "ID 0123 Name 00:00", (10, top // 2 + 5), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (20, 20, 20), 1)
    return page


def _clouds(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Return smooth shapes of all sizes in colour, as photographs have them."""
    total = np.zeros((height, width, 3))
    for power in range(1, 8):
        cells = rng.normal(size=(2**power, 2**power, 3)).astype(np.float32)
        total += cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC) * rng.uniform(0.4, 0.9) ** power
    grey = total.mean(axis=2, keepdims=True)
    total = grey + (total - grey) * rng.uniform(0, 1)
    levels = 128 + rng.uniform(30, 90) * total / total.std()
    return levels.clip(0, 255).astype(np.uint8)


def _shapes(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Return filled shapes before a background with shades."""
    picture = _clouds(rng, height, width)
    for _ in range(rng.integers(3, 25)):
        centre = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        axes = (int(rng.integers(5, width // 4)), int(rng.integers(5, height // 4)))
        if rng.random() < 0.5:
            cv2.ellipse(picture, centre, axes, float(rng.uniform(0, 180)), 0, 360, _colour(rng), -1)
        else:
            cv2.rectangle(picture, centre, (centre[0] + axes[0], centre[1] + axes[1]), _colour(rng), -1)
    return cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.3, 2)))


def _noise(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    kind = rng.integers(3)
    if kind == 0:
        return np.full((height, width, 3), _colour(rng), np.uint8)
    levels = rng.normal(rng.uniform(60, 220), rng.uniform(10, 90), (height, width, 3 if kind == 1 else 1))
    return np.broadcast_to(levels.clip(0, 255).astype(np.uint8), (height, width, 3)).copy()


def _text(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Return a page of print: letters of a few sizes, lines and columns."""
    page, size = _paper(rng, height, width), float(rng.uniform(0.3, 0.8))
    columns, y = int(rng.integers(1, 4)), 20
    letters = np.array(list("abcdefghiklmnoprstuvw      "))
    while y < height - 10:
        for column in range(columns):
            length = int(width / columns / (18 * size)) - 1
            words = "".join(rng.choice(letters, max(length, 1)))
            place = (10 + column * width // columns, y)
            cv2.putText(page, words, place, int(rng.choice([0, 3])), size, _colour(rng, 0, 90), 1, cv2.LINE_AA)
        y += int(30 * size + rng.integers(0, 8))
    return page


def _curve(rng: np.random.Generator, width: int) -> np.ndarray:
    """Return a line of some kind, float (width,): a wave, a walk, steps or bursts; mean 0, largest 1."""
    x, kind = np.arange(width), rng.integers(4)
    if kind == 0:
        y = sum(np.sin(x / width * rng.uniform(5, 200) + rng.uniform(0, 6)) * rng.uniform(0.2, 1) for _ in range(3))
    elif kind == 1:
        y = np.cumsum(rng.normal(size=width))
    elif kind == 2:
        y = np.repeat(rng.normal(size=width // 8 + 1), 8)[:width]
    else:
        y = rng.normal(size=width) * (1 + 3 * (np.sin(x / width * rng.uniform(5, 30)) > 0.6))
    y = y - y.mean()
    return y / np.abs(y).max()


def _draw(page: np.ndarray, line: np.ndarray, colour: tuple[int, ...], thickness: int = 1) -> None:
    points = np.stack([np.arange(len(line)), line], axis=1).round().astype(np.int32)
    cv2.polylines(page, [points], False, colour, thickness, cv2.LINE_AA)


def _chart(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Return a chart with axes: a few lines, or bars."""
    page = _paper(rng, height, width)
    left, bottom = int(0.1 * width), int(0.9 * height)
    if rng.random() < 0.5:
        for y in np.linspace(0.1 * height, bottom, 6):
            cv2.line(page, (left, int(y)), (width - 10, int(y)), (210, 210, 210), 1)
    if rng.random() < 0.3:
        for x in np.linspace(left, 0.9 * width, int(rng.integers(4, 40))):
            top = int(bottom - rng.uniform(0, 0.75) * height)
            cv2.rectangle(page, (int(x), top), (int(x) + 6, bottom), _colour(rng, 0, 200), int(rng.choice([-1, 1])))
    else:
        for _ in range(rng.integers(1, 6)):
            line = height * (rng.uniform(0.3, 0.7) + 0.25 * _curve(rng, width))
            line[:left] = line[left]
            _draw(page, line, _colour(rng, 0, 200), int(rng.integers(1, 3)))
    cv2.line(page, (left, bottom), (width - 10, bottom), (0, 0, 0), 1)
    cv2.line(page, (left, 10), (left, bottom), (0, 0, 0), 1)
    return page


def _channels(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Return many rows of signals that are no heart's, on paper or on a dark screen, with a grid or without."""
    dark, rows = rng.random() < 0.3, int(rng.integers(1, 22))
    page = (
        np.full((height, width, 3), 8, np.uint8)
        if dark
        else (_gridded if rng.random() < 0.4 else _paper)(rng, height, width)
    )
    for row in range(rows):
        scale = height / rows * rng.uniform(0.2, 0.7)
        line = height * (row + 0.5) / rows + scale * _curve(rng, width)
        _draw(page, line, _colour(rng, 120) if dark else _colour(rng, 0, 70), int(rng.integers(1, 3)))
    return page


def _staves(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Return sheets of five lines each with notes."""
    page, gap = _paper(rng, height, width), float(rng.uniform(3, 8))
    for top in np.arange(20, height - 5 * gap, 12 * gap):
        for line in range(5):
            y = int(top + line * gap)
            cv2.line(page, (12, y), (width - 12, y), (30, 30, 30), 1)
        x = 30.0
        while x < width - 25:
            y = int(top + rng.integers(-1, 10) * gap / 2)
            cv2.ellipse(page, (int(x), y), (int(0.7 * gap) + 1, int(0.5 * gap) + 1), -20, 0, 360, (20, 20, 20), -1)
            cv2.line(page, (int(x + 0.7 * gap), y), (int(x + 0.7 * gap), int(y - 3.5 * gap)), (20, 20, 20), 1)
            x += rng.uniform(2, 6) * gap
    return page


KINDS: tuple[Painter, ...] = (_gridded, _clouds, _shapes, _noise, _text, _chart, _channels, _staves)
