"""The audit of a data folder: copies, leaks, odd images, and what can be had without reading the waveform."""

import hashlib
import sys
import warnings
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedKFold

from edge.errors import PageError
from edge.images.page import open_page
from training.data.folder import SPLITS, EcgImage, digest, groups_of, joined, read_folder
from training.data.leaks import ACROSS, GROUP, TWO_LABELS, Leak, across, clusters, leaks
from training.data.near_copies import fingerprint, isolated, near_copies
from training.data.splits import folds
from training.errors import DataError
from training.evaluation.baselines import SHORTCUTS, Views, compare, seen
from training.evaluation.intervals import Estimate

COPY, NEAR_ACROSS, NEAR_COPY, NEAR_LABELS = (
    "copy in a folder without splits",
    "near copy in train and test",
    "near copy in a folder without splits",
    "near copies under two labels",
)
KINDS = {
    "stated": (ACROSS, TWO_LABELS, GROUP, NEAR_ACROSS, NEAR_LABELS),
    "none": (COPY, TWO_LABELS, NEAR_COPY, NEAR_LABELS),
}
"""The kinds of leaks that a folder can have, with stated splits and without."""
AS_IT_STANDS, WITHOUT_COPIES = "as it stands", "without copies, by group"
"""How the baselines are asked: by the stated split, or five random parts; and in five parts of one of
each image, with groups and near copies kept together."""
FOLDS = 5
ASKED = 2000  # files at most that the baselines see, drawn by the seed, copies with their twins
TILTED = 1.0  # degrees
SMALL_SIDE = 400  # pixels: shorter, a QRS complex of a twelve-lead image has two or three columns
ODD_FORM = 0.1  # share by which width by height may differ from that of most images


@dataclass(frozen=True)
class Look:
    """Hold what opening an image once tells; `grey` and `span` are those of `training.evaluation.baselines.seen`."""

    image: EcgImage
    content: str
    digest: str
    size: tuple[int, int]
    fingerprint: np.ndarray
    grey: np.ndarray
    span: tuple[float, float]
    angle: float


@dataclass(frozen=True)
class Audit:
    """Hold what an audit found: the images that could be read, by index in `leaks`, `near` and `odd`.

    `redundant` counts files minus different contents, by bytes and by pixels, `within` the latter in
    each stated split. `near` are pairs of different pictures with the score of their traces; `odd` maps what is odd to
    the images that are; `baselines`, of `asked` files, has a column of scores each for the folder as it stands and for
    one of each image with groups kept together, or the reason why there is none.
    """

    images: list[EcgImage]
    sizes: list[tuple[int, int]]
    unreadable: list[str]
    redundant: dict[str, int]
    within: dict[str, int]
    leaks: list[Leak]
    near: list[tuple[int, int, float]]
    odd: dict[str, list[int]]
    asked: int
    baselines: dict[str, dict[str, dict[str, Estimate]] | str]

    @property
    def headline(self) -> str:
        """Return what the folder holds, in a line."""
        files, redundant = len(self.images), self.redundant["pixels"]
        unread = f", {len(self.unreadable)} that cannot be read" if self.unreadable else ""
        return f"{files} files: {redundant} redundant copies, {files - redundant} different images{unread}"

    @property
    def kinds(self) -> dict[str, int]:
        """Return how many leaks there are of each kind that this folder can have."""
        counts = Counter(leak.kind for leak in self.leaks)
        return {kind: counts[kind] for kind in KINDS["none" if self.images[0].split is None else "stated"]}

    @property
    def warnings(self) -> list[str]:
        """Return what takes the worth of any score on this folder away, one line each."""
        lines = [f"{number} x {kind}" for kind, number in self.kinds.items() if number]
        for column, scores in self.baselines.items():
            if isinstance(scores, str):
                continue
            guessed = 1 / len({image.label for image in self.images})  # by the frequency of the classes
            for name in SHORTCUTS:
                reached = scores[name]["macro_f1"]
                least = reached.value if reached.low is None else reached.low  # a perfect score has no interval
                if least is not None and least > guessed:
                    lines.append(
                        f"{column}: '{name}' reaches macro-F1 {reached.value:.2f} without reading a heart "
                        f"(guessing: {guessed:.2f})"
                    )
        return lines


def audit(data: Path, seed: int) -> Audit:
    """Look at every image of a data folder; raise `DataError` where none can be read."""
    listed = read_folder(data)
    looks, unreadable = look_at(listed)
    if not looks:
        raise DataError(f"{data}: none of its images can be read: export or photograph them again")
    images, digests = [look.image for look in looks], [look.digest for look in looks]
    first = sorted({digest: index for index, digest in reversed(list(enumerate(digests)))}.values())
    print(f"comparing the traces of {len(first)} different images", file=sys.stderr)
    traces = np.stack([looks[index].fingerprint for index in first])
    near = [(first[i], first[j], score) for i, j, score in near_copies(traces)]
    asked = _asked(looks, seed)
    place = {index: number for number, index in enumerate(asked.tolist())}
    among = [(place[i], place[j], score) for i, j, score in near if i in place and j in place]
    return Audit(
        images=images,
        sizes=[look.size for look in looks],
        unreadable=unreadable,
        redundant={
            "bytes": len(looks) - len({look.content for look in looks}),
            "pixels": len(looks) - len(first),
        },
        within={
            split: len(digests_of) - len(set(digests_of))
            for split in SPLITS
            if (digests_of := [look.digest for look in looks if look.image.split == split])
        },
        leaks=_all_leaks(images, digests, near),
        near=near,
        odd=_odd(looks),
        asked=len(asked),
        baselines=_baselines([looks[index] for index in asked], among, seed),
    )


