"""The cache: where it lies, and arrays in it, each whole or refused with a sentence."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from edge.files import replacing
from training.errors import RunError

if TYPE_CHECKING:
    import numpy as np


def default_cache() -> Path:
    """Return where acquisitions and features are kept unless the command line says otherwise.

    Who has no home folder, an unnamed user of a container say, gets it in the working directory.
    """
    try:
        own = Path.home() / ".cache"
    except RuntimeError:
        own = Path(".cache")
    return Path(os.environ.get("XDG_CACHE_HOME") or own) / "ecg-images"


def write_array(file: Path, array: "np.ndarray") -> None:
    """Write an array to a `.npy` file, which appears when it is whole."""
    import numpy as np  # here, because --help asks for the folder alone

    with replacing(file) as unfinished, unfinished.open("wb") as out:
        np.save(out, array)


def read_array(file: Path, shape: tuple[int, ...], kind: "type[np.generic]") -> "np.ndarray":
    """Read an array of a shape and a type; raise `RunError` where the file is damaged or holds another one."""
    import numpy as np

    try:
        array = np.load(file)
    except (OSError, ValueError, EOFError) as error:
        raise RunError(f"{file}: is damaged ({error}): delete it, it is made again") from error
    if array.shape != shape or array.dtype != kind:
        raise RunError(f"{file}: holds {array.dtype} {array.shape}, not {shape}: delete it, it is made again")
    return array
