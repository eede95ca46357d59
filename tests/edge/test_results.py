"""Results that are whole or not there, and runs that go on where they were interrupted."""

import argparse
import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge import Classifier, UsageError, files
from edge.commands import predict
from edge.commands.sources import opened_source
from edge.heatmap import AGAINST, FOR, overlay
from edge.prediction import Prediction
from edge.results import Journal, signature
from tests.conftest import ROOT


@pytest.fixture
def pages(golden: Path, tmp_path: Path) -> Path:
    """Five pages that differ, one of them unreadable, and a TIFF of three."""
    folder = tmp_path / "pages"
    folder.mkdir()
    with Image.open(golden / "page.png") as image:
        page = image.convert("RGB")
    for number in range(4):
        page.rotate(number, fillcolor="white").save(folder / f"{number}.png")
    (folder / "4.png").write_text("no picture")
    page.save(folder / "5.tif", save_all=True, append_images=[page.rotate(5), page.rotate(6)])
    return folder


@pytest.mark.parametrize("form", ["text", "json", "jsonl", "csv"])
def test_an_interrupted_run_goes_on_and_ends_the_same(
    form: str, edge: Callable, golden: Path, pages: Path, tmp_path: Path
) -> None:
    words = ("predict", pages, "--model", golden / "tiny.onnx", "--format", form, "--out")
    whole = tmp_path / "whole"
    assert edge(*words, whole).returncode == 1
    # What is left of a run that was killed: some answers, the last line cut.
    journal = next(iter_journals(edge, words, tmp_path))
    answers = [json.dumps(record | {"file": signature(record["image"])}) for record in records(edge, words[:-3])]
    for kept in (0, 2, 5, 7):
        journal.write_text("\n".join(answers[:kept]) + "\n" * bool(kept) + '{"image": "pa', encoding="utf-8")
        assert edge(*words, tmp_path / "again").returncode == 1
        assert (tmp_path / "again").read_bytes() == whole.read_bytes()
        assert not journal.exists()


def records(edge: Callable, words: tuple) -> list[dict]:
    return [json.loads(line) for line in edge(*words, "--format", "jsonl").stdout.splitlines()]


def iter_journals(edge: Callable, words: tuple, folder: Path):
    """Interrupt a run and yield its journal's path, whose name the model gives."""
    command = [sys.executable, "-m", "edge", *map(str, words), str(folder / "again")]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        while process.poll() is None and not (found := list(folder.glob(".unfinished-*-again"))):
            time.sleep(0.002)
        process.kill()
        process.wait()
        if found and found[0].exists():
            yield found[0]
            return
        (folder / "again").unlink(missing_ok=True)
    pytest.fail("no run was caught in the middle")


def test_an_interrupt_says_that_the_answers_are_kept(golden: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "never.png")  # nobody writes into it, so the run waits there
    pages = [str(golden / "page.png")] * 50 + [str(tmp_path / "never.png")]
    words = ["predict", *pages, "--model", str(golden / "tiny.onnx")]
    out = tmp_path / "results.jsonl"
    command = [sys.executable, "-m", "edge", *words, "--format", "jsonl", "--out", str(out)]
    # A shell starts what runs in the background deaf to interrupts, and all below it.
    hearing = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, preexec_fn=hearing)
    while not (found := list(tmp_path.glob(".unfinished-*"))) or found[0].stat().st_size < 2000:
        time.sleep(0.01)
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    messages = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "answers are kept: repeat the command, it goes on" in messages
    assert "Traceback" not in messages
    assert not out.exists()


def kept_by(folder: Path, answers: list[Prediction], key: str = "key") -> Path:
    """Write answers as an interrupted run leaves them; return the journal's path."""
    with Journal(folder / "out", key) as journal:
        for one in answers:
            journal.opening(one.image)
        assert list(journal.record(answers)) == answers
    return journal.path


def test_a_journal_of_other_images_is_refused(golden: Path, classifier: Classifier, tmp_path: Path) -> None:
    answers = list(classifier.predict_many([golden / "page.png"]))
    kept_by(tmp_path, answers)
    with Journal(tmp_path / "out", "key") as again:
        assert list(again.answers()) == answers
        assert again.answered([str(golden / "page.png"), "more.png"]) == 1
        refused = r"^.*\.unfinished-key-out: is of an interrupted run on other images: repeat"
        with pytest.raises(UsageError, match=refused):
            again.answered(["other.png"])
    with Journal(tmp_path / "out", "another model") as other:
        assert list(other.answers()) == []
    assert [path.name for path in tmp_path.iterdir()] == [".unfinished-key-out"]  # no empty one is left


