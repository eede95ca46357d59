"""Isolation: a module of this program in a process of its own, for files that nobody vouches for."""

import ctypes
import json
import os
import signal
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

try:
    import resource
except ImportError:  # Windows: no bound of memory there
    resource = None  # type: ignore[assignment]

ROOT = Path(__file__).parents[1]
KEPT = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "LD_LIBRARY_PATH", "OMP_NUM_THREADS")
"""What of the environment the process sees."""
LARGEST_FILE = 4 << 30
NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000
"""Linux' flags for namespaces of one's own, of users and of networks."""
DIE_WITH_PARENT, NO_NEW_PRIVILEGES = 1, 38
"""Linux' prctl."""
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
"""Linux' calls of Landlock, since 5.13."""
BENEATH = 1
CHANGES = 0b1_1111_1111_0010
"""Landlock's rights to write to a file, and to make or remove anything."""
WRITE_FILE = 0b10


def run_isolated(module: str, *words: str, seconds: int, folder: Path | None = None) -> dict[str, Any] | None:
    """Return what a module prints last, as JSON; None where it does not answer, whatever became of it.

    Its home, its temporary files and its working folder are `folder`, one that is removed if none is given. The module
    is to call `confine` first. It is ended after so many seconds.
    """
    if folder is None:
        with TemporaryDirectory() as own:
            return run_isolated(module, *words, seconds=seconds, folder=Path(own))
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    environment |= {"HOME": str(folder), "TMPDIR": str(folder), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    child = subprocess.Popen(
        [sys.executable, "-m", module, *words],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        printed = child.communicate(timeout=seconds)[0]
        found = json.loads(printed.splitlines()[-1])
        return found if isinstance(found, dict) else None
    except (subprocess.TimeoutExpired, ValueError, IndexError):
        return None
    finally:
        if child.poll() is None:
            with suppress(OSError):  # it has ended just now
                os.killpg(child.pid, signal.SIGKILL)
            child.communicate()


def confine(memory: int) -> None:
    """Bound this process: bytes of memory, the size of a file, no core file.

    Where the system allows it, on Linux: no network, nothing written outside the working folder, and an end when the
    parent ends.
    """
    if resource is not None:
        for kind, most in (
            (resource.RLIMIT_AS, memory),
            (resource.RLIMIT_FSIZE, LARGEST_FILE),
            (resource.RLIMIT_CORE, 0),
        ):
            with suppress(ValueError, OSError):  # it is lower already
                resource.setrlimit(kind, (most, most))
    if sys.platform == "linux":
        system = ctypes.CDLL(None)
        system.prctl(DIE_WITH_PARENT, signal.SIGKILL)
        if system.unshare(NEW_NETWORK):  # which works without a user of one's own where one is root
            system.unshare(NEW_USER | NEW_NETWORK)
        _write_only_below(Path.cwd(), system)


def _write_only_below(folder: Path, system: ctypes.CDLL) -> None:
    """Let this process change nothing outside a folder, by Landlock; without it, nothing happens."""
    system.syscall.restype = ctypes.c_long
    handled = struct.pack("Q", CHANGES)
    rules = system.syscall(CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), 0)
    if rules < 0:
        return
    for path, rights in ((folder, CHANGES), (Path(os.devnull), WRITE_FILE)):
        place = os.open(path, os.O_PATH)
        system.syscall(ADD_RULE, rules, BENEATH, struct.pack("=Qi", rights, place), 0)
        os.close(place)
    system.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    system.syscall(RESTRICT_SELF, rules, 0)
    os.close(rules)
