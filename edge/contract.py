"""The contract: what training and serving must agree on, carried inside the model file."""

import dataclasses
import json
from dataclasses import dataclass

from edge.errors import ModelError

SCHEMA = 3
CONTRACT_KEY = "ecg_contract"
"""Name of the HDF5 attribute and of the ONNX metadata entry that hold the contract as JSON."""

PREPROCESSING = "stretch-box-bilinear-1"
"""Id of what `edge.page.load_page` does to a picture. Another pixel is another id."""


PRECISIONS = ("float32", "int8")


@dataclass(frozen=True)
class TrainedOn:
    """Name the pages that a model has seen, for training or for choosing its best epoch.

    `digest` is the SHA-256 of the sorted page digests, `seed` made the splits, `drawn` says that
    pages drawn by this program were among those that the model was chosen by, so that no result can
    pass for one on real ECGs. `auxiliary_images` were learned from besides the `images`, most often drawn.
    """

    digest: str
    images: int
    seed: int
    synthetic: bool
    auxiliary_images: int = 0


@dataclass(frozen=True)
class Contract:
    """Say what a model takes and what its answers mean.

    `labels` stand in the order of the model's outputs; `height` and `width` are in pixels; the input
    is uint8 (n, height, width, 3), RGB, made by the preprocessing that `preprocessing` names.
    Probabilities are softmax(logits / `temperature`). A page whose in-distribution score is under
    `in_distribution_threshold` is rejected, an answer whose probability is not above `confidence_threshold` is
    uncertain; 0 asks for nothing. `precision` is that of the convolutions in the exported file. Raises
    `ModelError` where a value cannot be used.
    """

    labels: tuple[str, ...]
    height: int
    width: int
    architecture: str
    trained_on: TrainedOn
    temperature: float = 1.0
    confidence_threshold: float = 0.0
    in_distribution_threshold: float = 0.0
    precision: str = "float32"
    preprocessing: str = PREPROCESSING
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        """Refuse what this version of the program cannot serve."""
        if self.schema != SCHEMA:
            raise ModelError(
                f"the contract has schema {self.schema}, this program reads schema {SCHEMA}: train the model again with "
                "'python -m training train' and export it with 'python -m export convert'"
            )
        if self.preprocessing != PREPROCESSING:
            raise ModelError(
                f"the model wants preprocessing {self.preprocessing!r}, this program has "
                f"{PREPROCESSING!r}: use the version of the program that wrote the model"
            )
        if len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            raise ModelError("the contract needs at least two labels, each once: train the model again")
        if not all(isinstance(label, str) and label for label in self.labels):
            raise ModelError("the contract has a label that is not a text: train the model again")
        for name, size in (("height", self.height), ("width", self.width)):
            if type(size) is not int or size < 1:
                raise ModelError(f"the contract's {name} is {size!r}, not a number of pixels: train the model again")
        if self.precision not in PRECISIONS:
            raise ModelError(
                f"the contract's precision is {self.precision!r}, not {' or '.join(PRECISIONS)}: export the model again"
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
            trained_on = TrainedOn(**fields.pop("trained_on"))
            return cls(labels=tuple(fields.pop("labels")), trained_on=trained_on, **fields)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ModelError(f"the contract is malformed ({error}): train or export the model again") from error
