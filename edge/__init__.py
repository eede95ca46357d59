"""The device: everything that turns an image of a 12-lead ECG into a prediction."""

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.classifier import Classifier
    from edge.contract import Contract
    from edge.errors import EcgError, ModelError, PageError, UsageError
    from edge.images.preprocessing import load_page
    from edge.prediction import Prediction

# Read by onnxruntime when it is imported: since 1.29 it keeps a device ID in the home folder and looks up a host.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.9.0"
__all__ = ["Classifier", "Contract", "EcgError", "ModelError", "PageError", "Prediction", "UsageError", "load_page"]

_MODULES = {
    "Classifier": "classifier",
    "Prediction": "prediction",
    "Contract": "contract",
    "load_page": "images.preprocessing",
}


def __getattr__(name: str) -> object:
    """Import what is asked for: the command line opens a page while it imports onnxruntime."""
    if name not in __all__:
        raise AttributeError(f"module 'edge' has no attribute {name!r}")
    return getattr(import_module(f"edge.{_MODULES.get(name, 'errors')}"), name)
