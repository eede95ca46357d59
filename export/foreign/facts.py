"""What is known of a model of others: what its file says, and what only those can tell who made it."""

from dataclasses import dataclass
from pathlib import Path

from edge.errors import ModelError
from edge.model_file import ONNX, head_of_model
from export.foreign.onnx_network import inspect_onnx
from training.models.inspection import inspect_keras

KERAS_3, KERAS_2 = ("keras",), ("tf_keras", "keras")
"""What loads a file of that version, the first that can: Keras 3 means something else by some names of Keras 2."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """Hold what only those know who made a model."""

    labels: tuple[str, ...]
    """The classes in the order of its outputs."""
    scale: str
    """A key of `export.foreign.intake.SCALES`."""
    channels: str
    """A key of `export.foreign.intake.CHANNELS`."""
    resize: str
    """How pictures were brought to its size: a name that `preprocessing_id` takes."""
    activation: str | None = None
    """What its outputs are logits of, where it does not end in softmax or sigmoid."""
    size: tuple[int, int] | None = None
    """Height and width of its input, where its file leaves them open."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Hold what a model's file says of itself."""

    framework: str
    """What wrote it, with its version."""
    architecture: str
    """What it calls itself."""
    size: tuple[int | None, int | None]
    """Height and width of its input; None for an open side."""
    channels: int | None
    """Of its input."""
    forms: tuple[str, ...]
    """What may load it, as `Settings` has it, in the order in which it is tried."""

    @classmethod
    def read(cls, path: Path, source: Path) -> "Facts":
        """Inspect a file, a copy of `source`, without loading it; raise `ModelError` where that refuses it."""
        try:
            return cls._read(path)
        except ModelError as error:
            raise ModelError(str(error).replace(str(path), str(source))) from error

    @classmethod
    def _read(cls, path: Path) -> "Facts":
        if head_of_model(path).startswith(ONNX):
            found = inspect_onnx(path)
            picture: tuple[int | None, ...] = found.picture or (None,) * 4
            if picture[3] not in (1, 3):
                picture = (picture[0], *picture[2:], picture[1])
            facts = cls(
                framework=f"ONNX opset {found.opset}, written by {found.producer}",
                architecture=f"ONNX model of {found.operators} operators",
                size=(picture[1], picture[2]),
                channels=picture[3],
                forms=("onnx",),
            )
            refused = found.refused
        else:
            keras = inspect_keras(path)
            form = keras.inputs[0] if keras.inputs and len(keras.inputs[0]) == 3 else (None,) * 3
            facts = cls(
                framework=f"Keras {keras.keras or 'of unknown version'}",
                architecture=keras.layers[0] if keras.layers else "Keras model",
                size=(form[0], form[1]),
                channels=form[2],
                forms=KERAS_3 if keras.keras.startswith("3") else KERAS_2,
            )
            refused = keras.refused
        if refused:
            raise ModelError(f"{path}: {refused[0]}")
        return facts
