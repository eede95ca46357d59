"""Robustness: each perturbation does what it says, the metrics repeat, and nothing is dropped silently."""

import io
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.images.page import open_page
from edge.prediction import Outputs
from tests.conftest import LABELS
from training.data.folder import DataFolder
from training.data.loaded_images import LoadedImages
from training.errors import DataError
from training.evaluation.measure import measure
from training.evaluation.prediction_metrics import ConditionMetrics, Robustness
from training.evaluation.predictions import Predictions
from training.evaluation.robustness import PERTURBATIONS, Condition, Perturbation, conditions, measure_robustness
from training.models.loaded_model import LoadedModel, open_model
from training.synthetic.acquisition.parameters import ACQUISITIONS, STRENGTHS

NOTHING = {"rotation": 0, "scale": 1, "blur": 0, "JPEG": 100, "crop": 0}
"""The step of each perturbation that leaves an image as it is."""
FEW = {
    "photo": replace(PERTURBATIONS["photo"], steps=(2,)),
    "rotation": replace(PERTURBATIONS["rotation"], steps=(2, 10)),
}
"""A phone photo and two turns alone."""


@pytest.fixture(scope="module")
def image(three_classes: Path) -> np.ndarray:
    return np.asarray(open_page(sorted((three_classes / "test").rglob("*.jpg"))[0]))


def images_of(folder: Path, model: LoadedModel) -> LoadedImages:
    data = DataFolder.read(folder)
    return data.load(model.contract.preprocessing, data.but("train"))


def measured(
    model: LoadedModel, images: LoadedImages, perturbations: Mapping[str, Perturbation] = FEW, seed: int = 0
) -> Robustness:
    plain = Predictions.of(model.run(images.pixels), images, model.contract.labels)
    return measure_robustness({"it": model}, {"it": plain}, images, seed=seed, perturbations=perturbations)["it"]


def knowing(images: LoadedImages, model: LoadedModel) -> LoadedModel:
    """A model that is sure of the images that it knows by heart, and rejects all others as of the first class."""
    contract = replace(model.contract, in_distribution_threshold=0.5, confidence_threshold=0.5)
    labels = contract.labels
    known = {pixels.tobytes(): labels.index(label) for pixels, label in zip(images.pixels, images.labels, strict=True)}

    def run(pictures: np.ndarray) -> Outputs:
        classes = np.array([known.get(picture.tobytes(), 0) for picture in pictures])
        sure = np.eye(len(labels), dtype=np.float32)[classes]
        in_distribution = np.array([[picture.tobytes() in known] for picture in pictures], np.float32)
        return Outputs(np.log(sure + 1e-6), sure, in_distribution)

    return replace(model, contract=contract, run=run)


def test_conditions_are_every_acquisition_and_every_step() -> None:
    asked = conditions()
    acquired = [(one.perturbation, one.step) for one in asked if one.perturbation in ACQUISITIONS]
    assert acquired == [(kind, strength) for kind in ACQUISITIONS for strength in STRENGTHS]
    assert {one.perturbation for one in asked} - set(ACQUISITIONS) == set(NOTHING)
    assert len(asked) == len(set(asked)) == len({one.describe() for one in asked})


@pytest.mark.parametrize("degrees", PERTURBATIONS["rotation"].steps)
def test_a_turn_is_of_so_many_degrees_and_cuts_nothing_off(degrees: float) -> None:
    paper = np.full((600, 900, 3), 255, np.uint8)
    paper[:12] = paper[-12:] = paper[:, :12] = paper[:, -12:] = 0  # a frame at the very edge
    angles = {}
    for digest in map(str, range(8)):
        turned = Condition("rotation", degrees).apply(paper, digest, 0)
        dark = turned[..., 0] < 128
        columns = np.arange(300, 600)
        top = dark[:, columns].argmax(axis=0)
        angles[digest] = np.degrees(np.arctan(np.polyfit(columns, top, 1)[0]))
        sides = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
        assert turned.shape == paper.shape
        # The whole frame is there: as wide and as high as the turned image is, as large as fits.
        angle = np.radians(degrees)
        form = (900 * np.cos(angle) + 600 * np.sin(angle)) / (900 * np.sin(angle) + 600 * np.cos(angle))
        assert np.ptp(sides[1]) / np.ptp(sides[0]) == pytest.approx(form, rel=0.02)
        assert np.ptp(sides[0]) == pytest.approx(599, abs=4)
    assert np.abs(list(angles.values())) == pytest.approx(degrees, abs=0.1)
    assert {np.sign(angle) for angle in angles.values()} == {-1, 1}
    for digest, angle in angles.items():  # to the same side at every step
        other = Condition("rotation", 20).apply(paper, digest, 0)[..., 0] < 128
        slope = np.polyfit(np.arange(300, 600), other[:, 300:600].argmax(axis=0), 1)[0]
        assert np.sign(slope) == np.sign(angle)


