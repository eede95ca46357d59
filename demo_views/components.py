"""Components: parts of the page that several views have."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio
from gradio.components import Component

from demo_views.reading import Reading
from demo_views.texts import FIRST, Words, language_of
from demo_views.uploads import LOCK

AT_ONCE: dict[str, Any] = {"api_visibility": "private", "concurrency_id": "one", "concurrency_limit": 4}
"""How an event of one page runs: four at a time, whoever asks."""


def words_of(request: gradio.Request) -> Words:
    """Return the words of the language that a visitor's browser asks for."""
    return Words(language_of(request.headers.get("accept-language")))


def uploaded(component: Component) -> None:
    """Let a component hand over a file as it was uploaded, and take none that was not.

    Gradio would open a picture first, and answer one that it cannot open with an error that says nothing; it would also
    fetch an address of the internet for whoever names one.
    """
    moved = component.async_move_resource_to_block_cache

    async def local(path: Any) -> str | None:  # noqa: ANN401 - Gradio's own signature
        if path is not None and ("://" in str(path) or Path(path).name == LOCK or not Path(path).is_file()):
            raise gradio.Error(Words(FIRST)("not_uploaded"), print_exception=False)
        return await moved(path)

    component.async_move_resource_to_block_cache = local
    if isinstance(component, gradio.Image):
        component.preprocess = lambda upload: upload and upload.path


def new_folder() -> Path:
    """Return a new folder for what is made for one visitor; it goes as uploads do."""
    return Path(tempfile.mkdtemp(dir=os.environ["GRADIO_TEMP_DIR"]))


class Shown:
    """A page and where its answer comes from, under a slider."""

    def __init__(self, say: gradio.I18n) -> None:
        """Lay it out, unseen until there is a page."""
        with gradio.Column(visible=False) as self._column:
            self._slider = gradio.ImageSlider(
                type="filepath", format="jpeg", label=say("heatmap"), interactive=False, slider_position=50,
                max_height=640, elem_id="heatmap", buttons=["download", "fullscreen"],
            )  # fmt: skip
            self._note = gradio.Markdown(elem_id="heatmap-note")
            self.strength = gradio.Slider(0, 100, 100, step=5, label=say("strength"), elem_id="strength")
        self.components = [self._column, self._slider, self._note]

    def follow(self, overlaid: Callable[..., list[object]], inputs: list[Component]) -> None:
        """Let the strength change the overlay alone, by what `overlaid` returns for `inputs` and the strength."""
        self.strength.change(
            overlaid, [*inputs, self.strength], self.components, show_progress="hidden", trigger_mode="always_last",
            **AT_ONCE,
        )  # fmt: skip

    def nothing(self) -> list[object]:
        """Return the updates that hide it."""
        return [gradio.update(visible=False), None, ""]

    def update(self, reading: Reading, strength: float, words: Words) -> list[object]:
        """Return the updates that show a page, and its heatmap with a `strength` of 0 to 100."""
        pair = reading.shown(strength / 100)
        if pair is None:
            return self.nothing()
        label, said = reading.prediction.label, ""
        if reading.heatmap is None:
            said = words("heatmap_none")
        elif label is not None:
            said = words("heatmap_note", label=words.label(label))
        return [gradio.update(visible=True), pair, said]
