"""Tune: search for a recipe by cross-validation."""

import argparse
import contextlib
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge.commands.terminal import positive
from training.commands import arguments, train
from training.models.networks import NETWORKS

if TYPE_CHECKING:
    from training.evaluation.search import Search

SEARCHED = ("epochs", "augmentations", "acquisitions", "learning_rate")


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a training, four of which are open, and those of a search."""
    train.describe_learning(parser)
    parser.set_defaults(**dict.fromkeys(SEARCHED))
    arguments.add_out(parser, "DIR", "folder for the trials and the report; a search that is there goes on")
    parser.add_argument(
        "--trials", type=positive, default=20, metavar="N", help="recipes to try, earlier ones included"
    )
    parser.add_argument("--folds", type=positive, default=5, metavar="N", help="grouped folds of each trial")


def run(options: argparse.Namespace) -> int:
    """Search, write the report, and print the best recipe as a command."""
    from edge.errors import UsageError

    if options.folds == 1:
        raise UsageError("--folds 1: one fold leaves nothing to learn from: give at least 2")
    train.check(options)
    # A network that is trained whole has augmentations for its in-distribution score alone.
    useful = SEARCHED if NETWORKS[options.model].weights else set(SEARCHED) - {"augmentations"}
    searched = tuple(name for name in SEARCHED if name in useful and getattr(options, name) is None)
    open_weights = any(len(words) == 1 for words in options.auxiliary)
    if not (searched or open_weights):
        raise UsageError("nothing is left to search: leave out --learning-rate, --epochs or another of train's options")
    with contextlib.redirect_stdout(sys.stderr):  # what Keras prints is no result
        from training.fit.search import search
        from training.reports.training_run import write_search_report

        found = search(train.recipe_of(options), train.inputs_of(options, 0.0), searched, options.trials)
        best = _command(options, found)
        write_search_report(found, best, options.out)
    print(f"macro-F1 {found.best.macro_f1:.3f} out of fold, the best of {len(found.trials)} trials, which flatters it")
    print(f"train by it: {best}")
    print(f"report: {options.out / 'report.html'}")
    return 0


def _command(options: argparse.Namespace, found: "Search") -> str:
    """Return the command that trains by the best recipe."""
    from training.fit.search import weight_of

    settings = found.best.settings
    words = ["python", "-m", "training", "train", "--model", options.model, "--data", str(options.data)]
    height, width = options.image_size
    fixed = {"image_size": f"{height}x{width}", "folds": options.folds, "seed": options.seed}
    names = (
        *SEARCHED,
        "apart_from",
        "weights",
        "fine_tune",
        "masked",
        "drop_duplicates",
        "allow_leaks",
        "skip_unreadable",
    )
    for name, value in (fixed | {name: settings.get(name, getattr(options, name)) for name in names}).items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(option)
        elif value is not None and value is not False:
            words += [option, f"{value:.6g}" if isinstance(value, float) else str(value)]
    for folder, *weight in options.auxiliary:
        words += ["--auxiliary", folder, *(weight or [f"{settings[weight_of(str(Path(folder)))]:.3g}"])]
    return shlex.join([*words, "--out", "RUN"])
