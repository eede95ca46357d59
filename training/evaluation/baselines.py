"""Shortcuts: what can be had without reading the waveform, and with a plain model, on the same images."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from training.data.near_copies import Trace
from training.evaluation.intervals import Estimate, Sample
from training.evaluation.metrics import overall_metrics

SEEN = (512, 364)  # pixels, width and height at which the baselines see an image: printed digits can be told
SMALL = 4  # times smaller is the image of the plain model: beats can be told, digits cannot
STROKE = 7  # pixels of the small image: what is thinner is taken for trace, letter or grid, and wiped out
FEATURES = 64  # principal components that a plain model reads
LEAD = 0.2  # share of an image's width; the shortest lead that is printed, 2.5 s, is a little wider
FEW = 0.02  # share of the images whose traces may reach into what counts as header and footer

MAJORITY, TABLE, NEIGHBOUR = "majority class", "exact-duplicate lookup", "nearest neighbour"
OUTSIDE, BLANKED, PLAIN = "header-and-footer only", "trace-masked", "linear model on pixels"
BASELINES = {
    MAJORITY: "always answers the class with most images",
    TABLE: "knows the label of every image that it has seen, pixel for pixel, else answers the largest class",
    NEIGHBOUR: "answers the label of the image whose pixels are nearest",
    OUTSIDE: "a linear model that sees what is printed above and below the traces, and nothing else",
    BLANKED: "a linear model on the image with its traces wiped out",
    PLAIN: "a linear model on the small grey image",
}
SHORTCUTS = (TABLE, OUTSIDE, BLANKED)
"""Baselines that cannot know the heart: whatever they score is had without it."""


@dataclass(frozen=True)
class Views:
    """Hold what the baselines see of n images: their digests, str (n,), and `grey`, uint8 (n, 364, 512).

    The traces of nearly all images lie between the rows `top` and `bottom`. The same rows for all: a
    header that ended where an image's own trace begins would tell how high its R waves are.
    """

    digests: np.ndarray
    grey: np.ndarray
    top: int
    bottom: int

    @classmethod
    def of(cls, digests: np.ndarray, grey: np.ndarray, spans: np.ndarray) -> "Views":
        """Make views from `spans`, float (n, 2): where each image's trace begins and ends as a share, NaN for none."""
        top, bottom = 0.0, 1.0
        if not np.isnan(spans).all():
            top, bottom = np.nanquantile(spans[:, 0], FEW), np.nanquantile(spans[:, 1], 1 - FEW)
        return cls(digests, grey, int(top * SEEN[1]), int(np.ceil(bottom * SEEN[1])))

    @property
    def image(self) -> np.ndarray:
        """Return the small images, float32 (n, 91, 128)."""
        count, height, width = self.grey.shape
        blocks = self.grey.reshape(count, height // SMALL, SMALL, width // SMALL, SMALL)
        return blocks.mean(axis=(2, 4), dtype=np.float32)

    @property
    def outside(self) -> np.ndarray:
        """Return what stands above and below the traces, float32 (n, rows, 512)."""
        return np.concatenate([self.grey[:, : self.top], self.grey[:, self.bottom :]], axis=1).astype(np.float32)

    @property
    def blanked(self) -> np.ndarray:
        """Return the small images whose rows with traces keep the colour of the paper alone."""
        images = self.image
        area = slice(self.top // SMALL, -(-self.bottom // SMALL))
        for image in images:
            image[area] = ndimage.uniform_filter(ndimage.maximum_filter(image[area], STROKE), 2 * STROKE)
        return images


def seen(image: Image.Image, trace: Trace) -> tuple[np.ndarray, tuple[float, float]]:
    """Return an image's grey, uint8 (364, 512), straightened as its trace is, and the rows of the trace as shares.

    Ink narrower than a lead, with empty rows above and below it, is something in the header, not a trace.
    """
    bands = ndimage.find_objects(ndimage.label(trace.ink.any(axis=1))[0])
    wide = [rows for (rows,) in bands if trace.ink[rows].any(axis=0).mean() >= LEAD]
    grey = image.convert("L").resize(SEEN, Image.Resampling.BILINEAR, reducing_gap=2.0)
    grey = grey.rotate(trace.angle, Image.Resampling.BILINEAR, fillcolor=255)
    span = (wide[0].start / len(trace.ink), wide[-1].stop / len(trace.ink)) if wide else (np.nan, np.nan)
    return np.asarray(grey), span


def guess(name: str, views: Views, labels: np.ndarray, learn: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Return the labels, str (asked,), that a baseline gives the images `asked` after it has seen `learn`.

    Both are index arrays. The same input has the same answer.
    """
    names, counts = np.unique(labels[learn], return_counts=True)
    largest = names[counts.argmax()]
    if name == MAJORITY or len(names) == 1:
        return np.full(len(asked), largest)
    if name == TABLE:
        known = dict(zip(views.digests[learn].tolist(), labels[learn].tolist(), strict=True))
        return np.array([known.get(digest, largest) for digest in views.digests[asked].tolist()])
    if name == NEIGHBOUR:
        pixels, model = views.image, KNeighborsClassifier(1)
    else:
        pixels = getattr(views, {OUTSIDE: "outside", BLANKED: "blanked", PLAIN: "image"}[name])
        components = PCA(min(FEATURES, len(learn) - 1, pixels[0].size), svd_solver="randomized", random_state=0)
        # The components are not brought to one spread: the last ones, which are noise, would weigh like the first.
        model = make_pipeline(components, LogisticRegression(class_weight="balanced", max_iter=500, random_state=0))
    rows = pixels.reshape(len(pixels), -1) / np.float32(255)
    if rows.shape[1] == 0:  # traces from edge to edge: there is no header and no footer
        return np.full(len(asked), largest)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a baseline need not be the best of its kind
        return model.fit(rows[learn], labels[learn]).predict(rows[asked])


def compare(
    views: Views, labels: np.ndarray, groups: np.ndarray, divisions: Sequence[tuple[np.ndarray, np.ndarray]]
) -> dict[str, dict[str, Estimate]]:
    """Return accuracy and macro-F1 of every baseline over (learn, asked) index arrays; each image is asked once."""
    classes = np.unique(labels)
    asked = np.concatenate([asked for _, asked in divisions])
    truth = np.searchsorted(classes, labels[asked])
    results = {}
    for name in BASELINES:
        answers = np.concatenate([guess(name, views, labels, *division) for division in divisions])
        certain = np.eye(len(classes))[np.searchsorted(classes, answers)]
        measured = overall_metrics(Sample(tuple(classes.tolist()), truth, certain, groups[asked]))
        results[name] = {figure: measured[figure] for figure in ("macro_f1", "accuracy")}
    return results
