"""README and docs: their links lead somewhere, their commands are accepted, and every field and option is explained."""

import argparse
import dataclasses
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

import demo
from edge.commands import terminal
from edge.commands.terminal import Parser, add_verbosity
from training.audit.audit import Audit
from training.audit.labels import DoubtedLabel, LabelAudit
from training.audit.page_styles import PageStyle
from training.evaluation import prediction_metrics, result
from training.evaluation.intervals import Estimate
from training.inspection.page_look import PageLook
from training.reports.data_folder import FolderOverview

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "MODELS.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")
BLOCK = re.compile(r"(<!-- run by tests/test_docs.py -->\n)?```sh\n(.*?)```", re.DOTALL)
SCHEMA = json.loads((ROOT / "docs" / "prediction.schema.json").read_text(encoding="utf-8"))
TYPES = [
    value
    for module in (result, prediction_metrics)
    for value in vars(module).values()
    if dataclasses.is_dataclass(value) and value.__module__ == module.__name__
] + [Estimate, Audit, LabelAudit, DoubtedLabel, PageLook, PageStyle, FolderOverview]
PROGRAMS = ("edge", "training", "export", "archive")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def commands(marked: bool = False) -> list[tuple[str, str]]:
    """Every command line of README and docs with its page; `marked`: those alone that a test runs."""
    return [
        (page.name, line.strip())
        for page in PAGES
        for mark, block in BLOCK.findall(text_of(page))
        for line in block.splitlines()
        if line.strip() and not line.startswith("#") and (mark or not marked)
    ]


def anchors(page: Path) -> set[str]:
    """The names by which GitHub links the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def parsers(program: str) -> dict[str, argparse.ArgumentParser]:
    """The parser of each command of a program, by the program's own registry."""
    found = {}
    for name, (command, _) in import_module(f"{program}.__main__").COMMANDS.items():
        found[name] = Parser(prog=f"{program} {name}")
        command.describe(found[name])
        add_verbosity(found[name])
    return found


def long_options(parser: argparse.ArgumentParser) -> set[str]:
    return {name for action in parser._actions for name in action.option_strings if name.startswith("--")}


def check_python(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the program itself parse `python -m MODULE ...` or `python demo.py ...`; its command is not run."""
    if words[0] == "-m" and words[1].startswith("benchmarks."):
        source = (ROOT / f"{words[1].replace('.', '/')}.py").read_text(encoding="utf-8")
        assert [word for word in words if word.startswith("--") and word not in source] == []
        return
    if words[0] == "-m" and words[1] not in PROGRAMS:  # pytest, ruff and so on are not ours
        return
    module = import_module(f"{words[1]}.__main__" if words[0] == "-m" else "demo")
    reached = []
    for place in (terminal, demo):
        monkeypatch.setattr(place, "exit_with", lambda *arguments: reached.append(arguments))
        monkeypatch.setattr(place, "configure_logging", lambda options: None)
    monkeypatch.setattr(sys, "argv", [words[0], *words[2 if words[0] == "-m" else 1 :]])
    if words[-1] in ("--help", "--version"):
        with pytest.raises(SystemExit, match="0"):
            module.main()
    else:
        module.main()
        assert reached


def check_make(words: list[str]) -> None:
    makefile = text_of(ROOT / "Makefile")
    for word in words:
        name = word.partition("=")[0]
        assert re.search(rf"^{name} \?=" if "=" in word else rf"^{name}:", makefile, re.MULTILINE), word


def test_the_readme_is_a_front_door() -> None:
    assert len(text_of(ROOT / "README.md").splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(text_of(page)):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)
def test_every_field_of_a_report_is_explained(kind: type) -> None:
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^#|\Z)", text_of(ROOT / "docs" / "evaluation.md"), re.M | re.S))
    missing = [one.name for one in dataclasses.fields(kind) if f"`{one.name}`" not in sections[kind.__name__]]
    assert missing == []


def test_every_key_of_a_prediction_is_explained() -> None:
    keys = {key for form in ("answered", "rejected", "failed") for key in SCHEMA["$defs"][form]["properties"]}
    page = text_of(ROOT / "docs" / "device.md")
    assert {"image", "status", "in_distribution", "heatmap"} < keys
    assert [key for key in sorted(keys) if f"| `{key}` |" not in page] == []


@pytest.mark.parametrize(("page", "line"), list(dict.fromkeys(commands())))
def test_every_command_is_accepted(page: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = shlex.split(line, comments=True)
    while words and "=" in words[0]:  # variables of the environment
        words.pop(0)
    program = words[0].removeprefix(".venv/bin/")
    if program in ("python", "ecg-edge"):
        check_python(words[1:] if program == "python" else ["-m", "edge", *words[1:]], monkeypatch)
    elif program == "make":
        check_make(words[1:])
    elif "/" in program and program[0] != ".":
        assert (ROOT / program).is_file()
    else:
        assert program in (".", "pip", "git", "cd", "uv", "docker", "curl"), f"{page}: who checks {program!r}?"


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_option_is_explained(program: str) -> None:
    docs = "\n".join(text_of(page) for page in PAGES if page.parent.name == "docs")
    for name, parser in parsers(program).items():
        options = long_options(parser) - {"--help"}
        assert options, name
        assert [option for option in sorted(options) if not re.search(rf"{option}\b(?!-)", docs)] == [], name


def test_every_option_of_the_demo_is_explained() -> None:
    import demo

    parser = argparse.ArgumentParser()
    demo.describe(parser)
    page = text_of(ROOT / "docs" / "demo.md")
    assert [option for option in long_options(parser) - {"--help"} if f"| `{option}" not in page] == []


def test_a_wrong_command_would_be_seen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    wrong: list[Callable[[], None]] = [
        lambda: check_python(["-m", "edge", "predict"], monkeypatch),
        lambda: check_python(["-m", "training", "train", "--model", "vgg16", "--no-such", "x"], monkeypatch),
        lambda: check_python(["-m", "export", "verify", "a.h5"], monkeypatch),
        lambda: check_python(["demo.py", "--no-such"], monkeypatch),
    ]
    for call in wrong:
        with pytest.raises(SystemExit, match="2"):
            call()
    assert capsys.readouterr().err.count("\n") == len(wrong)
    with pytest.raises(AssertionError):
        check_python(["-m", "benchmarks.heads", "--no-such", "x"], monkeypatch)
    with pytest.raises(AssertionError):
        check_make(["no-such-target"])


@pytest.mark.parametrize(("page", "line"), commands(marked=True))
def test_marked_commands_run_and_print_what_the_page_shows(page: str, line: str) -> None:
    words = [sys.executable, *shlex.split(line)[1:]]
    result = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=60)
    assert result.returncode == 0, result.stderr
    if "--format" not in words:  # what is printed last does not depend on the machine's versions
        assert result.stdout.splitlines()[-1] in text_of(ROOT / "docs" / page).splitlines()


def test_some_commands_are_run() -> None:
    assert len(commands(marked=True)) >= 3
