"""The contract: what training and serving must agree on, carried inside the model file."""

import dataclasses
import json
from dataclasses import dataclass

from edge.errors import ModelError
from edge.images.preprocessing import Preprocessing

SCHEMA = 3
CONTRACT_KEY = "ecg_contract"
"""Name of the HDF5 attribute and of the ONNX metadata entry that hold the contract as JSON."""

PRECISIONS = ("float32", "int8")
ACTIVATIONS = ("softmax", "sigmoid")


@dataclass(frozen=True, kw_only=True)
class TrainedOn:
    """Name the images that a model has seen, for training or for choosing its best epoch."""

    digest: str
    """SHA-256 of the sorted short digests of the images."""
    images: int
    """Images of the data folder."""
    seed: int
    """Made the splits."""
    synthetic: bool
    """Whether synthetic ECG images were among those that the model was chosen by, so that no result can pass for one on
    real ECGs."""
    auxiliary_images: int = 0
    """Learned from besides the `images`, most often synthetic."""


@dataclass(frozen=True, kw_only=True)
class Adopted:
    """Say what of a model that others made cannot be read in its file."""

    framework: str
    """What wrote it, with its version."""
    scale: str
    """What its graph does to the levels of pixels, 0 to 255, before the network."""
    channels: str
    """The order of the channels that its graph gives the network: rgb, bgr or grey."""


@dataclass(frozen=True, kw_only=True)
class Contract:
    """Say what a model takes and what its answers mean.

    Raises `ModelError` where a value cannot be used.
    """

    labels: tuple[str, ...]
    """The classes in the order of the model's outputs."""
    preprocessing: Preprocessing
    """Makes the input, uint8 (n, height, width, 3), RGB."""
    architecture: str
    """Name of the network."""
    trained_on: TrainedOn
    """What the model has seen."""
    temperature: float = 1.0
    """Probabilities are softmax(logits / temperature)."""
    confidence_threshold: float = 0.0
    """An answer whose probability is not above it is uncertain; 0 asks for nothing."""
    in_distribution_threshold: float = 0.0
    """An image whose in-distribution score is under it is rejected; 0 asks for nothing."""
    precision: str = "float32"
    """Of the convolutions in the exported file."""
    activation: str = "softmax"
    """"sigmoid" where an image may have several classes or none: those with a probability above the confidence
    threshold; there is no temperature then."""
    adopted: Adopted | None = None
    """There for a model of others: it has no in-distribution score, and nobody fitted its temperature."""
    schema: int = SCHEMA
    """Version of the form of the contract."""

    def __post_init__(self) -> None:
        """Refuse what this version of the program cannot serve."""
        if len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            raise ModelError("the contract needs at least two labels, each once: train the model again")
        if not all(isinstance(label, str) and label for label in self.labels):
            raise ModelError("the contract has a label that is not a text: train the model again")
        if self.precision not in PRECISIONS:
            raise ModelError(
                f"the contract's precision is {self.precision!r}, not {' or '.join(PRECISIONS)}: export the model again"
            )
        if self.activation not in ACTIVATIONS:
            raise ModelError(
                f"the contract's activation is {self.activation!r}, not {' or '.join(ACTIVATIONS)}: "
                "export the model again"
            )
        for name in ("temperature", "confidence_threshold", "in_distribution_threshold"):
            number = getattr(self, name)
            low, high = (1e-3, 1e3) if name == "temperature" else (0.0, 1.0)
            if type(number) not in (int, float) or not low <= number <= high:
                raise ModelError(f"the contract's {name} is {number!r}, not {low:g} to {high:g}: train the model again")

    def to_json(self) -> str:
        """Return the contract as JSON, the same text for the same contract."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Contract":
        """Read what `to_json` wrote; raise `ModelError` for anything else."""
        try:
            fields = json.loads(text)
            if fields.get("schema") != SCHEMA:
                raise ModelError(
                    f"the contract has schema {fields.get('schema')}, this program reads schema {SCHEMA}: train the "
                    "model again with 'python -m training train' and export it with 'python -m export convert'"
                )
            labels, trained_on = tuple(fields.pop("labels")), TrainedOn(**fields.pop("trained_on"))
            preprocessing, adopted = Preprocessing(**fields.pop("preprocessing")), fields.pop("adopted", None)
            adopted = None if adopted is None else Adopted(**adopted)
            return cls(labels=labels, preprocessing=preprocessing, trained_on=trained_on, adopted=adopted, **fields)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ModelError(f"the contract is malformed ({error}): train or export the model again") from error
