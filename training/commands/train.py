"""Train: train a model on a data folder."""

import argparse
import contextlib
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge.commands.terminal import natural, positive
from training.commands import arguments
from training.data.recipe import AUXILIARY_WEIGHT, Recipe
from training.models.networks import IMAGENET, NETWORKS, weights_file

if TYPE_CHECKING:
    from training.fit.run import RunInputs

DEFAULT = Recipe(model="cnn")
NAMES = {field.name for field in dataclasses.fields(Recipe)}


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments; their defaults are those of the recipe."""
    describe_learning(parser)
    arguments.add_out(parser, "RUN", "folder for the .h5, the history and the report; an interrupted run there goes on")
    parser.add_argument(
        "--with-test",
        action="store_true",
        help="learn from the test images too: for a model to be shipped, after its recipe was tested without them; "
        "--folds leaves them out",
    )
    parser.add_argument(
        "--folds", type=natural, default=DEFAULT.folds, metavar="N", help="also cross-validate in N grouped folds"
    )
    parser.add_argument(
        "--target-accuracy",
        type=arguments.share,
        default=DEFAULT.target_accuracy,
        metavar="SHARE",
        help="share of the predictions that shall be right; what is less certain becomes 'uncertain'",
    )
    arguments.add_show_header(parser)


def describe_learning(parser: argparse.ArgumentParser) -> None:  # long: one call an argument
    """Add the arguments that say what is learned from and how, for a run and for a search."""
    parser.add_argument(
        "--model",
        choices=tuple(NETWORKS),
        required=True,
        help="; ".join(f"{n}: {k.description}" for n, k in NETWORKS.items()),
    )
    arguments.add_data(parser)
    parser.add_argument(
        "--auxiliary",
        action="append",
        default=[],
        nargs="+",
        metavar=("DIR", "WEIGHT"),
        help="folder of auxiliary images to learn from, and their sample weight; without one train takes "
        f"{AUXILIARY_WEIGHT}, tune searches; may come again; validation and test stay those of --data",
    )
    parser.add_argument(
        "--apart-from",
        type=Path,
        metavar="DIR",
        help="leave out auxiliary images of a group that this data folder has: for a model that learns from it later",
    )
    parser.add_argument("--epochs", type=positive, default=DEFAULT.epochs, metavar="N", help="passes over the images")
    parser.add_argument(
        "--image-size",
        type=arguments.image_size,
        default=f"{DEFAULT.height}x{DEFAULT.width}",
        metavar="HEIGHTxWIDTH",
        help="pixels of the model's input",
    )
    parser.add_argument(
        "--weights",
        default=IMAGENET,
        metavar="imagenet|PATH",
        help="what a network starts from: ImageNet weights, the shipped ones or a file, or an .h5 of this program",
    )
    parser.add_argument(
        "--augmentations",
        type=positive,
        default=DEFAULT.augmentations,
        metavar="K",
        help="seeded augmentations of each image, for the frozen base and for the in-distribution score",
    )
    parser.add_argument(
        "--acquisitions",
        type=natural,
        default=DEFAULT.acquisitions,
        metavar="K",
        help="simulated acquisitions of each image, by a scanner or a phone, to learn from as well",
    )
    parser.add_argument(
        "--fine-tune",
        choices=("none", *(stage for kind in NETWORKS.values() for stage in kind.fine_tuning)),
        default=DEFAULT.fine_tune,
        help="what of a network with ImageNet weights to train after the head",
    )
    parser.add_argument(
        "--learning-rate",
        type=arguments.share,
        metavar="RATE",
        help="at the beginning, of fine-tuning where there is any; the network's if not given",
    )
    parser.add_argument(
        "--masked",
        action="store_true",
        help="fine-tune with the header masked in some augmentations, and on some images whose traces are wiped out",
    )
    arguments.add_cache(parser, "folder for acquisitions and features of the frozen base")
    parser.add_argument(
        "--drop-duplicates", action="store_true", help="keep one of each copy, of a copy in train and test that in test"
    )
    parser.add_argument("--allow-leaks", action="store_true", help="train although copies or groups lie in both splits")
    arguments.add_skip_unreadable(parser)
    arguments.add_seed(parser, DEFAULT.seed)


def run(options: argparse.Namespace) -> int:
    """Train, write the report, and print out-of-fold metrics and where the model is."""
    from edge.errors import UsageError

    if options.folds == 1:
        raise UsageError("--folds 1: one fold leaves nothing to learn from: give at least 2, or 0 for none")
    check(options)
    with contextlib.redirect_stdout(sys.stderr):  # what Keras prints is no result
        from training.fit.run import model_file, train
        from training.reports.training_run import out_of_fold_lines, write_training_report

        trained = train(recipe_of(options), inputs_of(options, AUXILIARY_WEIGHT))
        if trained:
            write_training_report(trained.evaluation, options.out, show_header=options.show_header)
            trained.save()
    for line in out_of_fold_lines(trained.evaluation, options.folds) if trained else ():
        print(line)
    print(f"model: {model_file(options.out, options.model)}")
    print(f"report: {options.out / 'report.html'}")
    return 0


def check(options: argparse.Namespace) -> None:
    """Raise `UsageError` for options that do not go together."""
    from edge.errors import UsageError

    stages = NETWORKS[options.model].fine_tuning
    if options.fine_tune not in ("none", *stages):
        remedy = f"give {' or '.join(stages)}" if stages else "it is trained whole: leave it out"
        raise UsageError(f"--fine-tune {options.fine_tune}: is not for --model {options.model}: {remedy}")
    if options.fine_tune == "none" and options.masked:
        raise UsageError("--masked: is for --fine-tune: give a stage, or leave it out")


def inputs_of(options: argparse.Namespace, weight: float) -> "RunInputs":
    """Return what a run reads and where it writes; `weight` is that of auxiliary images where none is given."""
    from training.data.folder import DataFolder
    from training.fit.run import RunInputs

    weights = weights_file(options.model, options.weights)
    auxiliary = [_auxiliary(words, weight) for words in options.auxiliary]
    skip = options.skip_unreadable
    return RunInputs(
        data=DataFolder.read(options.data, skip_unreadable=skip),
        auxiliary=tuple((DataFolder.read(path, skip_unreadable=skip), weight) for path, weight in auxiliary),
        apart_from=DataFolder.read(options.apart_from, skip_unreadable=skip) if options.apart_from else None,
        out=options.out,
        cache=options.cache,
        weights=weights,
    )


def _auxiliary(words: list[str], default: float) -> tuple[Path, float]:
    """Return the folder and the sample weight that the words of one --auxiliary give."""
    from edge.errors import UsageError

    folder, *weight = words
    try:
        return Path(folder), arguments.share(*weight) if weight else default
    except (argparse.ArgumentTypeError, TypeError):
        raise UsageError(
            f"--auxiliary {' '.join(words)}: is no folder and a weight above 0 and up to 1: give for example DIR 0.1"
        ) from None


def recipe_of(options: argparse.Namespace) -> Recipe:
    """Return the recipe; what a command does not ask for, or leaves open as None, is as it is by default."""
    height, width = options.image_size
    given = {name: value for name, value in vars(options).items() if name in NAMES and value is not None}
    return Recipe(height=height, width=width, **given)