def look(image: EcgImage) -> Look | PageError:
    """Open an image once and keep what the audit needs; return the error where it cannot be opened."""
    try:
        opened = open_page(image.path)
    except PageError as error:
        return error
    ink = isolated(opened)
    return Look(
        image,
        hashlib.sha256(image.path.read_bytes()).hexdigest(),
        digest(opened),
        opened.size,
        fingerprint(ink),
        *seen(opened, ink),
        ink.angle,
    )


def look_at(images: Sequence[EcgImage]) -> tuple[list[Look], list[str]]:
    """Look at images, and list what cannot be read."""
    looks, unreadable = [], []
    with ThreadPoolExecutor() as pool:  # Pillow and SciPy work outside Python's lock
        for number, found in enumerate(pool.map(look, images), start=1):
            if isinstance(found, PageError):
                unreadable.append(str(found))
            else:
                looks.append(found)
            if number % 50 == 0 or number == len(images):
                print(f"images looked at: {number} of {len(images)}", file=sys.stderr)
    return looks, unreadable


def views_of(looks: Sequence[Look]) -> Views:
    """Return what the baselines see of the images."""
    digests = np.array([look.digest for look in looks])
    return Views.of(digests, np.stack([look.grey for look in looks]), np.array([look.span for look in looks]))


def _all_leaks(images: list[EcgImage], digests: list[str], near: list[tuple[int, int, float]]) -> list[Leak]:
    """Return the leaks that the files tell, and those that the traces tell."""
    stated = images[0].split is not None
    found = leaks(images, digests)
    copies = {digests[copy[0]]: copy for copy in clusters(digests)}
    if not stated:
        # Whoever divides such a folder at random has a copy on the other side.
        found += [Leak(COPY, copy) for copy in copies.values()]
    for i, j, _ in near:
        both = (*copies.get(digests[i], (i,)), *copies.get(digests[j], (j,)))
        if not stated or across(images, both):
            found.append(Leak(NEAR_ACROSS if stated else NEAR_COPY, (i, j)))
        if len({images[index].label for index in both}) > 1:
            found.append(Leak(NEAR_LABELS, (i, j)))
    return found


def _odd(looks: list[Look]) -> dict[str, list[int]]:
    """Return which images have no trace, are small, lie across, are tilted, or have another form than most."""
    forms = np.array([width / height for width, height in (look.size for look in looks)])
    usual = float(np.median(forms))
    across_page = (forms > 1) != (usual > 1)
    masks = {
        "no trace on the image": [not look.fingerprint.any() for look in looks],
        f"shorter side under {SMALL_SIDE} pixels": [min(look.size) < SMALL_SIDE for look in looks],
        "upright where most lie, or the other way": across_page,
        f"tilted by more than {TILTED:g} degree": [
            look.fingerprint.any() and abs(look.angle) > TILTED for look in looks
        ],
        "other form than most images": ~across_page & (np.abs(forms / usual - 1) > ODD_FORM),
    }
    return {name: np.flatnonzero(mask).tolist() for name, mask in masks.items()}


def _asked(looks: list[Look], seed: int) -> np.ndarray:
    """Return the indices of the files that the baselines see: all of an image's copies, or none."""
    _, image, copies = np.unique([look.digest for look in looks], return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(copies))
    taken = order[copies[order].cumsum() <= max(ASKED, copies[order[0]])]
    return np.flatnonzero(np.isin(image, taken))


def _baselines(
    looks: list[Look], near: list[tuple[int, int, float]], seed: int
) -> dict[str, dict[str, dict[str, Estimate]] | str]:
    labels = np.array([look.image.label for look in looks])
    if len(set(labels)) < 2:
        return dict.fromkeys((AS_IT_STANDS, WITHOUT_COPIES), "images of one class only")
    digests = np.array([look.digest for look in looks])
    twins = digests.copy()
    for i, j, _ in near:  # a near copy belongs to the group of its twin
        twins[twins == twins[j]] = twins[i]
    groups = joined(groups_of([look.image for look in looks], digests), twins)
    views = views_of(looks)
    print(f"asking the baselines about {len(looks)} files", file=sys.stderr)
    columns: dict[str, dict[str, dict[str, Estimate]] | str] = {}
    _, kept = np.unique(digests, return_index=True)
    for name, divide in (
        (AS_IT_STANDS, lambda: _as_it_stands(looks, labels, seed)),
        (WITHOUT_COPIES, lambda: [kept[mask] for mask in folds(labels[kept], groups[kept], FOLDS, seed)]),
    ):
        try:
            asked = divide()
        except DataError as error:
            columns[name] = str(error)
            continue
        of = np.arange(len(looks)) if name == AS_IT_STANDS else kept
        columns[name] = compare(views, labels, groups, [(np.setdiff1d(of, part), part) for part in asked])
    return columns


def _as_it_stands(looks: list[Look], labels: np.ndarray, seed: int) -> list[np.ndarray]:
    """Return the indices of the test images, or those of random parts: as people divide a folder without splits."""
    splits = np.array([look.image.split or "" for look in looks])
    if splits[0]:
        if len(set(splits)) == 1:
            raise DataError(f"all images lie in {splits[0]!r}: nothing to learn from or nothing to ask")
        return [np.flatnonzero(splits == "test")]
    parts = min(FOLDS, Counter(labels.tolist()).most_common(1)[0][1])
    if parts < 2:
        raise DataError("no class has two images: nothing to divide")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that a class has fewer images than parts
        return [part for _, part in StratifiedKFold(parts, shuffle=True, random_state=seed).split(labels, labels)]
