"""The device's command line: predict, check, bench and info."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from edge import __version__
from edge.commands.terminal import NOT_A_DEVICE, Parser, at_once, exit_with, positive

STDIN = "-"
MODEL = "an .onnx made by 'python -m export convert'"


def main() -> None:
    """Run the command that the command line names."""
    parser = Parser(prog="edge", description="Classify pictures of 12-lead ECGs with an exported model.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    command = commands.add_parser("predict", help="classify pictures", description="Classify pictures.")
    command.add_argument(
        "paths", nargs="+", metavar="PATH", help="a picture, a folder of pictures, or - for one on standard input"
    )
    command.add_argument("--model", required=True, type=Path, metavar="FILE", help=MODEL)
    command.add_argument(
        "--format", choices=("text", "json", "jsonl", "csv"), default="text", help="how results are written"
    )
    command.add_argument("--top-k", type=positive, metavar="N", help="show the N most probable classes, text only")
    command.add_argument(
        "--threads",
        type=positive,
        metavar="N",
        help="threads that run the model, and that open pages ahead; one a core if not given",
    )
    command.add_argument("--recursive", action="store_true", help="look into the folders of a folder as well")
    command.add_argument(
        "--heatmaps", type=Path, metavar="DIR", help="write each answered page with what speaks for and against it"
    )
    command.add_argument(
        "--out", "-o", type=Path, metavar="FILE", help="write the results here; an interrupted run then goes on"
    )
    command.add_argument("--quiet", "-q", action="store_true", help="no notice and no progress, errors alone")
    for name, text in (
        ("check", "test whether this machine answers as the exporting one did"),
        ("bench", "measure what a page costs on this machine"),
        ("info", "show what a model is"),
    ):
        command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        command.add_argument("model", type=Path, metavar="MODEL", help=MODEL)
        if name == "bench":
            command.add_argument("--runs", type=positive, default=20, metavar="N", help="measurements of each step")
            command.add_argument("--json", action="store_true", help="print JSON, not a table")
    options = parser.parse_args()
    exit_with(lambda: COMMANDS[options.command](options), at_once)


def predict(options: argparse.Namespace) -> int:
    """Classify the pictures; return 1 where one of them could not be read."""
    from edge.images.pipeline import Ahead

    sources = list(_sources(options.paths, options.recursive))
    opener = Ahead(sources[0])  # while onnxruntime is imported and the model loaded
    from edge.commands.predict import Job, run

    job = Job(options.model, options.threads, options.format, options.top_k, options.heatmaps, options.quiet)
    return run(job, sources, options.out, opener)


def _sources(paths: Iterable[str], recursive: bool) -> Iterator[str | Path]:
    from edge.errors import UsageError
    from edge.files import SUFFIXES, pictures
    from edge.images.formats import SUFFIXES as DOCUMENTS

    for name in paths:
        path = Path(name)
        if name == STDIN or not path.is_dir():
            yield name if name == STDIN else path
            continue
        found = pictures(path, recursive, SUFFIXES | DOCUMENTS)
        if not found:
            remedy = "give another" if recursive else "give another, or --recursive"
            kinds = ", ".join(sorted(SUFFIXES | DOCUMENTS))
            raise UsageError(f"{path}: is a folder without pictures ({kinds}): {remedy}")
        yield from found


def check(options: argparse.Namespace) -> int:
    """Print how this machine's answers differ from the exporting machine's; return 1 where they are others."""
    import platform

    import numpy
    import onnxruntime
    import PIL

    from edge import Classifier
    from edge.selftest import check as compare

    lines, passed = compare(Classifier(options.model))
    print(
        f"{platform.machine()}, Python {platform.python_version()}, NumPy {numpy.__version__}, "
        f"Pillow {PIL.__version__}, onnxruntime {onnxruntime.__version__}"
    )
    print("\n".join(lines))
    print(
        "passed: this machine answers as the exporting one did" if passed else "failed: do not use it on this machine"
    )
    return 0 if passed else 1


def bench(options: argparse.Namespace) -> int:
    """Print what a page costs."""
    import json

    from edge.commands.bench import measure, table

    found = measure(options.model, options.runs)
    print(json.dumps(found, indent=1) if options.json else table(found))
    return 0


def info(options: argparse.Namespace) -> int:
    """Print the contract, the size, the digest and the outputs of a model."""
    import dataclasses
    import hashlib

    from edge import Classifier
    from edge.commands.terminal import SYNTHETIC_MODEL

    classifier = Classifier(options.model)
    fields = dataclasses.asdict(classifier.contract)
    trained_on = fields.pop("trained_on")
    content = options.model.read_bytes()
    lines = {
        **fields,
        "labels": ", ".join(classifier.contract.labels),
        **{f"trained on {name}": value for name, value in trained_on.items()},
        "outputs": ", ".join(classifier.outputs),
        "bytes": len(content),
        "SHA-256": hashlib.sha256(content).hexdigest(),
    }
    for name, value in lines.items():
        print(f"{name + ':':18s} {value}")
    print(SYNTHETIC_MODEL if trained_on["synthetic"] else NOT_A_DEVICE, file=sys.stderr)
    return 0


COMMANDS = {"predict": predict, "check": check, "bench": bench, "info": info}

if __name__ == "__main__":
    main()
