"""The demo: a real server, asked through Gradio's own client and with requests that no page would send."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from demo_views.model_view import description
from demo_views.texts import Words
from edge import Classifier
from edge.shipped import shipped_model
from tests.conftest import ROOT
from tests.demo.server import adopted, start, stop
from tests.edge.documents import encrypted

TINY = ROOT / "tests" / "edge" / "golden" / "tiny.onnx"
NOT_UPLOADED = "This file was not uploaded. Upload a picture first."


@pytest.fixture(scope="module")
def address(onnx_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    process, url = start(onnx_file, tmp_path_factory.mktemp("blocked"))
    yield url
    assert "Traceback" not in stop(process)


@pytest.fixture(scope="module")
def client(address: str) -> Client:
    return Client(address, verbose=False)


def pdf_of(image: Path, pages: int, path: Path) -> Path:
    with Image.open(image) as page:
        page.save(path, save_all=True, append_images=[page] * (pages - 1))
    return path


def test_an_uploaded_picture_gets_the_record_of_the_command_line(
    client: Client, onnx_file: Path, three_classes: Path
) -> None:
    image = next((three_classes / "test").rglob("*.jpg"))
    expected = Classifier(onnx_file).predict(image).as_record()
    served = client.predict(handle_file(image), api_name="/classify")
    assert served.pop("image") == image.name
    numbers = served.pop("probabilities"), expected["probabilities"]
    assert numbers[0] == pytest.approx(numbers[1], abs=1e-6)
    for name in ("status", "label"):
        assert served[name] == expected[name]


def test_one_bad_file_of_several_stops_no_other(client: Client, three_classes: Path, tmp_path: Path) -> None:
    image = next((three_classes / "test").rglob("*.jpg"))
    (tmp_path / "bad.jpg").write_text("no picture")
    (tmp_path / "locked.pdf").write_bytes(encrypted())
    files = [tmp_path / name for name in ("bad.jpg", "locked.pdf")] + [image, pdf_of(image, 2, tmp_path / "two.pdf")]
    records = client.predict(list(map(handle_file, files)), api_name="/classify_many")
    assert [(record["image"], record.get("page")) for record in records] == [
        ("bad.jpg", None), ("locked.pdf", None), (image.name, None), ("two.pdf", 1), ("two.pdf", 2),
    ]  # fmt: skip
    assert records[0]["status"] == "error"
    assert records[0]["error"].startswith("bad.jpg: is not a picture")
    assert records[1]["error"] == "locked.pdf: is a PDF with a password: save it without one"
    assert all(record["status"] != "error" for record in records[2:])
    with pytest.raises(Exception, match="52 pages were given, at most 50"):
        many = [handle_file(pdf_of(image, 52, tmp_path / "many.pdf"))]
        client.predict(many, api_name="/classify_many")


def test_what_is_no_ecg_is_rejected_with_the_reason(client: Client, tmp_path: Path) -> None:
    noise = tmp_path / "noise.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)).save(noise)
    served = client.predict(handle_file(noise), api_name="/classify")
    assert (served["status"], served["label"]) == ("rejected", None)
    assert "does not look like the ECG images" in served["reason"]


def test_the_endpoints_are_documented_with_what_they_take_and_give(address: str) -> None:
    endpoints = httpx.get(f"{address}gradio_api/info").json()["named_endpoints"]
    assert set(endpoints) == {"/classify", "/classify_many"}
    assert "12-lead ECG" in endpoints["/classify"]["description"]
    assert endpoints["/classify"]["parameters"][0]["parameter_name"] == "image"
    assert endpoints["/classify_many"]["parameters"][0]["parameter_name"] == "images"


def test_the_model_is_shown_with_what_its_file_carries(onnx_file: Path) -> None:
    said = description(Classifier(onnx_file), Words("en"))
    assert "<td>logits differ by at most</td><td>0.0001</td>" in said
    assert "carries no card" in said
    shipped = description(Classifier(shipped_model()), Words("en"))
    assert "0.875 (0.817 to 0.922)" in shipped
    assert "<td>images</td><td>194</td>" in shipped
    assert "carries no parity table" in description(Classifier(TINY), Words("en"))
    assert "<td>sensitivity, precision of myocardial infarction, out of fold</td>" in shipped


class Heard(BaseHTTPRequestHandler):
    """A server that notes whether anybody asks it."""

    asked: list[str] = []  # noqa: RUF012 - one list for the test

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200)
        self.end_headers()


def answer_to(address: str, data: list, number: int) -> str:
    """What the queue answers to data, of whatever event of the page."""
    with httpx.Client(base_url=address, timeout=30) as http:
        session = f"session{number}"
        event = {"index": "../../etc/passwd", "row_value": ["x"], "value": 1}
        request = {"data": data, "fn_index": number, "session_hash": session, "event_data": event}
        assert http.post("gradio_api/queue/join", json=request).status_code == 200
        with http.stream("GET", "gradio_api/queue/data", params={"session_hash": session}) as lines:
            return next(line for line in lines.iter_lines() if "process_completed" in line)


def test_only_what_was_uploaded_is_taken_whatever_a_request_names(address: str, tmp_path: Path) -> None:
    """What is there and what is not get one answer; an address of the internet is not asked."""
    Heard.asked.clear()
    server = HTTPServer(("127.0.0.1", 0), Heard)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    elsewhere = f"http://127.0.0.1:{server.server_port}/page.png"
    events = httpx.get(f"{address}config").json()["dependencies"]
    with_inputs = [event for event in events if event["inputs"]]
    assert len(with_inputs) > 10
    example = ROOT / "examples" / "normal-clean.jpg"
    for path in ("/etc/passwd", "/etc/none", str(example), "../../../etc/passwd", elsewhere, "file:///etc/passwd"):
        file = {"path": path, "meta": {"_type": "gradio.FileData"}}
        for event in events[:2] if path != "/etc/passwd" else with_inputs:
            given = [[file] if event["api_name"] == "classify_many" else file, *[100] * (len(event["inputs"]) - 1)]
            said = answer_to(address, given[: len(event["inputs"])], event["id"])
            assert json.loads(said.removeprefix("data:"))["success"] is False, event
            assert "Traceback" not in said
            assert str(ROOT) not in said
            if event["id"] in (events[0]["id"], events[1]["id"]):
                assert NOT_UPLOADED in said
    assert Heard.asked == []
    server.shutdown()


@pytest.mark.parametrize(
    "data", [["/etc/passwd"], [1], [None], [{}], [], [[["deep"]]], [{"path": None}], ["x" * 10_000]]
)
def test_a_malformed_request_gets_a_sentence(data: list, address: str) -> None:
    said = answer_to(address, data, 0)
    assert json.loads(said.removeprefix("data:"))["success"] is False
    assert "cannot be answered" in said or NOT_UPLOADED in said


def test_a_visitor_who_goes_away_in_the_middle_harms_nobody(address: str, client: Client, three_classes: Path) -> None:
    """Half an upload, and a question whose answer nobody waits for."""
    image = next((three_classes / "test").rglob("*.jpg"))
    url = httpx.URL(address)
    with socket.create_connection((url.host, url.port)) as line:
        line.sendall(
            b"POST /gradio_api/upload HTTP/1.1\r\nHost: here\r\nContent-Length: 900000\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
            b'Content-Disposition: form-data; name="files"; filename="half.jpg"\r\n\r\n' + image.read_bytes()[:5000]
        )
    sent = httpx.post(f"{address}gradio_api/upload", files={"files": (image.name, image.read_bytes())}).json()[0]
    file = {"path": sent, "meta": {"_type": "gradio.FileData"}}
    for _ in range(3):
        assert "event_id" in httpx.post(f"{address}gradio_api/call/classify", json={"data": [file]}).json()
    assert client.predict(handle_file(image), api_name="/classify")["status"] != "error"


def test_the_gate_lets_in_what_the_page_needs(address: str, client: Client, three_classes: Path) -> None:
    """Gradio knows more: it fetches addresses, keeps recordings, edits programs."""
    image = next((three_classes / "test").rglob("*.jpg"))
    sent = httpx.post(f"{address}gradio_api/upload", files={"files": (image.name, image.read_bytes())}).json()[0]
    found = httpx.get(f"{address}gradio_api/file={sent}")
    assert found.content == image.read_bytes()
    assert found.headers["cache-control"] == "no-store"
    folder = Path(sent).parent.parent
    for path in (
        "http://192.0.2.1/page.png", "http:/192.0.2.1/", "//192.0.2.1/", "/etc/passwd", folder, f"{folder}/.lock",
        f"{folder}/../x", f"{folder}x/y", f"{sent}/../.lock", "",
    ):  # fmt: skip
        refused = httpx.get(f"{address}gradio_api/file={path}")
        assert (refused.status_code, refused.json()) == (404, {"detail": "This request cannot be answered."}), path
    for path in (
        "process_recording",
        "vibe-edit",
        "component_server",
        "run/classify",
        "stream/x",
        "proxy=x",
        "upload/x",
    ):
        assert httpx.post(f"{address}gradio_api/{path}", files={"video": b"x"}).status_code == 404, path
    assert httpx.request("DELETE", address).status_code == 404
    for large in ({"content": b"[" * (1 << 19)}, {"content": (b"[" * (1 << 16) for _ in range(8))}):
        refused = httpx.post(f"{address}gradio_api/queue/join", headers={"content-type": "application/json"}, **large)
        assert refused.status_code in (400, 413)
    for data in ({"fn_index": 999, "data": []}, {"fn_index": 0}, {}, [], "text"):
        assert httpx.post(f"{address}gradio_api/queue/join", json=data).status_code >= 400
    assert "Not Found" in httpx.get(f"{address}gradio_api/call/classify/none").text
    assert client.predict(handle_file(image), api_name="/classify")["status"] != "error"


def test_what_others_do_here_is_not_told(address: str) -> None:
    """No monitoring, no history in the browser, no file of the server, no MCP unless it is asked for."""
    paths = ("monitoring/summary", "gradio_api/mcp/", "gradio_api/file=/etc/passwd", "gradio_api/file=/etc/none",
             f"gradio_api/file={ROOT / 'demo.py'}", "gradio_api/proxy=http://127.0.0.1:1/")  # fmt: skip
    for path in paths:
        assert httpx.get(f"{address}{path}").status_code in (400, 403, 404), path
    config = httpx.get(f"{address}config").json()
    assert not config.get("run_history")
    assert "not a medical device" in str(config)


def test_share_says_where_pictures_go_and_when_there_is_no_link(onnx_file: Path, tmp_path: Path) -> None:
    """The relay is an address where nobody listens, so that no test makes a public link."""
    process, url = start(onnx_file, tmp_path, "--share", GRADIO_SHARE_SERVER_ADDRESS="127.0.0.1:1")
    assert "pass through Gradio" in httpx.get(url).text
    messages = stop(process)
    assert "pass through Gradio's relay" in messages
    assert "no public link could be had" in messages


def test_the_page_is_for_those_who_are_named(onnx_file: Path, tmp_path: Path) -> None:
    (tmp_path / "names").write_text("anna:secret: with a colon\nbert:other\n")
    process, url = start(onnx_file, tmp_path, "--auth-file", str(tmp_path / "names"))
    try:
        assert httpx.get(f"{url}config").status_code == 401
        for name, password, code in (
            ("anna", "secret: with a colon", 200), ("anna", "other", 400), ("nobody", "x", 400), ("nobody", "", 422),
        ):  # fmt: skip
            found = httpx.post(f"{url}login", data={"username": name, "password": password})
            assert found.status_code == code, (name, password)
        assert Client(url, auth=("bert", "other"), verbose=False).config["title"] == "ECG images"
    finally:
        stop(process)


def test_limits_and_address_are_those_of_the_command_line(onnx_file: Path, tmp_path: Path) -> None:
    process, url = start(onnx_file, tmp_path, "--max-size", "1", "--queue", "7", "--root-path", "/ecg", "--host", "::1")
    try:
        assert url.startswith("http://[::1]:")
        large = {"files": ("large.jpg", b"\xff\xd8\xff" + bytes(2 << 20))}
        assert httpx.post(f"{url}gradio_api/upload", files=large).status_code == 413
        small = {"files": ("small.jpg", b"\xff\xd8\xff" + bytes(1000))}
        assert httpx.post(f"{url}gradio_api/upload", files=small).status_code == 200
        assert httpx.get(f"{url}config").json()["root"].endswith("/ecg")
    finally:
        stop(process)


def test_mcp_is_there_where_it_is_asked_for(onnx_file: Path, tmp_path: Path) -> None:
    process, url = start(onnx_file, tmp_path, "--mcp")
    try:
        tools = {tool["name"] for tool in httpx.get(f"{url}gradio_api/mcp/schema").json()}
        assert tools == {"classify", "classify_many"}
    finally:
        stop(process)


def test_wrong_use_gets_one_line_and_2(onnx_file: Path, tmp_path: Path) -> None:
    def demo(*words: object) -> tuple[int, str]:
        result = subprocess.run([sys.executable, "demo.py", *map(str, words)], cwd=ROOT, capture_output=True, text=True)
        return result.returncode, result.stderr

    (tmp_path / "bad").write_text("anna\n")
    (tmp_path / "none").touch()
    (tmp_path / "latin").write_bytes(b"jos\xe9:secret\n")
    (tmp_path / "text.onnx").write_text("no model")
    twins = tmp_path / "twins"
    twins.mkdir()
    (twins / onnx_file.name).write_bytes(onnx_file.read_bytes())
    for words, reason in (
        (("--no-such",), "--no-such"),
        (("--model", tmp_path / "none.onnx"), "no such model file"),
        (("--model", tmp_path / "text.onnx"), "text.onnx: "),
        (("--models", tmp_path / "models"), "models: holds no .onnx file"),
        (("--models", tmp_path), "text.onnx: "),
        (("--model", onnx_file, "--models", twins), "has the name of"),
        (("--auth-file", tmp_path / "bad"), "bad: line 1 is not name:password"),
        (("--auth-file", tmp_path / "none"), "none: names nobody"),
        (("--auth-file", tmp_path / "gone"), "gone: No such file"),
        (("--auth-file", tmp_path / "latin"), "latin: is no text in UTF-8"),
        (("--space", tmp_path), "is there already"),
        (("--space", tmp_path / "new", "--models", tmp_path), "takes one model"),
        (("--max-size", "0"), "'0' is no whole number of at least 1"),
    ):
        code, message = demo(*words)
        assert code == 2, words
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
    theirs = adopted(onnx_file, tmp_path / "theirs.onnx")
    process, url = start(theirs, tmp_path)
    try:
        client = Client(url, verbose=False)
        assert "This model was made by others." in httpx.get(url).text
        image = next((three_classes / "test").rglob("*.jpg"))
        served = client.predict(handle_file(image), api_name="/classify")
        named = Classifier(theirs).predict(image).labels
        assert len(named) > 1
        assert served["labels"] == list(named)
        assert served["label"] is None
    finally:
        stop(process)
