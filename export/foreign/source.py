"""In a process of its own: a model of others is loaded, asked about pixels, and turned into a wrapped ONNX graph.

    python -m export.foreign.source FOLDER

FOLDER holds `settings.json`, what `Settings` has, and `pixels.npy`. It gets `answers.npy`, what the model said in the
framework that loaded it, and `model.onnx`. What is printed last is JSON: `loaded`, `activation` and `gives_logits`, or
`error`, with `not_loaded` where another framework might do better.
"""

import json
import sys
from pathlib import Path

import numpy as np

from edge.errors import ModelError
from export.foreign.job import NotLoadedError, Settings
from training.isolation import confine

MEMORY = 16 << 30
"""Bytes of address space; TensorFlow alone maps four."""
BATCH = 8


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
    model, activation, gives_logits = wrapped(
        graph, intake, pixels.shape[1:3], settings.labels, answers.shape[1], settings.activation
    )
    onnx.save(model, folder / "model.onnx")
    onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    np.save(folder / "answers.npy", answers.astype(np.float32))
    return {"loaded": loaded, "activation": activation, "gives_logits": gives_logits}


if __name__ == "__main__":
    main()
