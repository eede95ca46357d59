"""The audit of labels: wrong ones are found, by models that have not seen the image's group."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import last_line
from training.audit.audit import audit
from training.audit.labels import LabelAudit, confident_learning, unseen_probabilities
from training.audit.labels_asked import audit_labels
from training.data.folder import DataFolder
from training.errors import DataError


def test_the_confident_joint_is_that_of_the_paper() -> None:
    """Means of the classes: 0.7 and 0.6; the third image is believed to be b, the last one to be none."""
    believed = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.9, 0.1], [0.3, 0.7], [0.4, 0.6], [0.6, 0.4]])
    labels = np.array([0, 0, 0, 0, 1, 1, 1])
    assert np.isclose([believed[labels == 0, 0].mean(), believed[labels == 1, 1].mean()], [0.7, 1.7 / 3]).all()
    assert confident_learning(believed, labels).tolist() == [0, 0, 1, 0, 1, 1, -1]


def test_no_model_has_seen_the_group_that_it_is_asked_about() -> None:
    """Noise, in pairs that are one group under one label: who has seen the twin knows the label."""
    rng = np.random.default_rng(0)
    pairs = np.repeat(rng.normal(size=(60, 200)), 2, axis=0)
    labels = np.repeat(rng.integers(0, 2, 60), 2)
    kept = unseen_probabilities(pairs, labels, np.repeat(np.arange(60), 2).astype(str), seed=0)
    divided = unseen_probabilities(pairs, labels, np.arange(120).astype(str), seed=0)
    right, cheated = ((one.argmax(axis=1) == labels).mean() for one in (kept, divided))
    assert cheated > right + 0.15
    np.testing.assert_allclose(kept.sum(axis=1), 1)


def striped(number: int, upright: bool) -> Image.Image:
    """Stripes along or across, of another width in each image."""
    rng = np.random.default_rng(number)
    pixels = np.full((96, 128), 255, np.uint8)
    pixels[:: 6 + number % 5] = 40
    pixels = pixels if not upright else np.ascontiguousarray(np.rot90(np.resize(pixels, (128, 96))))
    noise = rng.integers(0, 30, pixels.shape)
    return Image.fromarray((pixels - np.minimum(pixels, noise)).astype(np.uint8)).convert("RGB")


@pytest.fixture(scope="module")
def stripes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve images along and twelve across; one of each has the other's label, and one is there twice."""
    folder = tmp_path_factory.mktemp("stripes")
    for label in ("across", "along"):
        (folder / label).mkdir()
    for number in range(24):
        upright = number % 2 == 1
        label = "across" if upright != (number in (4, 9)) else "along"
        striped(number, upright).save(folder / label / f"{number}.png")
    striped(0, False).save(folder / "along" / "copy of 0.png")
    return folder


def doubted(found: LabelAudit) -> list[tuple[str, str, str]]:
    return [(one.image.path.name, one.image.label, one.suggested) for one in found.doubted]


def test_wrong_labels_come_first(stripes: Path, tmp_path: Path) -> None:
    data = DataFolder.read(stripes)
    found = audit_labels(data, audit(data, seed=0, baselines=False), seed=0, cache=tmp_path)
    assert (found.images, found.left_out) == (24, 0)  # the copy is the same image
    assert found.labelled == {"across": 12, "along": 12}
    assert set(doubted(found)[:2]) == {("4.png", "across", "along"), ("9.png", "along", "across")}
    assert found.accuracy == pytest.approx(22 / 24)
    assert all(0 < share < 0.4 for share in found.noise.values())
    again = audit_labels(data, audit(data, seed=0, baselines=False), seed=0, cache=tmp_path)
    assert again == found


def test_a_trusted_folder_teaches_alone(stripes: Path, tmp_path: Path) -> None:
    """With every other label wrong, nothing can be cross-validated; who learned elsewhere sees all of it."""
    wrong = tmp_path / "wrong"
    for label in ("across", "along"):
        (wrong / label).mkdir(parents=True)
    for number in range(30, 42):
        striped(number, number % 2 == 1).save(wrong / ("along" if number % 2 else "across") / f"{number}.png")
    data = DataFolder.read(wrong)
    found = audit_labels(
        data,
        audit(data, seed=0, baselines=False),
        trusted=DataFolder.read(stripes),
        seed=0,
        cache=tmp_path / "cache",
    )
    assert found.accuracy < 0.2
    (stripes.parent / "one" / "across").mkdir(parents=True, exist_ok=True)
    striped(70, True).save(stripes.parent / "one" / "across" / "70.png")
    with pytest.raises(DataError, match="other classes than"):
        audit_labels(
            data,
            audit(data, seed=0, baselines=False),
            trusted=DataFolder.read(stripes.parent / "one"),
            seed=0,
            cache=tmp_path / "cache",
        )


def test_the_command_prints_and_shows_what_is_doubted(called: Callable, stripes: Path, tmp_path: Path) -> None:
    words = ("training", "audit", "--data", stripes, "--labels", "--cache", tmp_path / "cache")
    printed = called(*words, "--out", tmp_path / "report").stdout
    assert "Labels: models that have not seen an image's group agree with 92% of 24" in printed
    assert "4.png" in printed.split("Labels believed least")[1]
    numbers = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert {Path(one["image"]["path"]).name for one in numbers["labels"]["doubted"][:2]} == {"4.png", "9.png"}
    html = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "labelled across" in html
    assert (tmp_path / "report" / "labels-1.jpg").exists()
    missing = called("training", "audit", "--data", stripes, "--labels", tmp_path / "none", code=2)
    assert "no such folder" in last_line(missing)
