"""Every option of every command with strange values: one line and an exit code, never a traceback, nothing left."""

import argparse
import contextlib
import io
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

from tests.conftest import ROOT

GOLDEN = ROOT / "tests" / "edge" / "golden"
STRANGE = (
    "", " ", "-1", "0", "1e400", "nan", "99999999999999999999", "9" * 5000, "x" * 300, "a\nb", "\udcff", "💣", "..",
    "/dev/null", "~", "%s%n", "$(true)", "NORMAL", "0x10", "٣", "1,5", "none", "\u202e",
)  # fmt: skip
SECONDS = 15
"""A command that only looks at its options takes far less."""
BASE = {
    "edge": {
        "predict": [str(GOLDEN / "page.png"), "--model", str(GOLDEN / "tiny.onnx")],
        "check": [str(GOLDEN / "tiny.onnx")],
        "info": [str(GOLDEN / "tiny.onnx")],
        "bench": ["none.onnx"],
    },
    "archive": {
        "score": ["none", "--out", "new"],
        "compare": ["none", "none"],
    },
    "training": {
        "explore": ["--data", "none", "--out", "new"],
        "audit": ["--data", "none"],
        "train": ["--model", "vgg16", "--data", "none", "--out", "new"],
        "tune": ["--model", "vgg16", "--data", "none", "--out", "new"],
        "evaluate": ["none.onnx", "--data", "none", "--out", "new"],
        "synthetic": ["--signals", "none", "--out", "new"],
    },
    "export": {
        "convert": ["none.h5", "--out", "new.onnx", "--images", "none"],
        "adopt": ["none.onnx", "--out", "new.onnx", "--images", "none"],
        "inspect": ["none.h5"],
        "verify": ["none.h5", "none.onnx", "--images", "none"],
        "web": ["none.onnx", "--out", "none"],
    },
}
"""For each command what it needs, so that it ends at once: most name a folder that is not there."""


def options_of(describe: Callable[[argparse.ArgumentParser], None]) -> Iterator[str]:
    """Every option of a command that takes a value, and "" for what it takes without one."""
    parser = argparse.ArgumentParser()
    describe(parser)
    for action in parser._actions:
        if action.nargs != 0:
            yield action.option_strings[0] if action.option_strings else ""


@pytest.mark.parametrize(
    ("program", "command"), [(program, command) for program, commands in BASE.items() for command in commands]
)
def test_strange_values_get_one_line(
    program: str, command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    main = import_module(f"{program}.__main__")
    if program == "edge":
        monkeypatch.setattr(main, "at_once", sys.exit)
    assert set(BASE[program]) == set(main.COMMANDS)
    words = [program, command, *BASE[program][command]]
    walk(main, words, options_of(main.COMMANDS[command][0].describe), monkeypatch, tmp_path)


def test_strange_values_of_the_demo_get_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import demo

    walk(demo, ["demo.py", "--model", "none.onnx"], options_of(demo.describe), monkeypatch, tmp_path)


def walk(
    main: object, base: list[str], options: Iterator[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Give each option each of the values."""
    names = sorted(set(options))
    assert names
    for option in names:
        for number, value in enumerate(STRANGE):
            folder = tmp_path / f"{option or 'value'}{number}"
            folder.mkdir()
            monkeypatch.chdir(folder)
            words = [f"{option}={value}"] if option else ["--", value]
            start = time.monotonic()
            code, errors = run(main, [*base, *words], monkeypatch)
            what = (words, code, errors)
            assert time.monotonic() - start < SECONDS, what
            assert code in (0, 1, 2), what
            assert "Traceback" not in errors, what
            lines = [line for line in errors.splitlines() if "synthetic ECG images" not in line]
            assert len(lines) == 1 if code else len(lines) <= 1, what
            assert not list(folder.rglob(".unfinished*")), what


def run(main: object, words: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[object, str]:
    """Exit code and stderr of a program that is called in this process."""
    monkeypatch.setattr(sys, "argv", words)
    printed, errors = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(errors), pytest.raises(SystemExit) as ended:
        main.main()
    return ended.value.code, errors.getvalue()