def test_an_image_that_was_changed_is_answered_again(pages: Path, classifier: Classifier, tmp_path: Path) -> None:
    images = [pages / name for name in ("0.png", "1.png", "5.tif", "2.png")]
    answers = list(classifier.predict_many(images))
    names = list(map(str, images))
    for number, kept in ((3, 5), (2, 2), (0, 0)):
        kept_by(tmp_path, answers).touch()
        content, then = images[number].read_bytes(), images[number].stat().st_mtime
        images[number].with_suffix(".new").write_bytes(content)
        os.utime(images[number].with_suffix(".new"), (then, then))
        images[number].with_suffix(".new").replace(images[number])  # the same size and time of change
        with Journal(tmp_path / "out", "key") as journal:
            assert journal.answered(names) == min(number, 3)
            assert journal.count == kept == len(list(journal.answers()))
            assert list(journal.record([])) == []
            assert list(journal.answers()) == answers[:kept]
            journal.remove()


def test_a_second_run_on_one_output_is_refused(edge: Callable, golden: Path, tmp_path: Path) -> None:
    out = tmp_path / "results.csv"
    words = ("predict", golden / "page.png", "--model", golden / "tiny.onnx", "--format", "csv", "--out", out)
    assert edge(*words).returncode == 0
    whole = out.read_bytes()
    options = argparse.Namespace(heatmaps=None)
    with Journal(out, predict._key(options, golden / "tiny.onnx")) as first:
        second = edge(*words)
        assert second.returncode == 2
        assert second.stderr.strip() == f"{out}: another run writes there: wait for it, or give another --out"
        assert first.path.exists()
        other = edge(*words, "--heatmaps", tmp_path / "maps")  # a journal of another name
        assert (other.returncode, other.stderr) == (2, second.stderr)
    assert edge(*words).returncode == 0
    assert out.read_bytes() == whole


def answered(value: str) -> bytes:
    """A line of a journal whose probability is a value."""
    line = f'{{"image": "a", "status": "ok", "label": "x", "probabilities": {{"x": {value}}}, "in_distribution": 1}}'
    return f"{line}\n".encode()


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\x00 nothing\n", b'{"image": "a"}\n', b"[]\n", b'"text"\n', b"\0\0\0\n", b"[" * 100_000 + b"\n",
        answered('"much"'), answered("9.92"), answered("NaN"), answered("null"),
        answered("1").replace(b'"in_distribution": 1', b'"in_distribution": {}'),
    ],
)  # fmt: skip
def test_a_damaged_journal_is_set_aside(content: bytes, edge: Callable, golden: Path, tmp_path: Path) -> None:
    out = tmp_path / "results.csv"
    journal = out.with_name(
        f".unfinished-{predict._key(argparse.Namespace(heatmaps=None), golden / 'tiny.onnx')}-{out.name}"
    )
    journal.write_bytes(content)
    result = edge("predict", golden / "page.png", "--model", golden / "tiny.onnx", "--format", "csv", "--out", out)
    assert result.returncode == 0
    (aside,) = tmp_path.glob(".damaged-*")
    assert aside.read_bytes() == content
    assert f"{aside}: cannot be read and is set aside: all images are answered again" in result.stderr
    assert not journal.exists()


