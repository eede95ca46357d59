"""Robustness: what a model's answers are worth when the same test images are captured badly or disturbed."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image
from tqdm import tqdm

from edge.contract import Contract
from edge.images.page import open_page
from edge.images.preprocessing import load_page
from edge.prediction import Outputs
from training.data.folder import EcgImage, LoadedImages
from training.errors import DataError
from training.evaluation.intervals import Estimate, proportion
from training.evaluation.loaded_model import LoadedModel
from training.evaluation.measure import statuses
from training.evaluation.metrics import overall_metrics
from training.evaluation.predictions import Predictions
from training.synthetic.acquisition.camera import acquire, take
from training.synthetic.acquisition.parameters import KINDS, STRENGTHS, Acquisition

WORKERS = 2  # threads that make pictures: each holds an image of full size several times over, as floats
FIGURES = {"macro_f1": "macro-F1", "accuracy": "accuracy", "uncertain": "uncertain", "rejected": "rejected"}


def _turned(image: np.ndarray, degrees: float, rng: np.random.Generator) -> np.ndarray:
    return take(image, Acquisition("scan", strength=1, seed=0, turn=float(rng.choice([-degrees, degrees])))).pixels


def _shrunk(image: np.ndarray, share: float, _: np.random.Generator) -> np.ndarray:
    height, width = image.shape[:2]
    small = Image.fromarray(image).resize((round(width * share), round(height * share)), Image.Resampling.BICUBIC)
    white = Image.new("RGB", (width, height), "white")
    white.paste(small, ((width - small.width) // 2, (height - small.height) // 2))
    return np.asarray(white)


def _blurred(image: np.ndarray, deviation: float, _: np.random.Generator) -> np.ndarray:
    return take(image, Acquisition("scan", strength=1, seed=0, blur=deviation)).pixels


def _compressed(image: np.ndarray, quality: float, _: np.random.Generator) -> np.ndarray:
    return take(image, Acquisition("scan", strength=1, seed=0, compression=100 - quality)).pixels


def _cut(image: np.ndarray, share: float, _: np.random.Generator) -> np.ndarray:
    height, width = image.shape[:2]
    top, left = round(height * share), round(width * share)
    return image[top : height - top, left : width - left]


def _capture(kind: str) -> Callable[[np.ndarray, float, np.random.Generator], np.ndarray]:
    return lambda image, strength, rng: acquire(image, kind, int(strength), rng).pixels


@dataclass(frozen=True)
class Perturbation:
    """Hold one kind of change: its steps, what they are called, how it is done, and in words what that is.

    `apply` takes an image at its own size, uint8 (height, width, 3), RGB, a step, and what is random;
    it raises `DataError` where no trace would stay legible.
    """

    steps: tuple[float, ...]
    axis: str
    apply: Callable[[np.ndarray, float, np.random.Generator], np.ndarray]
    meaning: str


PERTURBATIONS = {
    kind: Perturbation(STRENGTHS, "strength", _capture(kind), "a acquisition, drawn anew until the traces are legible")
    for kind in KINDS
} | {
    "rotation": Perturbation(
        (1, 2, 5, 10), "degrees", _turned,
        "turned to the left or the right on a scanner's lid, made smaller so that nothing is cut off",
    ),
    "scale": Perturbation((0.9, 0.75, 0.5), "share of its size", _shrunk, "shrunk in the middle of a white sheet"),
    "blur": Perturbation((0.5, 1, 2, 3), "pixels", _blurred, "Gaussian; the standard deviation, on an image 1106 pixels wide"),
    "JPEG": Perturbation((60, 40, 20, 10), "quality", _compressed, "compressed once more, at the image's own size"),
    "crop": Perturbation(
        (0.02, 0.05, 0.1), "share cut off at each edge", _cut, "cut at each edge; the rest fills the picture, enlarged"
    ),
}  # fmt: skip
"""What is done to the test images. No image is enlarged but by cutting: a picture larger than the image is a crop."""


@dataclass(frozen=True)
class Condition:
    """Name one of `PERTURBATIONS` and one of its steps."""

    change: str
    step: float

    def __str__(self) -> str:
        """Return change and step in words."""
        return f"{self.change}, {PERTURBATIONS[self.change].axis} {self.step:g}"

    def apply(self, image: np.ndarray, digest: str, seed: int) -> np.ndarray:
        """Return the picture that an image, uint8 (height, width, 3), RGB, becomes.

        What is random follows from the image's digest, the change and the seed: the same at each step,
        so that steps differ by their strength and not by luck. Raises `DataError` where the traces
        would not be legible.
        """
        key = hashlib.sha256(f"{digest} {self.change} {seed}".encode()).digest()
        return PERTURBATIONS[self.change].apply(image, self.step, np.random.default_rng(list(key)))


def conditions() -> list[Condition]:
    """Return every step of every change."""
    return [Condition(name, step) for name, change in PERTURBATIONS.items() for step in change.steps]


Size = tuple[int, int]
"""Height and width of a model's input, pixels."""


