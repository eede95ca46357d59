"""Data folders: labels, groups, splits, and what is refused."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from edge.images.preprocessing import Preprocessing
from training.data.folder import DataFolder
from training.data.loaded_images import LoadedImages
from training.data.splits import are_test, folds, hold_out
from training.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of six different images, in folders as people have them."""
    for place, name in enumerate(("Normal Person (284x12=3408)", "Patient that have MI")):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(6):
            image = np.full((70, 100, 3), 20 * number + 10 * place, np.uint8)
            Image.fromarray(image).save(tmp_path / "data" / name / f"{name[0]}({number}).PNG")
    return tmp_path / "data"


def manifest(folder: Path, *rows: str, header: str = "path,label,split,group") -> Path:
    (folder / "manifest.csv").write_text("\n".join([header, *rows]), encoding="utf-8")
    return folder


def load(folder: Path, **options: bool) -> LoadedImages:
    return DataFolder.read(folder, **options).load(Preprocessing(32, 48))


def test_labels_come_from_the_manifest_else_from_labels_csv_else_from_the_folder(folder: Path) -> None:
    assert {image.label for image in DataFolder.read(folder).images} == {
        "Normal Person (284x12=3408)",
        "Patient that have MI",
    }
    (folder / "labels.csv").write_text("folder,label\nPatient that have MI,infarction\n")
    assert {image.label for image in DataFolder.read(folder).images} == {"Normal Person (284x12=3408)", "infarction"}
    manifest(folder, "Patient that have MI/P(0).PNG,old infarction,,")
    labels = {image.path.name: image.label for image in DataFolder.read(folder).images}
    assert labels["P(0).PNG"] == "old infarction"
    assert labels["P(1).PNG"] == "infarction"


def test_a_manifest_may_list_pages_that_lie_in_no_class_folder(folder: Path) -> None:
    shutil.copy(folder / "Patient that have MI" / "P(0).PNG", folder / "loose.png")
    manifest(folder, "loose.png,normal,,g1")
    image = next(image for image in DataFolder.read(folder).images if image.path.name == "loose.png")
    assert (image.label, image.group, image.split) == ("normal", "g1", None)


def test_hidden_files_and_other_files_are_no_pages(folder: Path) -> None:
    (folder / "Patient that have MI" / ".hidden.png").write_text("")
    (folder / "Patient that have MI" / "notes.txt").write_text("")
    (folder / ".git").mkdir()
    assert len(DataFolder.read(folder).images) == 12


def test_the_split_of_a_flat_folder_depends_on_pages_and_seed_alone(folder: Path, tmp_path: Path) -> None:
    loaded = load(folder)
    mask = are_test(loaded, 3)
    assert sorted(set(loaded.labels[mask])) == sorted(set(loaded.labels))
    chosen = {loaded.digests[index] for index in np.flatnonzero(mask)}
    renamed = tmp_path / "renamed"
    for number, image in enumerate(reversed(loaded.images)):
        target = renamed / image.label / f"{number}.bmp"  # other names, another order, another format
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.open(image.path).save(target)
    again = load(renamed)
    assert {again.digests[index] for index in np.flatnonzero(are_test(again, 3))} == chosen
    others = {tuple(are_test(loaded, seed)) for seed in range(8)}
    assert len(others) >= 6  # of eight seeds two may make the split of another


def test_copies_of_a_page_fall_on_one_side(folder: Path) -> None:
    for number in range(5):
        image = Image.open(folder / "Patient that have MI" / "P(0).PNG")
        image.save(folder / "Patient that have MI" / f"copy {number}.bmp")
    loaded = load(folder)
    for seed in range(5):
        mask = are_test(loaded, seed)
        of_copies = {bool(held) for held, image in zip(mask, loaded.images, strict=True) if image.path.suffix == ".bmp"}
        assert len(of_copies) == 1


