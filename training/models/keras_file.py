"""Keras files as they lie on the disk, HDF5 or an archive: their weights and their configuration, nothing loaded."""

import json
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import h5py

from edge.errors import ModelError
from edge.model_file import ARCHIVE as ARCHIVED
from edge.model_file import HDF5, head_of_model

MOST_BYTES = 2 << 30
"""Of all weights in memory."""
MOST_EMPTY = 64 << 20
"""Of a data set that takes a thousandth of that in the file."""
MOST_CONFIGURATION = 16 << 20
MOST_OBJECTS = 100_000
KNOWN = frozenset(Path(__file__).with_name("keras_classes.txt").read_text(encoding="ascii").split())
"""Classes of Keras 2 and 3 that a model is made of, layers and what they are configured with; all others are refused.
The public classes of `keras` 3.15 and `tf_keras` 2.21, without those that hold code, read files or are bases."""
ARCHIVE = frozenset({"metadata.json", "config.json", "model.weights.h5"})
WEIGHTS = "model.weights.h5"


def opened_head(path: Path) -> bytes:
    """Return the first bytes of a Keras file; raise `ModelError` with what a file of another kind is.

    A file that two readers take for two forms, an archive with an HDF5 file behind it say, is none.
    """
    head = head_of_model(path)
    if h5py.is_hdf5(path):
        if head.startswith(HDF5) and not zipfile.is_zipfile(path):
            return head
        raise ModelError(f"{path}: is an HDF5 file and something else at once: save the model again")
    if head.startswith(HDF5):
        raise ModelError(f"{path}: is cut short or damaged: copy it again")
    return head_of_model(path, ARCHIVED)


def read_archive(path: Path, refused: list[str]) -> tuple[BinaryIO, str, dict[str, Any]]:
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
        metadata = parsed(archive.read("metadata.json").decode(errors="replace"), refused)
        return BytesIO(archive.read(WEIGHTS)), configuration, metadata


def datasets(file: h5py.File, refused: list[str]) -> int:
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


def attribute(file: h5py.File, name: str, refused: list[str]) -> str:
    """Return an attribute of a file as text, "" where there is none."""
    if name not in file.attrs:
        return ""
    if file.attrs.get_id(name).get_storage_size() > MOST_CONFIGURATION:
        refused.append(f"has {name!r} of more than {MOST_CONFIGURATION >> 20} MB")
        return ""
    found = file.attrs[name]
    return found.decode(errors="replace") if isinstance(found, bytes) else str(found)


def parsed(text: str, refused: list[str]) -> dict[str, Any]:
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
