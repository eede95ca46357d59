"""A Keras file of others, loaded by Keras 3, if need be with a repaired configuration, or by Keras 2."""

import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from onnx import ModelProto

from edge.contract import Contract
from edge.errors import ModelError
from export.foreign.job import NotLoadedError, Run, Settings
from export.foreign.keras2 import repaired
from training.models.inspection import inspected

OPSET = 17
CHANGED = ("hard_sigmoid",)
"""What Keras 3 means something else by than Keras 2."""


def opened(settings: Settings, contract: Contract, folder: Path) -> tuple[str, Run, ModelProto]:
    """Return what loaded the file, how to run it, and its graph; raise whatever Keras raises."""
    import tensorflow as tf
    import tf2onnx

    path = Path(settings.source)
    try:
        loaded, network = _by_keras2(path) if settings.form == "tf_keras" else _by_keras3(path, folder)
    except Exception as error:  # whatever a framework raises for a file that is not its own
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise NotLoadedError(f"{settings.form} cannot load it ({reason})") from error
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        count = f"takes {len(network.inputs)} inputs and gives {len(network.outputs)} outputs"
        raise ModelError(f"{count}: one picture and one output are wanted")

    def call(image: tf.Tensor) -> tf.Tensor:
        found = network(image, training=False)
        (found,) = found.values() if isinstance(found, dict) else found if isinstance(found, list | tuple) else [found]
        return tf.cast(found, tf.float32)

    def run(pixels: np.ndarray) -> np.ndarray:
        return call(tf.constant(pixels)).numpy()

    channels = network.inputs[0].shape[-1]
    size = contract.preprocessing
    signature = [tf.TensorSpec((None, size.height, size.width, channels), tf.float32, name="picture")]
    tf2onnx.utils.INTERNAL_NAME = 1
    graph, _ = tf2onnx.convert.from_function(tf.function(call, autograph=False), signature, opset=OPSET)
    return loaded, run, graph


def _by_keras3(path: Path, folder: Path) -> tuple[str, Any]:
    """Load as it is, or, of Keras 2, with a repaired configuration, in a copy."""
    import keras

    if not h5py.is_hdf5(path) or inspected(path).keras.startswith("3"):
        return f"Keras {keras.__version__}", keras.models.load_model(path, compile=False, safe_mode=True)
    copy = shutil.copy(path, folder / "repaired.h5")
    with h5py.File(copy, "a") as file:
        text = file.attrs["model_config"]
        text = text if isinstance(text, str) else text.decode()
        other = next((name for name in CHANGED if name in text), None)
        if other:
            raise ModelError(f"has {other!r}, which is another function in Keras 3")
        found = repaired(json.loads(text))
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
        raise ModelError("it is not installed: pip install tf-keras") from None
    return f"tf_keras {tf_keras.__version__}", tf_keras.models.load_model(path, compile=False, safe_mode=True)