def test_pages_of_a_group_fall_on_one_side(folder: Path) -> None:
    images = enumerate(DataFolder.read(folder).images)
    rows = [f"{image.path.relative_to(folder)},{image.label},,g{number // 2}" for number, image in images]
    loaded = load(manifest(folder, *rows))
    assert set(loaded.groups) == {f"g{number}" for number in range(6)}
    for seed in range(5):
        mask = are_test(loaded, seed)
        assert not set(loaded.groups[mask]) & set(loaded.groups[~mask])


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30)), min_size=12, max_size=80), st.integers(0, 5))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_no_group_straddles_a_split(images: list[tuple[str, int]], seed: int) -> None:
    labels = np.array([label for label, _ in images])
    groups = np.array([f"g{group}" for _, group in images])
    try:
        held_out = hold_out(labels, groups, seed)
        masks = folds(labels, groups, 4, seed)
    except DataError:
        reject()  # a class of one group, or groups that cannot be divided; hypothesis fails where these are most
    assert not set(groups[held_out]) & set(groups[~held_out])
    assert set(labels[~held_out]) == set(labels)
    assert (np.sum(masks, axis=0) == 1).all()
    order = np.random.default_rng(seed).permutation(len(labels))
    assert (hold_out(labels[order], groups[order], seed) == held_out[order]).all()


def other_folder(data: Path) -> None:
    for split in ("train", "test", "more"):
        (data / split).mkdir()
    for folder in sorted(data.glob("*P*")):
        for split in ("train", "test", "more"):
            shutil.copytree(folder, data / split / folder.name)
        shutil.rmtree(folder)


def renamed(old: str, new: str) -> Callable[[Path], object]:
    """Move the classes below `old`, or one of them, to `new`."""

    def spoil(data: Path) -> None:
        for folder in sorted(data.glob("*P*")):
            shutil.copytree(folder, data / "train" / folder.name)
            shutil.copytree(folder, data / "test" / folder.name)
            shutil.rmtree(folder)
        (data / old).rename(data / new)

    return spoil


def report_in_class(data: Path) -> None:
    for name in ("report.html", "report.json"):
        (data / "Patient that have MI" / name).touch()


def made_by(mark: str, form: str) -> Callable[[Path], object]:
    """Put what `predict` makes into a class."""

    def spoil(data: Path) -> None:
        notes = PngInfo()
        notes.add_text("Software", mark)
        marked = {"JPEG": {"comment": mark}, "PNG": {"pnginfo": notes}}[form]
        Image.new("RGB", (80, 80)).save(data / "Patient that have MI" / f"made.{form.lower()}", format=form, **marked)

    return spoil


def no_utf8(data: Path) -> None:
    shutil.copy(data / "Patient that have MI" / "P(0).PNG", data / "Patient that have MI" / "caf\udce9.png")


