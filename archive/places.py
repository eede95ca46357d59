"""Places: local paths and object storage, by pyarrow's file systems and those of fsspec."""

from contextlib import suppress
from functools import cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from uuid import uuid4

import pyarrow as pa
from pyarrow import ArrowException
from pyarrow.fs import FileInfo, FileSelector, FileSystem, FileType, FSSpecHandler, LocalFileSystem, PyFileSystem

from edge.errors import UsageError
from edge.files import UNFINISHED

UPLOADS = frozenset({"s3", "gcs", "abfs"})
"""File systems where a file is there once its upload has ended; elsewhere it is there from its first byte on."""


class Place(NamedTuple):
    """Name a file or a folder, and the file system that opens it."""

    system: FileSystem
    path: str

    @property
    def local(self) -> bool:
        """Return whether it lies on this machine's file systems."""
        return isinstance(self.system, LocalFileSystem)

    def below(self, name: str) -> "Place":
        """Return what has a name inside this folder."""
        return Place(self.system, f"{self.path.rstrip('/')}/{name}")

    def info(self) -> FileInfo:
        """Return what is there: a file, a folder, or nothing."""
        return self.system.get_file_info(self.path)

    def exists(self) -> bool:
        """Return whether anything is there."""
        return bool(self.info().type != FileType.NotFound)

    def files(self, *, recursive: bool = False) -> list[FileInfo]:
        """Return the files of a folder, sorted by their paths; none where there is no folder."""
        chosen = FileSelector(self.path, recursive=recursive, allow_not_found=True)
        return sorted((one for one in self.system.get_file_info(chosen) if one.is_file), key=lambda one: one.path)

    def read(self) -> bytes:
        """Return a file's bytes."""
        with self.system.open_input_stream(self.path) as file:
            return bytes(file.readall())

    def write(self, content: bytes | pa.Buffer) -> None:
        """Write a file that appears whole or not at all: by one rename, or by one upload."""
        if self.system.type_name in UPLOADS:
            with self.system.open_output_stream(self.path) as file:
                file.write(content)
            return
        folder = Place(self.system, str(PurePosixPath(self.path).parent))
        self.system.create_dir(folder.path)
        # A process number, as edge has it, tells no two containers on one file system apart.
        unfinished = folder.below(f"{UNFINISHED}{uuid4().hex}")
        try:
            with self.system.open_output_stream(unfinished.path) as file:
                file.write(content)
            self.system.move(unfinished.path, self.path)
        finally:
            unfinished.remove()

    def remove(self) -> None:
        """Remove a file, if it is there."""
        with suppress(FileNotFoundError):
            self.system.delete_file(self.path)


@cache
def _system(root: str) -> tuple[FileSystem, str]:
    """Return the file system of a bucket, made once: it holds connections."""
    system, path = FileSystem.from_uri(root)
    return system, path.rstrip("/")


def is_text(name: str) -> bool:
    """Return whether a name can be written as UTF-8, which pyarrow asks for."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def place_of(address: str) -> Place:
    """Return where an address leads: a local path, or an address that pyarrow or fsspec opens.

    Raises `UsageError` for an address that nothing opens.
    """
    if not is_text(address):
        raise UsageError(f"{address}: is no UTF-8: rename it")
    scheme, colon, rest = address.partition("://")
    if not colon:
        return Place(LocalFileSystem(), str(Path(address).absolute()))
    try:
        if scheme == "file" or "?" in rest:  # which may say how to reach the storage
            return Place(*FileSystem.from_uri(address))
        bucket, _, key = rest.partition("/")
        system, root = _system(f"{scheme}://{bucket}")
        return Place(system, f"{root}/{key}".rstrip("/"))
    except (ArrowException, ValueError, OSError) as error:
        reason = " ".join(str(error).split())
    try:
        import fsspec

        return Place(PyFileSystem(FSSpecHandler(fsspec.filesystem(scheme))), rest)
    except (ImportError, ValueError):
        raise UsageError(
            f"{address}: no file system opens this address ({reason}): give a path, s3:// or gs://"
        ) from None
