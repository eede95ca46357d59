"""The `.h5` that holds a network with its contract."""

from dataclasses import dataclass
from pathlib import Path

import h5py
import keras
import numpy as np

from edge.contract import CONTRACT_KEY, Contract
from edge.errors import ModelError
from edge.files import replacing
from edge.prediction import Outputs, widths
from training.models.inspection import refuse_dangerous

TRAINED_ON_KEY = "ecg_trained_on"
"""Name of the HDF5 dataset and of the ONNX metadata entry with the digests of the images that the model has seen."""

MEAN_HEATMAP_KEY = "ecg_mean_training_heatmap"
"""Name of the HDF5 dataset with the mean training heatmap (see `training.models.heatmap_layers`)."""

REMEDY = "give an .h5 made by 'python -m training train'"


@dataclass(frozen=True)
class SavedModel:
    """Hold what an `.h5` of this project holds."""

    network: keras.Model
    """With the outputs of `edge.prediction.Outputs`."""
    contract: Contract
    """What it takes and what its outputs mean."""
    trained_on: frozenset[str]
    """Short digests of the images that it has seen."""
    mean_heatmap: np.ndarray
    """What the heatmaps of its training images have in common, float32 (rows, columns, classes)."""

    def run(self, images: np.ndarray, batch_size: int = 16) -> Outputs:
        """Return the network's outputs for uint8 images (n, height, width, 3)."""
        return Outputs(**self.network.predict(images, batch_size=batch_size, verbose=0))


def save_model(model: SavedModel, path: Path) -> None:
    """Write the `.h5`; the same model gives the same bytes."""
    with replacing(path) as unfinished:
        model.network.save(unfinished, include_optimizer=False)
        with h5py.File(unfinished, "a") as file:
            file.attrs[CONTRACT_KEY] = model.contract.to_json()
            file[TRAINED_ON_KEY] = np.array(sorted(model.trained_on), "S")
            file[MEAN_HEATMAP_KEY] = model.mean_heatmap


def is_saved_model(path: Path) -> bool:
    """Return whether a file is an `.h5` that holds a network with its contract."""
    return h5py.is_hdf5(path) and CONTRACT_KEY in h5py.File(path).attrs


def load_model(path: Path) -> SavedModel:
    """Read an `.h5` of this project; raise `ModelError` for a missing file or any other one."""
    refuse_dangerous(path)
    try:
        with h5py.File(path) as file:
            text = file.attrs.get(CONTRACT_KEY)
            kept = {key: file[key][:] for key in (TRAINED_ON_KEY, MEAN_HEATMAP_KEY) if key in file}
    except OSError as error:
        raise ModelError(f"{path}: is not an HDF5 file, or is cut short: {REMEDY}") from error
    try:
        if text is None:
            raise ModelError(f"has no {CONTRACT_KEY}, it is not from this program: {REMEDY}")
        contract = Contract.from_json(text)
        missing = {TRAINED_ON_KEY, MEAN_HEATMAP_KEY} - kept.keys()
        if missing:
            raise ModelError(f"has no {min(missing)}, it is not from this program: {REMEDY}")
        network = keras.models.load_model(path, compile=False, safe_mode=True)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    except (ValueError, TypeError, KeyError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{path}: Keras cannot load it ({reason}): train it again") from error
    outputs = network.output if isinstance(network.output, dict) else {}
    shape = (None, contract.preprocessing.height, contract.preprocessing.width, 3)
    expected = {name: (None, width) for name, width in widths(contract).items()}
    if (network.input_shape, {name: tensor.shape for name, tensor in outputs.items()}) != (shape, expected):
        raise ModelError(f"{path}: its network contradicts its contract: train it again")
    trained_on = frozenset(digest.decode() for digest in kept[TRAINED_ON_KEY])
    return SavedModel(network, contract, trained_on, kept[MEAN_HEATMAP_KEY])
