"""ECG images with their pixels, their digests, and the groups that may not be divided."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from edge.errors import PageError
from edge.images.page import open_page
from edge.images.preprocessing import Preprocessing, load_page
from training.synthetic.settings import LABEL_SEPARATOR

ATTRIBUTES = ("sex", "age", "page_style")
"""Columns of a manifest by which an evaluation makes subgroups: fields of `EcgImage`."""
DIGEST_LENGTH = 16
"""Hexadecimal digits of an image's SHA-256 that are kept: two of a billion images meet with a chance of 3 %."""


@dataclass(frozen=True, kw_only=True)
class EcgImage:
    """Name one image of a data folder, and what is known of it."""

    path: Path
    """The file, as it can be opened from the working directory."""
    label: str
    """The class, a set of classes one of which is true ("a|b"), or "" where it shows none."""
    split: str | None = None
    """"train" or "test"; None where nobody stated it."""
    group: str | None = None
    """What may not be divided between splits, a patient say; None where nobody stated it."""
    synthetic: bool = False
    """Whether it was made by a program."""
    sex: str = ""
    """As the manifest writes it; "" where it says nothing."""
    age: str = ""
    """Years, as the manifest writes them; "" where it says nothing."""
    page_style: str = ""
    """The print of the page, as the manifest calls it; "" where it says nothing."""
    sample_weight: float = 1.0
    """How many images it counts as when a model learns."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the class, or the classes of a set; none where the image shows none."""
        return tuple(self.label.split(LABEL_SEPARATOR)) if self.label else ()


@dataclass(frozen=True, kw_only=True)
class LoadedImages:
    """Hold images with their pixels."""

    images: tuple[EcgImage, ...]
    """What is known of each, in the order of the arrays."""
    pixels: np.ndarray
    """uint8 (n, height, width, 3), RGB."""
    digests: tuple[str, ...]
    """SHA-256 of the upright pictures at their own size: the same for every model size and file format."""
    groups: np.ndarray
    """str (n,): what may not be divided between splits (see `groups_of`)."""
    unreadable: tuple[str, ...] = ()
    """One line for each image that could not be read."""

    def __len__(self) -> int:
        """Return how many images there are."""
        return len(self.images)

    @property
    def labels(self) -> np.ndarray:
        """Return the label of each image, str (n,)."""
        return np.array([image.label for image in self.images])

    @property
    def sample_weight(self) -> np.ndarray:
        """Return the sample weight of each image, float32 (n,)."""
        return np.array([image.sample_weight for image in self.images], np.float32)

    def select(self, which: np.ndarray) -> "LoadedImages":
        """Return the images that an index array or a mask names."""
        chosen = np.arange(len(self))[which]
        images, digests = (tuple(of_all[i] for i in chosen) for of_all in (self.images, self.digests))
        return LoadedImages(images=images, pixels=self.pixels[chosen], digests=digests, groups=self.groups[chosen])

    def together(self, others: "LoadedImages | None") -> "LoadedImages":
        """Return these images and others, None for no others; groups that share a picture become one."""
        if others is None:
            return self
        images, digests = self.images + others.images, self.digests + others.digests
        pixels = np.concatenate([self.pixels, others.pixels])
        return LoadedImages(images=images, pixels=pixels, digests=digests, groups=groups_of(images, digests))


def load_images(images: Sequence[EcgImage], preprocessing: Preprocessing) -> LoadedImages:
    """Read the pixels of images; what cannot be read is left out and listed in `unreadable`."""

    def read(image: EcgImage) -> tuple[np.ndarray, str] | PageError:
        try:
            opened = open_page(image.path)
        except PageError as error:
            return error
        return load_page(opened, preprocessing), digest(opened)

    with ThreadPoolExecutor() as pool:  # Pillow decodes and resizes outside Python's lock
        results = list(pool.map(read, images))
    found = [(image, one) for image, one in zip(images, results, strict=True) if not isinstance(one, PageError)]
    readable, digests = tuple(image for image, _ in found), tuple(digest for _, (_, digest) in found)
    shape = (0, preprocessing.height, preprocessing.width, 3)
    return LoadedImages(
        images=readable,
        pixels=np.stack([pixels for _, (pixels, _) in found]) if found else np.zeros(shape, np.uint8),
        digests=digests,
        groups=groups_of(readable, digests) if found else np.zeros(0, str),
        unreadable=tuple(str(one) for one in results if isinstance(one, PageError)),
    )


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


def digest(picture: Image.Image) -> str:
    """Return the SHA-256 of an upright picture: the same for the same pixels in any file format."""
    return hashlib.sha256(f"{picture.width}x{picture.height}".encode() + picture.tobytes()).hexdigest()


def short_digest(digest: str) -> str:
    """Return an image's digest as a model file keeps it."""
    return digest[:DIGEST_LENGTH]
