"""Uploads: a folder for what visitors upload, from which each file goes after minutes, and all at the end."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

from edge.files import identity, locked

PREFIX = "ecg-demo-"
KEPT = 540
"""Seconds until a file is deleted."""
LOOK = 20
"""Seconds between two looks: nothing is there for longer than ten minutes."""
LOCK = ".lock"
File = tuple[Path, tuple[int, int]]
"""A file and what tells it from another one that takes its name."""
# Waits until its standard input ends, which it does however the demo ends, and takes the folder with it.
WARDEN = "import shutil, sys; sys.stdin.read(); shutil.rmtree(sys.argv[1], ignore_errors=True)"


class Uploads:
    """A folder of this process alone, from which every file is deleted after a time.

    A process of its own removes it as soon as this one ends, even by `kill -9`; what a power cut left is removed by
    the next start.
    """

    def __init__(self, kept: float = KEPT, look: float = LOOK) -> None:
        """Make the folder; `kept` and `look` are seconds."""
        home = Path(tempfile.gettempdir())
        for left in home.glob(f"{PREFIX}*"):
            _remove_unless_used(left)
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=home))  # readable by its owner alone
        self._lock = (self.folder / LOCK).open("w")
        locked(self._lock)
        self._warden = self._watched()
        self._kept, self._look, self._ended = kept, look, Event()

    def begin(self) -> None:
        """Delete from now on what comes; what is there now, the page's own pictures, stays."""
        Thread(target=self._sweep, args=(self._files(),), daemon=True).start()

    def __enter__(self) -> "Uploads":
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the folder."""
        self._ended.set()
        self._lock.close()
        self._warden.communicate()
        shutil.rmtree(self.folder, ignore_errors=True)  # where somebody has killed that process

    def _watched(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-I", "-S", "-c", WARDEN, str(self.folder)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)

    def _files(self) -> set[File]:
        """Return every file that is there."""
        found = {path: identity(path) for path in self.folder.rglob("*") if path.is_file()}
        return {(path, which) for path, which in found.items() if which is not None}  # others have just gone

    def _sweep(self, own: set[File]) -> None:
        """Delete each file once it has been seen for long enough, by a clock that does not jump."""
        seen: dict[File, float] = {}
        folders: list[Path] = []
        while not self._ended.wait(self._look):
            now = time.monotonic()
            seen = {file: seen.get(file, now) for file in self._files() - own}
            for (path, _), since in seen.items():
                if now - since >= self._kept - self._look:  # it may have come just after the look before
                    path.unlink(missing_ok=True)
            for folder in reversed(folders):  # of the last look: nobody is about to write into an empty one
                with suppress(OSError):
                    folder.rmdir()
            folders = [path for path in self.folder.rglob("*") if path.is_dir()]
            if self._warden.poll() is not None and not self._ended.is_set():
                self._warden = self._watched()


def _remove_unless_used(folder: Path) -> None:
    """Remove what another process of this user has left; a folder that is in use stays."""
    if folder.is_symlink() or not folder.is_dir() or (os.name == "posix" and folder.stat().st_uid != os.getuid()):
        return
    try:
        with (folder / LOCK).open("r+") as lock:
            if not locked(lock):
                return
    except OSError:  # no lock: being made, or no folder of ours
        return
    shutil.rmtree(folder, ignore_errors=True)
