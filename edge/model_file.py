"""Model files that are none: what a file is instead, and what to do."""

from pathlib import Path

from edge.errors import ModelError
from edge.files import head_of

ONNX, HDF5, ARCHIVE = b"\x08", b"\x89HDF", b"PK\x03\x04"
"""How an ONNX file begins (the version of its format), and what Keras writes."""
OTHERS = (
    (b"version https://git-lfs", "is a Git LFS pointer and not the file itself: run 'git lfs pull'"),
    (b"\x80", "is a pickle, which runs code when it is read: save the model in another format"),
    (HDF5, "is an HDF5 file, as Keras writes: export it with 'python -m export convert'"),
    (ARCHIVE, "is an archive, of Keras or PyTorch: export it to ONNX"),
    (b"<", "is a web page or XML: download the file itself"),
    (ONNX, "is an ONNX file and no Keras model: 'python -m export adopt' takes those of others"),
)


def head_of_model(path: Path, *wanted: bytes) -> bytes:
    """Return how a model file begins; raise `ModelError` for what does not begin as it is wanted, and say what it is.

    An empty `wanted` asks for nothing.
    """
    if path.is_dir():
        raise ModelError(f"{path}: is a folder: give a model file")
    if not path.is_file():
        raise ModelError(f"{path}: no such model file: check the path")
    try:
        head = head_of(path)
    except PermissionError:
        raise ModelError(f"{path}: may not be read: check its permissions") from None
    if not head:
        raise ModelError(f"{path}: is empty: copy it again")
    if wanted and not head.startswith(wanted):
        what = next((text for mark, text in OTHERS if head.startswith(mark)), "is no model file: check the path")
        raise ModelError(f"{path}: {what}")
    return head
