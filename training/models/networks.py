"""The two networks, and the `.h5` that holds one with its contract."""

from dataclasses import dataclass
from pathlib import Path

import h5py
import keras
import numpy as np

from edge.classifier import INPUT, Outputs, widths
from edge.contract import CONTRACT_KEY, Contract
from edge.errors import ModelError
from edge.files import replacing
from training.models.in_distribution import in_distribution

TRAINED_ON_KEY = "ecg_trained_on"
"""Name of the HDF5 dataset and of the ONNX metadata entry with the digests of the images that the model has seen."""

MEAN_HEATMAP_KEY = "ecg_mean_training_heatmap"
"""Name of the HDF5 dataset with what the training images' heatmaps have in common (see `training.models.heatmap_layers`)."""

DIGEST_LENGTH = 16
"""Hexadecimal digits of an image's SHA-256 that are kept: two of a billion images meet with a chance of 3 %."""

SMALLEST_MAP = 7
"""The CNN halves its maps until both sides are at most this, which keeps Flatten small."""

LEAST_SPREAD = 0.01
"""Smallest standard deviation of a feature as a share of its mean: less is not told from rounding, and
dividing by it would make the answer depend on the machine."""

USUAL_SPREAD = 0.5
"""Smallest standard deviation as a share of the median of its block. A feature that hardly any training image
excites would else count forty times what others do on the image that does, and 8-bit rounding alone excites it.
MODELS.md has the cross-validation: 0.810 with it, 0.806 without."""

# The blocks of VGG16 whose means the head reads; MODELS.md has the cross-validation that chose them.
VGG16_BLOCKS = (3, 4, 5)
IMAGENET_MEAN_BGR = (103.939, 116.779, 123.68)
"""Mean of ImageNet in the order blue, green, red, as the published weights expect (keras.applications.vgg16)."""


def build_cnn(classes: int, height: int, width: int) -> keras.Model:
    """Build the custom CNN: uint8 (n, height, width, 3) to logits, float32 (n, classes), and in-distribution score.

    Convolution, batch normalisation and 2x2 maximum, repeated until the map is at most 7x7, then
    Flatten and the class layer: 0.2 million parameters at 224x224. The in-distribution score reads the means of
    the last maps.
    """
    image = keras.Input((height, width, 3), dtype="uint8", name=INPUT)
    x = keras.layers.Rescaling(1 / 255, name="rescale")(image)
    filters, stage = 16, 1
    while max(x.shape[1:3]) > SMALLEST_MAP:
        # Every layer has a name of its own: Keras' numbered ones depend on what was built before.
        x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"conv_{stage}")(x)
        # The default momentum of 0.99 still carries the initial mean after the few steps of a small set.
        x = keras.layers.BatchNormalization(momentum=0.9, name=f"norm_{stage}")(x)
        x = keras.layers.ReLU(name=f"relu_{stage}")(x)
        x = keras.layers.MaxPooling2D(padding="same", name=f"pool_{stage}")(x)
        filters, stage = min(2 * filters, 128), stage + 1
    features = _standardised(keras.layers.GlobalAveragePooling2D(name="features")(x))
    logits = keras.layers.Dense(classes, name="logits")(keras.layers.Flatten(name="flatten")(x))
    return keras.Model(image, {"logits": logits, "in_distribution": in_distribution(features)}, name="ecg")


def build_vgg16(classes: int, height: int, width: int, weights: Path) -> keras.Model:
    """Build VGG16 without its top, frozen, with a linear head on the means of its last three blocks.

    uint8 (n, height, width, 3) to logits, float32 (n, classes), and in-distribution score. `weights` is a file
    of Keras' VGG16 without its top.
    """
    base = vgg16_base(weights, height, width)
    base.trainable = False
    features = _standardised(base.output)
    # From zero, a feature that no training image shows keeps the weight zero, whatever another image has there.
    logits = keras.layers.Dense(classes, kernel_initializer="zeros", name="logits")(features)
    return keras.Model(base.input, {"logits": logits, "in_distribution": in_distribution(features)}, name="ecg")


