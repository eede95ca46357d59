"""Inspection: what a Keras file holds, read without loading a layer, and what of it is refused by name.

HDF5 itself may crash on a damaged file: files are read in a process of their own, with bounds of time and memory.
"""

import json
import sys
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py

from edge.errors import ModelError
from training.isolation import confine, run_isolated
from training.models.keras_file import KNOWN, attribute, datasets, opened_head, parsed, read_archive

CODE = frozenset({
    "Lambda", "__lambda__", "TFOpLambda", "SlicingOpLambda", "ClassMethod", "InstanceMethod", "InstanceProperty",
    "TorchModuleWrapper", "FlaxLayer", "JaxLayer", "TFSMLayer", "__typespec__",
})  # fmt: skip
"""Classes whose configuration holds code, or that load code from elsewhere."""
FILE_READERS = frozenset({"StringLookup", "IntegerLookup", "TextVectorization", "IndexLookup"})
"""Layers that read a file that their configuration names."""
ACTIVATIONS = frozenset({
    "celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh",
    "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid", "silu",
    "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus",
    "swish", "tanh", "tanh_shrink", "threshold",
})  # fmt: skip
"""Of Keras 2 and 3, by their names."""
MODULES = ("keras.", "tensorflow.keras.", "tensorflow.python.keras.", "tf_keras.", "builtins.")
MOST_MEMORY = 6 << 30
SECONDS = 60
"""Of the process that reads a file."""
MOST_UNITS = 1 << 16
UNITS = frozenset({"units", "filters", "output_dim", "input_dim", "target_height", "target_width"})
DAMAGED = (
    OSError, EOFError, RuntimeError, ValueError, TypeError, KeyError, IndexError, OverflowError, MemoryError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What h5py and zipfile raise on damaged files, found by feeding them such files."""


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """Hold what a file says of itself; nothing of it was run."""

    form: str
    """"HDF5" or "Keras archive"."""
    keras: str
    """Version of Keras that wrote it, "" where it does not say."""
    backend: str
    """The backend that wrote it, "" where it does not say."""
    layers: tuple[str, ...]
    """Class and name of each layer, nested ones included."""
    inputs: tuple[tuple[int | None, ...], ...]
    """Form of the first input, without the batch; empty where the file does not say."""
    activation: str
    """Of the last layer that has one, "" for none."""
    classes: int | None
    """Units of the last layer that has units; None where the file does not say."""
    rescaling: tuple[str, ...]
    """Layers that change the scale of pixels."""
    parameters: int
    """Numbers in its weights."""
    refused: tuple[str, ...]
    """Why it is not loaded, one sentence each; empty where nothing speaks against it."""


def inspect_keras(path: Path) -> Inspection:
    """Return what an `.h5` or a `.keras` holds; raise `ModelError` where it is neither, or cannot be read."""
    opened_head(path)
    found = run_isolated("training.models.inspection", str(path.absolute()), seconds=SECONDS)
    if found is None:
        raise ModelError(f"{path}: is so damaged that HDF5 fails on it: copy it again")
    if "error" in found:
        raise ModelError(f"{path}: {found['error']}")
    return Inspection(**{name: _tuples(value) for name, value in found.items()})


def inspected(path: Path) -> Inspection:
    """Return what `inspect_keras` does, in this process."""
    head = opened_head(path)
    refused: list[str] = []
    try:
        if head.startswith(b"PK"):
            weights, configuration, metadata = read_archive(path, refused)
            form = "Keras archive"
        else:
            weights, form = path, "HDF5"
        with h5py.File(weights) as file:
            parameters = datasets(file, refused)
            if form == "HDF5":
                configuration = attribute(file, "model_config", refused)
                metadata = {key: attribute(file, key, refused) for key in ("keras_version", "backend")}
    except DAMAGED as error:
        kind = "a damaged archive, or no Keras model" if head.startswith(b"PK") else "cut short or damaged"
        raise ModelError(f"{path}: is {kind}: copy it again") from error
    parts = list(_classes(parsed(configuration, refused), refused))
    layers = [part for part in parts if "name" in part["config"] and not part["class_name"].endswith("Policy")]
    forms = [part["config"].get("batch_input_shape") or part["config"].get("batch_shape") for part in layers]
    # a layer of its own, Softmax, or what another one is followed by
    ends = {"Softmax": "softmax"}
    activations = [ends.get(part["class_name"]) or part["config"].get("activation") for part in layers]
    units = [part["config"].get("units") for part in layers]
    scaled = [part for part in layers if part["class_name"] in ("Rescaling", "Normalization")]
    return Inspection(
        form=form,
        keras=str(metadata.get("keras_version") or ""),
        backend=str(metadata.get("backend") or ""),
        layers=tuple(f"{part['class_name']} {part['config']['name']}" for part in layers),
        inputs=tuple(tuple(one[1:]) for one in forms if isinstance(one, list))[:1],
        activation=next((one for one in reversed(activations) if isinstance(one, str)), ""),
        classes=next((unit for unit in reversed(units) if isinstance(unit, int)), None),
        rescaling=tuple(f"{part['class_name']} {part['config']['name']}" for part in scaled),
        parameters=parameters,
        refused=tuple(dict.fromkeys(refused)),
    )


def _tuples(value: Any) -> Any:  # noqa: ANN401 - what JSON holds
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def main() -> None:
    """Print what a file holds as JSON, or the error."""
    confine(MOST_MEMORY)
    path = Path(sys.argv[1])
    try:
        found = asdict(inspected(path))
    except ModelError as error:
        found = {"error": str(error.args[0]).removeprefix(f"{path}: ")}
    print(json.dumps(found))


def refuse_dangerous(path: Path) -> None:
    """Raise `ModelError` for a file that must not be loaded."""
    found = inspect_keras(path)
    if found.refused:
        raise ModelError(f"{path}: {found.refused[0]}")


def _classes(configuration: dict[str, Any], refused: list[str]) -> Iterator[dict[str, Any]]:
    """Yield every object that a configuration describes, outer ones first; name those that are refused."""
    waiting: list[Any] = [configuration]
    while waiting:
        found = waiting.pop()
        if isinstance(found, list):
            waiting += reversed(found)
            continue
        if not isinstance(found, dict):
            continue
        name, config = found.get("class_name"), found.get("config")
        if isinstance(name, str):
            refused += _objections(name, found)
            if isinstance(config, dict):
                yield {"class_name": name, "config": config}
        for key, value in found.items():
            if key.endswith("activation") and isinstance(value, str) and value not in ACTIVATIONS:
                refused.append(f"needs the activation {value!r}, which no Keras has: rebuild the model without it")
            if key in UNITS and isinstance(value, int) and value > MOST_UNITS:
                refused.append(f"asks for {key} = {value}, more than {MOST_UNITS}: it would exhaust memory")
        waiting += reversed(list(found.values()))


def _objections(name: str, found: dict[str, Any]) -> Iterator[str]:
    """Yield why an object of a configuration is refused."""
    module, registered = found.get("module"), found.get("registered_name")
    if name in CODE:
        yield f"holds a {name} layer, which runs code of the file: rebuild the model without it"
    elif name in FILE_READERS:
        yield f"holds a {name} layer, which reads other files: rebuild the model without it"
    elif name == "function" or (isinstance(module, str) and not f"{module}.".startswith(MODULES)):
        what = found.get("config") if name == "function" else name
        yield f"needs {what!r} of {module or registered!r}, which is not Keras': rebuild the model without it"
    elif isinstance(registered, str) and ">" in registered and not registered.startswith("keras"):
        yield f"needs {registered!r}, which is not Keras': rebuild the model without it"
    elif name not in KNOWN:
        yield f"needs {name!r}, which no Keras has, or only for code of others: rebuild the model without it"


if __name__ == "__main__":
    main()
