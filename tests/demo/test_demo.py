"""The demo: a real server, asked through Gradio's own client."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from edge import Classifier
from edge.contract import CONTRACT_KEY
from tests.conftest import LABELS, ROOT
from tests.demo.server import start, stop


@pytest.fixture(scope="module")
def address(onnx_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    process, url = start(onnx_file, tmp_path_factory.mktemp("blocked"))
    yield url
    stop(process)


def test_a_picture_gets_the_answer_of_the_device(address: str, onnx_file: Path, three_classes: Path) -> None:
    image = next((three_classes / "test").rglob("*.jpg"))
    answer, verdict = Client(address, verbose=False).predict(handle_file(image), api_name="/classify")
    served = {row["label"]: row["confidence"] for row in answer["confidences"]}
    prediction = Classifier(onnx_file).predict(image)
    assert answer["label"] == prediction.label
    assert served == pytest.approx(prediction.probabilities, abs=1e-6)
    assert set(served) == set(LABELS)
    assert verdict == (
        "**Uncertain**: no class is probable enough for an answer."
        if prediction.status == "uncertain"
        else f"**{prediction.label}**"
    )


def test_a_picture_that_is_no_ecg_is_rejected_with_the_reason(address: str, onnx_file: Path, tmp_path: Path) -> None:
    noise = tmp_path / "noise.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)).save(noise)
    assert Classifier(onnx_file).predict(noise).status == "rejected"
    answer, verdict = Client(address, verbose=False).predict(handle_file(noise), api_name="/classify")
    assert not answer
    assert "**Rejected**: this picture does not look like the ECG images" in verdict


def test_a_bad_picture_gets_an_error_and_no_class(address: str, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_text("no picture")
    with pytest.raises(Exception, match=r"bad\.jpg: is not a picture"):
        Client(address, verbose=False).predict(handle_file(bad), api_name="/classify")


def test_the_page_says_what_it_is_not(address: str) -> None:
    config = str(Client(address, verbose=False).config)
    assert "not a medical device" in config
    assert "trained on 24 images" in config
    (label,) = [
        part["props"] for part in Client(address, verbose=False).config["components"] if part["type"] == "label"
    ]
    assert label["show_heading"] is False  # the most probable class in large letters would drown an "uncertain"


def test_share_says_where_pictures_go_and_when_there_is_no_link(onnx_file: Path, tmp_path: Path) -> None:
    """The relay is an address where nobody listens, so that no test makes a public link."""
    process, _ = start(onnx_file, tmp_path, "--share", GRADIO_SHARE_SERVER_ADDRESS="127.0.0.1:1")
    messages = stop(process)
    assert "pass through Gradio's relay" in messages
    assert "no public link could be had" in messages


def test_wrong_use_gets_one_line_and_2(onnx_file: Path, tmp_path: Path) -> None:
    def demo(*words: object) -> tuple[int, str]:
        result = subprocess.run([sys.executable, "demo.py", *map(str, words)], cwd=ROOT, capture_output=True, text=True)
        return result.returncode, result.stderr

    for words, reason in ((("--no-such",), "--no-such"), (("--model", tmp_path / "none.onnx"), "no such model file")):
        code, message = demo(*words)
        assert code == 2
        assert reason in message
        assert message.count("\n") == 1
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, message = demo("--model", onnx_file, "--port", taken.getsockname()[1])
    assert code == 2
    assert "give another --port" in message
    assert message.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--port", "99999"), "'99999' is no whole number from 1 to 65535"),
        (("--port", "http"), "'http' is no whole number from 1 to 65535"),
        (("--host", "no.such.host.invalid"), "'no.such.host.invalid' cannot be opened"),
        (("--host", "256.1.1.1"), "'256.1.1.1' cannot be opened"),
    ],
)
def test_an_address_that_cannot_be_gets_one_line(words: tuple[str, ...], reason: str) -> None:
    found = subprocess.run(
        [sys.executable, "demo.py", *words], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=60
    )
    assert (found.returncode, found.stdout) == (2, "")
    assert reason in found.stderr
    assert found.stderr.count("\n") == 1


def test_a_model_of_others_says_so_and_may_name_several_classes(
    onnx_file: Path, three_classes: Path, tmp_path: Path
) -> None:
    adopted = {"adopted": {"framework": "Keras 2.11.0", "scale": "unit", "channels": "rgb"}}
    model = onnx.load(onnx_file)
    entry = next(entry for entry in model.metadata_props if entry.key == CONTRACT_KEY)
    entry.value = json.dumps(
        json.loads(entry.value) | adopted | {"activation": "sigmoid", "confidence_threshold": 1e-3}
    )
    onnx.save(model, tmp_path / "theirs.onnx")
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    process, url = start(tmp_path / "theirs.onnx", blocked)
    try:
        client = Client(url, verbose=False)
        page = str(client.config)
        assert "This model was made by others: it has no in-distribution score" in page
        assert "made by Keras 2.11.0" in page
        assert "trained on" not in page
        image = next((three_classes / "test").rglob("*.jpg"))
        _, verdict = client.predict(handle_file(image), api_name="/classify")
        named = Classifier(tmp_path / "theirs.onnx").predict(image).labels
        assert len(named) > 1
        assert verdict == f"**{', '.join(named)}**"
    finally:
        stop(process)
