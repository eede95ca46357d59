"""What the device's tests share: the golden files, and copies of them to damage."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from edge import Classifier, Contract
from tests.conftest import ROOT


@pytest.fixture(scope="session")
def golden() -> Path:
    return Path(__file__).parent / "golden"


@pytest.fixture(scope="session")
def classifier(golden: Path) -> Classifier:
    return Classifier(golden / "tiny.onnx")


@pytest.fixture(scope="session")
def contract(classifier: Classifier) -> Contract:
    return classifier.contract


@pytest.fixture
def page(golden: Path) -> Image.Image:
    with Image.open(golden / "page.png") as image:
        return image.convert("RGB")


@pytest.fixture(scope="session")
def edge() -> Callable[..., subprocess.CompletedProcess]:
    def run(*arguments: object) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "edge", *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=60)

    return run
