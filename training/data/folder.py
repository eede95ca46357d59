"""A data folder: which images it has, their labels, groups and stated splits, and their pixels."""

import csv
import hashlib
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from edge.contract import Contract, TrainedOn
from edge.errors import PageError
from edge.files import SUFFIXES, pictures
from edge.images.page import open_page
from edge.images.preprocessing import Preprocessing, load_page
from training.errors import DataError

SPLITS = ("train", "test")
DIGEST_LENGTH = 16
"""Hexadecimal digits of an image's SHA-256 that are kept: two of a billion images meet with a chance of 3 %."""

ATTRIBUTES = ("sex", "age", "page_style")
"""Columns of a manifest by which figures are divided."""


@dataclass(frozen=True)
class EcgImage:
    """Name one image of a data folder; `split` and `group` are None where nobody stated them.

    `attributes` holds what the manifest says in the columns of `ATTRIBUTES`, "" where it says nothing.
    `sample_weight` is how many images it counts as when a model learns.
    """

    path: Path
    label: str
    split: str | None = None
    group: str | None = None
    synthetic: bool = False
    attributes: tuple[str, ...] = ("",) * len(ATTRIBUTES)
    sample_weight: float = 1.0


@dataclass(frozen=True)
class LoadedImages:
    """Hold images with their pixels.

    `pixels` is uint8 (n, height, width, 3), RGB; `digests` are SHA-256 of the upright pictures at
    their own size, so that they are the same for every model size and file format. `groups`, str (n,),
    is what may not be divided between splits (see `groups_of`).
    """

    images: tuple[EcgImage, ...]
    pixels: np.ndarray
    digests: tuple[str, ...]
    groups: np.ndarray

    def __len__(self) -> int:
        """Return how many images there are."""
        return len(self.images)

    @property
    def labels(self) -> np.ndarray:
        """Return the label of each image, str (n,)."""
        return np.array([image.label for image in self.images])

    @property
    def worth(self) -> np.ndarray:
        """Return how many images each image counts as, float32 (n,)."""
        return np.array([image.sample_weight for image in self.images], np.float32)

    def select(self, which: np.ndarray) -> "LoadedImages":
        """Return the images that an index array or a mask names."""
        chosen = np.arange(len(self))[which]
        images, digests = (tuple(of_all[i] for i in chosen) for of_all in (self.images, self.digests))
        return LoadedImages(images, self.pixels[chosen], digests, self.groups[chosen])


def groups_of(images: Sequence[EcgImage], digests: Sequence[str]) -> np.ndarray:
    """Return what may not be divided between splits, str (n,): the stated group, else the picture.

    Groups that share a picture are one, by the name of the first of them.
    """
    stated = [image.group or digest for image, digest in zip(images, digests, strict=True)]
    return joined(np.array(stated), np.array(digests))


