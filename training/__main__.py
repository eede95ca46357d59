"""The lab's command line: explore, audit, train, evaluate, weights, images."""

import argparse
import contextlib
import json
import logging
import math
import shlex
import sys
from pathlib import Path

from edge.commands.terminal import Parser, exit_with, natural, positive


def main() -> None:
    """Run the command that the command line names."""
    parser = Parser(prog="training", description="Train and judge models that read pictures of 12-lead ECGs.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (describe, _, text) in COMMANDS.items():
        describe(commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}."))
    options = parser.parse_args()
    # Keras advises against .h5 at every save, TensorFlow against many small networks.
    for talker in ("absl", "tensorflow"):
        logging.getLogger(talker).setLevel(logging.ERROR)
    exit_with(lambda: COMMANDS[options.command][1](options))


def _image_size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    if not (height.isdecimal() and width.isdecimal() and min(int(height), int(width)) >= 32):
        raise argparse.ArgumentTypeError(f"{text!r} is no HEIGHTxWIDTH of at least 32 pixels, as in 224x224")
    return int(height), int(width)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share above 0 and up to 1, as in 0.9")
    return share


def _paper(text: str) -> tuple[float, float]:
    try:
        width, height = map(float, text.split("x"))
    except ValueError:
        width = height = math.nan
    if not (0 < width <= 1200 and 0 < height <= 1200):
        raise argparse.ArgumentTypeError(f"{text!r} is no WIDTHxHEIGHT in mm of at most 1200, as in 297x210")
    return width, height


def _data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="folder with a folder of images a class"
    )


def _out(parser: argparse.ArgumentParser, metavar: str, text: str) -> None:
    parser.add_argument("--out", "-o", type=Path, required=True, metavar=metavar, help=text)


def _seed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seed", type=natural, default=0, metavar="N", help="makes the splits and all else that is random"
    )


def _skip(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--skip-unreadable", action="store_true", help="list unreadable images and go on without them")


def _weights(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--weights", default="imagenet", metavar="imagenet|PATH", help="VGG16's weights without its top, vgg16 only"
    )


def _describe_explore(parser: argparse.ArgumentParser) -> None:
    _data(parser)
    _out(parser, "REPORT", "folder for the report")
    _seed(parser)


def _explore(options: argparse.Namespace) -> int:
    from training.reports.explore import explore

    counts = explore(options.data, options.out, options.seed)
    labels = sorted({label for numbers in counts.values() for label in numbers})
    _print_table(
        ("class", *counts), [[label, *(str(numbers.get(label, 0)) for numbers in counts.values())] for label in labels]
    )
    _print_report(options.out)
    return 0


def _describe_audit(parser: argparse.ArgumentParser) -> None:
    _data(parser)
    parser.add_argument("--out", "-o", type=Path, metavar="REPORT", help="folder for a report; none if not given")
    parser.add_argument("--strict", action="store_true", help="exit with 1 where something leaks")
    _seed(parser)


def _audit(options: argparse.Namespace) -> int:
    from training.evaluation.audit import audit
    from training.reports.audit import tables, write_audit

    found = audit(options.data, options.seed)
    print(found.headline)
    for table in tables(found):
        print(f"\n{table.title}")
        _print_table(table.header, table.rows)
    print(*[""] * bool(found.warnings), *(f"warning: {line}" for line in found.warnings), sep="\n")
    for line in found.unreadable:
        print(line, file=sys.stderr)
    if options.out:
        write_audit(found, options.data, options.out)
        _print_report(options.out)
    return 1 if options.strict and found.leaks else 0


def _describe_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", choices=("cnn", "vgg16"), required=True, help="the custom CNN, or VGG16 with ImageNet weights"
    )
    _data(parser)
    _out(parser, "RUN", "folder for the .h5, the history and the report; an interrupted run there goes on")
    parser.add_argument(
        "--auxiliary",
        type=Path,
        metavar="DIR",
        help="folder of further images to learn from, drawn ones say; validation and test stay those of --data",
    )
    parser.add_argument("--epochs", type=positive, default=10, metavar="N", help="passes over the images")
    parser.add_argument(
        "--image-size", type=_image_size, default=(224, 224), metavar="HEIGHTxWIDTH", help="pixels of the model's input"
    )
    _weights(parser)
    parser.add_argument(
        "--augmentations",
        type=positive,
        default=2,
        metavar="K",
        help="seeded views of each image, for the frozen base and for in_distribution",
    )
    parser.add_argument(
        "--acquisitions",
        type=natural,
        default=0,
        metavar="K",
        help="pictures that a scanner or a phone would take of each image, to learn from as well",
    )
    parser.add_argument(
        "--fine-tune", choices=("none", "block5"), default="none", help="what of VGG16 to train after the head"
    )
    parser.add_argument(
        "--folds", type=natural, default=0, metavar="N", help="also cross-validate in N grouped folds; 0 for none"
    )
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="folder for acquisitions and features of the frozen base; ~/.cache/ecg-images if not given",
    )
    parser.add_argument(
        "--target-accuracy",
        type=_share,
        default=0.9,
        metavar="SHARE",
        help="share of the answers that shall be right; what is less certain becomes 'uncertain'",
    )
    parser.add_argument(
        "--drop-duplicates", action="store_true", help="keep one of each copy, of a copy in train and test that in test"
    )
    parser.add_argument("--allow-leaks", action="store_true", help="train although copies or groups lie in both splits")
    _skip(parser)
    _seed(parser)


