"""In a process of its own: a model of others is loaded, made into one of this program, and compared with what it was.

    python -m export.foreign.source FOLDER

FOLDER holds `settings.json`, what `Settings` has, and gets `model.onnx`. What is printed last is JSON: what `Compared`
has, or `error`, with `not_loaded` where another framework might do better.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from edge.classifier import Classifier
from edge.contract import CONTRACT_KEY, Contract
from edge.errors import EcgError, ModelError
from edge.images.preprocessing import load_page
from edge.selftest import CHECK_KEY, answers, to_json
from export.foreign.intake import Intake
from export.foreign.job import Compared, NotLoadedError, Run, Settings
from training.isolation import confine

MEMORY = 16 << 30
"""Bytes of address space; TensorFlow alone maps four."""
BATCH = 8
THRESHOLD = 0.5
"""Of a sigmoid: from here on a class is named."""
SURE = 1e-3
"""How far a sum of probabilities may be from 1."""


def main() -> None:
    """Do it, and print what came out."""
    confine(MEMORY)
    folder = Path(sys.argv[1])
    settings = Settings(**json.loads((folder / "settings.json").read_text(encoding="utf-8")))
    try:
        found = asdict(_adopted(settings, folder))
    except NotLoadedError as error:
        found = {"error": str(error), "not_loaded": True}
    except EcgError as error:
        found = {"error": str(error)}
    except Exception as error:  # whatever a file makes a framework raise
        found = {"error": f"cannot be converted ({' '.join(str(error).split())[:300] or type(error).__name__})"}
    print(f"\n{json.dumps(found)}")


def _adopted(settings: Settings, folder: Path) -> Compared:
    """Make the model, unless there is one, and compare it."""
    import onnx

    from export.foreign.wrapping import wrapped

    contract = Contract.from_json(settings.contract)
    assert contract.adopted is not None
    intake, size = Intake(contract.adopted.scale, contract.adopted.channels), contract.preprocessing
    if settings.form == "onnx":
        from export.foreign.onnx_network import opened
    else:
        from export.foreign.keras_network import opened
    loaded, run, graph = opened(settings, contract, folder)
    said = np.concatenate(list(_said(run, intake, settings.images, contract)))
    model, activation, gives_logits = wrapped(
        graph, intake, (size.height, size.width), len(contract.labels), said.shape[1], settings.activation
    )
    if gives_logits and activation == "softmax" and (said >= 0).all() and (abs(said.sum(axis=1) - 1) < SURE).all():
        raise ModelError("gives numbers that sum to 1, which are probabilities and no logits: end it with the softmax")
    file = Path(settings.exported or folder / "model.onnx")
    if settings.exported is None:
        threshold = THRESHOLD if activation == "sigmoid" else 0.0
        contract = replace(contract, activation=activation, confidence_threshold=threshold)
        properties = {CONTRACT_KEY: contract.to_json()}
        onnx.helper.set_model_props(model, properties)
        onnx.save(model, file)
        onnx.helper.set_model_props(model, properties | {CHECK_KEY: to_json(answers(Classifier(file)))})
        onnx.save(model, file)
    return _compared(Classifier(file), settings.images, said, gives_logits, loaded)


def _said(run: Run, intake: Intake, images: list[str], contract: Contract) -> Iterator[np.ndarray]:
    """Yield what the original says of the images, a batch at a time, (n, classes)."""
    from export.foreign.wrapping import class_forms

    labels = len(contract.labels)
    for begin in range(0, len(images), BATCH):
        pixels = [load_page(path, contract.preprocessing) for path in images[begin : begin + BATCH]]
        found = run(intake.apply(np.stack(pixels)))
        if found.shape[1:] not in class_forms(labels):
            raise ModelError(f"gives {found.shape[1:]} for a picture, --labels names {labels} classes")
        yield found.astype(float)


def _compared(classifier: Classifier, images: list[str], said: np.ndarray, gives_logits: bool, loaded: str) -> Compared:
    """Compare what the original said, (n, classes), with what the device answers from the files."""
    contract, logits = classifier.contract, None
    single = said.shape[1] < len(contract.labels)
    if gives_logits:
        logits = np.concatenate([np.zeros_like(said), said], axis=1) if single else said
        said = _softmax(logits) if contract.activation == "softmax" else 1 / (1 + np.exp(-logits))
    elif single:
        said = np.concatenate([1 - said, said], axis=1)
    served = np.array([list(classifier.predict(path).probabilities.values()) for path in images])
    given = logits
    if logits is not None:
        pixels = (load_page(path, contract.preprocessing)[np.newaxis] for path in images)
        given = np.concatenate([classifier.run(one).logits for one in pixels])
    return Compared(
        loaded=loaded,
        images=len(images),
        probability_difference=float(np.abs(served - said).max()),
        logit_difference=None if logits is None else float(np.abs(given - logits).max()),
        spread=float(np.ptp(said, axis=0).max()),
    )


def _softmax(logits: np.ndarray) -> np.ndarray:
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


if __name__ == "__main__":
    main()
