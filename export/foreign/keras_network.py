"""A Keras file of others, loaded by Keras 3, if need be with a repaired configuration, or by Keras 2."""

import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from onnx import ModelProto

from edge.errors import ModelError
from export.foreign.job import NotLoadedError, Run, Settings
from export.foreign.keras2 import repaired
from training.models.inspection import inspected

OPSET = 17


def opened(settings: Settings, size: tuple[int, int], folder: Path) -> tuple[str, Run, ModelProto]:
    """Return what loaded the file, how to run it, and its graph; raise whatever Keras raises."""
    import tensorflow as tf
    import tf2onnx

    path = Path(settings.source)
    found = inspected(path)  # once more: the file may have been replaced
    if found.refused:
        raise ModelError(found.refused[0])
    try:
        loaded, network = _by_keras2(path) if settings.form == "tf_keras" else _by_keras3(path, folder)
    except Exception as error:  # whatever a framework raises for a file that is not its own
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise NotLoadedError(f"{settings.form} cannot load it ({reason})") from error
    if len(network.inputs) != 1:
        raise ModelError(f"takes {len(network.inputs)} inputs: one picture is wanted")

    def call(image: tf.Tensor) -> tf.Tensor:
        found = network(image, training=False)
        (found,) = found.values() if isinstance(found, dict) else found if isinstance(found, list | tuple) else [found]
        return tf.cast(found, tf.float32)

    def run(pixels: np.ndarray) -> np.ndarray:
        return call(tf.constant(pixels)).numpy()

    channels = network.inputs[0].shape[-1]
    signature = [tf.TensorSpec((None, *size, channels), tf.float32, name="picture")]
    tf2onnx.utils.INTERNAL_NAME = 1
    graph, _ = tf2onnx.convert.from_function(tf.function(call, autograph=False), signature, opset=OPSET)
    return loaded, run, graph


def _by_keras3(path: Path, folder: Path) -> tuple[str, Any]:
    """Load as it is, or with a repaired configuration, in a copy."""
    import keras

    try:
        return f"Keras {keras.__version__}", keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception:  # whatever Keras 3 says of a file of Keras 2
        if not h5py.is_hdf5(path):
            raise
    copy = shutil.copy(path, folder / "repaired.h5")
    with h5py.File(copy, "a") as file:
        text = file.attrs["model_config"]
        found = repaired(json.loads(text if isinstance(text, str) else text.decode()))
        del file.attrs["model_config"]
        file.attrs["model_config"] = json.dumps(found)
        for name in ("training_config", "optimizer_weights"):
            file.attrs.pop(name, None)
    network = keras.models.load_model(copy, compile=False, safe_mode=True)
    return f"Keras {keras.__version__}, with a repaired configuration", network


def _by_keras2(path: Path) -> tuple[str, Any]:
    try:
        import tf_keras
    except ImportError:
        raise ModelError("it is not there: install the extra 'legacy'") from None
    return f"tf_keras {tf_keras.__version__}", tf_keras.models.load_model(path, compile=False, safe_mode=True)
