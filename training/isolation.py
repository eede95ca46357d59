"""Isolation: a module of this program in a process of its own, for files that nobody vouches for."""

import ctypes
import json
import os
import signal
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
        with suppress(OSError):  # it has ended
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()


def confine(memory: int) -> None:
    """Bound this process: bytes of memory, the size of a file, no core file, and no network where the system allows."""
    if resource is not None:
        for kind, most in (
            (resource.RLIMIT_AS, memory),
            (resource.RLIMIT_FSIZE, LARGEST_FILE),
            (resource.RLIMIT_CORE, 0),
        ):
            with suppress(ValueError, OSError):  # it is lower already
                resource.setrlimit(kind, (most, most))
    if sys.platform == "linux":
        unshare = getattr(ctypes.CDLL(None), "unshare", None)
        if unshare is not None and unshare(NEW_NETWORK):  # it may, without a user of one's own, where one is root
            unshare(NEW_USER | NEW_NETWORK)
