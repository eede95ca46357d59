"""Info: show what a model is."""

import argparse
import logging

from edge.commands.terminal import add_format, add_model, model_of, notice

log = logging.getLogger(__name__)


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_model(parser)
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Print the contract, the size, the digest and the outputs of a model."""
    import dataclasses
    import hashlib
    import json

    from edge import Classifier
    from edge.commands.table import Table
    from edge.shipped import card

    model = model_of(options)
    classifier, content = Classifier(model), model.read_bytes()
    record = dataclasses.asdict(classifier.contract) | {
        "outputs": classifier.outputs,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    rows = card(model)
    if options.format == "json":
        print(json.dumps(record | ({"card": rows} if rows else {}), ensure_ascii=False, indent=1))
    else:
        record["SHA-256"] = record.pop("sha256")
        for name, value in record.items():
            if value is None or (name == "trained_on" and classifier.contract.adopted):
                continue
            parts = value.items() if isinstance(value, dict) else [("", value)]
            for part, inner in parts:
                shown = ", ".join(map(str, inner)) if isinstance(inner, list | tuple) else inner
                print(f"{f'{name} {part}'.strip().replace('_', ' ') + ':':28s} {shown}")
        if rows:
            print("\nThe shipped model; the 95 % interval in brackets")
            print(Table("", ("measured", ""), [(row["what"], row["value"]) for row in rows]).as_text())
    log.info(notice(classifier.contract))
    return 0
