"""Arguments that several commands of export take."""

import argparse
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edge.images.preprocessing import RESIZES, SAMPLED
from export.foreign.intake import CHANNELS, SCALES

if TYPE_CHECKING:
    from export.foreign.facts import Told

METHODS = (*RESIZES, SAMPLED)
LONGEST = 100  # letters of a label


def add_images(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add the images to compare on."""
    parser.add_argument(
        "--images", type=Path, required=required, metavar="DIR", help="ECG images to compare on, with subfolders"
    )


def add_told(parser: argparse.ArgumentParser) -> None:
    """Add what has to be told of a model that others made."""
    group = parser.add_argument_group("of a model that others made", "what cannot be read in its file")
    group.add_argument("--labels", type=_labels, metavar="A,B,...", help="its classes, in the order of its outputs")
    group.add_argument(
        "--preprocessing",
        choices=tuple(SCALES),
        help=f"of the levels of pixels; {_described(SCALES)}",
    )
    group.add_argument(
        "--channels", choices=tuple(CHANNELS), help=f"as the pictures were opened; {_described(CHANNELS)}"
    )
    group.add_argument(
        "--resize",
        choices=METHODS,
        help="nearest: what Keras' load_img and ImageDataGenerator do if not told otherwise; tf-bilinear: "
        "image_dataset_from_directory, tf.image.resize, OpenCV; the others: Pillow's",
    )
    group.add_argument(
        "--activation", choices=("softmax", "sigmoid"), help="what its outputs are logits of, if it ends in neither"
    )
    group.add_argument(
        "--image-size", type=_size, metavar="HEIGHTxWIDTH", help="of its input, if its file leaves it open"
    )


def _described(choices: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {text}" for name, text in choices.items())


def told_of(options: argparse.Namespace) -> "Told | None":
    """Return what was told of a model of others, None where something is missing."""
    from export.foreign.facts import Told

    if not (options.labels and options.preprocessing and options.channels and options.resize):
        return None
    return Told(
        labels=options.labels,
        scale=options.preprocessing,
        channels=options.channels,
        resize=options.resize,
        activation=options.activation,
        size=options.image_size,
    )


def line_to_type(command: str, path: Path, channels: int | None, classes: int | None) -> str:
    """Return the command that takes a model of others, with what is to be chosen."""
    labels = ",".join(f"LABEL{number}" for number in range(1, (classes or 2) + 1))
    order = "grey" if channels == 1 else "rgb|bgr"
    return (
        f"python -m export {command} {shlex.quote(str(path))} --labels {labels} --preprocessing {'|'.join(SCALES)} "
        f"--channels {order} --resize {'|'.join(METHODS)} --out MODEL.onnx --images DIR"
    )


def _labels(text: str) -> tuple[str, ...]:
    labels = tuple(part.strip() for part in text.split(","))
    if len(labels) < 2 or not all(labels) or len(set(labels)) < len(labels):
        raise argparse.ArgumentTypeError(f"{text[:80]!r} is no list of at least two different names")
    odd = next((one for one in labels if len(one) > LONGEST or not one.isprintable() or "|" in one), None)
    if odd is not None:
        raise argparse.ArgumentTypeError(f"{odd[:80]!r} is no name: at most {LONGEST} printable letters, and no |")
    return labels


def _size(text: str) -> tuple[int, int]:
    if not re.fullmatch("[0-9]{1,5}x[0-9]{1,5}", text):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not HEIGHTxWIDTH: give for example 224x224")
    height, width = map(int, text.split("x"))
    return height, width
