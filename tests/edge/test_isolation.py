"""The device needs numpy, Pillow and onnxruntime, and nothing else."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALLOWED = {"numpy", "PIL", "onnxruntime", "edge"}
OPTIONAL = {"pypdfium2": "pdf.py", "pillow_heif": "formats.py", "pydicom": "dicom.py"}
"""Packages that a function of one file may import, when such a picture comes."""


def test_edge_imports_nothing_else() -> None:
    for file in (ROOT / "edge").rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        inside = {
            node for function in ast.walk(tree) if isinstance(function, ast.FunctionDef) for node in ast.walk(function)
        }
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file} imports relatively"
                names = [node.module]
            for name in names:
                package = name.split(".")[0]
                optional = OPTIONAL.get(package) == file.name and node in inside
                assert optional or package in ALLOWED | set(sys.stdlib_module_names), f"{file} imports {name}"


def test_importing_edge_loads_no_other_third_party_package() -> None:
    script = "import sys; before = set(sys.modules); from edge import *; print(*set(sys.modules) - before)"
    output = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True).stdout
    loaded = {name.split(".")[0] for name in output.split()}
    installed = {path.name.split(".")[0] for path in Path(sys.prefix).glob("lib/python*/site-packages/*")}
    assert "numpy" in loaded & installed  # the test can see what is loaded
    assert loaded & installed <= ALLOWED


def interpreter(version: str) -> str | None:
    """Return a Python of that version that runs, wherever it is kept."""
    kept = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
    for name in (f"python{version}", *map(str, kept)):
        if shutil.which(name) and subprocess.run([name, "-c", ""], capture_output=True).returncode == 0:
            return name
    return None


@pytest.mark.parametrize(
    "version", ["3.11", pytest.param("3.12", marks=pytest.mark.slow), pytest.param("3.13", marks=pytest.mark.slow)]
)
def test_an_environment_with_the_wheel_alone_classifies_a_page(version: str, golden: Path, tmp_path: Path) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version} on this machine: the device was not tried on it")
    subprocess.run([python, "-m", "venv", tmp_path / "env"], check=True)
    pip = [tmp_path / "env/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", ROOT / "edge/requirements.txt"], check=True)
    # A copy, so that building leaves nothing in the project.
    source = tmp_path / "source"
    for name in ("archive", "edge"):
        shutil.copytree(ROOT / name, source / name)
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, source)
    subprocess.run([*pip, "--no-deps", source], check=True)
    shutil.rmtree(source)
    assert list(tmp_path.glob("env/lib/python*/site-packages/edge/py.typed"))
    result = subprocess.run(
        [
            tmp_path / "env/bin/ecg-edge",
            "predict",
            golden / "page.png",
            "--model",
            golden / "tiny.onnx",
            "--format",
            "jsonl",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert result.returncode == 0, result.stderr
    expected = json.loads((golden / "answer.json").read_text(encoding="utf-8"))
    assert json.loads(result.stdout)["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-6)
    assert list(tmp_path.glob("env/lib/python*/site-packages/ecg_edge-*/licenses/NOTICE"))
    shipped = subprocess.run(
        [tmp_path / "env/bin/ecg-edge", "info", "--format", "json"], cwd=tmp_path, capture_output=True, text=True
    )
    assert json.loads(shipped.stdout)["architecture"] == "efficientnet_lite0"
