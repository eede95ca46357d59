"""The host's settings change nothing: not what Keras is told there, not the locale, not the terminal's encoding."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("given", ["in the home folder", "by KERAS_HOME"])
def test_a_model_is_trained_the_same_whatever_the_host_says(
    given: str, h5: Path, three_classes: Path, command: Callable, tmp_path: Path
) -> None:
    """channels_first hung a training, float16 and another backend ended in tracebacks."""
    home = tmp_path / "home"
    folder = home / ".keras" if given == "in the home folder" else tmp_path / "keras"
    folder.mkdir(parents=True)
    settings = {"floatx": "float16", "epsilon": 0.1, "backend": "jax", "image_data_format": "channels_first"}
    (folder / "keras.json").write_text(json.dumps(settings))
    hostile = {"HOME": str(home), "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    if given == "by KERAS_HOME":
        hostile |= {"KERAS_HOME": str(folder), "KERAS_BACKEND": "torch", "KERAS_MAX_EPOCHS": "1"}
    words = ("--model", "cnn", "--data", three_classes, "--out", tmp_path / "cnn", "--epochs", 3)
    command("training", "train", *words, "--image-size", "96x160", "--cache", tmp_path / "cache", **hostile)
    assert (tmp_path / "cnn" / h5.name).read_bytes() == h5.read_bytes()
    assert json.loads((folder / "keras.json").read_text()) == settings
