"""The folder: everything that a static server gives out, the model and the runtime packed, and what they must be."""

import gzip
import hashlib
import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import onnxruntime

from edge import Classifier, __version__
from edge.errors import ModelError, UsageError
from edge.files import UNFINISHED
from edge.images.preprocessing import PREPROCESSING
from edge.selftest import CHECK_KEY
from export.web.runtime import PACKAGE, runtime

ROOT = Path(__file__).parents[2]
PAGE = Path(__file__).parent / "page"
TEXTS, EXAMPLES = ROOT / "demo_views" / "texts", ROOT / "examples"
NOTICES = ("LICENSE", "NOTICE")
THEIRS = {"LICENSE.onnxruntime": "LICENSE", "ThirdPartyNotices.txt": "ThirdPartyNotices.txt"}
"""What they are called in the folder, and in the package of onnxruntime."""
SIDECAR, WORKER = "contract.json", "service-worker.js"


def write_web(model: Path, out: Path) -> int:
    """Write the folder for a model; return its bytes.

    Raises `ModelError` for a model that the page cannot answer with, `UsageError` where something is in the folder
    already, and `EcgError` where the runtime cannot be had.
    """
    classifier = Classifier(model, threads=1)
    contract = classifier.contract
    if contract.preprocessing.id != PREPROCESSING:
        raise ModelError(f"{model}: its preprocessing {contract.preprocessing.id!r} is not made in the browser")
    if CHECK_KEY not in classifier.metadata:
        raise ModelError(f"{model}: has no answers to check a browser by: export the .h5 again")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: is there already: give the name of a new or an empty folder")
    script, wasm = runtime()
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=UNFINISHED, dir=out.parent) as unfinished:
        folder = Path(unfinished) / out.name
        shutil.copytree(PAGE, folder)
        shutil.copytree(TEXTS, folder / "texts")
        shutil.copytree(EXAMPLES, folder / "examples")
        for notice in NOTICES:
            shutil.copy(ROOT / notice, folder)
        for name, notice in THEIRS.items():
            shutil.copy(Path(onnxruntime.__file__).with_name(notice), folder / name)
        (folder / "ort.js").write_bytes(script)
        large = {
            "runtime": _packed(folder, "runtime.wasm.gz", wasm),
            "model": _packed(folder, "model.onnx.gz", model.read_bytes()),
        }
        sidecar = {
            "name": model.name,
            "version": __version__,
            "runtime_package": PACKAGE,
            **large,
            "notices": [*NOTICES, *THEIRS],
            "examples": sorted(path.name for path in EXAMPLES.iterdir()),
            "contract": json.loads(contract.to_json()),
            "check": json.loads(classifier.metadata[CHECK_KEY]),
        }
        (folder / SIDECAR).write_text(json.dumps(sidecar, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        _name_files(folder, list(large.values()))
        folder.chmod(0o755)
        if out.exists():
            out.rmdir()
        folder.rename(out)
    return sum(path.stat().st_size for path in out.rglob("*") if path.is_file())


def _packed(folder: Path, name: str, content: bytes) -> dict[str, str | int]:
    """Write bytes gzipped, the same for the same bytes; return what the page checks them by."""
    packed = gzip.compress(content, mtime=0)
    (folder / name).write_bytes(packed)
    digest = hashlib.sha256(content).hexdigest()
    return {"file": name, "sha256": digest, "bytes": len(content), "packed": len(packed)}


def _name_files(folder: Path, large: list[dict[str, str | int]]) -> None:
    """Tell the service worker which files there are, and a version that changes with any of them.

    The large ones are kept by the page itself, when it has them.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != WORKER)
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    packed = {one["file"] for one in large}
    names = ["./", *(path.relative_to(folder).as_posix() for path in files if path.name not in packed)]
    worker = folder / WORKER
    text = worker.read_text(encoding="utf-8")
    digests = [one["sha256"] for one in large]
    for empty, filled in (("FILES = []", names), ('VERSION = ""', digest.hexdigest()), ("LARGE = []", digests)):
        assert empty in text
        text = text.replace(empty, f"{empty.partition(' ')[0]} = {json.dumps(filled)}")
    worker.write_text(text, encoding="utf-8")
