"""The device's command line: predict and info."""

import argparse
import csv
import dataclasses
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from edge import Classifier, Prediction, UsageError, __version__
from edge.files import SUFFIXES, pictures, replacing
from edge.terminal import DRAWN_MODEL, NOT_A_DEVICE, Parser, exit_with, positive


def main() -> None:
    """Run the command that the command line names."""
    parser = Parser(prog="edge", description="Classify pictures of 12-lead ECGs with an exported model.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    command = commands.add_parser("predict", help="classify pictures", description="Classify pictures.")
    command.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a picture, or a folder of pictures")
    command.add_argument("--model", required=True, metavar="FILE", help="an .onnx made by 'python -m export convert'")
    command.add_argument(
        "--format", choices=("text", "json", "jsonl", "csv"), default="text", help="how results are written"
    )
    command.add_argument("--top-k", type=positive, metavar="N", help="show the N most probable classes, text only")
    command.add_argument("--threads", type=positive, metavar="N", help="threads for one page; all cores if not given")
    command.add_argument("--recursive", action="store_true", help="look into the folders of a folder as well")
    command.add_argument("--out", "-o", type=Path, metavar="FILE", help="write the results here, not to stdout")
    command = commands.add_parser("info", help="show what a model is", description="Show what a model is.")
    command.add_argument("model", metavar="MODEL", help="an .onnx made by 'python -m export convert'")
    options = parser.parse_args()
    exit_with(lambda: predict(options) if options.command == "predict" else info(options.model))


def predict(options: argparse.Namespace) -> int:
    """Classify the pictures; return 1 where one of them could not be read."""
    sources = list(_pictures(options.paths, options.recursive))
    classifier = Classifier(options.model, options.threads)
    if options.format == "text":
        print(DRAWN_MODEL if classifier.contract.trained_on.drawn else NOT_A_DEVICE, file=sys.stderr)
    failed = 0

    def counted() -> Iterator[Prediction]:
        nonlocal failed
        for prediction in classifier.predict_many(sources):
            failed += prediction.status == "error"
            yield prediction

    with _results(options.out) as out:
        _write(counted(), out, options.format, classifier.contract.labels, options.top_k)
    if failed:
        print(f"{failed} of {len(sources)} pictures could not be read", file=sys.stderr)
    return 1 if failed else 0


def _pictures(paths: Iterable[Path], recursive: bool) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = pictures(path, recursive)
        if not found:
            remedy = "give another" if recursive else "give another, or --recursive"
            raise UsageError(f"{path}: is a folder without pictures ({', '.join(sorted(SUFFIXES))}): {remedy}")
        yield from found


@contextmanager
def _results(out: Path | None) -> Iterator[TextIO]:
    if out is None:
        yield sys.stdout
    else:
        with replacing(out) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as file:
            yield file


def _write(
    predictions: Iterator[Prediction], out: TextIO, form: str, labels: tuple[str, ...], top_k: int | None
) -> None:
    """Write predictions as they come, all but JSON, which is one array."""
    if form == "json":
        records = [prediction.as_record() for prediction in predictions]
        print(json.dumps(records, ensure_ascii=False, indent=1), file=out)
    table = csv.writer(out, lineterminator="\n")
    if form == "csv":
        classes = [f"probability_{label}" for label in labels]
        table.writerow(["image", "status", "label", "probability", *classes, "typicality", "reason", "error"])
    for found in predictions:
        if form == "csv":
            row = [found.probabilities.get(label) for label in labels]
            notes = (found.typicality, found.reason, found.error)
            table.writerow([found.image, found.status, found.label, found.probability, *row, *notes])
        elif form == "jsonl":
            print(json.dumps(found.as_record(), ensure_ascii=False), file=out)
        else:
            print(found.error or f"{found.image}: {_in_words(found, top_k)}", file=out)
        out.flush()


def _in_words(found: Prediction, top_k: int | None) -> str:
    if found.status == "rejected":
        return f"rejected: {found.reason}"
    ranked = sorted(found.probabilities.items(), key=lambda item: -item[1])[:top_k]
    shares = ", ".join(f"{name} {share:.1%}" for name, share in ranked)
    return f"uncertain: {shares}" if found.status == "uncertain" else shares


def info(model: str) -> int:
    """Print the contract, the size, the digest and the outputs of a model."""
    classifier = Classifier(model)
    fields = dataclasses.asdict(classifier.contract)
    trained_on = fields.pop("trained_on")
    content = Path(model).read_bytes()
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
    if trained_on["drawn"]:
        print(DRAWN_MODEL, file=sys.stderr)
    return 0


if __name__ == "__main__":
    main()
