"""Write the answers of the shipped model on the examples again: python -m tests.edge.make_shipped

`shipped.json` holds, for each file of the shipped model, status and probabilities of each image of `examples/`.
"""

import json
from pathlib import Path

from edge import Classifier
from edge.shipped import FOLDER, digests
from tests.conftest import ROOT


def main() -> None:
    answers = {}
    for name in digests():
        found = Classifier(FOLDER / name).predict_many(sorted((ROOT / "examples").glob("*.jpg")))
        answers[name] = {
            Path(one.image).name: {"status": str(one.status), "probabilities": one.probabilities} for one in found
        }
    (Path(__file__).parent / "golden" / "shipped.json").write_text(json.dumps(answers, indent=1) + "\n")


if __name__ == "__main__":
    main()
