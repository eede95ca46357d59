"""Heatmaps: what the training images share is taken off, and the tests tell an honest map from a false one."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
from onnx import ModelProto, helper, numpy_helper

from edge.classifier import HEATMAP, Classifier
from edge.contract import CONTRACT_KEY
from edge.errors import UsageError
from tests.conftest import ROOT
from training.data.folder import DataFolder
from training.data.loaded_images import EcgImage, LoadedImages
from training.data.splits import hold_out
from training.evaluation.evaluate import evaluate
from training.evaluation.heatmap_faithfulness import SHARES, enrichment, measure_heatmaps, synthetic_hearts
from training.evaluation.intervals import Bootstrap, mean
from training.evaluation.result import as_record
from training.fit.run import MEAN_HEATMAP_IMAGES
from training.models.heatmap_layers import enlargement, heatmap_of, heatmap_parts, mean_training_heatmap
from training.models.saved_model import load_model
from training.synthetic.signals.hearts import CLASSES

TINY = ROOT / "tests" / "edge" / "golden" / "tiny.onnx"


@pytest.fixture(scope="module")
def classifier(onnx_file: Path) -> Classifier:
    return Classifier(onnx_file)


def images_of(folder: Path, classifier: Classifier, split: str) -> LoadedImages:
    data = DataFolder.read(folder)
    return data.load(classifier.contract.preprocessing, [image for image in data.images if image.split == split])


@pytest.fixture(scope="module")
def tested() -> LoadedImages:
    """Black images with some cells white: of `TINY`, a linear model, each white cell adds what the heatmap says."""
    rng = np.random.default_rng(0)
    cells = rng.choice([0, 255], (8, 6, 10), p=[0.7, 0.3]).astype(np.uint8)
    pixels = np.repeat(cells.repeat(16, 1).repeat(16, 2)[..., np.newaxis], 3, 3)
    names = tuple(f"{number}" for number in range(8))
    images = tuple(EcgImage(path=Path(name), label="normal", split="test") for name in names)
    return LoadedImages(images=images, pixels=pixels, digests=names, groups=np.array(names))


def changed(onnx_file: Path, out: Path, change: Callable[[ModelProto], None]) -> Classifier:
    graph = onnx.load(onnx_file)
    change(graph)
    onnx.save(graph, out)
    return Classifier(out)


def instead(graph: ModelProto, nodes: list, weights: dict[str, np.ndarray]) -> None:
    """Put nodes, that read "true heatmap", in the place of what makes the heatmap."""
    node = next(node for node in graph.graph.node if HEATMAP in node.output)
    node.output[0] = "true heatmap"
    graph.graph.node.extend(nodes)
    graph.graph.initializer.extend(numpy_helper.from_array(values, name) for name, values in weights.items())


def negate(graph: ModelProto) -> None:
    instead(graph, [helper.make_node("Neg", ["true heatmap"], [HEATMAP])], {})


def always_the_same(graph: ModelProto) -> None:
    """A map that rises from left to right whatever the model has learned."""
    columns = (
        next(value for value in graph.graph.output if value.name == HEATMAP).type.tensor_type.shape.dim[2].dim_value
    )
    nodes = [
        helper.make_node("Mul", ["true heatmap", "zero"], ["nothing"]),
        helper.make_node("Unsqueeze", ["slope", "behind"], ["column"]),
        helper.make_node("Mul", ["column", "classes"], ["rise"]),
        helper.make_node("Add", ["nothing", "rise"], [HEATMAP]),
    ]
    weights = {
        "zero": np.zeros(1, np.float32),
        "slope": np.arange(columns, dtype=np.float32),
        "behind": np.array([1]),
        "classes": np.array([0, 1, 3], np.float32),
    }
    instead(graph, nodes, weights)


def rename_classes(graph: ModelProto) -> None:
    entry = next(entry for entry in graph.metadata_props if entry.key == CONTRACT_KEY)
    entry.value = json.dumps(json.loads(entry.value) | {"labels": sorted(CLASSES)[1:]})


def test_what_the_training_images_share_is_taken_off(h5: Path, classifier: Classifier, three_classes: Path) -> None:
    model = load_model(h5)
    images = images_of(three_classes, classifier, "train")
    learned = images.select(~hold_out(images.labels, images.groups, 0))
    assert 0 < len(learned) <= MEAN_HEATMAP_IMAGES  # all of them made the mean
    shared = mean_training_heatmap(model.network, learned.pixels)
    assert np.abs(shared.sum(axis=(0, 1))).max() < 1e-5
    np.testing.assert_allclose(model.mean_heatmap, shared, atol=1e-6)
    # The mean of what is exported is then the same at every place.
    shown = classifier.explain(learned.pixels)[1].mean(axis=0)
    assert np.ptp(shown, axis=(0, 1)).max() < 1e-5
    assert np.ptp(shared, axis=(0, 1)).min() > 1e-3


def test_an_honest_map_adds_up_and_is_the_weights(tested: LoadedImages) -> None:
    found = measure_heatmaps(Classifier(TINY), tested, seed=0)
    assert found.images == len(tested)
    assert found.completeness_error < 1e-4
    assert found.deletion_gain.low > 0
    assert [step.share for step in found.deletion] == list(SHARES)
    falls = [step.by_heatmap.value for step in found.deletion]
    assert falls == sorted(falls)
    assert all(step.by_heatmap.low > step.at_random.high for step in found.deletion)
    assert abs(found.shuffled_weights_correlation.value) < 0.3
    again = measure_heatmaps(Classifier(TINY), tested, seed=0)
    assert as_record(found) == as_record(again)
    assert len(found.examples) == len(again.examples) == len(tested)
    for one, other in zip(found.examples, again.examples, strict=True):
        assert (one.picture, one.predicted, one.probability) == (other.picture, other.predicted, other.probability)
        assert np.array_equal(one.contributions, other.contributions)


def test_a_false_map_is_seen(tested: LoadedImages, tmp_path: Path) -> None:
    negated = measure_heatmaps(changed(TINY, tmp_path / "negated.onnx", negate), tested, seed=0)
    assert negated.completeness_error > 0.1
    assert negated.deletion_gain.high < 0
    fixed = measure_heatmaps(changed(TINY, tmp_path / "fixed.onnx", always_the_same), tested, seed=0)
    assert fixed.deletion_gain.low < 0 < fixed.deletion_gain.high
    assert fixed.shuffled_weights_correlation.value == pytest.approx(1)


def test_over_chance() -> None:
    rng = np.random.default_rng(0)
    inside, among = np.zeros((8, 12)), np.ones((8, 12))
    inside[2:4, 3:6] = 1
    assert enrichment(inside, inside, among) == pytest.approx((16, 16))
    assert enrichment(1 - inside, inside, among)[0] == 0
    assert enrichment(among, inside, among)[0] == pytest.approx(1)
    # What speaks outside of the cells in question counts neither for nor against.
    among[4:] = 0
    speaks = np.where(among > 0, 1, rng.uniform(0, 9, among.shape))
    assert enrichment(speaks, inside, among) == pytest.approx((1, 8))
    assert enrichment(1 - among, inside, among)[0] == 0


def test_synthetic_hearts_have_a_disease_that_lies_somewhere(classifier: Classifier) -> None:
    contract = replace(classifier.contract, labels=tuple(sorted(CLASSES)))
    hearts = list(synthetic_hearts(contract, 3, 0))
    assert {heart.label for heart in hearts} <= set(CLASSES) - {"normal"}
    assert len(hearts) > 4
    for heart in hearts:
        assert len(heart.leads) >= 12
        assert any(share > 0 for _, share in heart.leads)
        of_leads = np.zeros(heart.altered.shape, bool)
        for (left, top, right, bottom), share in heart.leads:
            assert 0 <= share <= 1
            assert heart.altered[top:bottom, left:right].any() == (share > 0)
            of_leads[top:bottom, left:right] = True
        assert heart.pixels.shape[:2] == heart.altered.shape
        assert (heart.altered & of_leads).sum() > 0.95 * heart.altered.sum()
    assert not list(synthetic_hearts(replace(contract, labels=("other", "classes")), 3, 0))


def test_a_model_of_the_synthetic_classes_is_asked_where_the_disease_is(
    onnx_file: Path, three_classes: Path, tmp_path: Path
) -> None:
    knowing = changed(onnx_file, tmp_path / "renamed.onnx", rename_classes)
    found = measure_heatmaps(knowing, images_of(three_classes, knowing, "test"), seed=0)
    assert found.synthetic_images > 10
    assert found.synthetic_images + found.silent_images == 50  # those of "normal" have no disease
    for name in ("altered_leads", "altered_samples"):
        estimate, most = getattr(found, name), getattr(found, f"{name}_at_most")
        assert 0 < estimate.low < estimate.value < most.value


def test_a_model_of_other_classes_is_not_asked_where_the_disease_is(
    classifier: Classifier, three_classes: Path
) -> None:
    tested = images_of(three_classes, classifier, "test").select(np.arange(2))
    other = replace(classifier.contract, labels=("one", "two", "three"))
    assert not set(other.labels) & set(CLASSES)
    assert list(synthetic_hearts(other, 1, 0)) == []
    with_normal = measure_heatmaps(classifier, tested, seed=0, synthetic_per_class=2)
    assert (with_normal.synthetic_images, with_normal.silent_images) == (0, 0)  # "normal" alone is shared
    assert with_normal.altered_leads.value is None


def test_heatmaps_of_models_that_have_none_are_refused(h5: Path, three_classes: Path) -> None:
    with pytest.raises(UsageError, match=r"^--heatmaps: none of the models is an .onnx"):
        evaluate([h5], DataFolder.read(three_classes), command="here", heatmaps=True)


def test_the_interval_of_a_mean_knows_groups() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(5, 2, 400)
    alone = mean(values, np.arange(400).astype(str), Bootstrap(0))
    assert alone.value == pytest.approx(values.mean())
    assert (alone.low, alone.high) == pytest.approx(
        values.mean() + np.array([-1, 1]) * 1.96 * values.std() / 20, abs=0.05
    )
    copied = mean(np.repeat(values, 4), np.repeat(np.arange(400), 4).astype(str), Bootstrap(0))
    assert copied.high - copied.low == pytest.approx(alone.high - alone.low, rel=0.1)
    assert mean(np.zeros(0), np.zeros(0, str), Bootstrap(0), "nothing").note == "nothing"


@pytest.mark.parametrize(("cells", "wanted"), [(7, 28), (14, 28), (3, 20), (5, 12), (6, 6), (1, 9)])
def test_an_enlarged_map_keeps_its_sum_and_its_place(cells: int, wanted: int) -> None:
    matrix = enlargement(cells, wanted)
    assert np.allclose(matrix.sum(axis=0), 1)
    centres = (np.arange(wanted) + 0.5) / wanted @ matrix
    assert np.abs(centres - (np.arange(cells) + 0.5) / cells).max() <= 0.5 / cells
    assert (np.diff(centres) > 0).all()


def test_the_heatmap_of_a_standardised_head_adds_up() -> None:
    """The head of VGG16: means of maps of three sizes, standardised, and one linear layer."""
    rng = np.random.default_rng(0)
    image = keras.Input((50, 66, 3), name="image")
    maps = [keras.layers.Conv2D(5, 3, stride, name=f"maps_{stride}")(image) for stride in (2, 4, 8)]
    joined = keras.layers.Concatenate(name="features")([keras.layers.GlobalAveragePooling2D()(one) for one in maps])
    standardise = keras.layers.BatchNormalization(center=False, scale=False, epsilon=1e-6, name="standardise")
    logits = keras.layers.Dense(3, name="logits")(standardise(joined))
    network = keras.Model(image, {"logits": logits})
    standardise.set_weights([rng.normal(size=15), rng.uniform(0.1, 2, 15)])
    found = heatmap_parts(network)
    images = rng.normal(size=(2, 50, 66, 3)).astype(np.float32)
    activations = keras.Model(image, [part.maps for part in found])(images)
    contributions = keras.ops.convert_to_numpy(heatmap_of(found, activations))
    assert contributions.shape == (2, 24, 32, 3)
    expected = np.asarray(network(images, training=False)["logits"]) - network.get_layer("logits").get_weights()[1]
    assert np.abs(contributions.sum(axis=(1, 2)) - expected).max() < 1e-4


def test_evaluate_reports_how_good_the_heatmaps_are(
    called: Callable, h5: Path, onnx_file: Path, three_classes: Path, tmp_path: Path
) -> None:
    out = tmp_path / "report"
    words = ("--data", three_classes, "--out", out, "--heatmaps")
    printed = called("training", "evaluate", h5, onnx_file, *words).stdout
    numbers = json.loads((out / "report.json").read_text(encoding="utf-8"))["models"]
    assert numbers[0]["heatmaps"] is None
    assert numbers[1]["heatmaps"]["altered_leads"]["value"] is None
    for text in (printed, (out / "report.html").read_text("utf-8"), (out / "model_card.md").read_text("utf-8")):
        assert "deletion, by the heatmap less at random" in text
        assert "the model has other classes than the synthetic ECG images" in text
    assert "Heatmaps of test images" in (out / "report.html").read_text("utf-8")