@pytest.mark.skipif(os.name != "posix", reason="pipes that can be asked")
def test_what_never_ends_on_standard_input_stops_no_other(golden: Path) -> None:
    page = str(golden / "page.png")
    command = [sys.executable, "-m", "edge", "predict", "-", page, "--model", str(golden / "tiny.onnx")]
    with Path("/dev/zero").open("rb") as endless:
        result = subprocess.run(command, cwd=ROOT, stdin=endless, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert result.stdout.splitlines()[0] == "-: does not end after 256 MB: give a file"
    assert result.stdout.splitlines()[1].startswith(page)


def test_silence_on_standard_input_is_bounded(monkeypatch: pytest.MonkeyPatch, golden: Path) -> None:
    read, write = os.pipe()
    monkeypatch.setattr(files, "SILENCE", 0.05)
    with open(read, "rb") as silent, monkeypatch.context() as patched:  # noqa: PTH123 - a number
        patched.setattr(sys, "stdin", silent)
        bad, good = Classifier(golden / "tiny.onnx").predict_many(map(opened_source, ["-", golden / "page.png"]))
    os.close(write)
    assert bad.error == "-: sends nothing for 0.05 seconds: give a file"
    assert good.probabilities


def test_a_picture_on_standard_input_is_read(golden: Path, classifier: Classifier, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edge", "predict", "-", "--model", str(golden / "tiny.onnx"), "--format", "jsonl"]
    content = (golden / "page.png").read_bytes()
    result = subprocess.run(command, cwd=ROOT, input=content, capture_output=True, timeout=60)
    expected = classifier.predict(golden / "page.png").as_record()
    assert json.loads(result.stdout) == expected | {"image": "-"}
    for given, reason in ((b"", "-: is not a picture"), (content[:5000], "-: cannot be decoded")):
        result = subprocess.run(command, cwd=ROOT, input=given, capture_output=True, timeout=60)
        assert result.returncode == 1
        assert reason in json.loads(result.stdout)["error"]
    picture = tmp_path / "page.png"  # a file in place of a pipe
    picture.write_bytes(content)
    with picture.open("rb") as file:
        result = subprocess.run(command, cwd=ROOT, stdin=file, capture_output=True, timeout=60)
    assert json.loads(result.stdout) == expected | {"image": "-"}
    shell = " ".join(f"'{word}'" for word in command) + " <&-"
    closed = subprocess.run(shell, cwd=ROOT, capture_output=True, shell=True, text=True, timeout=60)
    assert closed.returncode == 2
    assert closed.stderr.strip() == "-: standard input is closed: give a file, or a picture to read"


def test_a_reader_that_goes_away_gets_one_line(golden: Path) -> None:
    words = ["predict", *[str(golden / "page.png")] * 400, "--model", str(golden / "tiny.onnx"), "--quiet"]
    process = subprocess.Popen(
        [sys.executable, "-m", "edge", *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    process.stdout.close()
    messages = process.stderr.read()
    assert process.wait(timeout=60) == 1
    assert messages.strip() == "standard output was closed before everything was written"


def test_closed_outputs_get_one_line_or_none(golden: Path, tmp_path: Path) -> None:
    words = ["predict", golden / "page.png", "--model", golden / "tiny.onnx"]
    command = " ".join(f"'{word}'" for word in [sys.executable, "-m", "edge", *words])

    def run(redirected: str) -> subprocess.CompletedProcess:
        return subprocess.run(command + redirected, cwd=ROOT, capture_output=True, shell=True, text=True, timeout=60)

    without = run(" >&-")
    assert without.returncode == 2
    assert without.stderr.strip() == "standard output is closed: give --out FILE"
    info = " ".join(f"'{word}'" for word in [sys.executable, "-m", "edge", "info", golden / "tiny.onnx"])
    unread = subprocess.run(f"{info} >&-", cwd=ROOT, capture_output=True, shell=True, text=True, timeout=60)
    assert (unread.returncode, unread.stderr.strip()) == (2, "standard output is closed: leave it open")
    assert run(f" --out '{tmp_path / 'answers'}' >&-").returncode == 0
    assert (tmp_path / "answers").read_text(encoding="utf-8") == run(" 2>&-").stdout == run("").stdout


def test_heatmaps_are_written_and_named(edge: Callable, golden: Path, pages: Path, tmp_path: Path) -> None:
    maps = tmp_path / "maps"
    words = ("predict", pages, pages / "0.png", "--model", golden / "tiny.onnx", "--heatmaps", maps)
    result = edge(*words, "--format", "csv", "--quiet")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    names = [Path(row["heatmap"]).name for row in rows if row["heatmap"]]
    assert names == ["0.jpg", "1.jpg", "2.jpg", "3.jpg", "5-page1.jpg", "5-page2.jpg", "5-page3.jpg", "0-2.jpg"]
    assert sorted(path.name for path in maps.iterdir()) == sorted(names)
    with Image.open(maps / "1.jpg") as drawn, Image.open(pages / "1.png") as page:
        assert drawn.size == page.size


def test_the_overlay_shows_each_part_where_it_is() -> None:
    contributions = np.array([[1.0, 0, 0, 0], [0, 0, 0, -0.5]], np.float32)
    drawn = np.asarray(overlay(Image.new("RGB", (400, 200), "white"), contributions), float)
    red, blue, bare = drawn[20, 20], drawn[180, 380], drawn[180, 60]
    assert bare.tolist() == [255, 255, 255]
    assert np.abs(red - (0.4 * 255 + 0.6 * np.array(FOR))).max() < 12
    assert np.abs(blue - (0.7 * 255 + 0.3 * np.array(AGAINST))).max() < 12
    shown = np.asarray(overlay(Image.new("RGB", (400, 200), "white"), np.zeros((2, 4), np.float32)))
    assert (shown == 255).all()


def test_the_heatmap_is_complete(golden: Path, classifier: Classifier) -> None:
    import onnx

    from edge.images.preprocessing import load_page

    bias = next(w for w in onnx.load(golden / "tiny.onnx").graph.initializer if w.name == "bias")
    outputs, heatmap = classifier.explain(load_page(golden / "page.png", classifier.contract.preprocessing)[np.newaxis])
    assert heatmap.shape == (1, 6, 10, 3)
    assert np.abs(heatmap.sum(axis=(1, 2)) + onnx.numpy_helper.to_array(bias) - outputs.logits).max() < 1e-4
