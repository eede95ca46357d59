"""The rules of the house: who may import what, and that help comes at once."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Each of these opens or changes pictures in another way than the one function, or ties the lab to one backend.
BANNED = ("load_img", "image_dataset_from_directory", "ImageDataGenerator", "Lambda", "safe_mode=False")


def imports(folder: str) -> Iterator[tuple[Path, str]]:
    for file in sorted((ROOT / folder).rglob("*.py")) if (ROOT / folder).is_dir() else [ROOT / folder]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((file, alias.name.split(".")[0]) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield file, node.module.split(".")[0]


def test_the_lab_knows_no_backend_and_not_the_gate() -> None:
    assert not [
        (file, name) for file, name in imports("training") if name in ("tensorflow", "export", "demo", "tf2onnx")
    ]


def test_the_demo_stands_on_the_device_alone() -> None:
    names = {name for _, name in imports("demo.py")} - set(sys.stdlib_module_names)
    assert names == {"edge", "gradio"}


def test_there_is_one_way_to_open_a_picture() -> None:
    for folder in ("edge", "training", "export"):
        for file in (ROOT / folder).rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            assert not [word for word in BANNED if word in text], file
            assert "Image.open" not in text or file == ROOT / "edge" / "image.py", file


@pytest.mark.parametrize(
    "command", [("-m", "edge"), ("-m", "training"), ("-m", "training", "train"), ("-m", "export"), ("demo.py",)]
)
def test_help_loads_nothing_heavy_and_says_what_this_is_not(command: tuple[str, ...]) -> None:
    result = subprocess.run(
        [sys.executable, "-X", "importtime", *command, "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0
    assert "not a medical device" in result.stdout
    loaded = {line.rsplit("|", 1)[-1].strip() for line in result.stderr.splitlines()}
    assert "argparse" in loaded  # the test can see what is loaded
    assert not loaded & {"tensorflow", "keras", "gradio", "sklearn", "matplotlib", "onnx", "tf2onnx"}


def test_an_interrupt_ends_training_with_130(three_classes: Path, tmp_path: Path) -> None:
    import signal

    size, epochs = ("--image-size", "96x160"), ("--epochs", 200)  # so many that the signal comes in time on any machine
    words = ("train", "--model", "cnn", "--data", three_classes, *size, *epochs, "--out", tmp_path / "run")
    process = subprocess.Popen(
        [sys.executable, "-m", "training", *map(str, words)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts what runs in the background deaf to interrupts, and all below it.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    for line in process.stderr:
        if "epoch 2 of 200" in line:
            process.send_signal(signal.SIGINT)
            break
    messages = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert messages.splitlines()[-1] == "interrupted"
    assert "Traceback" not in messages
    assert not (tmp_path / "run" / "ecg_cnn_model.h5").exists()
