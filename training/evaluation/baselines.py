"""Baselines: what can be had without reading the waveform, and with a linear model, on the same images."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from training.evaluation.intervals import Sample
from training.evaluation.metrics import overall_metrics
from training.evaluation.prediction_metrics import BaselineMetrics
from training.inspection.inspected_image import GREY, InspectedImage

SMALL = 4  # times smaller is the image of the linear model on pixels: beats can be told, digits cannot
STROKE = 7  # pixels of the small image: what is thinner is taken for trace, letter or grid, and wiped out
DEPTH, LEAF = 4, 3  # of the decision tree on page styles: its levels, and images of a leaf
FEATURES = 64  # principal components that a linear model reads
FEW = 0.02  # share of the images whose traces may reach into what counts as header and footer

MAJORITY_CLASS, EXACT_DUPLICATE, NEAREST_NEIGHBOUR = "majority class", "exact-duplicate lookup", "nearest neighbour"
PAGE_STYLE = "page style"
HEADER_FOOTER, TRACE_MASKED, PIXELS = "header-and-footer only", "trace-masked", "linear model on pixels"
BASELINES = {
    MAJORITY_CLASS: "always predicts the class with most images",
    EXACT_DUPLICATE: "knows the labels of images that it has seen, pixel for pixel, else predicts the majority class",
    NEAREST_NEIGHBOUR: "predicts the label of the image whose pixels are nearest",
    PAGE_STYLE: "a decision tree on grid, rows of traces, form, amount of print, and the manifest's page style",
    HEADER_FOOTER: "a linear model that sees what is printed above and below the traces, and nothing else",
    TRACE_MASKED: "a linear model on the image with its traces wiped out",
    PIXELS: "a linear model on the small grey image",
}
SHORTCUTS = (EXACT_DUPLICATE, PAGE_STYLE, HEADER_FOOTER, TRACE_MASKED)
"""Baselines that cannot know the heart: whatever they score is had without it."""


@dataclass(frozen=True)
class BaselineInputs:
    """Hold what the baselines see of n images.

    The rows are the same for all images: a header that ended where an image's own trace begins would tell how high
    its R waves are.
    """

    digests: np.ndarray
    """str (n,)."""
    grey: np.ndarray
    """uint8 (n, 364, 512)."""
    top: int
    """The traces of nearly all images begin at this row."""
    bottom: int
    """They end at this row."""
    styles: np.ndarray
    """float32 (n, k): grid or none, rows of traces, width by height; then 0 or 1 for each of the manifest's styles."""

    @classmethod
    def of(cls, inspected: Sequence[InspectedImage]) -> "BaselineInputs":
        """Take what the baselines see from inspected images."""
        spans, top, bottom = np.array([one.trace_span for one in inspected]), 0.0, 1.0
        if not np.isnan(spans).all():
            top, bottom = np.nanquantile(spans[:, 0], FEW), np.nanquantile(spans[:, 1], 1 - FEW)
        digests, grey = np.array([one.digest for one in inspected]), np.stack([one.grey for one in inspected])
        named = np.array([one.image.page_style for one in inspected])
        looks = [(one.look.has_grid, one.look.rows, one.size[0] / one.size[1]) for one in inspected]
        styles = np.column_stack([np.array(looks, np.float32), named[:, np.newaxis] == np.unique(named)])
        return cls(digests, grey, int(top * GREY[1]), int(np.ceil(bottom * GREY[1])), styles)

    @property
    def pixels(self) -> np.ndarray:
        """Return the small images, float32 (n, 91, 128)."""
        count, height, width = self.grey.shape
        blocks = self.grey.reshape(count, height // SMALL, SMALL, width // SMALL, SMALL)
        return blocks.mean(axis=(2, 4), dtype=np.float32)

    @property
    def header_footer(self) -> np.ndarray:
        """Return what stands above and below the traces, float32 (n, rows, 512)."""
        return np.concatenate([self.grey[:, : self.top], self.grey[:, self.bottom :]], axis=1).astype(np.float32)

    @property
    def printed(self) -> np.ndarray:
        """Return how dark header and footer are on average, float32 (n,), 0 to 1; 0 where there is none."""
        rows = self.header_footer
        return 1 - rows.mean(axis=(1, 2)) / 255 if rows.shape[1] else np.zeros(len(rows), np.float32)

    @property
    def trace_masked(self) -> np.ndarray:
        """Return the small images whose rows with traces keep the colour of the paper alone."""
        images = self.pixels
        area = slice(self.top // SMALL, -(-self.bottom // SMALL))
        for image in images:
            image[area] = ndimage.uniform_filter(ndimage.maximum_filter(image[area], STROKE), 2 * STROKE)
        return images


def predict_baseline(
    name: str, inputs: BaselineInputs, labels: np.ndarray, learn: np.ndarray, asked: np.ndarray
) -> np.ndarray:
    """Return the labels, str (asked,), that a baseline predicts for the images `asked` after it has seen `learn`.

    Both are index arrays. The same input has the same prediction.
    """
    names, counts = np.unique(labels[learn], return_counts=True)
    majority = names[counts.argmax()]
    if name == MAJORITY_CLASS or len(names) == 1:
        return np.full(len(asked), majority)
    if name == EXACT_DUPLICATE:
        known = dict(zip(inputs.digests[learn].tolist(), labels[learn].tolist(), strict=True))
        return np.array([known.get(digest, majority) for digest in inputs.digests[asked].tolist()])
    if name == PAGE_STYLE:
        tree = DecisionTreeClassifier(max_depth=DEPTH, min_samples_leaf=LEAF, class_weight="balanced", random_state=0)
        rows = np.column_stack([inputs.styles, inputs.printed])
        return tree.fit(rows[learn], labels[learn]).predict(rows[asked])
    if name == NEAREST_NEIGHBOUR:
        pixels, model = inputs.pixels, KNeighborsClassifier(1)
    else:
        fields = {HEADER_FOOTER: "header_footer", TRACE_MASKED: "trace_masked", PIXELS: "pixels"}
        pixels = getattr(inputs, fields[name])
        components = PCA(min(FEATURES, len(learn) - 1, pixels[0].size), svd_solver="randomized", random_state=0)
        # The components are not brought to one spread: the last ones, which are noise, would weigh like the first.
        model = make_pipeline(components, LogisticRegression(class_weight="balanced", max_iter=500, random_state=0))
    rows = pixels.reshape(len(pixels), -1) / np.float32(255)
    if rows.shape[1] == 0:  # traces from edge to edge: there is no header and no footer
        return np.full(len(asked), majority)
    # OpenBLAS may report an invalid value where a product is finite (numpy#24067).
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        warnings.simplefilter("ignore", ConvergenceWarning)  # a baseline need not be the best of its kind
        return model.fit(rows[learn], labels[learn]).predict(rows[asked])


def score_baselines(
    inputs: BaselineInputs, labels: np.ndarray, groups: np.ndarray, divisions: Sequence[tuple[np.ndarray, np.ndarray]]
) -> dict[str, BaselineMetrics]:
    """Return the metrics of every baseline over (learn, asked) index arrays; each image is asked once."""
    classes = np.unique(labels)
    asked = np.concatenate([asked for _, asked in divisions])
    truth = np.searchsorted(classes, labels[asked])
    results = {}
    for name in BASELINES:
        predicted = np.concatenate([predict_baseline(name, inputs, labels, *division) for division in divisions])
        certain = np.eye(len(classes))[np.searchsorted(classes, predicted)]
        measured = overall_metrics(Sample(tuple(classes.tolist()), truth, certain, groups[asked]))
        results[name] = BaselineMetrics(macro_f1=measured.macro_f1, accuracy=measured.accuracy)
    return results
