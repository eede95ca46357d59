"""The audit: copies and leaks are counted right on any folder, and what leaks is refused by training."""

import csv
import json
import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from edge.images.page import open_page
from tests.conftest import RECIPE, last_line
from training.data.folder import joined
from training.data.leaks import ACROSS, GROUP, TWO_LABELS
from training.errors import DataError
from training.evaluation import audit as auditing
from training.evaluation.audit import AS_IT_STANDS, COPY, NEAR_ACROSS, NEAR_LABELS, WITHOUT_COPIES, audit
from training.evaluation.baselines import OUTSIDE
from training.fit.run import train
from training.reports.audit import write_audit
from training.reports.explore import explore
from training.synthetic.dataset import SyntheticSettings, generate_dataset


@pytest.fixture
def no_baselines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "_baselines", lambda *_: {})


def picture(number: int) -> Image.Image:
    """One of many different small pictures."""
    return Image.fromarray(np.random.default_rng(number).integers(0, 256, (70, 90, 3), np.uint8))


def kinds(folder: Path) -> dict[str, int]:
    return {kind: number for kind, number in audit(folder, seed=0).kinds.items() if number}


PLACES = st.tuples(
    st.integers(0, 5),  # which picture
    st.sampled_from(("train", "test")),
    st.sampled_from("ab"),
    st.sampled_from(("bmp", "png", "tif")),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(places=st.lists(PLACES, min_size=1, max_size=14), stated=st.booleans())
def test_copies_are_counted_right_on_any_folder(
    places: list[tuple], stated: bool, tmp_path_factory: pytest.TempPathFactory, no_baselines: None
) -> None:
    """Folders at random, whose pictures are saved in three formats without loss; the truth is known."""
    folder = tmp_path_factory.mktemp("folder")
    # Every class of the test images has to be learned.
    places = [*places, *(((100 + index), "train", label, "png") for index, label in enumerate("ab"))]
    for number, (which, split, label, form) in enumerate(places):
        file = folder / (split if stated else "") / label / f"{number}.{form}"
        file.parent.mkdir(parents=True, exist_ok=True)
        picture(which).save(file)
    found = audit(folder, seed=0)
    different = {which for which, *_ in places}
    assert found.redundant["pixels"] == len(places) - len(different)
    assert found.redundant["bytes"] == len(places) - len({(which, form) for which, _, _, form in places})
    assert found.headline == (
        f"{len(places)} files: {len(places) - len(different)} redundant copies, {len(different)} different images"
    )
    assert found.within == {
        split: len(those) - len({which for which, *_ in those})
        for split in ("train", "test")
        if stated and (those := [place for place in places if place[1] == split])
    }
    of = {which: [place for place in places if place[0] == which] for which in different}
    expected = {
        TWO_LABELS: sum(len({label for _, _, label, _ in copies}) > 1 for copies in of.values()),
        ACROSS if stated else COPY: sum(
            len({split for _, split, _, _ in copies}) > 1 if stated else len(copies) > 1 for copies in of.values()
        ),
    }
    assert {kind: found.kinds[kind] for kind in expected} == expected


def test_a_near_copy_is_found_across_splits_and_labels(
    synthetic_folder: Path, tmp_path: Path, no_baselines: None
) -> None:
    folder = shutil.copytree(synthetic_folder, tmp_path / "images")
    (folder / "manifest.csv").unlink()
    assert kinds(folder) == {}
    image = sorted((folder / "train" / "normal").iterdir())[0]
    scaled = open_page(image).rotate(1.5, Image.Resampling.BICUBIC, fillcolor="white").resize((900, 640))
    scaled.save(folder / "test" / "history_of_mi" / "another name.jpg", quality=40)
    found = audit(folder, seed=0)
    assert {kind: number for kind, number in found.kinds.items() if number} == {NEAR_ACROSS: 1, NEAR_LABELS: 1}
    ((i, j, score),) = found.near
    assert {found.images[i].path.name, found.images[j].path.name} == {image.name, "another name.jpg"}
    assert 0.9 < score <= 1
    assert found.redundant == {"bytes": 0, "pixels": 0}


def test_a_group_in_both_splits_leaks(synthetic_folder: Path, tmp_path: Path, no_baselines: None) -> None:
    folder = shutil.copytree(synthetic_folder, tmp_path / "images")
    with (folder / "manifest.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["path", "label", "group"], extrasaction="ignore")
        writer.writeheader()
        for number, row in enumerate(rows):
            patient = "one patient" if number in (0, len(rows) - 1, len(rows) - 2) else f"patient {number}"
            writer.writerow(row | {"group": patient})
    # The first image of the first class is a test image, the last two of the last class are training images.
    assert kinds(folder) == {GROUP: 1}


def test_odd_pages_are_named(synthetic_folder: Path, tmp_path: Path, no_baselines: None) -> None:
    folder = shutil.copytree(synthetic_folder / "train", tmp_path / "images")
    image = open_page(sorted((folder / "normal").iterdir())[0])
    white = Image.new("RGB", image.size, "white")
    for name, altered in {
        "blank": white,
        "across": image.rotate(90, expand=True),
        "tiny": image.resize((330, 235)),
        "wide": image.crop((0, 0, image.width, image.height * 2 // 3)),
    }.items():
        altered.save(folder / "normal" / f"{name}.png")
    (folder / "normal" / "broken.png").write_text("no picture")
    found = audit(folder, seed=0)
    named = {name: [found.images[index].path.stem for index in images] for name, images in found.odd.items()}
    assert list(named.values()) == [["blank"], ["tiny"], ["across"], [], ["wide"]]
    assert len(found.unreadable) == 1
    assert "broken.png" in found.unreadable[0]


def test_the_report_shows_the_pairs_and_strict_exits_with_1(
    called: Callable, three_classes: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(three_classes, tmp_path / "images")
    clean = called("training", "audit", "--data", folder, "--strict")
    assert "30 files: 0 redundant copies, 30 different images" in clean.stdout
    image = sorted((folder / "train" / "normal").iterdir())[0]
    shutil.copy(image, folder / "test" / "abnormal heartbeat" / "copy.jpg")
    result = called("training", "audit", "--data", folder, "--out", tmp_path / "report", "--strict", code=1)
    assert "1 redundant copies" in result.stdout
    assert f"warning: 1 x {ACROSS}" in result.stdout
    numbers = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert numbers["redundant_copies"] == {"bytes": 1, "pixels": 1}
    assert {leak["kind"] for leak in numbers["leaks"]} == {ACROSS, TWO_LABELS}
    assert {Path(path).name for path in numbers["leaks"][0]["images"]} == {"copy.jpg", image.name}
    assert set(numbers["baselines"]) == {AS_IT_STANDS, WITHOUT_COPIES}
    html = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "copy.jpg" in html
    assert "not a medical device" in html
    assert (tmp_path / "report" / "leak-1-1.png").exists()


def test_training_refuses_a_leaking_split_unless_told_otherwise(three_classes: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(three_classes, tmp_path / "images")
    image = sorted((folder / "train" / "normal").iterdir())[0]
    with Image.open(image) as image:
        image.save(folder / "test" / "normal" / "copy.png")

    def trained(**changes: object) -> int:
        recipe = RECIPE.__class__(**(RECIPE.__dict__ | {"epochs": 1} | changes))
        run = tmp_path / str(sorted(changes))
        train(folder, recipe, None, run / "unused", run, False)
        return len(json.loads((run / "report.json").read_text(encoding="utf-8"))["validation"]["answers"])

    with pytest.raises(DataError, match=rf"1 x {ACROSS}; first .*normal_0002\.jpg.*--drop-duplicates"):
        trained()
    from training.models.saved_model import load_model

    trained(allow_leaks=True)
    assert load_model(tmp_path / "['allow_leaks']" / "ecg_cnn_model.h5").contract.trained_on.images == 24
    trained(drop_duplicates=True)
    assert load_model(tmp_path / "['drop_duplicates']" / "ecg_cnn_model.h5").contract.trained_on.images == 23


def test_a_page_under_two_labels_is_refused_or_dropped(called: Callable, three_classes: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(three_classes, tmp_path / "images")
    image = sorted((folder / "train" / "normal").iterdir())[0]
    shutil.copy(image, folder / "train" / "abnormal heartbeat" / "copy.jpg")
    words = ("training", "train", "--model", "cnn", "--image-size", "96x160", "--epochs", 1, "--data", folder)
    assert f"1 x {TWO_LABELS}" in last_line(called(*words, "--out", tmp_path / "run", code=2))
    assert not (tmp_path / "run").exists()
    result = called(*words, "--out", tmp_path / "run", "--drop-duplicates")
    assert "left out: 2 copies of other images" in result.stderr


def test_groups_that_share_a_page_are_one() -> None:
    names = np.array(["b", "a", "c", "d", "e", "c"])
    images = np.array(["1", "1", "2", "3", "4", "3"])
    assert joined(names, images).tolist() == ["a", "a", "c", "c", "e", "c"]


def test_wrong_use_gets_one_line_and_2(called: Callable, tmp_path: Path) -> None:
    (tmp_path / "images" / "a").mkdir(parents=True)
    (tmp_path / "images" / "a" / "bad.png").write_text("no picture")
    words = ("training", "audit", "--data")
    assert "none of its images can be read" in last_line(called(*words, tmp_path / "images", code=2))
    assert "no such folder" in last_line(called(*words, tmp_path / "none", code=2))


def test_pictures_without_class_folders_can_be_audited(tmp_path: Path, no_baselines: None) -> None:
    for number in (1, 2, 1):
        file = BytesIO()
        picture(number).save(file, "png")
        (tmp_path / f"{len(list(tmp_path.iterdir()))}.png").write_bytes(file.getvalue())
    found = audit(tmp_path, seed=0)
    assert found.headline == "3 files: 1 redundant copies, 2 different images"
    assert found.kinds[COPY] == 1


def test_the_same_folder_has_the_same_audit(tmp_path: Path) -> None:
    generate_dataset(tmp_path / "images", SyntheticSettings(per_class=3, seed=1))
    first, second = (audit(tmp_path / "images", seed=0) for _ in range(2))
    assert first.baselines == second.baselines
    assert first.near == second.near


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_folder_of_few_pages_is_audited(count: int, tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / label).mkdir()
        for number in range(count):
            picture(10 * number + ord(label)).save(tmp_path / label / f"{number}.png")
    found = audit(tmp_path, seed=0)
    assert found.redundant["pixels"] == 0
    assert isinstance(found.baselines[AS_IT_STANDS], str) == (count == 1)


def test_names_that_look_like_formulas_are_shown(tmp_path: Path) -> None:
    for label in ("a$b$c", "d_$e$_"):
        (tmp_path / "images" / label).mkdir(parents=True)
        for number in range(3):
            picture(number % 2 + ord(label[0])).save(tmp_path / "images" / label / f"x$_$y{number}.png")
    found = audit(tmp_path / "images", seed=0)
    assert found.redundant["pixels"] == 2
    write_audit(found, tmp_path / "images", tmp_path / "report")
    explore(tmp_path / "images", tmp_path / "explore", seed=0)
    for folder in ("report", "explore"):
        assert "a$b$c" in (tmp_path / folder / "report.html").read_text(encoding="utf-8")


def test_of_a_large_folder_the_comparators_see_whole_sets_of_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "ASKED", 10)
    for number in range(24):
        folder = tmp_path / "ab"[number // 3 % 2]
        folder.mkdir(exist_ok=True)
        picture(number // 3).save(folder / f"{number}.png")
    found = audit(tmp_path, seed=0)
    assert found.asked == 9
    assert found.redundant["pixels"] == 16  # counted on all of them


def test_near_copies_of_pages_that_have_copies_are_judged_by_all_of_them(
    synthetic_folder: Path, tmp_path: Path, no_baselines: None
) -> None:
    folder = shutil.copytree(synthetic_folder, tmp_path / "images")
    (folder / "manifest.csv").unlink()
    image = sorted((folder / "train" / "normal").iterdir())[0]
    open_page(image).resize((900, 640)).save(folder / "test" / "normal" / "near.jpg")
    shutil.copy(
        image, folder / "test" / "normal" / "aaa.jpg"
    )  # the first of the two lies in test, as the near one does
    assert kinds(folder) == {ACROSS: 1, NEAR_ACROSS: 1}


def test_a_tilted_page_is_named(synthetic_folder: Path, tmp_path: Path, no_baselines: None) -> None:
    folder = shutil.copytree(synthetic_folder / "train", tmp_path / "images")
    image = sorted((folder / "normal").iterdir())[0]
    open_page(image).rotate(2.5, Image.Resampling.BICUBIC, fillcolor="white").save(folder / "normal" / "tilted.png")
    found = audit(folder, seed=0)
    tilted = [found.images[index].path.stem for index in found.odd["tilted by more than 1 degree"]]
    assert tilted == ["tilted"]


def test_a_class_that_dropping_copies_would_empty_is_not_served(three_classes: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(three_classes, tmp_path / "images")
    for image in sorted((folder / "train" / "normal").iterdir()):
        shutil.copy(image, folder / "test" / "normal" / f"copy of {image.name}")
    recipe = RECIPE.__class__(**(RECIPE.__dict__ | {"drop_duplicates": True}))
    with pytest.raises(DataError, match="leaves no image of class 'normal'"):
        train(folder, recipe, None, tmp_path / "unused", tmp_path / "run", False)
    assert not (tmp_path / "run").exists()


def test_a_shortcut_is_warned_of_where_it_beats_guessing(synthetic_folder: Path, tmp_path: Path) -> None:
    assert not [line for line in audit(synthetic_folder, seed=0).warnings if "without reading a heart" in line]
    folder = shutil.copytree(synthetic_folder, tmp_path / "images")
    for number, label in enumerate(sorted(path.name for path in (folder / "train").iterdir())):
        for image in folder.glob(f"*/{label}/*.jpg"):
            image = open_page(image)
            image.paste((0, 0, 0), (100 + 200 * number, 20, 200 + 200 * number, 44))
            image.save(image, quality=90)
    warned = "\n".join(audit(folder, seed=0).warnings)
    assert f"{WITHOUT_COPIES}: '{OUTSIDE}' reaches macro-F1 1.00 without reading a heart (guessing: 0.25)" in warned
