"""The networks: the one table of what can be trained, and what a training has to know of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import ModelError

if TYPE_CHECKING:
    import keras

SHIPPED_WEIGHTS = Path(__file__).parents[1] / "weights"
IMAGENET = "imagenet"


@dataclass(frozen=True, kw_only=True)
class FineTuning:
    """Say which part of a network with ImageNet weights can be trained after its head."""

    cut: str
    """The layer whose input is computed once for each image; what lies below it is never trained."""
    trained: tuple[str, ...]
    """How the names of the layers begin that are trained, besides the class layer."""
    learning_rate: float
    """At the beginning."""


@dataclass(frozen=True, kw_only=True)
class NetworkKind:
    """Say how a network is built and trained."""

    description: str
    """For the help."""
    build: "Callable[[int, int, int, Path | None], keras.Model]"
    """From classes, height, width and a file of ImageNet weights, or None for random ones."""
    learning_rate: float
    """Of the head, or of the whole network where it has no ImageNet weights."""
    weights: Path | None = None
    """The ImageNet weights that ship with the program; None for a network that learns from nothing."""
    fine_tuning: Mapping[str, FineTuning] = field(default_factory=dict)
    """By the name that `--fine-tune` takes."""


def _cnn(classes: int, height: int, width: int, _: Path | None) -> "keras.Model":
    from training.models.cnn import build_cnn

    return build_cnn(classes, height, width)


def _vgg16(classes: int, height: int, width: int, weights: Path | None) -> "keras.Model":
    from training.models.vgg16 import build_vgg16

    return build_vgg16(classes, height, width, weights)


def _efficientnet_lite0(classes: int, height: int, width: int, weights: Path | None) -> "keras.Model":
    from training.models.efficientnet_lite0 import build_efficientnet_lite0

    return build_efficientnet_lite0(classes, height, width, weights)


NETWORKS = {
    "cnn": NetworkKind(description="the custom CNN", build=_cnn, learning_rate=3e-4),
    "vgg16": NetworkKind(
        description="VGG16 with ImageNet weights",
        build=_vgg16,
        learning_rate=1e-3,
        weights=SHIPPED_WEIGHTS / "vgg16_imagenet_notop.h5",
        fine_tuning={"block5": FineTuning(cut="block3_pool_mean", trained=("block5_",), learning_rate=1e-5)},
    ),
    "efficientnet_lite0": NetworkKind(
        description="EfficientNet-Lite0 with ImageNet weights",
        build=_efficientnet_lite0,
        learning_rate=1e-3,
        weights=SHIPPED_WEIGHTS / "efficientnet_lite0_imagenet.h5",
        fine_tuning={
            "blocks5-14": FineTuning(
                cut="block5_expand", trained=tuple(f"block{number}_" for number in range(5, 15)), learning_rate=5e-4
            ),
            "blocks8-14": FineTuning(
                cut="block8_expand", trained=tuple(f"block{number}_" for number in range(8, 15)), learning_rate=5e-4
            ),
        },
    ),
}


def learning_rate_of(model: str, fine_tune: str) -> float:
    """Return the usual learning rate of a stage of fine-tuning, or of what is trained without one."""
    kind = NETWORKS[model]
    return kind.fine_tuning.get(fine_tune, kind).learning_rate


def is_trained(network: "keras.Model") -> bool:
    """Return whether a network's class layer has learned; one with ImageNet weights alone starts from zero."""
    return bool(network.get_layer("logits").get_weights()[0].any())


def weights_file(model: str, weights: str) -> Path | None:
    """Return the file that `--weights` names for a network: the shipped ImageNet weights, or a path.

    None for a network that learns from nothing, unless a path is given. Raises `ModelError` for a missing file.
    """
    file = NETWORKS[model].weights if weights == IMAGENET else Path(weights)
    if file is not None and not file.is_file():
        remedy = "clone the repository again" if weights == IMAGENET else f"give a file, or '{IMAGENET}'"
        raise ModelError(f"{file}: no such weights file: {remedy}")
    return file


def build_network(model: str, labels: tuple[str, ...], height: int, width: int, weights: Path | None) -> "keras.Model":
    """Build a network; `weights` is a file of ImageNet weights, or an `.h5` of this program to start from.

    From such an `.h5` all layers are taken, the class layer only where it has the same labels; the image size may
    be another. Raises `ModelError` for weights of another network.
    """
    from training.models.saved_model import is_saved_model, load_model

    kind = NETWORKS[model]
    if weights is None or not is_saved_model(weights):
        if weights and not kind.weights:
            raise ModelError(
                f"{weights}: is no .h5 of this program: --model {model} starts from such a file or nothing"
            )
        return kind.build(len(labels), height, width, weights)
    start = load_model(weights)
    if start.contract.architecture != model:
        raise ModelError(f"{weights}: holds the network {start.contract.architecture}, not {model}: give another file")
    network = kind.build(len(labels), height, width, None)
    given = {layer.name: layer for layer in start.network.layers}
    for layer in network.layers:
        # An in-distribution score is fitted again; that of an older file may have other layers.
        if layer.weights and layer.name in given and (layer.name != "logits" or start.contract.labels == labels):
            layer.set_weights(given[layer.name].get_weights())
    return network
