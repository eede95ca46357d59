"""The Space: a folder that can be pushed to a Hugging Face Space as it is."""

import importlib.metadata
import logging
import shutil
from pathlib import Path

from edge.errors import UsageError
from edge.shipped import FOLDER, shipped_model

log = logging.getLogger(__name__)

ROOT = Path(__file__).parent.parent
PARTS = ("demo.py", "demo_views", "edge", "examples", "LICENSE", "NOTICE")
PACKAGES = ("gradio", "matplotlib", "numpy", "onnxruntime", "pillow", "pillow-heif", "pydicom", "pypdfium2")
"""What the page needs, in the versions that are installed here."""
APP = '''"""The demo on a Hugging Face Space."""

from pathlib import Path

from demo import main

model = Path(__file__).parent / "model.onnx"
main(["--host", "0.0.0.0", "--port", "7860", *(["--model", str(model)] if model.exists() else [])])
'''
FRONT = """---
title: ECG images
emoji: 🫀
colorFrom: blue
colorTo: gray
sdk: gradio
sdk_version: {gradio}
python_version: "3.12"
app_file: app.py
license: {licence}
short_description: Classify pictures of ECGs. Not a medical device.
tags:
- ecg
- medical
- onnx
---

# ECG images

A model sorts a picture of a 12-lead ECG into heart-disease classes and shows where its answer comes from.

**A research tool, not a medical device: no diagnosis may rest on it.** This page runs on a server of Hugging Face: show
no picture that names a person. Pictures are deleted within ten minutes.
"""


def write_space(out: Path, model: Path | None = None) -> None:
    """Write the folder, with `model` or the shipped one; raise `UsageError` where something is there already."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: is there already: give the name of a new or an empty folder")
    if model is None:
        shipped_model()
    elif not model.is_file():
        raise UsageError(f"{model}: no such model file: check the path")
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    out.mkdir(parents=True, exist_ok=True)
    for name in PARTS:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, out / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy(ROOT / name, out / name)
    if model is not None:
        shutil.rmtree(out / FOLDER.relative_to(ROOT))
        shutil.copy(model, out / "model.onnx")
    (out / "app.py").write_text(APP, encoding="utf-8")
    lines = [f"{name}=={version}" for name, version in versions.items()]
    (out / "requirements.txt").write_text("\n".join([*lines, ""]), encoding="utf-8")
    licence = "mit" if model is None else "other"
    (out / "README.md").write_text(FRONT.format(gradio=versions["gradio"], licence=licence), encoding="utf-8")
    log.info("%s: push it to a Space as it is; 'python app.py' in it starts the page here", out)
