"""In a process of its own: a model of others is loaded, asked about pixels, and turned into a wrapped ONNX graph.

    python -m export.foreign.source FOLDER

FOLDER holds `settings.json`, what `Settings` has, and `pixels.npy`. It gets `answers.npy`, what the model said in the
framework that loaded it, and `model.onnx`. What is printed last is JSON: `loaded`, `activation` and `gives_logits`, or
`error`, with `not_loaded` where another framework might do better.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.errors import ModelError
from training.isolation import confine

MEMORY = 16 << 30
"""Bytes of address space; TensorFlow alone maps four."""
BATCH = 8
Run = Callable[[np.ndarray], np.ndarray]
"""Turns what the network takes, float32 (n, height, width, channels), into what it says, (n, classes)."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Say what to do with which model."""

    source: str
    """Its file."""
    form: str
    """"onnx", "keras" for what Keras 3 reads, or "tf_keras" for what it does not."""
    scale: str
    """As `Intake` has it."""
    channels: str
    """As `Intake` has it."""
    labels: int
    """How many."""
    activation: str | None
    """What its outputs are logits of, where it does not end in one."""


class NotLoadedError(ModelError):
    """A framework cannot load a model; another one might."""


def main() -> None:
    """Do it, and print what came out."""
    confine(MEMORY)
    folder = Path(sys.argv[1])
    settings = Settings(**json.loads((folder / "settings.json").read_text(encoding="utf-8")))
    try:
        found = _convert(settings, folder)
    except NotLoadedError as error:
        found = {"error": str(error), "not_loaded": True}
    except ModelError as error:
        found = {"error": str(error)}
    except Exception as error:
        found = {"error": f"cannot be converted ({' '.join(str(error).split())[:300] or type(error).__name__})"}
    print(f"\n{json.dumps(found)}")


def _convert(settings: Settings, folder: Path) -> dict[str, str | bool]:
    """Write the answers and the graph."""
    import onnx
    import onnxruntime

    from export.foreign.intake import Intake
    from export.foreign.wrapping import wrapped

    pixels, intake = np.load(folder / "pixels.npy"), Intake(settings.scale, settings.channels)
    if settings.form == "onnx":
        from export.foreign.onnx_network import opened
    else:
        from export.foreign.keras_network import opened
    loaded, run, graph = opened(settings, pixels.shape[1:3], folder)
    answers = np.concatenate([run(intake.apply(pixels[k : k + BATCH])) for k in range(0, len(pixels), BATCH)])
    wanted = {(settings.labels,)} | ({(1,)} if settings.labels == 2 else set())
    if answers.shape[1:] not in wanted:
        raise ModelError(f"gives {answers.shape[1:]} for a picture, --labels names {settings.labels} classes")
    model, activation, gives_logits = wrapped(graph, intake, pixels.shape[1:3], settings.labels, settings.activation)
    onnx.save(model, folder / "model.onnx")
    onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    np.save(folder / "answers.npy", answers.astype(np.float32))
    return {"loaded": loaded, "activation": activation, "gives_logits": gives_logits}


if __name__ == "__main__":
    from export.foreign import source  # its classes are those that the others import, not those of __main__

    source.main()