REFUSED = {
    "folder beside train and test": (other_folder, "lies in no class folder"),
    "picture beside the classes": (
        lambda data: shutil.copy(data / "Patient that have MI" / "P(0).PNG", data / "loose.png"),
        "loose.png: lies in no class folder",
    ),
    "split in capitals": (renamed("train", "Train"), "Train: is called as a split is"),
    "split for validation": (renamed("test", "val"), "val: is called as a split is"),
    "class in lower case": (
        renamed("test/Patient that have MI", "test/patient that have mi"),
        "the classes 'Patient that have MI' and 'patient that have mi' differ by case",
    ),
    "class with a space behind": (renamed("test/Patient that have MI", "test/Patient that have MI "), "differ by case"),
    "class in another form of Unicode": (
        lambda data: [shutil.copytree(data / "Patient that have MI", data / name) for name in ("a\u0308", "\xe4")],
        "the classes 'a\u0308' and '\xe4' differ by",
    ),
    "split of images": (renamed("test", "test_images"), "test_images: is called as a split is"),
    "split with a space": (renamed("train", "Training Data"), "Training Data: is called as a split is"),
    "numbered split": (renamed("test", "test-set2"), "test-set2: is called as a split is"),
    "heatmap in a class": (made_by("ecg-edge heatmap", "JPEG"), "is a picture that 'predict' made of its answers"),
    "sheet in a class": (made_by("ecg-edge sheet", "PNG"), "is a picture that 'predict' made of its answers"),
    "link to another class": (
        lambda data: (data / "Patient that have MI" / "other").symlink_to(next(data.glob("Normal*"))),
        "is the same file as",
    ),
    "manifest that is a pipe": (lambda data: os.mkfifo(data / "manifest.csv"), "manifest.csv: is no file"),
    "report in a class": (report_in_class, "Patient that have MI: is a report of this program"),
    "name that is not UTF-8": (no_utf8, "no name in UTF-8"),
    "missing folder": (lambda data: shutil.rmtree(data), "no such folder"),
    "empty folder": (lambda data: [shutil.rmtree(item) for item in data.iterdir()], "has no images"),
    "empty class": (lambda data: (data / "empty").mkdir(), "class without an image"),
    "file outside": (lambda data: manifest(data, f"../{data.name}/Patient that have MI/P(0).PNG,a,,"), "lies outside"),
    "image named twice": (lambda data: manifest(data, *2 * ["Patient that have MI/P(0).PNG,a,,"]), "twice"),
    "manifest without label": (lambda data: manifest(data, header="path,class"), "has no column 'label'"),
    "line without label": (lambda data: manifest(data, "Patient that have MI/P(0).PNG,,,"), "line 2"),
    "unknown split": (lambda data: manifest(data, "Patient that have MI/P(0).PNG,a,val,"), "'val'"),
    "split for some": (lambda data: manifest(data, "Patient that have MI/P(0).PNG,a,test,"), "for all or for none"),
    "labels.csv of another folder": (
        lambda data: (data / "labels.csv").write_text("folder,label\nnone,a\n"),
        "'none', which is not there",
    ),
    "manifest that is no text": (lambda data: (data / "manifest.csv").write_bytes(b"path,label\n\xff\xfe,a"), "UTF-8"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_unusable_folder_is_refused_in_one_line(name: str, folder: Path) -> None:
    spoil, reason = REFUSED[name]
    spoil(folder)
    with pytest.raises(DataError) as refusal:
        DataFolder.read(folder)
    assert reason in str(refusal.value)
    assert str(folder) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_manifest_that_contradicts_the_folders_is_refused(folder: Path) -> None:
    (folder / "train").mkdir()
    for name in ("Normal Person (284x12=3408)", "Patient that have MI"):
        (folder / name).rename(folder / "train" / name)
    manifest(folder, "train/Patient that have MI/P(0).PNG,a,test,")
    with pytest.raises(DataError, match="lies in 'train'"):
        DataFolder.read(folder)


def test_a_class_that_only_test_has_is_refused(folder: Path) -> None:
    for split, names in (("train", ("a", "b")), ("test", ("a", "b", "new class"))):
        for name in names:
            shutil.copytree(folder / "Patient that have MI", folder / split / name)
    for name in ("Patient that have MI", "Normal Person (284x12=3408)"):
        shutil.rmtree(folder / name)
    with pytest.raises(DataError, match="'new class'"):
        DataFolder.read(folder)


def test_a_class_with_one_page_is_refused(folder: Path) -> None:
    for image in list((folder / "Patient that have MI").iterdir())[1:]:
        image.unlink()
    loaded = load(folder)
    with pytest.raises(DataError, match="'Patient that have MI' has 1 image"):
        hold_out(loaded.labels, loaded.groups, 0)


def test_every_unreadable_page_is_named(folder: Path) -> None:
    for number in (1, 4):
        (folder / "Patient that have MI" / f"P({number}).PNG").write_text("no picture")
    with pytest.raises(DataError) as refusal:
        load(folder)
    lines = str(refusal.value).splitlines()
    assert ["P(1).PNG" in lines[0], "P(4).PNG" in lines[1], "--skip-unreadable" in lines[2]] == [True] * 3
    loaded = load(folder, skip_unreadable=True)
    assert len(loaded) == 10
    assert len(loaded.unreadable) == 2


def test_groups_that_a_copy_has_joined_stay_joined_without_it(folder: Path) -> None:
    """One patient has two numbers, as an image under both shows; that image is left out of the selection."""
    names = sorted(path.name for path in (folder / "Patient that have MI").iterdir())[:3]
    shutil.copy(folder / "Patient that have MI" / names[0], folder / "Patient that have MI" / "copy.png")
    rows = [f"Patient that have MI/{name},a,,{group}" for name, group in zip((*names, "copy.png"), "xxyy", strict=True)]
    loaded = load(manifest(folder, *rows))
    of = {image.path.name: group for image, group in zip(loaded.images, loaded.groups, strict=True)}
    assert of[names[1]] == of[names[2]] == "x"
    left = loaded.select(np.array([image.path.name not in (names[0], "copy.png") for image in loaded.images]))
    assert [group for image, group in zip(left.images, left.groups, strict=True) if image.label == "a"] == ["x", "x"]


def test_paths_with_backslashes_are_understood(folder: Path) -> None:
    manifest(folder, r"Patient that have MI\P(0).PNG,old infarction,,g1")
    image = next(image for image in DataFolder.read(folder).images if image.group == "g1")
    assert image.path == folder / "Patient that have MI" / "P(0).PNG"
    for path in (r"C:\ecgs\P(0).PNG", r"..\P(0).PNG"):
        with pytest.raises(DataError, match="lies outside"):
            DataFolder.read(manifest(folder, f"{path},a,,"))


def test_two_folders_may_be_given_one_label(folder: Path) -> None:
    for name in ("MI", "mi "):
        shutil.copytree(folder / "Patient that have MI", folder / name)
    (folder / "labels.csv").write_text("folder,label\nMI,infarction\nmi ,infarction\n")
    assert sum(image.label == "infarction" for image in DataFolder.read(folder).images) == 12


def test_a_page_of_the_manifest_that_is_gone_is_unreadable(folder: Path) -> None:
    manifest(folder, "gone.png,Patient that have MI,,")
    with pytest.raises(DataError, match=r"gone\.png: no such file"):
        load(folder)
    assert len(load(folder, skip_unreadable=True)) == 12


def test_pdf_and_heic_are_read_and_what_is_no_image_is_named(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    pytest.importorskip("pypdfium2")
    images = folder / "Patient that have MI"
    page = Image.linear_gradient("L").convert("RGB").resize((100, 70))
    page.save(images / "scan.pdf", resolution=200)
    pillow_heif.from_pillow(page).save(images / "phone.heic")
    for name in ("notes.txt", "more.txt", "old.psd"):
        (images / name).write_text("")
    with caplog.at_level("INFO"):
        loaded = load(folder)
    assert {image.path.name for image in loaded.images} >= {"scan.pdf", "phone.heic"}
    assert len(loaded) == 14
    assert f"{folder}: left out: 1 x .psd, 2 x .txt" in caplog.text


@pytest.mark.parametrize("name", ["scans.tif", "scans.pdf"])
def test_a_file_of_several_pages_is_unreadable_with_the_reason(folder: Path, name: str) -> None:
    if name.endswith(".pdf"):
        pytest.importorskip("pypdfium2")
    page = Image.new("RGB", (100, 70))
    page.save(folder / "Patient that have MI" / name, save_all=True, append_images=[page])
    with pytest.raises(DataError, match=rf"{name}: holds 2 pages: save each as a picture of its own"):
        load(folder)


def test_the_old_name_of_a_column_is_explained(folder: Path) -> None:
    manifest(folder, "Patient that have MI/P(0).PNG,a,true", header="path,label,drawn")
    with pytest.raises(DataError, match=r"has the column 'drawn', which is called 'synthetic' now: rename it"):
        DataFolder.read(folder)
