"""A folder for a Hugging Face Space, and the images that the Dockerfile describes, in fresh environments."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gradio_client import Client, handle_file

from demo_views.space import write_space
from edge import UsageError
from tests.conftest import ROOT

EXAMPLE = ROOT / "examples" / "myocardial_infarction-scan.jpg"


def test_the_folder_holds_what_a_space_needs(tmp_path: Path) -> None:
    out = tmp_path / "space"
    write_space(out)
    front = (out / "README.md").read_text(encoding="utf-8").split("---\n")[1]
    settings = dict(line.split(": ", 1) for line in front.splitlines() if ": " in line)
    assert settings["sdk"] == "gradio"
    assert settings["app_file"] == "app.py"
    assert (out / settings["app_file"]).is_file()
    assert f"gradio=={settings['sdk_version']}" in (out / "requirements.txt").read_text(encoding="utf-8")
    assert settings["python_version"] == '"3.12"'
    names = {path.name for path in out.iterdir()}
    assert {"demo.py", "demo_views", "edge", "examples", "NOTICE", "LICENSE"} <= names
    assert (out / "edge" / "models" / "ecg_int8.onnx").is_file()
    assert not list(out.rglob("__pycache__"))
    assert "not a medical device" in (out / "README.md").read_text(encoding="utf-8")
    with pytest.raises(UsageError, match="is there already"):
        write_space(out)


def test_it_carries_the_model_that_is_given(tmp_path: Path, onnx_file: Path) -> None:
    write_space(tmp_path / "space", onnx_file)
    assert (tmp_path / "space" / "model.onnx").read_bytes() == onnx_file.read_bytes()
    assert not list((tmp_path / "space" / "edge").rglob("*.onnx"))
    with pytest.raises(UsageError, match="no such model file"):
        write_space(tmp_path / "other", tmp_path / "none.onnx")
    assert not (tmp_path / "other").exists()


@pytest.fixture
def environment(tmp_path: Path) -> Callable[..., Path]:
    """A new environment with nothing but what is asked for; its Python."""

    def install(*words: str, folder: Path) -> Path:
        subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
        python = tmp_path / "venv" / "bin" / "python"
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *words]
        subprocess.run(command, cwd=folder, check=True)
        return python

    return install


def answered(command: list[str], folder: Path, until: str) -> dict:
    """What a page answers that a command starts in a folder; it is stopped then."""
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        try:
            address = next(line.split()[1] for line in process.stdout if line.startswith(until))
            return Client(address, verbose=False).predict(handle_file(EXAMPLE), api_name="/classify")
        finally:
            process.terminate()


@pytest.mark.slow
def test_the_space_starts_in_a_fresh_environment(environment: Callable, tmp_path: Path) -> None:
    out = tmp_path / "space"
    write_space(out)
    python = environment("--requirement", "requirements.txt", folder=out)
    app = out / "app.py"
    app.write_text(app.read_text(encoding="utf-8").replace('"0.0.0.0"', '"127.0.0.1"').replace("7860", "7861"))
    assert answered([str(python), "app.py"], out, "demo:")["label"] == "myocardial_infarction"


def steps(stage: str) -> Iterator[tuple[str, str]]:
    """The instructions of a stage of the Dockerfile."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    body = re.search(rf"^FROM \S+ AS {stage}\n(.*?)(?=^FROM|\Z)", text, re.MULTILINE | re.DOTALL)[1]
    for line in body.strip().splitlines():
        name, _, rest = line.partition(" ")
        yield name, rest


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["edge", "demo"])
def test_the_steps_of_the_dockerfile_give_what_they_promise(stage: str, environment: Callable, tmp_path: Path) -> None:
    """Docker is seldom where tests run: the steps are followed in a fresh folder and a fresh environment."""
    folder, python, entry = tmp_path / "app", Path(), []
    folder.mkdir()
    users = []
    for name, rest in steps(stage):
        if name == "COPY":
            *sources, target = rest.split()
            for source in sources:
                place = folder / target if not target.endswith("/") else folder / target / source
                if (ROOT / source).is_dir():
                    shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(ROOT / source, place)
        elif name == "RUN":
            _, _, *words = shlex.split(rest)
            python = environment(*words, folder=folder)
        elif name == "ENTRYPOINT":
            entry = [word.strip('"') for word in rest.strip("[]").split(", ")]
        elif name == "USER":
            users.append(rest)
    assert users == ["1000"]
    assert (folder / "NOTICE").is_file()
    before = {path for path in folder.rglob("*") if "__pycache__" not in path.parts}
    size = sum(path.stat().st_size for path in (tmp_path / "venv").rglob("*") if path.is_file())
    print(f"{stage}: {size / 1e6:.0f} MB of packages")
    if stage == "edge":
        command = [python.with_name(entry[0]), "predict", EXAMPLE, "--format", "csv"]
        found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert ",ok,myocardial_infarction," in found.stdout
    else:
        command = [str(python), *entry[1:], "--host", "127.0.0.1", "--port", "7862"]
        assert answered(command, folder, "demo:")["label"] == "myocardial_infarction"
    assert {path for path in folder.rglob("*") if "__pycache__" not in path.parts} == before
