"""Weights: fetch VGG16's ImageNet weights."""

import argparse

from training.commands import arguments


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    arguments.add_weights(parser)


def run(options: argparse.Namespace) -> int:
    """Print where the weights are."""
    from training.models.imagenet_weights import vgg16_weights

    print(f"weights: {vgg16_weights(options.weights)}")
    return 0
