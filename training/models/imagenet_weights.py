"""VGG16's ImageNet weights: a file that the user gives, or Keras' published one, downloaded once."""

import hashlib
import os
import shutil
import threading
import urllib.error
import urllib.request
from pathlib import Path

from edge.files import replacing
from training.errors import RunError

# The file and the digest of keras.applications.vgg16 without its top.
URL = (
    "https://storage.googleapis.com/tensorflow/keras-applications/vgg16/"
    "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
)
MD5 = "6d6bbae143d832006294945121d1f1fc"
PATIENCE = 15.0  # seconds until a server that does not answer is given up
REMEDY = "download it elsewhere and give it with --weights PATH"


def vgg16_weights(weights: str, url: str = URL) -> Path:
    """Return the file that `weights` names: a path, or "imagenet" for the published weights.

    The download is kept where Keras keeps its own. Raises `RunError` where the file is not there or
    not the published one, and after at most 15 seconds where the server does not answer.
    """
    if weights != "imagenet":
        if not Path(weights).is_file():
            raise RunError(f"{weights}: no such weights file: give VGG16's without its top, or 'imagenet'")
        return Path(weights)
    kept = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models" / URL.rsplit("/", 1)[1]
    if not kept.exists():
        _download(url, kept)
    elif not _is_published(kept):
        raise RunError(f"{kept}: is not the published file of VGG16's weights: delete it, it is downloaded again")
    return kept


def _is_published(path: Path) -> bool:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() == MD5


def _download(url: str, path: Path) -> None:
    """Fetch the file; looking up a name has no timeout in Python, so a thread waits for the server."""
    answer: list[object] = []

    def ask() -> None:
        try:
            answer.append(urllib.request.urlopen(url, timeout=PATIENCE))
        except urllib.error.HTTPError as error:
            error.close()  # it is an answer too, with an open connection
            answer.append(error)
        except OSError as error:
            answer.append(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(PATIENCE)
    response = answer[0] if answer else TimeoutError(f"no answer within {PATIENCE:.0f} seconds")
    try:
        if isinstance(response, OSError):
            raise response
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as unfinished:
            with unfinished.open("wb") as file, response:
                shutil.copyfileobj(response, file)
            if not _is_published(unfinished):
                raise OSError("what came is not the published file")
    except OSError as error:
        raise RunError(f"{url}: the ImageNet weights cannot be downloaded ({error}): {REMEDY}") from error