def robustness(
    subjects: Mapping[str, LoadedModel], plain: Mapping[str, Predictions], tested: LoadedImages, seed: int
) -> dict[str, dict]:
    """Return each model's figures for the images as they are and under every condition, ready for JSON.

    `plain` holds the answers for the images as they are. Images are read one at a time, and the pictures
    of an image are made once for all models of one input size.
    """
    contracts = {_size(subject.contract): subject.contract for subject in subjects.values()}
    asked = conditions()
    legible = np.zeros((len(tested), len(asked)), bool)
    found: dict[str, list[Outputs]] = {name: [] for name in subjects}
    progress = tqdm(total=legible.size, unit="picture", disable=None)
    with progress, ThreadPoolExecutor(WORKERS) as pool:
        for number, (image, digest) in enumerate(zip(tested.images, tested.digests, strict=True)):
            made = []
            for pictures in _pictures(image, digest, seed, contracts, pool):
                made.append(pictures)
                progress.update()
            legible[number] = [pictures is not None for pictures in made]
            for name, subject in subjects.items():
                found[name].append(_run(subject, made))
    return {
        name: {
            "seed": seed,
            "undisturbed": score(plain[name], subject.contract),
            "conditions": [
                {"change": condition.change, "step": condition.step, "illegible": int((~legible[:, place]).sum())}
                | score(_under(plain[name], found[name], legible, place), subject.contract)
                for place, condition in enumerate(asked)
            ],
        }
        for name, subject in subjects.items()
    }


def score(answers: Predictions, contract: Contract) -> dict:
    """Return the number of images and `FIGURES`, ready for JSON; without an image they are undefined."""
    images = len(answers.images)
    if not images:
        nothing = Estimate(None, None, None, "no image stays legible").as_record()
        return {"images": 0} | dict.fromkeys(FIGURES, nothing)
    overall, status = overall_metrics(answers.sample), statuses(answers, contract)
    shares = {name: proportion(status == name, answers.groups) for name in ("uncertain", "rejected")}
    return {"images": images} | {name: (overall | shares)[name].as_record() for name in FIGURES}


def _size(contract: Contract) -> Size:
    return contract.preprocessing.height, contract.preprocessing.width


def _pictures(
    image: EcgImage, digest: str, seed: int, contracts: Mapping[Size, Contract], pool: ThreadPoolExecutor
) -> Iterator[dict[Size, np.ndarray] | None]:
    """Yield what the models of each size see of an image under every condition, None where it is not legible."""
    opened = np.asarray(open_page(image.path))

    def under(condition: Condition) -> dict[Size, np.ndarray] | None:
        try:
            picture = Image.fromarray(condition.apply(opened, digest, seed))
        except DataError:
            return None
        return {size: load_page(picture, contract.preprocessing) for size, contract in contracts.items()}

    return pool.map(under, conditions())


def _run(subject: LoadedModel, made: Sequence[dict[Size, np.ndarray] | None]) -> Outputs:
    """Return a model's outputs for the pictures of an image; of one that is not there, those for a black one."""
    size = _size(subject.contract)
    nothing = {size: np.zeros((*size, 3), np.uint8)}
    return subject.run(np.stack([(pictures or nothing)[size] for pictures in made]))


def _under(plain: Predictions, found: Sequence[Outputs], legible: np.ndarray, place: int) -> Predictions:
    """Return the answers under one condition, for the images that stay legible.

    `found` has the outputs of each image under all conditions, `legible` is bool (images, conditions).
    """
    chosen = np.flatnonzero(legible[:, place])
    outputs = {name: np.array([getattr(found[image], name)[place] for image in chosen]) for name in Outputs._fields}
    return replace(
        plain,
        images=tuple(plain.images[image] for image in chosen),
        groups=plain.groups[chosen],
        seen=plain.seen[chosen],
        **outputs,
    )
