"""Show pictures that are no ECG image to an exported model, and count how many it rejects.

    python -m benchmarks.in_distribution --model FILE.onnx --data DIR [--photos DIR] [--pictures DIR]

Six kinds of pictures are made or taken: photographs (those that scikit-image, scikit-learn and
matplotlib ship, whole and in parts), plots, text images, grid paper without a trace, noise, and single
beats cut out of the test images of DIR. `--photos` is a folder of ECGs of another origin, to see how
many of them are accepted; `--pictures` keeps what was shown, to look at.
"""

import argparse
import io
import logging
from collections.abc import Iterator
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

from edge import Classifier
from edge.files import find_images
from edge.images.page import open_page
from training.data.folder import DataFolder

log = logging.getLogger(__name__)

SIZE = (1106, 786)
EACH = 40
PHOTOGRAPHS = {
    "skimage.data": (
        "astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "clock_motion.png", "coffee.png",
        "coins.png", "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "moon.png",
        "motorcycle_left.png", "retina.jpg", "rocket.jpg",
    ),
    "sklearn.datasets.images": ("china.jpg", "flower.jpg"),
    "matplotlib": ("mpl-data/sample_data/grace_hopper.jpg",),
}  # fmt: skip
TEXT = (
    "The patient came in the evening and said that the pain had begun after dinner. Pulse and pressure "
    "were those of a person at rest. We advised to measure again the next morning, and to bring the "
    "earlier letters."
)
PROSE = TEXT.split()


