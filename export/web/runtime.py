"""The runtime: onnxruntime-web, from the npm registry, of one version whose bytes are known."""

import hashlib
import shutil
import subprocess
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from edge.errors import EcgError

PACKAGE = "onnxruntime-web@1.30.0"
SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"
"""Of the package as the registry gives it."""
SCRIPT, WASM = "package/dist/ort.wasm.bundle.min.mjs", "package/dist/ort-wasm-simd-threaded.wasm"
"""The script that needs no other one, and its WebAssembly, which runs on one thread where a page is not isolated."""


def runtime() -> tuple[bytes, bytes]:
    """Return script and WebAssembly; raise `EcgError` where npm is missing, fails, or gives other bytes."""
    npm = shutil.which("npm")
    if npm is None:
        raise EcgError(
            f"npm is not installed, and {PACKAGE} comes from its registry: install Node.js, then repeat this"
        )
    with TemporaryDirectory(prefix="ecg-web-") as folder:
        command = [npm, "pack", PACKAGE, "--silent", "--prefer-offline", "--pack-destination", folder]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        files = list(Path(folder).glob("*.tgz"))
        if done.returncode or len(files) != 1:
            reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise EcgError(f"npm cannot get {PACKAGE} ({reason}): check the connection and npm's registry")
        content = files[0].read_bytes()
        if hashlib.sha256(content).hexdigest() != SHA256:
            raise EcgError(
                f"{PACKAGE} from npm's registry has another SHA-256 than it had: do not use it; check the registry"
            )
        with tarfile.open(files[0]) as archive:
            script, wasm = (_member(archive, name) for name in (SCRIPT, WASM))
    return script, wasm


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file is not None, f"the package with this SHA-256 has {name}"
    return file.read()
