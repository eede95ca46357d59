"""Bench: measure what an image costs on this machine."""

import argparse

from edge.commands.terminal import add_format, add_model, model_of, positive


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_model(parser)
    parser.add_argument("--runs", type=positive, default=20, metavar="N", help="measurements of each step")
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Print what an image costs."""
    import json

    from edge.benchmark import measure

    found = measure(model_of(options), options.runs)
    if options.format == "json":
        print(json.dumps(found, indent=1))
        return 0
    from edge.commands.table import Table

    memory = found["peak memory"]
    rows = [[name, f"{time['median']:.1f}", f"{time['p95']:.1f}"] for name, time in found["milliseconds"].items()]
    print(found["model"], found["machine"], sep="\n")
    print(Table("", ("milliseconds an image", "median", "95 %"), rows).as_text())
    print(f"peak memory: {'unknown here' if memory is None else f'{memory:.1f} MB'}")
    return 0
