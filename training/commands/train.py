"""Train: train a model on a data folder."""

import argparse
import contextlib
import sys
from pathlib import Path

from edge.commands.terminal import natural, positive
from training.commands import arguments
from training.data.cache import default_cache
from training.data.recipe import Recipe

DEFAULT = Recipe(model="cnn")


def describe(parser: argparse.ArgumentParser) -> None:  # long: one call an argument
    """Add the arguments; their defaults are those of the recipe."""
    parser.add_argument(
        "--model", choices=("cnn", "vgg16"), required=True, help="the custom CNN, or VGG16 with ImageNet weights"
    )
    arguments.add_data(parser)
    arguments.add_out(parser, "RUN", "folder for the .h5, the history and the report; an interrupted run there goes on")
    parser.add_argument(
        "--auxiliary",
        type=Path,
        metavar="DIR",
        help="folder of auxiliary images to learn from, synthetic ones say; validation and test stay those of --data",
    )
    parser.add_argument("--epochs", type=positive, default=DEFAULT.epochs, metavar="N", help="passes over the images")
    parser.add_argument(
        "--image-size",
        type=arguments.image_size,
        default=f"{DEFAULT.height}x{DEFAULT.width}",
        metavar="HEIGHTxWIDTH",
        help="pixels of the model's input",
    )
    arguments.add_weights(parser)
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
        choices=("none", "block5"),
        default=DEFAULT.fine_tune,
        help="what of VGG16 to train after the head",
    )
    parser.add_argument(
        "--folds", type=natural, default=DEFAULT.folds, metavar="N", help="also cross-validate in N grouped folds"
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=default_cache(),
        metavar="DIR",
        help="folder for acquisitions and features of the frozen base",
    )
    parser.add_argument(
        "--target-accuracy",
        type=arguments.share,
        default=DEFAULT.target_accuracy,
        metavar="SHARE",
        help="share of the predictions that shall be right; what is less certain becomes 'uncertain'",
    )
    parser.add_argument(
        "--drop-duplicates", action="store_true", help="keep one of each copy, of a copy in train and test that in test"
    )
    parser.add_argument("--allow-leaks", action="store_true", help="train although copies or groups lie in both splits")
    arguments.add_skip_unreadable(parser)
    arguments.add_show_header(parser)
    arguments.add_seed(parser, DEFAULT.seed)


def run(options: argparse.Namespace) -> int:
    """Train, write the report, and print out-of-fold metrics and where the model is."""
    from edge.errors import UsageError
    from training.models.imagenet_weights import vgg16_weights

    if options.folds == 1:
        raise UsageError("--folds 1: one fold leaves nothing to learn from: give at least 2, or 0 for none")
    if options.model == "cnn" and options.fine_tune != "none":
        raise UsageError("--fine-tune block5: is for --model vgg16, a CNN is trained whole: leave it out")
    weights = vgg16_weights(options.weights) if options.model == "vgg16" else None
    with contextlib.redirect_stdout(sys.stderr):  # what Keras prints is no result
        from training.data.folder import DataFolder
        from training.fit.run import RunInputs, model_file, train
        from training.reports.training_run import out_of_fold_lines, write_training_report

        skip = options.skip_unreadable
        inputs = RunInputs(
            data=DataFolder.read(options.data, skip_unreadable=skip),
            auxiliary=DataFolder.read(options.auxiliary, skip_unreadable=skip) if options.auxiliary else None,
            out=options.out,
            cache=options.cache,
            weights=weights,
        )
        trained = train(_recipe(options), inputs)
        if trained:
            write_training_report(trained.evaluation, options.out, show_header=options.show_header)
            trained.save()
    for line in out_of_fold_lines(trained.evaluation, options.folds) if trained else ():
        print(line)
    print(f"model: {model_file(options.out, options.model)}")
    print(f"report: {options.out / 'report.html'}")
    return 0


def _recipe(options: argparse.Namespace) -> Recipe:
    names = (
        "model", "epochs", "augmentations", "acquisitions", "fine_tune", "folds", "seed", "target_accuracy",
        "drop_duplicates", "allow_leaks",
    )  # fmt: skip
    height, width = options.image_size
    return Recipe(height=height, width=width, **{name: getattr(options, name) for name in names})
