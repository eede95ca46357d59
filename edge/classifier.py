"""The classifier: an ONNX model, checked against its contract, that turns images into predictions."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from edge.contract import CONTRACT_KEY, Contract
from edge.errors import ModelError, PageError
from edge.images.page import Source, name_of, open_page
from edge.images.pipeline import PagePipeline
from edge.images.preprocessing import load_page
from edge.model_file import ONNX, head_of_model
from edge.prediction import OUTPUTS, Outputs, Prediction, Status, decide, widths

INPUT = "image"
HEATMAP = "heatmap"
"""Name of the output (n, rows, columns, classes) that says what each part of the image adds to the logits."""


class Classifier:
    """Serve one exported model on the CPU.

    `threads` is the number of threads for one image, and of those that open the pages that come next; by
    default there is one a core. Raises `ModelError` for a file that is missing, is no ONNX model, has no
    contract, or whose graph contradicts it.
    """

    def __init__(self, model: str | Path, threads: int | None = None) -> None:
        """Load the model and check it against its contract."""
        self.path = Path(model)
        self._threads = threads
        head_of_model(self.path, ONNX)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what goes wrong is raised, in one line, not also printed
        options.intra_op_num_threads = threads or 0
        # Spinning threads slow everything else on a small machine, and bring nothing here.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(self.path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own exceptions share no narrower base class
            reason = " ".join(str(error).split())
            cut = "is cut short or damaged" if "protobuf" in reason.lower() else "cannot be loaded as an ONNX model"
            raise ModelError(f"{model}: {cut} ({reason}): copy or export it again") from error
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        if CONTRACT_KEY not in self.metadata:
            raise ModelError(
                f"{model}: has no {CONTRACT_KEY}, so its labels and its pixels are unknown: "
                "export the .h5 with 'python -m export convert'; "
                "a model of others is taken by 'python -m export adopt'"
            )
        try:
            self.contract = Contract.from_json(self.metadata[CONTRACT_KEY])
            self._check_graph()
        except ModelError as error:
            raise ModelError(f"{model}: {error}") from error

    def _check_graph(self) -> None:
        """Refuse a graph whose input or outputs are not those of the contract."""
        want = {INPUT: ("tensor(uint8)", [self.contract.preprocessing.height, self.contract.preprocessing.width, 3])}
        want |= {name: ("tensor(float)", [width]) for name, width in widths(self.contract).items()}
        have = {node.name: (node.type, list(node.shape[1:])) for node in self._session.get_inputs()}
        have |= {node.name: (node.type, list(node.shape[1:])) for node in self._session.get_outputs()}
        if HEATMAP in have:  # at a size of its own
            want[HEATMAP] = ("tensor(float)", [*have[HEATMAP][1][:2], len(self.contract.labels)])
        for name, form in want.items():
            if have.get(name) != form:
                raise ModelError(
                    f"the graph's {name!r} is {have.get(name, 'missing')}, the contract says {form}: "
                    "export the model again"
                )

    @property
    def outputs(self) -> list[str]:
        """Return the names of the graph's outputs."""
        return [node.name for node in self._session.get_outputs()]

    def run(self, images: np.ndarray) -> Outputs:
        """Return the graph's outputs for uint8 images (n, height, width, 3)."""
        found = self._session.run(list(widths(self.contract)), {INPUT: images})
        unknown = [np.full((len(images), 1), np.nan, np.float32)] if self.contract.adopted else []
        return Outputs(*found, *unknown)

    def explain(self, images: np.ndarray) -> tuple[Outputs, np.ndarray]:
        """Return the graph's outputs and its heatmaps, float32 (n, rows, columns, classes).

        A cell says how much that part of the image adds to each logit: the sum of an image's cells is its
        logit, but for the bias of the class layer. Raises `ModelError` for a model without a heatmap.
        """
        self.require_heatmap()
        *outputs, heatmap = self._session.run([*OUTPUTS, HEATMAP], {INPUT: images})
        return Outputs(*outputs), heatmap

    def require_heatmap(self) -> None:
        """Raise `ModelError` for a model without a heatmap."""
        if HEATMAP not in self.outputs:
            remedy = "a model of others has none" if self.contract.adopted else "export the .h5 again"
            raise ModelError(f"{self.path}: has no heatmap: {remedy}")

    def predict(self, source: Source, page: int | None = None) -> Prediction:
        """Classify one image, or the `page` of a file that holds several; raise `PageError` for what is none."""
        pixels = load_page(source if page is None else open_page(source, page), self.contract.preprocessing)
        return decide(name_of(source), self.run(pixels[np.newaxis]), self.contract, page)

    def predict_many(
        self,
        sources: Iterable[Source] | PagePipeline,
        explained: Callable[[Prediction, Image.Image, np.ndarray], Prediction] | None = None,
    ) -> Iterator[Prediction]:
        """Classify every page of every source, in their order; a bad one never stops the others.

        Pages are opened ahead on other threads, a few at a time, while one is classified; a `PagePipeline` has begun
        already. Where `explained` is given, it gets each answer with its page and its heatmap, float32 (rows, columns,
        classes), and returns the answer, with the path of a heatmap where it has written one.
        """
        pipeline = sources if isinstance(sources, PagePipeline) else PagePipeline(sources, self._threads)
        preprocessing = self.contract.preprocessing

        def prepare(page: Image.Image) -> tuple[Image.Image | None, np.ndarray]:
            return page if explained else None, load_page(page, preprocessing)[np.newaxis]

        for sheet, prepared in pipeline.prepared(prepare):
            name, number = name_of(sheet.source), sheet.number
            if isinstance(prepared, PageError):
                yield Prediction(image=name, status=Status.ERROR, page=number, error=str(prepared))
                continue
            page, pixels = prepared
            if page is None or explained is None:
                yield decide(name, self.run(pixels), self.contract, number)
                continue
            outputs, heatmap = self.explain(pixels)
            yield explained(decide(name, outputs, self.contract, number), page, heatmap[0])