def photographs(_: np.random.Generator) -> Iterator[Image.Image]:
    """Yield every photograph whole, and its left and its right two thirds."""
    for package, names in PHOTOGRAPHS.items():
        if find_spec(package.partition(".")[0]) is None:
            log.warning("%s is not installed: its %d photographs are left out", package.partition(".")[0], len(names))
            continue
        for name in names:
            with (files(package) / name).open("rb") as file:
                whole = open_page(file)
            width, height = whole.size
            yield whole
            yield whole.crop((0, 0, width * 2 // 3, height * 2 // 3))
            yield whole.crop((width // 3, height // 3, width, height))


def plots(rng: np.random.Generator) -> Iterator[Image.Image]:
    """Yield charts with axes: lines, noisy waves, bars, points, a pie, a map of colours."""
    for number in range(EACH):
        figure = Figure((7, 5), dpi=int(rng.integers(90, 170)), layout="constrained")
        axes = figure.subplots()
        x = np.linspace(0, 10, 400)
        kind = number % 6
        if kind == 0:
            for _ in range(rng.integers(1, 5)):
                axes.plot(np.cumsum(rng.normal(size=200)))
        elif kind == 1:
            for shift in range(rng.integers(1, 4)):
                axes.plot(x, np.sin(rng.uniform(1, 9) * x) + 3 * shift + rng.normal(0, 0.1, x.size), color="black")
        elif kind == 2:
            axes.bar(range(8), rng.uniform(1, 9, 8), color=f"C{number % 10}")
        elif kind == 3:
            axes.scatter(rng.normal(size=300), rng.normal(size=300), s=9)
        elif kind == 4:
            axes.pie(rng.uniform(1, 5, 5), labels=list("abcde"))
        else:
            axes.imshow(gaussian_filter(rng.normal(size=(60, 80)), 4))
        if kind in (0, 1, 3) and rng.random() < 0.5:
            axes.grid()
        axes.set_title(f"Measurement {number}")
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
        yield open_page(buffer)


def text_pages(rng: np.random.Generator) -> Iterator[Image.Image]:
    """Yield images of prose, upright and across, in several sizes of type, with and without a heading."""
    for number in range(EACH):
        image = Image.new("RGB", SIZE if number % 2 else SIZE[::-1], "white" if number % 3 else (250, 246, 240))
        draw = ImageDraw.Draw(image)
        size = int(rng.integers(13, 26))
        font, y = ImageFont.load_default(size), 40
        if number % 4 == 0:
            draw.text((60, 30), "REPORT", "black", ImageFont.load_default(40))
            y = 100
        while y < image.height - 2 * size:
            words = [PROSE[index] for index in rng.integers(0, len(PROSE), image.width // (size * 4))]
            draw.text((60, y), " ".join(words) * (rng.random() < 0.9), "black", font)
            y += int(1.5 * size)
        yield image


def grid_paper(rng: np.random.Generator) -> Iterator[Image.Image]:
    """Yield empty ECG paper in its usual colours, with a margin and a printed header or without."""
    inks = ((238, 150, 150), (240, 190, 200), (235, 160, 110), (150, 200, 160), (170, 190, 230), (190, 190, 190))
    for number in range(EACH):
        image = Image.new("RGB", SIZE, "white")
        draw = ImageDraw.Draw(image)
        ink, step = np.array(inks[number % len(inks)]), float(rng.uniform(3.4, 9))
        top = 140 if number % 2 else 0
        if top:
            draw.text((40, 12), "ECG REPORT     ID :            Male      mmHg", "black", ImageFont.load_default(20))
            draw.line((34, 70, 1076, 70), "black", 3)
        for strong in (False, True):
            colour = tuple(int(level) for level in (ink if strong else (ink + 2 * 255) / 3))
            for axis, end in ((0, image.width), (1, image.height)):
                for place in np.arange(top * axis, end, step * (5 if strong else 1)):
                    line = (place, top, place, image.height) if axis == 0 else (0, place, image.width, place)
                    draw.line(line, colour, 1)
        yield image


def noise(rng: np.random.Generator) -> Iterator[Image.Image]:
    """Yield noise: by pixel and smooth, in grey and in colour, dense and as single dots, and plain areas."""
    for number in range(EACH):
        shape = (SIZE[1], SIZE[0], 3 if number % 2 else 1)
        kind = number % 5
        if kind == 0:
            levels = rng.integers(0, 256, shape)
        elif kind == 1:
            levels = rng.normal(rng.uniform(60, 200), 40, shape)
        elif kind == 2:
            levels = np.where(rng.random(shape) < rng.uniform(0.01, 0.2), 0, 255)
        elif kind == 3:
            smooth = gaussian_filter(rng.normal(size=shape), (*rng.uniform(2, 40, 1).repeat(2), 0))
            levels = 128 + 60 * smooth / smooth.std()
        else:
            levels = np.full(shape, rng.integers(0, 256))
        yield Image.fromarray(np.broadcast_to(levels.clip(0, 255).astype(np.uint8), (*shape[:2], 3)).copy())


def single_beats(rng: np.random.Generator, images: list[Path]) -> Iterator[Image.Image]:
    """Yield pieces of test images: one or two beats of one lead, on a sixth to a tenth of the image's width."""
    for path in rng.choice(np.array(images), EACH):
        image = open_page(Path(path))
        width = int(image.width * rng.uniform(0.09, 0.16))
        height = int(width * rng.uniform(0.7, 1.1))
        left = int(rng.uniform(0.08, 0.8) * image.width)
        middle = int(image.height * (rng.choice([0.29, 0.48, 0.67, 0.86]) + rng.uniform(-0.02, 0.02)))
        piece = image.crop((left, middle - height // 2, left + width, middle - height // 2 + height))
        yield piece.resize((width * 5, height * 5), Image.Resampling.BICUBIC)


def kinds(images: list[Path], seed: int = 0) -> dict[str, Iterator[Image.Image]]:
    """Return the pictures of every kind, from a seed."""
    makers = (photographs, plots, text_pages, grid_paper, noise)
    made = {maker.__name__: maker(np.random.default_rng([seed, place])) for place, maker in enumerate(makers)}
    return made | {"single_beats": single_beats(np.random.default_rng([seed, 9]), images)}


def blanked(images: list[Path], rng: np.random.Generator) -> Iterator[Image.Image]:
    """Yield images of the model's own machine without a trace: the median of fifteen test images of one size."""
    size = open_page(images[0]).size
    alike = [image for image in map(open_page, images) if image.size == size]
    for _ in range(EACH // 4):
        chosen = rng.choice(len(alike), min(15, len(alike)), replace=False)
        yield Image.fromarray(np.median([np.asarray(alike[index]) for index in chosen], axis=0).astype(np.uint8))


def rejected(classifier: Classifier, shown: Iterator[Image.Image], folder: Path | None) -> tuple[int, int]:
    """Return how many of the pictures are rejected, and how many there are."""
    statuses = []
    for number, picture in enumerate(shown):
        file = io.BytesIO()
        picture.save(file, format="png")
        statuses.append(classifier.predict(file).status == "rejected")
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number:03d}.png").write_bytes(file.getvalue())
    return sum(statuses), len(statuses)


def main() -> None:
    """Print one line a kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--pictures", type=Path)
    options = parser.parse_args()
    logging.basicConfig(format="%(message)s")

    classifier = Classifier(options.model)
    images = [image.path for image in DataFolder.read(options.data).but("train")]
    counts = {}
    for kind, shown in kinds(images).items():
        counts[kind] = rejected(classifier, shown, options.pictures and options.pictures / kind)
    counts["all of these"] = tuple(map(sum, zip(*counts.values(), strict=True)))
    shown = blanked(images, np.random.default_rng(10))
    counts["the machine's own image without a trace"] = rejected(
        classifier, shown, options.pictures and options.pictures / "blanked"
    )
    counts["ECG images of the test set"] = rejected(classifier, map(open_page, images), None)
    if options.photos:
        counts["ECGs of another origin"] = rejected(classifier, map(open_page, find_images(options.photos)), None)
    for kind, (hits, total) in counts.items():
        print(f"{kind.replace('_', ' '):40s} rejected {hits:3d} of {total:3d}  {hits / total:.1%}")


if __name__ == "__main__":
    main()
