"""Models of others: what would run code, read other files or exhaust memory is refused by name, and nothing runs."""

import json
import pickle
import subprocess
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from edge.errors import ModelError
from training.isolation import run_isolated
from training.models import inspection
from training.models.inspection import inspect_keras
from training.models.saved_model import load_model

RAN = "ran"


class Pickled:
    """Runs when a pickle is read."""

    def __reduce__(self) -> tuple:
        return Path(RAN).touch, ()


@pytest.fixture
def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> keras.Model:
    monkeypatch.chdir(tmp_path)
    layers = [keras.layers.Input((8, 8, 3)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten()]
    return keras.Sequential([*layers, keras.layers.Dense(4, activation="softmax", name="classes")])


def changed(file: Path, old: str, new: str) -> None:
    """Another configuration in an `.h5`."""
    with h5py.File(file, "a") as opened:
        text = opened.attrs["model_config"]
        assert old in text
        opened.attrs["model_config"] = text.replace(old, new)


def with_lambda(file: Path, _: keras.Model) -> None:
    run = keras.layers.Lambda(lambda x: (__import__("pathlib").Path("ran").touch(), x)[1], output_shape=(8, 8, 3))
    keras.Sequential([keras.layers.Input((8, 8, 3)), run]).save(file)
    Path(RAN).unlink(missing_ok=True)


def with_link(file: Path, external: bool) -> None:
    with h5py.File(file, "a") as opened:
        opened["model_weights/more"] = (
            h5py.ExternalLink("/etc/passwd", "/") if external else h5py.SoftLink("/model_weights")
        )


def with_bomb(file: Path) -> None:
    with h5py.File(file, "a") as opened:
        opened.create_dataset("model_weights/bomb", (1 << 20, 1 << 10), "f4", chunks=True)


def with_external_numbers(file: Path) -> None:
    with h5py.File(file, "a") as opened:
        opened.create_dataset("model_weights/numbers", (8,), "u1", external=[("/etc/passwd", 0, 8)])


def in_archive(file: Path, name: str, content: bytes) -> None:
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(name, content)


def saved(change: Callable[[Path], object]) -> Callable[[Path, keras.Model], object]:
    """Save a sound model and change the file."""

    def make(file: Path, model: keras.Model) -> None:
        model.save(file)
        change(file)

    return make


BAD: dict[str, tuple[str, Callable[[Path, keras.Model], object], str]] = {
    "lambda": ("m.h5", with_lambda, "holds a Lambda layer, which runs code of the file"),
    "lambda in an archive": ("m.keras", with_lambda, "holds a Lambda layer, which runs code of the file"),
    "external link": ("m.h5", saved(lambda file: with_link(file, True)), "a link to another file"),
    "soft link": ("m.h5", saved(lambda file: with_link(file, False)), "a soft link"),
    "bomb": ("m.h5", saved(lambda file: with_bomb(file)), "4096 MB, which is not there"),
    "numbers elsewhere": (
        "m.h5", saved(lambda file: with_external_numbers(file)), "whose numbers lie in another file",
    ),
    "module of others": (
        "m.h5",
        saved(lambda file: changed(file, '"module": "keras"', '"module": "os"')),
        "of 'os', which is not Keras'",
    ),
    "module that begins as Keras does": (
        "m.h5",
        saved(lambda file: changed(file, '"module": "keras"', '"module": "kerasevil"')),
        "of 'kerasevil', which is not Keras'",
    ),
    "layer of others": (
        "m.h5",
        saved(lambda file: changed(file, '"registered_name": null', '"registered_name": "Mine>X"')),
        "needs 'Mine>X', which is not Keras'",
    ),
    "activation of others": (
        "m.h5",
        saved(lambda file: changed(file, '"activation": "softmax"', '"activation": "os>system"')),
        "needs the activation 'os>system', which no Keras has",
    ),
    "layer that reads files": (
        "m.h5", saved(lambda file: changed(file, '"Flatten"', '"StringLookup"')), "reads other files",
    ),
    "huge layer": (
        "m.h5", saved(lambda file: changed(file, '"units": 4', '"units": 99999')), "units = 99999",
    ),
    "pickle in an archive": (
        "m.keras",
        saved(lambda file: in_archive(file, "optimizer.pkl", pickle.dumps(Pickled()))),
        "holds 'optimizer.pkl'",
    ),
    "path out of the archive": (
        "m.keras", saved(lambda file: in_archive(file, "../../evil", b"")), "holds '../../evil'",
    ),
    "weights alone": ("m.weights.h5", lambda file, model: model.save_weights(file), "holds weights alone"),
    "deep configuration": (
        "m.h5",
        saved(lambda file: changed(file, '"config": {"name": "sequential', '"x": ' + "[" * 50_000)),
        "no JSON object",
    ),
    "pickle": ("m.h5", lambda file, _: file.write_bytes(pickle.dumps(Pickled())), "is a pickle, which runs code"),
    "Git LFS pointer": (
        "m.h5", lambda file, _: file.write_text("version https://git-lfs.github.com/spec/v1\n"), "is a Git LFS pointer",
    ),
    "text": ("m.h5", lambda file, _: file.write_text("hello"), "is no model file"),
    "empty": ("m.h5", lambda file, _: file.touch(), "is empty"),
    "folder": ("m.h5", lambda file, _: file.mkdir(), "is a folder"),
    "missing": ("m.h5", lambda file, _: None, "no such model file"),
    "cut short": (
        "m.h5", saved(lambda file: file.write_bytes(file.read_bytes()[:3000])), "is cut short",
    ),
    "cut archive": (
        "m.keras", saved(lambda file: file.write_bytes(file.read_bytes()[:900])), "damaged archive",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_dangerous_or_broken_model_is_refused_by_name_and_nothing_runs(
    name: str, plain: keras.Model, called: Callable[..., subprocess.CompletedProcess]
) -> None:
    file, make, reason = BAD[name]
    make(Path(file), plain)
    result = called("export", "inspect", file, code=2)
    assert reason in result.stderr
    assert "Traceback" not in result.stderr
    with pytest.raises(ModelError) as refusal:
        load_model(Path(file))
    assert reason in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert not Path(RAN).exists()


@pytest.mark.parametrize("file", ["m.h5", "m.keras"])
def test_a_sound_model_of_others_is_described(file: str, plain: keras.Model, called: Callable) -> None:
    plain.save(file)
    found = inspect_keras(Path(file))
    assert found.refused == ()
    assert found.form == {"m.h5": "HDF5", "m.keras": "Keras archive"}[file]
    assert found.keras == keras.version()
    assert found.inputs == ((8, 8, 3),)
    assert found.activation == "softmax"
    assert found.layers[-1] == "Dense classes"
    assert [line.split()[0] for line in found.rescaling] == ["Rescaling"]
    assert found.parameters == 8 * 8 * 3 * 4 + 4
    record = json.loads(called("export", "inspect", file, "--format", "json").stdout)
    assert (record["inputs"], record["refused"]) == ([[8, 8, 3]], [])
    assert "Dense classes" in called("export", "inspect", file).stdout


def test_a_crash_of_hdf5_and_a_file_without_end_are_one_line(
    plain: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What becomes of the process that reads a file does not become of this one."""
    plain.save("m.h5")
    for word, seconds in (("crash", 60), ("hang", 2), ("mumble", 60)):
        with monkeypatch.context() as patch:
            patch.setattr(inspection, "SECONDS", seconds)
            run = partial(run_isolated, "tests.training.prober", word)
            patch.setattr(inspection, "run_isolated", lambda *_, run=run, **bounds: run(**bounds))
            with pytest.raises(ModelError, match="so damaged that HDF5 fails on it"):
                inspect_keras(Path("m.h5"))


def test_an_onnx_file_is_told_from_a_keras_file(plain: keras.Model, onnx_file: Path, called: Callable) -> None:
    with pytest.raises(ModelError, match="is an ONNX file and no Keras model: 'python -m export adopt'"):
        inspect_keras(onnx_file)
    assert "is a model of this program already" in called("export", "inspect", onnx_file, code=2).stderr


def test_our_own_models_pass(h5: Path) -> None:
    assert inspect_keras(h5).refused == ()
    assert np.prod(inspect_keras(h5).inputs[0]) == 96 * 160 * 3
