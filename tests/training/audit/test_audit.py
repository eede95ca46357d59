"""The audit: copies and leaks are counted right on any folder, and what leaks is refused by training."""

import csv
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
from tests.conftest import last_line
from training.audit.audit import COPY, NEAR_ACROSS, NEAR_LABELS, Audit, audit
from training.audit.baselines_asked import AS_IT_STANDS, WITHOUT_COPIES
from training.data.folder import DataFolder
from training.data.leaks import ACROSS, GROUP, TWO_LABELS
from training.data.loaded_images import joined
from training.evaluation.baselines import HEADER_FOOTER, PAGE_STYLE
from training.synthetic.dataset import SyntheticSettings, generate_dataset


def picture(number: int) -> Image.Image:
    """One of many different small pictures."""
    return Image.fromarray(np.random.default_rng(number).integers(0, 256, (70, 90, 3), np.uint8))


def audited(folder: Path, **options: object) -> Audit:
    """The audit of a folder, without the baselines where nothing else is said."""
    return audit(DataFolder.read(folder, skip_unreadable=True), **({"seed": 0, "baselines": False} | options))


def found_leaks(folder: Path) -> dict[str, int]:
    return {kind: number for kind, number in audited(folder).leak_counts.items() if number}


PLACES = st.tuples(
    st.integers(0, 5),  # which picture
    st.sampled_from(("train", "test")),
    st.sampled_from("ab"),
    st.sampled_from(("bmp", "png", "tif")),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(places=st.lists(PLACES, min_size=1, max_size=14), stated=st.booleans())
def test_copies_are_counted_right_on_any_folder(
    places: list[tuple], stated: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Folders at random, whose pictures are saved in three formats without loss; the truth is known."""
    folder = tmp_path_factory.mktemp("folder")
    # Every class of the test images has to be learned.
    places = [*places, *(((100 + index), "train", label, "png") for index, label in enumerate("ab"))]
    for number, (which, split, label, form) in enumerate(places):
        file = folder / (split if stated else "") / label / f"{number}.{form}"
        file.parent.mkdir(parents=True, exist_ok=True)
        picture(which).save(file)
    found = audited(folder)
    different = {which for which, *_ in places}
    assert found.redundant_pixels == len(places) - len(different)
    assert found.redundant_bytes == len(places) - len({(which, form) for which, _, _, form in places})
    assert found.headline == (
        f"{len(places)} files: {len(places) - len(different)} redundant copies, {len(different)} different images"
    )
    assert found.redundant_within == {
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
    assert {kind: found.leak_counts[kind] for kind in expected} == expected


def test_a_near_copy_is_found_across_splits_and_labels(synthetic_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(synthetic_folder, tmp_path / "images")
    (folder / "manifest.csv").unlink()
    assert found_leaks(folder) == {}
    image = sorted((folder / "train" / "normal").iterdir())[0]
    scaled = open_page(image).rotate(1.5, Image.Resampling.BICUBIC, fillcolor="white").resize((900, 640))
    scaled.save(folder / "test" / "history_of_mi" / "another name.jpg", quality=40)
    found = audited(folder)
    assert found_leaks(folder) == {NEAR_ACROSS: 1, NEAR_LABELS: 1}
    (pair,) = found.near_copies
    assert {found.images[index].path.name for index in (pair.first, pair.second)} == {image.name, "another name.jpg"}
    assert 0.9 < pair.score <= 1
    assert (found.redundant_bytes, found.redundant_pixels) == (0, 0)


def test_a_group_in_both_splits_leaks(synthetic_folder: Path, tmp_path: Path) -> None:
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
    assert found_leaks(folder) == {GROUP: 1}


def test_odd_pages_are_named(synthetic_folder: Path, tmp_path: Path) -> None:
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
    for name in ("broken.png", "copy of broken.png"):
        (folder / "normal" / name).write_text("no picture")
    found = audited(folder)
    named = {name: [found.images[index].path.stem for index in images] for name, images in found.odd.items()}
    assert list(named.values()) == [["blank"], ["tiny"], ["across"], [], ["wide"]]
    assert [Path(line.split(": ")[0]).name for line in found.unreadable] == ["broken.png", "copy of broken.png"]


def test_the_page_style_is_a_shortcut_where_it_tells_the_class(tmp_path: Path) -> None:
    for label, look in (("normal", "report"), ("sick", "plain")):
        made = tmp_path / look
        generate_dataset(made, SyntheticSettings(per_class=3, seed=2, strength=1, look=look))
        shutil.copytree(made, tmp_path / "images" / label)
    for file in (tmp_path / "images").rglob("*.csv"):
        file.unlink()
    found = audited(tmp_path / "images", baselines=True)
    assert found.baselines[WITHOUT_COPIES][PAGE_STYLE].macro_f1.value == 1
    warned = "\n".join(found.warnings)
    assert f"'{PAGE_STYLE}' reaches macro-F1 1.00" in warned
    assert "pages with no grid, 4 rows of traces: of 12 images none normal" in warned


def test_copies_keep_their_own_name_and_label(tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / label).mkdir()
        picture(1).save(tmp_path / label / f"{label}.png")
    found = audited(tmp_path)
    assert [(image.label, image.path.name) for image in found.images] == [("a", "a.png"), ("b", "b.png")]
    assert len(set(found.groups)) == 1


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


def test_pictures_without_class_folders_can_be_audited(tmp_path: Path) -> None:
    for number in (1, 2, 1):
        file = BytesIO()
        picture(number).save(file, "png")
        (tmp_path / f"{len(list(tmp_path.iterdir()))}.png").write_bytes(file.getvalue())
    found = audited(tmp_path)
    assert found.headline == "3 files: 1 redundant copies, 2 different images"
    assert found.leak_counts[COPY] == 1


def test_the_same_folder_has_the_same_audit(tmp_path: Path) -> None:
    generate_dataset(tmp_path / "images", SyntheticSettings(per_class=3, seed=1, strength=1))
    first, second = (audited(tmp_path / "images", baselines=True) for _ in range(2))
    assert first.baselines[WITHOUT_COPIES]
    assert first == second


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_folder_of_few_pages_is_audited(count: int, tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / label).mkdir()
        for number in range(count):
            picture(10 * number + ord(label)).save(tmp_path / label / f"{number}.png")
    found = audited(tmp_path, baselines=True)
    assert found.redundant_pixels == 0
    assert (AS_IT_STANDS in found.baselines) == (count > 1)
    assert (AS_IT_STANDS in found.no_baselines) == (count == 1)


def test_of_a_large_folder_the_baselines_see_whole_sets_of_copies(
    tmp_path: Path,
) -> None:
    for number in range(24):
        folder = tmp_path / "ab"[number // 3 % 2]
        folder.mkdir(exist_ok=True)
        picture(number // 3).save(folder / f"{number}.png")
    found = audited(tmp_path, baselines=True, most_baseline_files=10)
    assert found.baseline_files == 9
    assert found.redundant_pixels == 16  # counted on all of them


def test_near_copies_of_pages_that_have_copies_are_judged_by_all_of_them(
    synthetic_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(synthetic_folder, tmp_path / "images")
    (folder / "manifest.csv").unlink()
    image = sorted((folder / "train" / "normal").iterdir())[0]
    open_page(image).resize((900, 640)).save(folder / "test" / "normal" / "near.jpg")
    shutil.copy(
        image, folder / "test" / "normal" / "aaa.jpg"
    )  # the first of the two lies in test, as the near one does
    assert found_leaks(folder) == {ACROSS: 1, NEAR_ACROSS: 1}


def test_a_tilted_page_is_named(synthetic_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(synthetic_folder / "train", tmp_path / "images")
    image = sorted((folder / "normal").iterdir())[0]
    open_page(image).rotate(2.5, Image.Resampling.BICUBIC, fillcolor="white").save(folder / "normal" / "tilted.png")
    found = audited(folder)
    tilted = [found.images[index].path.stem for index in found.odd["tilted by more than 1 degree"]]
    assert tilted == ["tilted"]


def test_a_shortcut_is_warned_of_where_it_beats_guessing(synthetic_folder: Path, tmp_path: Path) -> None:
    clean = audited(synthetic_folder, baselines=True)
    assert clean.baselines
    assert not clean.warnings
    folder = shutil.copytree(synthetic_folder, tmp_path / "images")
    for number, label in enumerate(sorted(path.name for path in (folder / "train").iterdir())):
        for file in folder.glob(f"*/{label}/*.jpg"):
            image = open_page(file)
            image.paste((0, 0, 0), (100 + 200 * number, 20, 200 + 200 * number, 44))
            image.save(file, quality=90)
    warned = "\n".join(audited(folder, baselines=True).warnings)
    assert (
        f"{WITHOUT_COPIES}: '{HEADER_FOOTER}' reaches macro-F1 1.00 without reading a heart (guessing: 0.25)" in warned
    )