def vgg16_base(weights: Path, height: int, width: int) -> keras.Model:
    """Build the base alone: uint8 (n, height, width, 3) to features, float32 (n, 1280)."""
    try:
        vgg16 = keras.applications.VGG16(include_top=False, weights=str(weights), input_shape=(height, width, 3))
    except (ValueError, OSError, KeyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(
            f"{weights}: are not the weights of VGG16 without its top ({reason}): give that file"
        ) from error
    image = keras.Input((height, width, 3), dtype="uint8", name=INPUT)
    x = keras.layers.Rescaling(1.0, name="to_float")(image)
    # `preprocess_input` in a model saves to .h5 and then does not load; a 1x1 convolution does both.
    to_bgr = keras.layers.Conv2D(3, 1, name="to_bgr_without_mean")
    x = to_bgr(x)
    to_bgr.set_weights(
        [np.eye(3, dtype=np.float32)[::-1].reshape(1, 1, 3, 3), -np.array(IMAGENET_MEAN_BGR, np.float32)]
    )
    means = []
    for layer in vgg16.layers[1:]:
        x = layer(x)
        if layer.name in {f"block{block}_pool" for block in VGG16_BLOCKS}:
            means.append(keras.layers.GlobalAveragePooling2D(name=f"{layer.name}_mean")(x))
    features = keras.layers.Concatenate(name="features")(means)  # (n, 256 + 512 + 512)
    return keras.Model(image, features, name="vgg16")


def _standardised(features: keras.KerasTensor) -> keras.KerasTensor:
    """Add the layer `standardise`: a frozen batch normalisation that waits for `fit_standardise`."""
    layer = keras.layers.BatchNormalization(center=False, scale=False, epsilon=1e-6, name="standardise")
    layer.trainable = False
    return layer(features)


def fit_standardise(network: keras.Model, features: np.ndarray) -> None:
    """Give `standardise` the mean and the variance of the training images' features, float32 (n, width)."""
    mean, spread = features.mean(axis=0), features.std(axis=0)
    joined = network.get_layer("features")
    blocks = joined.input if isinstance(joined, keras.layers.Concatenate) else [joined.output]
    ends = np.cumsum([block.shape[-1] for block in blocks])[:-1]
    usual = np.concatenate([np.full(len(block), np.median(block)) for block in np.split(spread, ends)])
    spread = np.maximum(spread, np.maximum(LEAST_SPREAD * mean, USUAL_SPREAD * usual))
    network.get_layer("standardise").set_weights([mean, spread**2])


def with_probabilities(network: keras.Model, temperature: float) -> keras.Model:
    """Return the network with its third output, probabilities = softmax(logits / temperature)."""
    divided = keras.layers.Rescaling(1 / temperature, name="calibrate")(network.output["logits"])
    probabilities = keras.layers.Softmax(name="probabilities")(divided)
    return keras.Model(network.input, network.output | {"probabilities": probabilities}, name="ecg")


@dataclass(frozen=True)
class SavedModel:
    """Hold what an `.h5` of this project holds: the network, its contract, the digests of its images.

    `mean_heatmap` is what their heatmaps have in common, float32 (rows, columns, classes); None before 0.4.0.
    """

    network: keras.Model
    contract: Contract
    trained_on: frozenset[str]
    mean_heatmap: np.ndarray | None

    def run(self, images: np.ndarray, batch_size: int = 16) -> Outputs:
        """Return the network's outputs for uint8 images (n, height, width, 3)."""
        return Outputs(**self.network.predict(images, batch_size=batch_size, verbose=0))


def short(digest: str) -> str:
    """Return an image's digest as a model file keeps it."""
    return digest[:DIGEST_LENGTH]


def save_model(model: SavedModel, path: Path) -> None:
    """Write the `.h5`; the same model gives the same bytes."""
    with replacing(path) as unfinished:
        model.network.save(unfinished, include_optimizer=False)
        with h5py.File(unfinished, "a") as file:
            file.attrs[CONTRACT_KEY] = model.contract.to_json()
            file[TRAINED_ON_KEY] = np.array(sorted(model.trained_on), f"S{DIGEST_LENGTH}")
            file[MEAN_HEATMAP_KEY] = model.mean_heatmap


def load_model(path: Path) -> SavedModel:
    """Read an `.h5` of this project; raise `ModelError` for a missing file or any other one."""
    if not path.is_file():
        raise ModelError(f"{path}: no such model file: give an .h5 made by 'python -m training train'")
    try:
        with h5py.File(path) as file:
            text, digests = file.attrs.get(CONTRACT_KEY), file.get(TRAINED_ON_KEY)
            trained_on = frozenset(digest.decode() for digest in digests[:]) if digests is not None else None
            usual = file[MEAN_HEATMAP_KEY][:] if MEAN_HEATMAP_KEY in file else None
    except OSError as error:
        raise ModelError(
            f"{path}: is not an HDF5 file, or is cut short: give an .h5 made by 'python -m training train'"
        ) from error
    if text is None or trained_on is None:
        raise ModelError(
            f"{path}: has no {CONTRACT_KEY}, it is not from this program: make one with 'python -m training train'"
        )
    try:
        contract = Contract.from_json(text)
        network = keras.models.load_model(path, compile=False, safe_mode=True)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    except (ValueError, TypeError, KeyError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{path}: Keras cannot load it ({reason}): train it again") from error
    outputs = (
        {name: tensor.shape for name, tensor in network.output.items()} if isinstance(network.output, dict) else {}
    )
    expected = {name: (None, width) for name, width in widths(contract).items()}
    if (network.input_shape, outputs) != ((None, contract.height, contract.width, 3), expected):
        raise ModelError(f"{path}: its network contradicts its contract: train it again")
    return SavedModel(network, contract, trained_on, usual)
