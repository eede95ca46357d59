"""Robustness: what a model's predictions are worth when the same test images are acquired badly or perturbed."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from PIL import Image
from tqdm import tqdm

from edge.commands.terminal import hide_progress
from edge.contract import Contract
from edge.images.page import open_page
from edge.images.preprocessing import Preprocessing, load_page
from edge.prediction import Outputs
from training.data.loaded_images import EcgImage, LoadedImages
from training.errors import DataError
from training.evaluation.intervals import Estimate, proportion
from training.evaluation.measure import statuses_of
from training.evaluation.metrics import overall_metrics
from training.evaluation.prediction_metrics import ConditionMetrics, Robustness, RobustnessCondition
from training.evaluation.predictions import Predictions
from training.models.loaded_model import LoadedModel
from training.synthetic.acquisition.camera import acquire, apply_acquisition
from training.synthetic.acquisition.parameters import ACQUISITIONS, STRENGTHS, Acquisition

WORKERS = 2  # threads that make pictures: each holds an image of full size several times over, as floats


def _turned(image: np.ndarray, degrees: float, rng: np.random.Generator) -> np.ndarray:
    turn = float(rng.choice([-degrees, degrees]))
    return apply_acquisition(image, Acquisition("scan", strength=1, seed=0, turn=turn)).pixels


def _shrunk(image: np.ndarray, share: float, _: np.random.Generator) -> np.ndarray:
    height, width = image.shape[:2]
    small = Image.fromarray(image).resize((round(width * share), round(height * share)), Image.Resampling.BICUBIC)
    white = Image.new("RGB", (width, height), "white")
    white.paste(small, ((width - small.width) // 2, (height - small.height) // 2))
    return np.asarray(white)


def _blurred(image: np.ndarray, deviation: float, _: np.random.Generator) -> np.ndarray:
    return apply_acquisition(image, Acquisition("scan", strength=1, seed=0, blur=deviation)).pixels


def _compressed(image: np.ndarray, quality: float, _: np.random.Generator) -> np.ndarray:
    return apply_acquisition(image, Acquisition("scan", strength=1, seed=0, compression=100 - quality)).pixels


def _cut(image: np.ndarray, share: float, _: np.random.Generator) -> np.ndarray:
    height, width = image.shape[:2]
    top, left = round(height * share), round(width * share)
    return image[top : height - top, left : width - left]


def _acquired(kind: str) -> Callable[[np.ndarray, float, np.random.Generator], np.ndarray]:
    return lambda image, strength, rng: acquire(image, kind, int(strength), rng).pixels


@dataclass(frozen=True)
class Perturbation:
    """Hold one kind of perturbation."""

    steps: tuple[float, ...]
    """How strongly it is done, weakest first."""
    axis: str
    """What the steps are called."""
    apply: Callable[[np.ndarray, float, np.random.Generator], np.ndarray]
    """Takes an image at its own size, uint8 (height, width, 3), RGB, a step, and what is random; raises `DataError`
    where no trace would stay legible."""
    meaning: str
    """What is done, in words."""


PERTURBATIONS = {
    kind: Perturbation(STRENGTHS, "strength", _acquired(kind), "an acquisition, made anew until the traces are legible")
    for kind in ACQUISITIONS
} | {
    "rotation": Perturbation(
        (1, 2, 5, 10), "degrees", _turned,
        "turned to the left or the right on a scanner's lid, made smaller so that nothing is cut off",
    ),
    "scale": Perturbation((0.9, 0.75, 0.5), "share of its size", _shrunk, "shrunk in the middle of a white sheet"),
    "blur": Perturbation(
        (0.5, 1, 2, 3), "pixels", _blurred, "Gaussian; the standard deviation, on an image 1106 pixels wide"
    ),
    "JPEG": Perturbation((60, 40, 20, 10), "quality", _compressed, "compressed once more, at the image's own size"),
    "crop": Perturbation(
        (0.02, 0.05, 0.1), "share cut off at each edge", _cut, "cut at each edge; the rest fills the picture, enlarged"
    ),
}  # fmt: skip
"""What is done to the test images. No image is enlarged but by cutting: a picture larger than the image is a crop."""


@dataclass(frozen=True)
class Condition:
    """Name one of the perturbations and one of its steps."""

    perturbation: str
    """A key of the perturbations."""
    step: float
    """One of its steps."""

    def describe(self, perturbations: Mapping[str, Perturbation] = PERTURBATIONS) -> str:
        """Return perturbation and step in words."""
        return f"{self.perturbation}, {perturbations[self.perturbation].axis} {self.step:g}"

    def apply(
        self,
        image: np.ndarray,
        digest: str,
        seed: int,
        perturbations: Mapping[str, Perturbation] = PERTURBATIONS,
    ) -> np.ndarray:
        """Return the picture that an image, uint8 (height, width, 3), RGB, becomes.

        What is random follows from the image's digest, the perturbation and the seed: the same at each step,
        so that steps differ by their strength and not by chance. Raises `DataError` where the traces
        would not be legible.
        """
        key = hashlib.sha256(f"{digest} {self.perturbation} {seed}".encode()).digest()
        return perturbations[self.perturbation].apply(image, self.step, np.random.default_rng(list(key)))


def conditions(perturbations: Mapping[str, Perturbation] = PERTURBATIONS) -> list[Condition]:
    """Return every step of every perturbation."""
    return [Condition(name, step) for name, one in perturbations.items() for step in one.steps]


def measure_robustness(
    models: Mapping[str, LoadedModel],
    undisturbed: Mapping[str, Predictions],
    tested: LoadedImages,
    *,
    seed: int,
    perturbations: Mapping[str, Perturbation] = PERTURBATIONS,
) -> dict[str, Robustness]:
    """Return what each model predicts for the images as they are and under every condition.

    `undisturbed` holds the predictions for the images as they are. Images are read one at a time, and the pictures
    of an image are made once for all models of one preprocessing.
    """
    asked = conditions(perturbations)
    sizes = {model.contract.preprocessing for model in models.values()}
    legible = np.zeros((len(tested), len(asked)), bool)
    found: dict[str, list[Outputs]] = {name: [] for name in models}
    progress = tqdm(total=legible.size, unit="picture", disable=hide_progress())
    with progress, ThreadPoolExecutor(WORKERS) as pool:
        for number, (image, digest) in enumerate(zip(tested.images, tested.digests, strict=True)):
            applied = partial(Condition.apply, digest=digest, seed=seed, perturbations=perturbations)
            made = []
            for pictures in _pictures(image, applied, asked, sizes, pool):
                made.append(pictures)
                progress.update()
            legible[number] = [pictures is not None for pictures in made]
            for name, model in models.items():
                found[name].append(_outputs(model, made))
    return {
        name: Robustness(
            seed=seed,
            undisturbed=condition_metrics(undisturbed[name], model.contract),
            conditions=tuple(
                RobustnessCondition(
                    perturbation=one.perturbation,
                    step=one.step,
                    illegible=int((~legible[:, place]).sum()),
                    metrics=condition_metrics(_under(undisturbed[name], found[name], legible, place), model.contract),
                )
                for place, one in enumerate(asked)
            ),
        )
        for name, model in models.items()
    }


def condition_metrics(predictions: Predictions, contract: Contract) -> ConditionMetrics:
    """Return the metrics of predictions under one condition; without an image they are undefined."""
    images = len(predictions.images)
    if not images:
        nothing = Estimate(None, None, None, "no image stays legible")
        return ConditionMetrics(images=0, macro_f1=nothing, accuracy=nothing, uncertain=nothing, rejected=nothing)
    overall, statuses = overall_metrics(predictions.sample), statuses_of(predictions, contract)
    return ConditionMetrics(
        images=images,
        macro_f1=overall.macro_f1,
        accuracy=overall.accuracy,
        uncertain=proportion(statuses == "uncertain", predictions.groups),
        rejected=proportion(statuses == "rejected", predictions.groups),
    )


Pictures = dict[Preprocessing, np.ndarray]
"""What the models of each preprocessing see of one picture."""


def _pictures(
    image: EcgImage,
    apply: Callable[[Condition, np.ndarray], np.ndarray],
    asked: Sequence[Condition],
    sizes: set[Preprocessing],
    pool: ThreadPoolExecutor,
) -> Iterator[Pictures | None]:
    """Yield what the models see of an image under every condition, None where it is not legible."""
    opened = np.asarray(open_page(image.path))

    def under(condition: Condition) -> Pictures | None:
        try:
            picture = Image.fromarray(apply(condition, opened))
        except DataError:
            return None
        return {preprocessing: load_page(picture, preprocessing) for preprocessing in sizes}

    return pool.map(under, asked)


def _outputs(model: LoadedModel, made: Sequence[Pictures | None]) -> Outputs:
    """Return a model's outputs for the pictures of an image; of one that is not there, those for a black one."""
    size = model.contract.preprocessing
    nothing = {size: np.zeros((size.height, size.width, 3), np.uint8)}
    return model.run(np.stack([(pictures or nothing)[size] for pictures in made]))


def _under(undisturbed: Predictions, found: Sequence[Outputs], legible: np.ndarray, place: int) -> Predictions:
    """Return the predictions under one condition, for the images that stay legible.

    `found` has the outputs of each image under all conditions, `legible` is bool (images, conditions).
    """
    chosen = np.flatnonzero(legible[:, place])
    outputs = {name: np.array([getattr(found[image], name)[place] for image in chosen]) for name in Outputs._fields}
    return replace(
        undisturbed,
        images=tuple(undisturbed.images[image] for image in chosen),
        groups=undisturbed.groups[chosen],
        seen=undisturbed.seen[chosen],
        **outputs,
    )
