"""Inspection: what a Keras file holds, read without loading a layer, and what of it is refused by name.

HDF5 itself may crash on a damaged file: files are read in a process of their own, with bounds of time and memory.
"""

import json
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import h5py

try:
    import resource
except ImportError:  # Windows: no bound of memory there
    resource = None  # type: ignore[assignment]

from edge.errors import ModelError
from edge.files import head_of

CODE = frozenset({
    "Lambda", "__lambda__", "TFOpLambda", "SlicingOpLambda", "ClassMethod", "InstanceMethod", "InstanceProperty",
    "TorchModuleWrapper", "FlaxLayer", "JaxLayer", "TFSMLayer", "__typespec__",
})  # fmt: skip
"""Classes whose configuration holds code, or that load code from elsewhere."""
FILE_READERS = frozenset({"StringLookup", "IntegerLookup", "TextVectorization", "IndexLookup"})
"""Layers that read a file that their configuration names."""
MODULES = ("keras.", "tensorflow.keras.", "tensorflow.python.keras.", "tf_keras.", "builtins.")
MOST_BYTES = 2 << 30
"""Of all weights in memory."""
MOST_EMPTY = 64 << 20
"""Of a data set that takes a thousandth of that in the file."""
MOST_MEMORY = 6 << 30
SECONDS = 120
"""Of the process that reads a file."""
MOST_CONFIGURATION = 16 << 20
MOST_OBJECTS = 100_000
MOST_UNITS = 1 << 16
UNITS = frozenset({"units", "filters", "output_dim", "input_dim", "target_height", "target_width"})
ARCHIVE = frozenset({"metadata.json", "config.json", "model.weights.h5"})
WEIGHTS = "model.weights.h5"
DAMAGED = (
    OSError, EOFError, RuntimeError, ValueError, TypeError, KeyError, IndexError, OverflowError, MemoryError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What h5py and zipfile raise on damaged files, found by feeding them such files."""
OTHERS = (
    (b"version https://git-lfs", "is a Git LFS pointer and not the file itself: run 'git lfs pull'"),
    (b"\x80", "is a pickle, which runs code when it is read: save the model as .h5 or .keras"),
    (b"\x08", "is an ONNX file and no Keras model: 'edge predict --model' takes those of this program"),
)


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
    rescaling: tuple[str, ...]
    """Layers that change the scale of pixels."""
    parameters: int
    """Numbers in its weights."""
    refused: tuple[str, ...]
    """Why it is not loaded, one sentence each; empty where nothing speaks against it."""


def inspect_keras(path: Path) -> Inspection:
    """Return what an `.h5` or a `.keras` holds; raise `ModelError` where it is neither, or cannot be read."""
    _opened_head(path)
    command = [sys.executable, "-m", __name__, str(path.absolute())]
    root = Path(__file__).parents[2]
    try:
        child = subprocess.run(command, cwd=root, capture_output=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
        found = json.loads(child.stdout)
    except (subprocess.TimeoutExpired, ValueError):  # whatever became of the child, it has not answered
        raise ModelError(f"{path}: is so damaged that HDF5 fails on it: copy it again") from None
    if "error" in found:
        raise ModelError(f"{path}: {found['error']}")
    return Inspection(**{name: _tuples(value) for name, value in found.items()})


def inspected(path: Path) -> Inspection:
    """Return what `inspect_keras` does, in this process."""
    head = _opened_head(path)
    refused: list[str] = []
    try:
        if head.startswith(b"PK"):
            weights, configuration, metadata = _archive(path, refused)
            form = "Keras archive"
        else:
            weights, form = path, "HDF5"
        with h5py.File(weights) as file:
            parameters = _datasets(file, refused)
            if form == "HDF5":
                configuration = _attribute(file, "model_config", refused)
                metadata = {key: _attribute(file, key, refused) for key in ("keras_version", "backend")}
    except DAMAGED as error:
        kind = "a damaged archive, or no Keras model" if head.startswith(b"PK") else "cut short or damaged"
        raise ModelError(f"{path}: is {kind}: copy it again") from error
    parts = list(_classes(_parsed(configuration, refused), refused))
    layers = [part for part in parts if "name" in part["config"] and not part["class_name"].endswith("Policy")]
    forms = [part["config"].get("batch_input_shape") or part["config"].get("batch_shape") for part in layers]
    activations = [part["config"].get("activation") for part in layers]
    scaled = [part for part in layers if part["class_name"] in ("Rescaling", "Normalization")]
    return Inspection(
        form=form,
        keras=str(metadata.get("keras_version") or ""),
        backend=str(metadata.get("backend") or ""),
        layers=tuple(f"{part['class_name']} {part['config']['name']}" for part in layers),
        inputs=tuple(tuple(one[1:]) for one in forms if isinstance(one, list))[:1],
        activation=next((one for one in reversed(activations) if isinstance(one, str)), ""),
        rescaling=tuple(f"{part['class_name']} {part['config']['name']}" for part in scaled),
        parameters=parameters,
        refused=tuple(dict.fromkeys(refused)),
    )


def _tuples(value: Any) -> Any:  # noqa: ANN401 - what JSON holds
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def main() -> None:
    """Print what a file holds as JSON, or the error."""
    path = Path(sys.argv[1])
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
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


def _opened_head(path: Path) -> bytes:
    """Return the first bytes of a Keras file; raise `ModelError` with what a file of another kind is."""
    if path.is_dir():
        raise ModelError(f"{path}: is a folder: give a file, .h5 or .keras")
    if not path.is_file():
        raise ModelError(f"{path}: no such model file: check the path")
    try:
        head = head_of(path)
    except PermissionError:
        raise ModelError(f"{path}: may not be read: check its permissions") from None
    if h5py.is_hdf5(path) or head.startswith(b"PK"):
        return head
    if not head:
        raise ModelError(f"{path}: is empty: copy it again")
    if head.startswith(b"\x89HDF"):
        raise ModelError(f"{path}: is cut short or damaged: copy it again")
    what = next((text for mark, text in OTHERS if head.startswith(mark)), "is no Keras model: give an .h5 or a .keras")
    raise ModelError(f"{path}: {what}")


def _archive(path: Path, refused: list[str]) -> tuple[BinaryIO, str, dict[str, Any]]:
    """Return weights, configuration and metadata of a `.keras`."""
    with zipfile.ZipFile(path) as archive:
        for one in archive.infolist():
            if one.filename not in ARCHIVE:
                refused.append(f"holds {one.filename!r}, which no Keras model needs: save it again")
            if one.file_size > MOST_BYTES:
                raise ModelError(f"{path}: would take {one.file_size >> 20} MB in memory: save a smaller model")
        if archive.getinfo("config.json").file_size > MOST_CONFIGURATION:
            raise ModelError(f"{path}: has a configuration of more than {MOST_CONFIGURATION >> 20} MB")
        configuration = archive.read("config.json").decode(errors="replace")
        metadata = _parsed(archive.read("metadata.json").decode(errors="replace"), refused)
        return BytesIO(archive.read(WEIGHTS)), configuration, metadata


def _datasets(file: h5py.File, refused: list[str]) -> int:
    """Return how many numbers the data sets of an HDF5 file hold; links and bombs among them are refused."""
    waiting: list[h5py.Group] = [file["/"]]
    seen, numbers, size = set(), 0, 0
    while waiting:
        group = waiting.pop()
        for name in group:
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                kind = "a link to another file" if isinstance(link, h5py.ExternalLink) else "a soft link"
                refused.append(f"holds {kind}, {name!r}: save the model again")
                continue
            found = group[name]
            address = h5py.h5o.get_info(found.id).addr
            if address in seen:
                continue
            seen.add(address)
            if len(seen) > MOST_OBJECTS:
                raise OSError("too many objects")
            if isinstance(found, h5py.Group):
                waiting.append(found)
            elif isinstance(found, h5py.Dataset):
                numbers, size = numbers + found.size, size + found.size * found.dtype.itemsize
                refused += _faults(found)
    if size > MOST_BYTES:
        refused.append(f"would take {size >> 20} MB in memory: save a smaller model")
    return numbers


def _faults(found: h5py.Dataset) -> Iterator[str]:
    """Yield why a data set is refused."""
    if found.external or found.is_virtual:
        yield f"holds the data set {found.name!r}, whose numbers lie in another file: save the model again"
        return
    size = found.size * found.dtype.itemsize
    if size > MOST_EMPTY and found.id.get_storage_size() * 1000 < size:
        yield f"holds the data set {found.name!r} of {size >> 20} MB, which is not there: save the model again"


def _attribute(file: h5py.File, name: str, refused: list[str]) -> str:
    """Return an attribute of a file as text, "" where there is none."""
    if name not in file.attrs:
        return ""
    if file.attrs.get_id(name).get_storage_size() > MOST_CONFIGURATION:
        refused.append(f"has {name!r} of more than {MOST_CONFIGURATION >> 20} MB")
        return ""
    found = file.attrs[name]
    return found.decode(errors="replace") if isinstance(found, bytes) else str(found)


def _parsed(text: str, refused: list[str]) -> dict[str, Any]:
    """Return a configuration."""
    if not text:
        refused.append("holds weights alone and no network: save the whole model")
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        refused.append("has a configuration that is no JSON object: save it again")
        return {}
    return found


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


if __name__ == "__main__":
    main()
