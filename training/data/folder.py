"""A data folder: which ECG images it has, with their labels, groups and stated splits."""

import logging
import re
import unicodedata
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge.files import IMAGE_SUFFIXES, find_images, identity, is_left_out
from edge.heatmap import is_heatmap
from edge.images.preprocessing import Preprocessing
from edge.sheet import is_sheet
from training.data.loaded_images import EcgImage, LoadedImages, load_images
from training.data.manifest import LABELS, MANIFEST, SPLITS, read_labels, read_manifest
from training.errors import DataError

log = logging.getLogger(__name__)

SPLIT_WORDS = {
    "train", "training", "test", "testing", "val", "valid", "validation", "dev", "holdout",
}  # fmt: skip
"""What folders of splits are called, in lower case."""
OF_IMAGES = {"", "set", "sets", "data", "dataset", "images", "split", "pages", "ecg", "ecgs"}
"""What stands beside such a word: `train_images`."""


@dataclass(frozen=True, kw_only=True)
class DataFolder:
    """Hold what a data folder lists; pixels are read by `load`."""

    path: Path
    """The folder."""
    images: tuple[EcgImage, ...]
    """Sorted by path."""
    skip_unreadable: bool = False
    """Whether images that cannot be read are left out, each with a message, or refused."""

    @classmethod
    def read(cls, path: Path, *, skip_unreadable: bool = False) -> "DataFolder":
        """List the images below a folder; pixels are not read.

        Classes are the folders below `train/` and `test/`, or below the folder itself. The label comes
        from `manifest.csv`, else from `labels.csv`, else it is the folder's name; images in a folder without
        class folders are of the one class that it is called. An image of the manifest that is not there is
        listed too: it is an unreadable one. Raises `DataError` where the folder is missing or empty, or
        where these files contradict it.
        """
        if not path.is_dir():
            raise DataError(f"{path}: no such folder: give one with a folder of images for each class")
        images = _listed(path)
        stated = {image.split for image in images}
        if None in stated and len(stated) > 1:
            lost = next(image.path for image in images if image.split is None)
            raise DataError(f"{lost}: has no split while others have one: state 'train' or 'test' for all or for none")
        _check_classes(path, images)
        return cls(path=path, images=tuple(images), skip_unreadable=skip_unreadable)

    @property
    def states_splits(self) -> bool:
        """Return whether the folder says which images are for training and which for test."""
        return self.images[0].split is not None

    def but(self, split: str) -> tuple[EcgImage, ...]:
        """Return the images that the folder does not state to be of `split`, "train" or "test"."""
        return tuple(image for image in self.images if image.split != split)

    def classes(self) -> tuple[str, ...]:
        """Return the classes to learn, sorted; raise `DataError` for fewer than two."""
        labels = tuple(sorted({label for image in self.but("test") for label in image.classes}))
        if len(labels) < 2:
            classes = f"has the one class {labels[0]!r}" if labels else "has test images only"
            raise DataError(f"{self.path}: {classes}: images of at least two classes to learn from are needed")
        return labels

    def load(self, preprocessing: Preprocessing, images: Sequence[EcgImage] | None = None) -> LoadedImages:
        """Read the pixels of all images, or of those given.

        Raises `DataError` that names every unreadable image, one a line, unless `skip_unreadable`: then each gets
        a message, and the result lists them.
        """
        loaded = load_images(self.images if images is None else images, preprocessing)
        if loaded.unreadable and not self.skip_unreadable:
            count = len(loaded.unreadable)
            remedy = f"{count} unreadable images: mend or remove them, or give --skip-unreadable"
            raise DataError(*loaded.unreadable, remedy)
        if not len(loaded):
            raise DataError(f"{self.path}: none of its images can be read: export or photograph them again")
        for line in loaded.unreadable:
            log.warning("skipped %s", line)
        return loaded


