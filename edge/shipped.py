"""The shipped model: the file that answers where no model is given, and the card that says what it is worth."""

import hashlib
import json
from pathlib import Path
from typing import Any

from edge.errors import ModelError

FOLDER = Path(__file__).parent / "models"
NAME = "ecg_int8.onnx"
DIGESTS = "SHA256SUMS"
CARD = "card.json"
REMEDY = "install the program again, or clone the repository again"


def shipped_model(folder: Path = FOLDER) -> Path:
    """Return the shipped model's file; raise `ModelError` where it is missing or is not the one that was shipped."""
    file = folder / NAME
    if not file.is_file():
        raise ModelError(f"{file}: the shipped model is missing: {REMEDY}, or give another model")
    if hashlib.sha256(file.read_bytes()).hexdigest() != digests(folder).get(NAME):
        raise ModelError(f"{file}: is not the shipped model, its SHA-256 differs: {REMEDY}, or give another model")
    return file


def digests(folder: Path = FOLDER) -> dict[str, str]:
    """Return the SHA-256 of each model file by its name, as `sha256sum` wrote them; empty where there is no list."""
    file = folder / DIGESTS
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return {words[1]: words[0] for words in map(str.split, lines) if len(words) == 2}


def card(model: Path, folder: Path = FOLDER) -> list[dict[str, Any]]:
    """Return the card's rows of a model that was shipped, by its bytes: "what", "value" and "command"; else none."""
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    if digest not in digests(folder).values():
        return []
    rows: list[dict[str, Any]] = json.loads((folder / CARD).read_text(encoding="utf-8"))
    return rows