def _train(options: argparse.Namespace) -> int:
    from edge.errors import UsageError
    from training.models.imagenet_weights import vgg16_weights

    if options.folds == 1:
        raise UsageError("--folds 1: one fold leaves nothing to learn from: give at least 2, or 0 for none")
    if options.model == "cnn" and options.fine_tune != "none":
        raise UsageError("--fine-tune block5: is for --model vgg16, a CNN is trained whole: leave it out")
    weights = vgg16_weights(options.weights) if options.model == "vgg16" else None
    with contextlib.redirect_stdout(sys.stderr):  # Keras prints its progress to stdout
        from training.data.recipe import Recipe
        from training.fit.cached_features import default_cache
        from training.fit.run import train

        height, width = options.image_size
        recipe = Recipe(
            options.model,
            options.epochs,
            height,
            width,
            options.augmentations,
            options.fine_tune,
            options.folds,
            options.seed,
            options.target_accuracy,
            options.drop_duplicates,
            options.allow_leaks,
            options.acquisitions,
        )
        model = train(
            options.data,
            recipe,
            weights,
            options.cache or default_cache(),
            options.out,
            options.skip_unreadable,
            options.auxiliary,
        )
    numbers = json.loads((options.out / "report.json").read_text(encoding="utf-8"))
    for name, what in (("out_of_fold", ""), ("out_of_fold_photos", ", phone photos of the images")):
        if name in numbers:
            print(f"out-of-fold, {options.folds} grouped folds{what}")
            _print_scores(numbers[name])
    print(f"model: {model}")
    _print_report(options.out)
    return 0


def _describe_weights(parser: argparse.ArgumentParser) -> None:
    _weights(parser)


def _fetch_weights(options: argparse.Namespace) -> int:
    from training.models.imagenet_weights import vgg16_weights

    print(f"weights: {vgg16_weights(options.weights)}")
    return 0


def _describe_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "models", nargs="+", type=Path, metavar="MODEL", help="an .h5 or an .onnx; several stand side by side"
    )
    _data(parser)
    _out(parser, "REPORT", "folder for the report")
    parser.add_argument(
        "--robustness",
        action="store_true",
        help="also show the images captured, turned, shrunk, blurred, compressed and cut; takes minutes",
    )
    parser.add_argument(
        "--heatmaps", action="store_true", help="also test what the heatmaps of an .onnx are worth; takes minutes"
    )
    _skip(parser)


def _evaluate(options: argparse.Namespace) -> int:
    with contextlib.redirect_stdout(sys.stderr):
        from training.evaluation.evaluate import evaluate

        command = shlex.join(["python", "-m", "training", *sys.argv[1:]])
        numbers = evaluate(
            options.models,
            options.data,
            options.out,
            options.skip_unreadable,
            command,
            options.robustness,
            options.heatmaps,
        )
    from training.reports.heatmaps import heatmap_tables
    from training.reports.model_card import comparison_tables
    from training.reports.robustness import robustness_tables

    for model, result in numbers["models"].items():
        print(model)
        _print_scores(result)
        print()
    further = robustness_tables(numbers["models"]) + heatmap_tables(numbers["models"])
    for table in comparison_tables(numbers) + further:
        print(table.title)
        _print_table(table.header, table.rows)
        print()
    _print_report(options.out)
    return 0


