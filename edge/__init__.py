"""Everything that a device needs to turn a picture of a 12-lead ECG into a prediction."""

from edge.classifier import Classifier, Prediction
from edge.contract import Contract
from edge.errors import EcgError, ModelError, PageError, UsageError
from edge.page import load_page

__version__ = "0.4.0"
__all__ = ["Classifier", "Contract", "EcgError", "ModelError", "PageError", "Prediction", "UsageError", "load_page"]