@pytest.mark.parametrize("share", PERTURBATIONS["scale"].steps)
def test_a_shrunk_image_lies_in_the_middle_of_a_white_sheet(share: float) -> None:
    shrunk = Condition("scale", share).apply(np.full((600, 901, 3), 90, np.uint8), "", 0)
    assert shrunk.shape == (600, 901, 3)
    rows, columns = (np.flatnonzero((shrunk[..., 0] < 255).any(axis=axis)) for axis in (1, 0))
    assert (len(rows), len(columns)) == (round(600 * share), round(901 * share))
    assert abs(rows[0] - (599 - rows[-1])) <= 1
    assert abs(columns[0] - (900 - columns[-1])) <= 1
    assert (shrunk[300, 450] == 90).all()


@pytest.mark.parametrize("width", [1106, 2212])
@pytest.mark.parametrize("deviation", PERTURBATIONS["blur"].steps)
def test_a_blur_has_its_standard_deviation_on_an_image_of_1106_pixels(deviation: float, width: int) -> None:
    edge = np.zeros((80, width, 3), np.uint8)
    edge[:, width // 2 :] = 255
    slope = np.diff(Condition("blur", deviation).apply(edge, "", 0)[40, :, 0].astype(float))
    at = np.arange(width - 1) - width // 2 + 1
    assert np.sqrt((slope * at**2).sum() / slope.sum()) == pytest.approx(deviation * width / 1106, abs=0.08)


@pytest.mark.parametrize("quality", PERTURBATIONS["JPEG"].steps)
def test_a_compressed_image_has_the_quality(quality: int, image: np.ndarray) -> None:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    assert np.array_equal(Condition("JPEG", quality).apply(image, "", 0), np.asarray(open_page(file)))


@pytest.mark.parametrize("share", PERTURBATIONS["crop"].steps)
def test_a_crop_cuts_the_share_at_each_edge(share: float) -> None:
    place = np.indices((400, 800)).astype(np.uint16)
    numbered = np.dstack([place[0] // 2, place[1] // 4, place[0] * 0]).astype(np.uint8)
    left = Condition("crop", share).apply(numbered, "", 0)
    assert left.shape == (400 - 2 * round(400 * share), 800 - 2 * round(800 * share), 3)
    assert left[0, 0, :2].tolist() == [round(400 * share) // 2, round(800 * share) // 4]


@pytest.mark.parametrize("name", NOTHING)
def test_a_perturbation_by_nothing_changes_nothing(name: str, image: np.ndarray) -> None:
    assert np.array_equal(Condition(name, NOTHING[name]).apply(image, "", 0), image)


@pytest.mark.parametrize("kind", ACQUISITIONS)
def test_an_acquisition_repeats_and_grows_with_its_strength(kind: str) -> None:
    paper = np.full((600, 900, 3), 255, np.uint8)
    for column, row in enumerate((300 + 200 * np.sin(np.arange(900) / 20)).astype(int)):
        paper[row - 4 : row + 4, column] = 140  # brighter than what is taken for ink: no acquisition is refused
    first, second, third = (Condition(kind, strength).apply(paper, "a", 0) for strength in STRENGTHS)
    assert first.shape == paper.shape
    assert np.array_equal(first, Condition(kind, 1).apply(paper, "a", 0))
    for other in (Condition(kind, 1).apply(paper, "b", 0), Condition(kind, 1).apply(paper, "a", 1), second):
        assert not np.array_equal(first, other)
    weak, strong = (np.abs(picture.astype(int) - paper).mean() for picture in (first, third))
    assert weak > 0
    if kind != "bw":  # its threshold makes grey ink black or white
        assert weak < strong


def test_metrics_repeat_and_do_not_depend_on_the_order_of_images(onnx_file: Path, three_classes: Path) -> None:
    model = open_model(onnx_file)
    images = images_of(three_classes, model)
    found = measured(model, images)
    assert found == measured(model, images.select(np.arange(len(images))[::-1]))
    assert found == measured(model, images)
    assert found.seed == 0
    steps = [(one.perturbation, one.step) for one in found.conditions]
    assert steps == [("photo", 2), ("rotation", 2), ("rotation", 10)]


def test_undisturbed_images_have_the_metrics_of_the_plain_evaluation(
    h5: Path, onnx_file: Path, three_classes: Path
) -> None:
    """Every perturbation by nothing; two models of one size share the pictures."""
    asked = []

    def counted(one: Perturbation) -> Callable:
        return lambda *arguments: asked.append(arguments) or one.apply(*arguments)

    still = {
        name: replace(PERTURBATIONS[name], steps=(step,), apply=counted(PERTURBATIONS[name]))
        for name, step in NOTHING.items()
    }
    models = {"h5": open_model(h5), "onnx": open_model(onnx_file)}
    images = images_of(three_classes, models["h5"])
    plain = {name: Predictions.of(model.run(images.pixels), images, LABELS) for name, model in models.items()}
    found = measure_robustness(models, plain, images, seed=0, perturbations=still)
    assert len(asked) == 6 * len(NOTHING)
    for name, model in models.items():
        expected, lines = measure(plain[name], model.contract), found[name].conditions
        assert [one.perturbation for one in lines] == list(NOTHING)
        assert [one.illegible for one in lines] == [0] * len(NOTHING)
        for metrics in (found[name].undisturbed, *(one.metrics for one in lines)):
            assert metrics.images == 6
            assert (metrics.macro_f1, metrics.accuracy) == (expected.overall.macro_f1, expected.overall.accuracy)
            assert metrics.uncertain.value == expected.statuses.uncertain / 6
            assert metrics.rejected.value == expected.statuses.rejected / 6


def values(metrics: ConditionMetrics) -> list[float | None]:
    return [one.value for one in (metrics.macro_f1, metrics.accuracy, metrics.uncertain, metrics.rejected)]


def test_a_model_that_sees_noise_falls(onnx_file: Path, three_classes: Path) -> None:
    noise = Perturbation(
        (1,), "noise", lambda image, _, rng: rng.integers(0, 256, image.shape, np.uint8), "noise alone"
    )
    images = images_of(three_classes, open_model(onnx_file))
    asked = {"noise": noise, "rotation": replace(PERTURBATIONS["rotation"], steps=(0, 10))}
    found = measured(knowing(images, open_model(onnx_file)), images, asked)
    noisy, still, turned = (one.metrics for one in found.conditions)
    for metrics in (found.undisturbed, still):
        assert values(metrics) == [1, 1, 0, 0]
    for metrics in (noisy, turned):  # two of six images are of the first class
        assert values(metrics) == pytest.approx([1 / 6, 1 / 3, 0, 1])


def test_models_of_other_sizes_get_their_own_pixels(onnx_file: Path, three_classes: Path) -> None:
    small = open_model(onnx_file)
    images = images_of(three_classes, small)
    shapes: dict[str, list] = {"small": [], "large": []}

    def watched(name: str) -> Callable:
        return lambda pictures: shapes[name].append(pictures.shape) or knowing(images, small).run(pictures)

    size = replace(small.contract.preprocessing, height=120, width=200)
    large = replace(small, contract=replace(small.contract, preprocessing=size), run=watched("large"))
    models = {"small": replace(small, run=watched("small")), "large": large}
    plain = dict.fromkeys(models, Predictions.of(small.run(images.pixels), images, LABELS))
    measure_robustness(models, plain, images, seed=0, perturbations=FEW)
    assert shapes == {"small": [(3, 96, 160, 3)] * 6, "large": [(3, 120, 200, 3)] * 6}


def faded(source: Path, to: Path) -> None:
    """Write an image as faint as no reader could follow: ink of 112 on paper of 125."""
    dark = np.asarray(open_page(source)).max(axis=2) < 120
    Image.fromarray(np.where(dark, 112, 125).astype(np.uint8)).convert("RGB").save(to)


def test_images_that_do_not_stay_legible_are_counted(onnx_file: Path, three_classes: Path, tmp_path: Path) -> None:
    data = shutil.copytree(three_classes, tmp_path / "data")
    first = sorted((data / "test").rglob("*.jpg"))[0]
    faint = first.with_suffix(".png")
    faded(first, faint)
    first.unlink()
    with pytest.raises(DataError, match="left no trace legible"):
        Condition("photo", 2).apply(np.asarray(open_page(faint)), "", 0)
    model = open_model(onnx_file)
    images = images_of(data, model)
    photo, *turned = measured(model, images).conditions
    assert (photo.metrics.images, photo.illegible) == (5, 1)
    assert [(one.metrics.images, one.illegible) for one in turned] == [(6, 0)] * 2
    # The five others alone, under the same photo, have the very metrics.
    others = images.select(np.array([image.path != faint for image in images.images]))
    assert len(others) == 5
    assert measured(model, others).conditions[0] == replace(photo, illegible=0)


def test_a_condition_without_a_legible_image_has_no_metrics(
    onnx_file: Path, three_classes: Path, tmp_path: Path
) -> None:
    for image in (three_classes / "test").rglob("*.jpg"):
        (tmp_path / "test" / image.parent.name).mkdir(parents=True, exist_ok=True)
        faded(image, tmp_path / "test" / image.parent.name / f"{image.stem}.png")
    model = open_model(onnx_file)
    found = measured(model, images_of(tmp_path, model))
    assert (found.conditions[0].metrics.images, found.conditions[0].illegible) == (0, 6)
    assert found.conditions[0].metrics.macro_f1.value is None
    assert found.conditions[1].metrics.macro_f1.value is not None