def _listed(folder: Path) -> list[EcgImage]:
    """Return the images of a folder with what manifest, labels and class folders say of them."""
    manifest, names = read_manifest(folder), read_labels(folder)
    everything = find_images(folder, known=(MANIFEST, LABELS))
    found: dict[Path, tuple[str | None, str]] = dict(_class_folders(folder))
    for path in manifest:
        found.setdefault(path, (None, ""))
    images = []
    for path, (split, class_folder) in sorted(found.items()):
        image = manifest.get(path) or EcgImage(path=path, label=names.get(class_folder, class_folder))
        if split and image.split and split != image.split:
            raise DataError(
                f"{folder / MANIFEST}: says {image.split!r} of {path.relative_to(folder)}, which lies in "
                f"{split!r}: correct one of the two"
            )
        images.append(replace(image, split=image.split or split))
    if not images:
        kinds = ", ".join(sorted(IMAGE_SUFFIXES))
        raise DataError(f"{folder}: has no images: put pictures ({kinds}) into a folder for each class")
    _refuse_others(folder, everything, found)
    _refuse_links(images)
    _check_names(folder, images)
    return images


def _class_folders(folder: Path) -> Iterator[tuple[Path, tuple[str | None, str]]]:
    """Yield each image with the split and the name of the class folder that it lies in."""
    splits = _splits(folder)
    for split in splits or [None]:
        root = folder / split if split else folder
        folders = [path for path in sorted(root.iterdir()) if path.is_dir() and not is_left_out(path.name)]
        for class_folder in folders or [root]:
            found = find_images(class_folder, silent=True)
            if not found and folders:
                raise DataError(f"{class_folder}: is a class without an image: add images or remove the folder")
            for path in found:
                yield path, (split, class_folder.name)


def _splits(folder: Path) -> list[str]:
    """Return which folders of splits there are; raise `DataError` for one that is called otherwise."""
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    for name in names:
        words = set(re.split(r"[\W_\d]+", name.strip().casefold()))
        if words & SPLIT_WORDS and words <= SPLIT_WORDS | OF_IMAGES and name not in SPLITS:
            raise DataError(
                f"{folder / name}: is called as a split is, and only 'train' and 'test' are read: "
                "rename it; images for validation are taken from 'train'"
            )
    return [name for name in SPLITS if name in names]


def _refuse_others(folder: Path, images: Sequence[Path], found: Container[Path]) -> None:
    """Refuse images that would be passed over, those of a report, and names that no report could show."""
    for path in images:
        inside = path.relative_to(folder)
        try:
            str(inside).encode()
        except UnicodeEncodeError:
            raise DataError(f"{str(path).encode(errors='replace').decode()}: is no name in UTF-8: rename it") from None
        if path.is_dir():
            raise DataError(f"{path}: is a folder that may not be read: check its permissions")
        if path not in found:
            raise DataError(
                f"{path}: lies in no class folder that is read (train/CLASS, test/CLASS, or CLASS): move or remove it"
            )
        if not path.is_dir() and (is_heatmap(path) or is_sheet(path)):
            raise DataError(f"{path}: is a picture that 'predict' made of its answers: move it out of the data folder")
    for parent in sorted({path.parent for path in images}):
        if (parent / "report.html").is_file() and (parent / "report.json").is_file():
            raise DataError(f"{parent}: is a report of this program and no class: move it out of the data folder")


def _refuse_links(images: Sequence[EcgImage]) -> None:
    """Refuse an image that links bring into two classes."""
    known: dict[tuple[int, int], EcgImage] = {}
    for image in images:
        file = identity(image.path)
        if file is None:
            continue  # said where it is opened
        other = known.setdefault(file, image)
        if other.classes != image.classes:
            raise DataError(
                f"{image.path}: is the same file as {other.path}, of another class: remove one of the links"
            )


def _check_names(folder: Path, images: Sequence[EcgImage]) -> None:
    """Raise `DataError` for classes whose names only look different to a program."""
    known: dict[str, str] = {}
    for label in sorted({label for image in images for label in image.classes}):
        plain = unicodedata.normalize("NFKC", " ".join(label.split())).casefold()
        if plain in known:
            raise DataError(
                f"{folder}: the classes {known[plain]!r} and {label!r} differ by case, spaces or the form of letters "
                "alone: rename one, or give both one label in labels.csv"
            )
        known[plain] = label


def _check_classes(folder: Path, images: Sequence[EcgImage]) -> None:
    learned = {label for image in images if image.split != "test" for label in image.classes}
    if not learned:
        return  # test images alone can be evaluated
    unknown = sorted({label for image in images for label in image.classes} - learned)
    if unknown:
        raise DataError(
            f"{folder / 'test'}: has the class {unknown[0]!r}, which 'train' has not: "
            "no model could answer it; add it to 'train' or remove it"
        )
