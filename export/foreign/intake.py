"""The intake: what stands between the pixels of a picture and a network of others, as their program did it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

RGB_MEAN, RGB_SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BGR_MEAN = (103.939, 116.779, 123.68)
"""Of ImageNet, as Keras' `preprocess_input` and torchvision have them."""
SCALES = {
    "unit": "levels divided by 255",
    "tf": "divided by 127.5, minus 1, as Keras' preprocess_input of MobileNet and Xception",
    "caffe": "channels reversed, less ImageNet's means, as that of VGG and ResNet",
    "torch": "divided by 255, then ImageNet's means and deviations, as torchvision and that of DenseNet",
    "none": "0 to 255, where the network scales by itself",
}
CHANNELS = {
    "rgb": "as Keras and Pillow give them",
    "bgr": "as OpenCV gives them",
    "grey": "one channel",
}


@dataclass(frozen=True)
class Intake:
    """Turn pixels, uint8 (n, height, width, 3) RGB, into what a network was trained on."""

    scale: str
    """A key of `SCALES`."""
    channels: str
    """A key of `CHANNELS`: as a picture is given to the scale."""

    @property
    def _order(self) -> list[int]:
        found = {"rgb": [0, 1, 2], "bgr": [2, 1, 0], "grey": [0]}[self.channels]
        return found[::-1] if self.scale == "caffe" else found

    @property
    def _steps(self) -> list[tuple[str, np.ndarray]]:
        """Return the operators that follow one another, each with its second operand."""
        steps: dict[str, list[tuple[str, float | tuple[float, ...]]]] = {
            "unit": [("Div", 255.0)],
            "tf": [("Div", 127.5), ("Sub", 1.0)],
            "caffe": [("Sub", BGR_MEAN)],
            "torch": [("Div", 255.0), ("Sub", RGB_MEAN), ("Div", RGB_SPREAD)],
            "none": [],
        }
        return [(operator, np.array(value, np.float32)) for operator, value in steps[self.scale]]

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """Return what the network takes, float32 (n, height, width, channels)."""
        found = pixels[..., self._order].astype(np.float32)
        for operator, value in self._steps:
            found = found / value if operator == "Div" else found - value
        return found

    def nodes(
        self, source: str, target: str, element: int, *, first: bool
    ) -> "tuple[list[NodeProto], list[TensorProto]]":
        """Return nodes, and their constants, that do the same in a graph, from `source` to `target`.

        `element` is the type that the network takes, and `first` whether it wants its channels first.
        """
        from onnx import TensorProto, helper, numpy_helper  # here, because --help asks for the names alone

        steps: list[tuple[str, np.ndarray | None, dict[str, object]]] = []
        if self._order != [0, 1, 2]:
            steps.append(("Gather", np.array(self._order), {"axis": 3}))
        steps.append(("Cast", None, {"to": TensorProto.FLOAT}))
        steps += [(operator, value, {}) for operator, value in self._steps]
        if first:
            steps.append(("Transpose", None, {"perm": [0, 3, 1, 2]}))
        if element != TensorProto.FLOAT:
            steps.append(("Cast", None, {"to": element}))
        nodes, constants = [], []
        for number, (operator, value, settings) in enumerate(steps):
            inputs = [source]
            if value is not None:
                constants.append(numpy_helper.from_array(value, f"intake_{number}_value"))
                inputs.append(constants[-1].name)
            source = target if number == len(steps) - 1 else f"intake_{number}"
            nodes.append(helper.make_node(operator, inputs, [source], **settings))
        return nodes, constants
