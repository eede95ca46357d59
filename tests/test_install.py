"""The Makefile makes .venv: with a suitable Python, again when it is broken, and with pip where uv fails."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# A Python that says it is another version, makes an environment with a copy of itself, and writes down what pip does.
PYTHON = """#!/bin/sh
case "$1 $2" in
"-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && {venv} ;;
"-m pip")
    echo "$@" >>log
    case "$*" in *uv==*) cp uv .venv/bin/uv ;; esac ;;
*) exec {real} -c "import sys; sys.version_info = {version}; $2" ;;
esac
"""
UV = '#!/bin/sh\necho "uv $@" >>log\necho "error: one" >&2\n{uv}\n'
AGAIN = ".venv has no working Python 3.11 to 3.13: making it again"
INSTALLING = "installing requirements.txt into .venv"


def write_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements.txt").touch()
    python(tmp_path)
    write_program(tmp_path / "uv", UV.format(uv="exit 0"))
    return tmp_path


def python(house: Path, version: tuple[int, int] = (3, 12), name: str = "python", venv: str = "true") -> None:
    write_program(house / name, PYTHON.format(real=sys.executable, version=version, venv=venv))


def install(house: Path, code: int = 0) -> list[str]:
    """Make the environment; return the lines on stderr that are not make's own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    result = subprocess.run(
        ["make", ".venv/installed", "PYTHON=./python"], cwd=house, env=environment, capture_output=True, text=True
    )
    assert result.returncode == code, result.stderr
    return [line for line in result.stderr.splitlines() if not line.startswith("make:")]


def log(house: Path) -> list[str]:
    return (house / "log").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("version", [(2, 7), (3, 10), (3, 14), None])
def test_an_unsuitable_python_gets_one_line_and_leaves_nothing(house: Path, version: tuple[int, int] | None) -> None:
    if version:
        python(house, version)
    else:
        (house / "python").unlink()
    (line,) = install(house, code=2)
    assert line.startswith("./python is missing or is not Python 3.11 to 3.13: ")
    assert line.endswith("make run PYTHON=python3.12")
    assert not (house / ".venv").exists()


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_a_suitable_python_gets_an_environment_from_uv_once(house: Path, version: tuple[int, int]) -> None:
    python(house, version)
    assert install(house) == [INSTALLING]
    assert [line.split()[0] for line in log(house)] == ["-m", "uv"]
    assert log(house)[1].endswith("--python .venv/bin/python -r requirements.txt")
    (house / "python").unlink()  # nobody asks for it any more
    assert install(house) == []
    assert len(log(house)) == 2


@pytest.mark.parametrize("what", ["gone", "old", "half"])
def test_an_environment_that_cannot_be_used_is_made_again(house: Path, what: str) -> None:
    install(house)
    old = house / ".venv/bin/python"
    old.unlink()
    if what == "gone":
        old.symlink_to(house / "no-python")
    elif what == "old":
        python(house, (3, 10), ".venv/bin/python")
    (house / ".venv/stale").touch()
    assert install(house) == [AGAIN, INSTALLING]
    assert not (house / ".venv/stale").exists()
    assert install(house) == []


def test_a_broken_environment_stays_where_no_python_could_make_another(house: Path) -> None:
    install(house)
    (house / ".venv/bin/python").unlink()
    python(house, (3, 14))
    (line,) = install(house, code=2)
    assert line.startswith("./python is missing or is not")
    assert (house / ".venv").exists()


def test_an_environment_that_could_not_be_made_is_not_left(house: Path) -> None:
    python(house, venv="exit 1")
    assert install(house, code=2) == []
    assert not (house / ".venv").exists()


def test_changed_requirements_go_into_the_environment_that_is_there(house: Path) -> None:
    install(house)
    (house / ".venv/kept").touch()
    marker = (house / ".venv/installed").stat().st_mtime
    os.utime(house / "requirements.txt", (marker + 1, marker + 1))
    assert install(house) == [INSTALLING]
    assert (house / ".venv/kept").exists()
    assert len(log(house)) == 4


@pytest.mark.parametrize("uv", ["exit 2", None])
def test_where_uv_fails_pip_installs_and_one_line_says_so(house: Path, uv: str | None) -> None:
    if uv:
        write_program(house / "uv", UV.format(uv=uv))
    else:
        (house / "uv").unlink()  # no index has it
    assert install(house) == [INSTALLING, "uv could not install: going on with pip, which takes longer"]
    assert log(house)[-1] == "-m pip install --quiet --disable-pip-version-check -r requirements.txt"
    assert (house / ".venv/installed").exists()


def pins(file: str) -> set[str]:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    return {match[0] for line in lines if (match := re.match(r"[\w.-]+==[^ ]+", line))}


def test_the_device_has_the_versions_of_the_whole() -> None:
    device = pins("edge/requirements.txt")
    assert {pin.split("==")[0] for pin in device} >= {"numpy", "pillow", "onnxruntime"}
    assert device <= pins("requirements.txt")