def _describe_pages(parser: argparse.ArgumentParser) -> None:
    _out(parser, "DIR", "folder for the class folders and the manifest")
    parser.add_argument("--per-class", type=positive, metavar="N", help="images a class: 40, or every record")
    parser.add_argument(
        "--signals", type=Path, metavar="DIR", help="real recordings: PTB-XL as published, or WFDB in class folders"
    )
    choices = {
        "look": "blue, green, orange, pink, plain, report, report-2019", "layout": "3x4, 3x4+1, 3x4+3, 6x2, 12x1",
        "acquisition": "bw, clean, photo, scan, screen, stained",
    }  # fmt: skip
    for name, text, default in (
        ("look", "paper and print of a machine", "report"),
        ("layout", "rows and columns of leads, +N rhythm strips; the look's if not given", None),
        ("acquisition", "what became of the image", "clean"),
    ):
        parser.add_argument(
            f"--{name}", choices=(*choices[name].split(", "), "any"), default=default, help=f"{text}; any: each its own"
        )
    parser.add_argument("--strength", type=int, choices=(1, 2, 3), default=2, help="how strong the acquisition is")
    parser.add_argument("--speed", type=float, choices=(25.0, 50.0), help="mm/s; the look's if not given")
    parser.add_argument("--gain", type=float, choices=(10.0, 20.0), help="mm/mV; the look's if not given")
    parser.add_argument("--dpi", type=positive, metavar="N", help="resolution, 72 to 300; the look's if not given")
    parser.add_argument("--paper", type=_paper, metavar="WIDTHxHEIGHT", help="in mm; the look's if not given")
    parser.add_argument("--font", metavar="FONT", help="an installed font, or a TrueType file; the look's if not given")
    parser.add_argument("--truth", action="store_true", help="a JSON file beside each image: parameters, leads, mask")
    parser.add_argument("--workers", type=positive, metavar="N", help="processes; one a core if not given")
    _skip(parser)
    _seed(parser)


def _pages(options: argparse.Namespace) -> int:
    import os

    from training.synthetic.dataset import SyntheticSettings, generate_dataset

    names = (
        "per_class",
        "seed",
        "look",
        "layout",
        "speed",
        "gain",
        "dpi",
        "paper",
        "font",
        "acquisition",
        "strength",
        "truth",
    )
    wanted = SyntheticSettings(**{name: getattr(options, name) for name in names})
    workers = options.workers or os.cpu_count() or 1
    count, skipped = generate_dataset(options.out, wanted, options.signals, workers, options.skip_unreadable)
    for line in skipped:
        print(f"skipped {line}", file=sys.stderr)
    print(f"{count} synthetic ECG images: {options.out}")
    return 0


def _print_table(header: tuple[str, ...], rows: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _print_scores(numbers: dict) -> None:
    from training.reports.evaluation import class_table, headlines, warnings

    table = class_table(numbers, ("sensitivity", "specificity", "precision", "f1"))
    _print_table(table.header, table.rows)
    print(*headlines(numbers), *warnings(numbers), sep="\n")


def _print_report(folder: Path) -> None:
    print(f"report: {folder / 'report.html'}")


COMMANDS = {
    "explore": (_describe_explore, _explore, "count and show the images of a data folder"),
    "audit": (_describe_audit, _audit, "find copies, leaks and shortcuts in a data folder"),
    "train": (_describe_train, _train, "train a model on a data folder"),
    "evaluate": (_describe_evaluate, _evaluate, "judge models, .h5 or .onnx, on the test images of a data folder"),
    "weights": (_describe_weights, _fetch_weights, "fetch VGG16's ImageNet weights and say where they are"),
    "images": (_describe_pages, _pages, "draw ECG images of four classes, from a seed or from recorded signals"),
}

if __name__ == "__main__":
    main()
