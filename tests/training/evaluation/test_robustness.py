"""Robustness: each change does what it says, the figures repeat, and nothing is dropped silently."""

import io
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from training.evaluation.loaded_model import LoadedModel, open_model
from training.reports.robustness_plots import robustness_chart

from edge.images.page import open_page
from edge.prediction import Outputs
from tests.conftest import LABELS
from training.data.folder import LoadedImages, load_images, read_folder
from training.errors import DataError
from training.evaluation import robustness
from training.evaluation.measure import score_predictions
from training.evaluation.predictions import Predictions
from training.evaluation.robustness import PERTURBATIONS, Condition, Perturbation, conditions
from training.reports import robustness as robustness_report
from training.reports.plots import contact_sheet
from training.reports.report import Report
from training.reports.robustness import add_robustness, robustness_tables
from training.synthetic.acquisition.parameters import ACQUISITIONS, STRENGTHS

NOTHING = {"rotation": 0, "scale": 1, "blur": 0, "JPEG": 100, "crop": 0}
"""The step of each change that leaves an image as it is."""


@pytest.fixture(scope="module")
def image(three_classes: Path) -> np.ndarray:
    return np.asarray(open_page(sorted((three_classes / "test").rglob("*.jpg"))[0]))


def only(monkeypatch: pytest.MonkeyPatch, changes: dict[str, Perturbation]) -> None:
    for module in (robustness, robustness_report):
        monkeypatch.setattr(module, "PERTURBATIONS", changes)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A phone photo and two turns alone."""
    photo, rotation = replace(PERTURBATIONS["photo"], steps=(2,)), replace(PERTURBATIONS["rotation"], steps=(2, 10))
    only(monkeypatch, {"photo": photo, "rotation": rotation})


def images_of(folder: Path, subject: LoadedModel) -> LoadedImages:
    images = [image for image in read_folder(folder) if image.split == "test"]
    return load_images(images, subject.contract)[0]


def figures(subject: LoadedModel, images: LoadedImages, seed: int = 0) -> dict:
    plain = Predictions.of(subject.run(images.pixels), images, subject.contract.labels)
    return robustness.robustness({"it": subject}, {"it": plain}, images, seed)["it"]


def knowing(images: LoadedImages, subject: LoadedModel) -> LoadedModel:
    """A model that is sure of the images that it knows by heart, and rejects all others as of the first class."""
    contract = replace(subject.contract, in_distribution_threshold=0.5, confidence_threshold=0.5)
    labels = contract.labels
    known = {pixels.tobytes(): labels.index(label) for pixels, label in zip(images.pixels, images.labels, strict=True)}

    def run(pictures: np.ndarray) -> Outputs:
        classes = np.array([known.get(picture.tobytes(), 0) for picture in pictures])
        sure = np.eye(len(labels), dtype=np.float32)[classes]
        typical = np.array([[picture.tobytes() in known] for picture in pictures], np.float32)
        return Outputs(np.log(sure + 1e-6), sure, typical)

    return replace(subject, contract=contract, run=run)


def test_conditions_are_every_capture_and_every_step() -> None:
    asked = conditions()
    assert {(condition.change, condition.step) for condition in asked} >= {
        (kind, strength) for kind in ACQUISITIONS for strength in STRENGTHS
    }
    assert {condition.change for condition in asked} - set(ACQUISITIONS) == set(NOTHING)
    assert len(asked) == len(set(asked)) == len({str(condition) for condition in asked})


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
def test_a_shrunk_page_lies_in_the_middle_of_a_white_sheet(share: float) -> None:
    shrunk = Condition("scale", share).apply(np.full((600, 901, 3), 90, np.uint8), "", 0)
    assert shrunk.shape == (600, 901, 3)
    rows, columns = (np.flatnonzero((shrunk[..., 0] < 255).any(axis=axis)) for axis in (1, 0))
    assert (len(rows), len(columns)) == (round(600 * share), round(901 * share))
    assert abs(rows[0] - (599 - rows[-1])) <= 1
    assert abs(columns[0] - (900 - columns[-1])) <= 1
    assert (shrunk[300, 450] == 90).all()


@pytest.mark.parametrize("width", [1106, 2212])
@pytest.mark.parametrize("deviation", PERTURBATIONS["blur"].steps)
def test_a_blur_has_its_standard_deviation_on_a_page_of_1106_pixels(deviation: float, width: int) -> None:
    edge = np.zeros((80, width, 3), np.uint8)
    edge[:, width // 2 :] = 255
    slope = np.diff(Condition("blur", deviation).apply(edge, "", 0)[40, :, 0].astype(float))
    at = np.arange(width - 1) - width // 2 + 1
    assert np.sqrt((slope * at**2).sum() / slope.sum()) == pytest.approx(deviation * width / 1106, abs=0.08)


@pytest.mark.parametrize("quality", PERTURBATIONS["JPEG"].steps)
def test_a_compressed_page_has_the_quality(quality: int, image: np.ndarray) -> None:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    assert np.array_equal(Condition("JPEG", quality).apply(image, "", 0), np.asarray(open_page(file)))


@pytest.mark.parametrize("share", PERTURBATIONS["crop"].steps)
def test_a_crop_cuts_the_share_at_each_edge(share: float, image: np.ndarray) -> None:
    place = np.indices((400, 800)).astype(np.uint16)
    numbered = np.dstack([place[0] // 2, place[1] // 4, place[0] * 0]).astype(np.uint8)
    left = Condition("crop", share).apply(numbered, "", 0)
    assert left.shape == (400 - 2 * round(400 * share), 800 - 2 * round(800 * share), 3)
    assert left[0, 0, :2].tolist() == [round(400 * share) // 2, round(800 * share) // 4]


@pytest.mark.parametrize("change", NOTHING)
def test_a_change_of_nothing_changes_nothing(change: str, image: np.ndarray) -> None:
    assert np.array_equal(Condition(change, NOTHING[change]).apply(image, "", 0), image)


@pytest.mark.parametrize("kind", ACQUISITIONS)
def test_a_capture_repeats_and_grows_with_its_strength(kind: str) -> None:
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
    assert weak < strong or kind == "bw"  # its threshold makes grey ink black or white


def test_figures_repeat_and_do_not_depend_on_the_order_of_pages(
    few: None, onnx_file: Path, three_classes: Path
) -> None:
    subject = open_model(onnx_file)
    images = images_of(three_classes, subject)
    found = figures(subject, images)
    assert found == figures(subject, images.select(np.arange(len(images))[::-1]))
    assert found == figures(subject, images)
    assert found["seed"] == 0
    assert [(line["change"], line["step"]) for line in found["conditions"]] == [
        ("photo", 2),
        ("rotation", 2),
        ("rotation", 10),
    ]


def test_undisturbed_pages_have_the_figures_of_the_plain_evaluation(
    monkeypatch: pytest.MonkeyPatch, h5: Path, onnx_file: Path, three_classes: Path
) -> None:
    """Every change by nothing; two models of one size share the pictures."""
    asked = []

    def counted(change: Perturbation) -> Callable:
        return lambda *arguments: asked.append(arguments) or change.apply(*arguments)

    still = {
        name: replace(PERTURBATIONS[name], steps=(step,), apply=counted(PERTURBATIONS[name]))
        for name, step in NOTHING.items()
    }
    only(monkeypatch, still)
    subjects = {"h5": open_model(h5), "onnx": open_model(onnx_file)}
    images = images_of(three_classes, subjects["h5"])
    plain = {name: Predictions.of(subject.run(images.pixels), images, LABELS) for name, subject in subjects.items()}
    found = robustness.robustness(subjects, plain, images, 0)
    assert len(asked) == 6 * len(NOTHING)
    for name, subject in subjects.items():
        judged = score_predictions(plain[name], subject.contract)
        lines = found[name]["conditions"]
        assert [line["change"] for line in lines] == list(NOTHING)
        assert all(line["illegible"] == 0 for line in lines)
        for line in (found[name]["undisturbed"], *lines):
            assert line["images"] == 6
            for figure in ("macro_f1", "accuracy"):
                assert line[figure] == judged["overall"][figure]
            for status in ("uncertain", "rejected"):
                assert line[status]["value"] == judged["status"][status] / 6


def test_a_model_that_sees_noise_falls(monkeypatch: pytest.MonkeyPatch, onnx_file: Path, three_classes: Path) -> None:
    noise = Perturbation(
        (1,), "noise", lambda image, _, rng: rng.integers(0, 256, image.shape, np.uint8), "noise alone"
    )
    only(monkeypatch, {"noise": noise, "rotation": replace(PERTURBATIONS["rotation"], steps=(0, 10))})
    images = images_of(three_classes, open_model(onnx_file))
    found = figures(knowing(images, open_model(onnx_file)), images)
    noisy, still, turned = found["conditions"]
    for line in (found["undisturbed"], still):
        assert [line[name]["value"] for name in robustness.FIGURES] == [1, 1, 0, 0]
    for line in (noisy, turned):  # two of six images are of the first class
        assert [line[name]["value"] for name in robustness.FIGURES] == pytest.approx([1 / 6, 1 / 3, 0, 1])


def test_models_of_other_sizes_get_their_own_pixels(few: None, onnx_file: Path, three_classes: Path) -> None:
    small = open_model(onnx_file)
    images = images_of(three_classes, small)
    shapes = {"small": set(), "large": set()}

    def watched(name: str) -> Callable:
        return lambda pictures: shapes[name].add(pictures.shape) or knowing(images, small).run(pictures)

    large = replace(small, contract=replace(small.contract, height=120, width=200), run=watched("large"))
    subjects = {"small": replace(small, run=watched("small")), "large": large}
    plain = dict.fromkeys(subjects, Predictions.of(small.run(images.pixels), images, LABELS))
    robustness.robustness(subjects, plain, images, 0)
    assert shapes == {"small": {(3, 96, 160, 3)}, "large": {(3, 120, 200, 3)}}


def faded(source: Path, to: Path) -> None:
    """Write an image as faint as no reader could follow: ink of 112 on paper of 125."""
    dark = np.asarray(open_page(source)).max(axis=2) < 120
    Image.fromarray(np.where(dark, 112, 125).astype(np.uint8)).convert("RGB").save(to)


def test_pages_that_do_not_stay_legible_are_counted(
    few: None, onnx_file: Path, three_classes: Path, tmp_path: Path
) -> None:
    data = shutil.copytree(three_classes, tmp_path / "data")
    first = sorted((data / "test").rglob("*.jpg"))[0]
    faded(first, first.with_suffix(".png"))
    first.unlink()
    with pytest.raises(DataError, match="left no trace legible"):
        Condition("photo", 2).apply(np.asarray(open_page(first.with_suffix(".png"))), "", 0)
    subject = open_model(onnx_file)
    found = figures(subject, images_of(data, subject))
    photo, turned, _ = found["conditions"]
    assert (photo["images"], photo["illegible"]) == (5, 1)
    assert (turned["images"], turned["illegible"]) == (6, 0)
    (table,) = robustness_tables({"it": {"robustness": found}})
    noted = {row[0]: row[-1] for row in table.rows}
    assert "1 of 6 images not answered: no trace stays legible" in noted["photo, strength 2"]
    assert "not answered" not in noted["rotation, degrees 2"] + noted["undisturbed"]
    # The five others alone, under the same photo, have the very figures.
    others = images_of(data, subject).select(np.arange(1, 6))
    assert figures(subject, others)["conditions"][0] == photo | {"illegible": 0}


def test_a_condition_without_a_legible_page_has_no_figures(
    few: None, onnx_file: Path, three_classes: Path, tmp_path: Path
) -> None:
    for image in (three_classes / "test").rglob("*.jpg"):
        (tmp_path / "test" / image.parent.name).mkdir(parents=True, exist_ok=True)
        faded(image, tmp_path / "test" / image.parent.name / f"{image.stem}.png")
    subject = open_model(onnx_file)
    images = images_of(tmp_path, subject)
    found = figures(subject, images)
    assert (found["conditions"][0]["images"], found["conditions"][0]["illegible"]) == (0, 6)
    assert found["conditions"][0]["macro_f1"]["value"] is None
    assert found["conditions"][1]["macro_f1"]["value"] is not None
    report = Report("none legible")
    add_robustness(report, {"it": {"robustness": found}}, images, 0)
    (table,) = robustness_tables({"it": {"robustness": found}})
    assert table.rows[1][:4] == ["photo, strength 2", "0", "no image stays legible", "no image stays legible"]
    report.write(tmp_path / "report", found)
    assert "6 of 6 images not answered" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")


def test_the_chart_shows_each_change_and_the_figures(few: None, onnx_file: Path, three_classes: Path) -> None:
    subject = open_model(onnx_file)
    found = figures(subject, images_of(three_classes, subject))
    figure = robustness_chart(found, {"photo": "strength", "rotation": "degrees"})
    photo, rotation = figure.axes[:2]
    assert [panel.get_title() for panel in (photo, rotation)] == ["photo", "rotation"]
    macro_f1, level = rotation.lines
    assert macro_f1.get_ydata() == pytest.approx([line["macro_f1"]["value"] for line in found["conditions"][1:]])
    assert set(level.get_ydata()) == {found["undisturbed"]["macro_f1"]["value"]}
    assert [text.get_text() for text in rotation.get_xticklabels()] == ["2", "10"]
    heights = [bar.get_height() for bars in rotation.containers for bar in bars]
    assert heights == [line[name]["value"] for name in ("rejected", "uncertain") for line in found["conditions"][1:]]


def test_the_sheet_leaves_a_place_empty_where_no_capture_is_legible(image: np.ndarray) -> None:
    figure = contact_sheet([image, None], ["photo, strength 1", "photo, strength 3: no trace legible"], columns=2)
    assert [len(panel.images) for panel in figure.axes] == [1, 0]
    assert figure.axes[1].get_title() == "photo, strength 3: no trace legible"


def test_the_command_line(called: Callable, onnx_file: Path, three_classes: Path, tmp_path: Path) -> None:
    """Everything once, on one image of each class."""
    for label in LABELS:
        (tmp_path / "test" / label).mkdir(parents=True)
        shutil.copy(sorted((three_classes / "test" / label).iterdir())[0], tmp_path / "test" / label)
    out = tmp_path.with_name("report of robustness")
    result = called("training", "evaluate", onnx_file, "--data", tmp_path, "--out", out, "--robustness")
    found = json.loads((out / "report.json").read_text(encoding="utf-8"))["models"][str(onnx_file)]["robustness"]
    assert [(line["change"], line["step"]) for line in found["conditions"]] == [
        (condition.change, condition.step) for condition in conditions()
    ]
    assert all(line["images"] + line["illegible"] == 3 for line in found["conditions"])
    printed = result.stdout.partition(f"Robustness: {onnx_file}\n")[2]
    assert re.search(rf"^rotation, degrees 10 +3 +{found['conditions'][21]['macro_f1']['value']:.2f} ", printed, re.M)
    assert re.search(r"^undisturbed +3 ", printed, re.MULTILINE)
    assert {"acquisitions.png", "model-1-robustness.png"} <= {path.name for path in out.glob("*.png")}
    for file in ("report.html", "model_card.md"):
        text = (out / file).read_text(encoding="utf-8")
        assert f"Robustness: {onnx_file}" in text
        assert "photo, strength 3" in text
        assert "has no answer there: the table counts it" in text
