"""The classifier: an ONNX model, checked against its contract, that turns pictures into predictions."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import onnxruntime

from edge.contract import CONTRACT_KEY, Contract
from edge.errors import ModelError, PageError
from edge.page import load_page

INPUT = "image"
OUTPUTS = ("logits", "probabilities")


@dataclass(frozen=True)
class Prediction:
    """Hold the answer for one picture, or the reason why there is none.

    `status` is "ok" or "error". With "ok", `probabilities` maps every label to its share of 1 and
    `label` is the most probable. With "error", `error` alone is given: there is no default answer.
    """

    image: str
    status: str
    label: str | None = None
    probabilities: dict[str, float] = field(default_factory=dict)
    error: str | None = None

    def __post_init__(self) -> None:
        """Refuse an answer that contradicts itself."""
        answered = self.status == "ok"
        if self.status not in ("ok", "error") or answered != (self.label in self.probabilities):
            raise ValueError(f"status {self.status!r} with label {self.label!r} is no prediction")
        if answered == (self.error is not None):
            raise ValueError(f"status {self.status!r} with error {self.error!r} is no prediction")

    @property
    def probability(self) -> float | None:
        """Return the probability of `label`, None where there is no label."""
        return None if self.label is None else self.probabilities[self.label]

    def as_record(self) -> dict[str, Any]:
        """Return what a line of JSON holds: the answer with every class unrounded, or the error."""
        if self.status == "error":
            return {"image": self.image, "status": self.status, "error": self.error}
        return {
            "image": self.image,
            "status": self.status,
            "label": self.label,
            "probability": self.probability,
            "probabilities": self.probabilities,
        }


class Classifier:
    """Serve one exported model on the CPU.

    `threads` is the number of threads for one page, by default one a core. Raises `ModelError` for
    a file that is missing, is no ONNX model, has no contract, or whose graph contradicts it.
    """

    def __init__(self, model: str | Path, threads: int | None = None) -> None:
        """Load the model and check it against its contract."""
        self.path = Path(model)
        if not self.path.is_file():
            raise ModelError(f"{model}: no such model file: give an .onnx made by 'python -m export convert'")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what goes wrong is raised, in one line, not also printed
        options.intra_op_num_threads = threads or 0
        # Spinning threads slow everything else on a small machine, and bring nothing here.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(self.path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own exceptions share no narrower base class
            reason = " ".join(str(error).split())
            raise ModelError(f"{model}: cannot be loaded as an ONNX model ({reason}): export it again") from error
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        if CONTRACT_KEY not in self.metadata:
            raise ModelError(
                f"{model}: has no {CONTRACT_KEY}, so its labels and its pixels are unknown: "
                "export the .h5 with 'python -m export convert'"
            )
        try:
            self.contract = Contract.from_json(self.metadata[CONTRACT_KEY])
            self._check_graph()
        except ModelError as error:
            raise ModelError(f"{model}: {error}") from error

    def _check_graph(self) -> None:
        """Refuse a graph whose input or outputs are not those of the contract."""
        want = {INPUT: ("tensor(uint8)", [self.contract.height, self.contract.width, 3])}
        want |= {name: ("tensor(float)", [len(self.contract.labels)]) for name in OUTPUTS}
        have = {node.name: (node.type, list(node.shape[1:])) for node in self._session.get_inputs()}
        have |= {node.name: (node.type, list(node.shape[1:])) for node in self._session.get_outputs()}
        for name, form in want.items():
            if have.get(name) != form:
                raise ModelError(
                    f"the graph's {name!r} is {have.get(name, 'missing')}, the contract says {form}: "
                    "export the model again"
                )

    @property
    def outputs(self) -> list[str]:
        """Return the names of the graph's outputs."""
        return [node.name for node in self._session.get_outputs()]

    def run(self, pages: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return logits and probabilities, float32 (n, classes), of uint8 pages (n, height, width, 3)."""
        logits, probabilities = self._session.run(OUTPUTS, {INPUT: pages})
        return logits, probabilities

    def predict(self, source: str | Path | BinaryIO) -> Prediction:
        """Classify one picture; raise `PageError` where it cannot be read."""
        page = load_page(source, self.contract)
        _, probabilities = self.run(page[np.newaxis])
        shares = dict(zip(self.contract.labels, probabilities[0].tolist(), strict=True))
        return Prediction(
            image=_name(source), status="ok", label=max(shares, key=shares.__getitem__), probabilities=shares
        )

    def predict_many(self, sources: Iterable[str | Path | BinaryIO]) -> Iterator[Prediction]:
        """Classify pictures one after the other as they are asked for; a bad one never stops the others."""
        for source in sources:
            try:
                yield self.predict(source)
            except PageError as error:
                yield Prediction(image=_name(source), status="error", error=str(error))


def _name(source: str | Path | BinaryIO) -> str:
    return str(source) if isinstance(source, str | Path) else str(getattr(source, "name", "picture"))