def joined(names: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return names, str (n,), made one where their rows share a value of `others`: the first of them in order."""
    _, row = np.unique(names, return_inverse=True)
    _, column = np.unique(others, return_inverse=True)
    links = coo_array((np.ones(len(names)), (row, column + row.max() + 1)), shape=(row.max() + column.max() + 2,) * 2)
    _, component = connected_components(links, directed=False)
    first = dict(sorted(zip(component[row].tolist(), names.tolist(), strict=True), reverse=True))
    return np.array([first[part] for part in component[row].tolist()])


def read_folder(folder: Path) -> list[EcgImage]:
    """List the images below a data folder, sorted by path; pixels are not read.

    Classes are the folders below `train/` and `test/`, or below the folder itself. The label comes
    from `manifest.csv` (path, label, optionally split, group, drawn and those of `ATTRIBUTES`), else
    from `labels.csv` (folder, label), else it is the folder's name; pictures in a folder without
    class folders are of the one class that it is called. An image of the manifest that is not there is
    listed too: it is an unreadable one. Raises `DataError` where the folder is missing or empty, or
    where these files contradict it.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder: give one with a folder of images for each class")
    manifest = _read_manifest(folder)
    names = _read_labels(folder)
    found = dict(_class_folders(folder))
    for path in manifest:
        found.setdefault(path, (None, ""))
    images = []
    for path, (split, class_folder) in sorted(found.items()):
        image = manifest.get(path) or EcgImage(path, names.get(class_folder, class_folder))
        if split and image.split and split != image.split:
            raise DataError(
                f"{folder / 'manifest.csv'}: says {image.split!r} of {path.relative_to(folder)}, which lies in "
                f"{split!r}: correct one of the two"
            )
        images.append(replace(image, split=image.split or split))
    if not images:
        raise DataError(
            f"{folder}: has no images: put pictures ({', '.join(sorted(SUFFIXES))}) into a folder for each class"
        )
    _refuse_others(folder, found)
    stated = {image.split for image in images}
    if None in stated and len(stated) > 1:
        lost = next(image.path for image in images if image.split is None)
        raise DataError(f"{lost}: has no split while others have one: state 'train' or 'test' for all or for none")
    _check_classes(folder, images)
    return images


def _class_folders(folder: Path) -> Iterator[tuple[Path, tuple[str | None, str]]]:
    """Yield each picture with the split and the name of the class folder that it lies in."""
    splits = [name for name in SPLITS if (folder / name).is_dir()]
    for split in splits or [None]:
        root = folder / split if split else folder
        folders = [path for path in sorted(root.iterdir()) if path.is_dir() and not path.name.startswith(".")]
        for class_folder in folders or [root] * bool(pictures(root)):
            found = pictures(class_folder)
            if not found:
                raise DataError(f"{class_folder}: is a class without an image: add images or remove the folder")
            for path in found:
                yield path, (split, class_folder.name)


def _refuse_others(folder: Path, found: Container[Path]) -> None:
    """Refuse pictures that would be passed over, and names that no report could show."""
    for path in pictures(folder):
        inside = path.relative_to(folder)
        if path not in found and not any(part.startswith(".") for part in inside.parts):
            raise DataError(
                f"{path}: lies in no class folder that is read (train/CLASS, test/CLASS, or CLASS): move or remove it"
            )
        try:
            str(inside).encode()
        except UnicodeEncodeError:
            raise DataError(f"{str(path).encode(errors='replace').decode()}: is no name in UTF-8: rename it") from None


def _rows(file: Path, required: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file that has the required columns."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines)
            missing = [name for name in required if name not in (reader.fieldnames or [])]
            if missing:
                raise DataError(f"{file}: has no column {missing[0]!r}: its first line must name {','.join(required)}")
            for number, row in enumerate(reader, start=2):
                if not all(row[name] for name in required):
                    raise DataError(f"{file}: line {number} has no {' or no '.join(required)}: complete it")
                yield row
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file}: cannot be read as CSV in UTF-8 ({error}): save it as such") from error


def _read_manifest(folder: Path) -> dict[Path, EcgImage]:
    file = folder / "manifest.csv"
    if not file.exists():
        return {}
    images: dict[Path, EcgImage] = {}
    for row in _rows(file, ("path", "label")):
        path = folder / row["path"]
        if Path(row["path"]).is_absolute() or ".." in Path(row["path"]).parts:
            raise DataError(f"{file}: names {row['path']}, which lies outside: give paths below the data folder")
        if path in images:
            raise DataError(f"{file}: names {row['path']} twice: remove one of the lines")
        split = row.get("split") or None
        if split not in (None, *SPLITS):
            raise DataError(f"{file}: has split {split!r} for {row['path']}: only 'train' and 'test' are splits")
        drawn = (row.get("synthetic") or "false").lower()
        if drawn not in ("true", "false"):
            raise DataError(f"{file}: has drawn={drawn!r} for {row['path']}: only 'true' and 'false' are answers")
        images[path] = EcgImage(
            path,
            row["label"],
            split,
            row.get("group") or None,
            drawn == "true",
            tuple(row.get(name) or "" for name in ATTRIBUTES),
        )
    return images


def _read_labels(folder: Path) -> dict[str, str]:
    file = folder / "labels.csv"
    if not file.exists():
        return {}
    names = {row["folder"]: row["label"] for row in _rows(file, ("folder", "label"))}
    for name in names:
        if not any((folder / split / name).is_dir() for split in ("", *SPLITS)):
            raise DataError(f"{file}: names the folder {name!r}, which is not there: correct it or remove the line")
    return names


def _check_classes(folder: Path, images: list[EcgImage]) -> None:
    learned = Counter(image.label for image in images if image.split != "test")
    if not learned:
        return  # test images alone can be evaluated
    unknown = sorted({image.label for image in images} - set(learned))
    if unknown:
        raise DataError(
            f"{folder / 'test'}: has the class {unknown[0]!r}, which 'train' has not: "
            "no model could answer it; add it to 'train' or remove it"
        )


def first_contract(
    folder: Path, images: Sequence[EcgImage], height: int, width: int, model: str, seed: int
) -> Contract:
    """Return the contract of a model to be trained on images that are not yet read.

    Raises `DataError` where the images to learn from have fewer than two classes.
    """
    labels = tuple(sorted({image.label for image in images if image.split != "test"}))
    if len(labels) < 2:
        classes = f"has the one class {labels[0]!r}" if labels else "has test images only"
        raise DataError(f"{folder}: {classes}: images of at least two classes to learn from are needed")
    return Contract(
        labels, Preprocessing(height, width), model, TrainedOn(digest="", images=0, seed=seed, synthetic=False)
    )


def digest(image: Image.Image) -> str:
    """Return the SHA-256 of an upright picture: the same for the same pixels in any file format."""
    return hashlib.sha256(f"{image.width}x{image.height}".encode() + image.tobytes()).hexdigest()


def load_images(
    images: Sequence[EcgImage], contract: Contract, skip_unreadable: bool = False
) -> tuple[LoadedImages, list[str]]:
    """Read the pixels of all images, and say which could not be read.

    Raises `DataError` that names every unreadable image, one a line, unless `skip_unreadable`; the
    second value lists what was skipped.
    """

    def read(image: EcgImage) -> tuple[np.ndarray, str] | PageError:
        try:
            opened = open_page(image.path)
        except PageError as error:
            return error
        return load_page(opened, contract.preprocessing), digest(opened)

    with ThreadPoolExecutor() as pool:  # Pillow decodes and resizes outside Python's lock
        results = list(pool.map(read, images))
    errors = [str(result) for result in results if isinstance(result, PageError)]
    if errors and not skip_unreadable:
        raise DataError(
            "\n".join([*errors, f"{len(errors)} unreadable images: mend or remove them, or give --skip-unreadable"])
        )
    readable = [
        (image, result) for image, result in zip(images, results, strict=True) if not isinstance(result, PageError)
    ]
    if not readable:
        raise DataError("none of the images can be read: export or photograph them again")
    opened, digests = tuple(image for image, _ in readable), tuple(digest for _, (_, digest) in readable)
    pixels = np.stack([pixels for _, (pixels, _) in readable])
    return LoadedImages(opened, pixels, digests, groups_of(opened, digests)), errors


def short_digest(digest: str) -> str:
    """Return an image's digest as a model file keeps it."""
    return digest[:DIGEST_LENGTH]
