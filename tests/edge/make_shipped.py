"""Write the answers of the shipped model on the examples again: python -m tests.edge.make_shipped

`shipped.json` holds the probabilities that `edge/models/ecg.onnx`, in float32, gives each image of `examples/`.
"""

import json
from pathlib import Path

from edge import Classifier
from edge.shipped import FOLDER
from tests.conftest import ROOT


def main() -> None:
    classifier = Classifier(FOLDER / "ecg.onnx")
    found = [classifier.predict(image) for image in sorted((ROOT / "examples").glob("*.jpg"))]
    answers = {Path(one.image).name: {"status": str(one.status), "probabilities": one.probabilities} for one in found}
    (Path(__file__).parent / "golden" / "shipped.json").write_text(json.dumps(answers, indent=1) + "\n")


if __name__ == "__main__":
    main()
