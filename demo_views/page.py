"""The page: its tabs, its look and its languages; and the API, which has the same answers as JSON."""

import logging
from pathlib import Path
from typing import Any

import gradio
from gradio.exceptions import InvalidPathError

from demo_views.components import uploaded
from demo_views.model_view import model_view
from demo_views.one_image import one_image
from demo_views.reading import pages_of, read
from demo_views.several_images import MOST, several_images
from demo_views.texts import FIRST, TEXTS, Words
from edge import Classifier

log = logging.getLogger(__name__)

STYLE = Path(__file__).parent / "page.css"

SCRIPT = """
new MutationObserver(() => document.querySelectorAll('#examples img, #pages img').forEach(image => {
  if (image.alt) image.alt = '';
})).observe(document, {childList: true, subtree: true});
document.addEventListener('click', event => {
  if (!event.target.closest('a.to-model')) return;
  event.preventDefault();
  [...document.querySelectorAll('button[role=tab]')].at(-1).click();
});
"""
"""A picture's caption stands beside it: it is read out once, not twice. A link in an answer opens the last tab."""


class Page(gradio.Blocks):
    """The page; whatever a request holds, its answer is a sentence, without a path of the server and a traceback."""

    async def process_api(self, *given: Any, **named: Any) -> dict[str, Any]:  # noqa: ANN401 - Gradio's own signature
        """Answer a request."""
        try:
            return await super().process_api(*given, **named)
        except gradio.Error as error:
            error.print_exception = False
            raise
        except Exception as error:  # what a malformed request brings about in Gradio has no narrower base class
            log.debug("a request was refused", exc_info=error)
            log.info("a request was refused: %s", type(error).__name__)
            refused = "not_uploaded" if isinstance(error, InvalidPathError) else "malformed"
            raise gradio.Error(Words(FIRST)(refused), print_exception=False) from None


def build(models: dict[str, Classifier], *, shared: bool = False) -> tuple[gradio.Blocks, gradio.I18n]:
    """Return the page for these models, the first of which answers, and its texts.

    `shared` says that it goes through Gradio's relay.
    """
    say = gradio.I18n(**TEXTS)
    contract = next(iter(models.values())).contract
    with Page(title="ECG images", analytics_enabled=False) as page:
        api(models)  # first: its endpoints have the names, and events of the page with the same ones get a number
        with gradio.Column(elem_id="top"):
            gradio.Markdown(say("heading"))
            gradio.Markdown(say("warning"))
            if contract.adopted:
                gradio.Markdown(say("adopted_model"))
            elif contract.trained_on.synthetic:
                gradio.Markdown(say("synthetic_model"))
        with gradio.Tabs():
            with gradio.Tab(say("tab_one")):
                one_image(models, say)
            with gradio.Tab(say("tab_several")):
                several_images(models, say)
            with gradio.Tab(say("tab_model")):
                model_view(models, say)
        gradio.Markdown(say("privacy_share" if shared else "privacy"), elem_id="privacy")
    return page, say


def api(models: dict[str, Classifier]) -> None:
    """Add the two endpoints; neither is seen on the page."""
    classifier = next(iter(models.values()))

    def classify(image: str) -> dict[str, Any]:
        """Classify one image of a 12-lead ECG.

        Args:
            image: an uploaded file: JPEG, PNG, TIFF, PDF with one page, HEIC, ...

        Returns:
            The record that `python -m edge predict --format jsonl` prints: image, status (ok, uncertain, rejected or
            error), label, probability, probabilities, in_distribution.
        """
        return read(classifier, image).prediction.as_record()

    def classify_many(images: list[str]) -> list[dict[str, Any]]:
        """Classify every page of several files, at most 50.

        Args:
            images: uploaded files.

        Returns:
            A record for each page, in their order; a bad one never stops the others.
        """
        pages = pages_of(images)
        if len(pages) > MOST:
            raise gradio.Error(
                f"{len(pages)} pages were given, at most {MOST} are answered at once", print_exception=False
            )
        return [read(classifier, *page).prediction.as_record() for page in pages]

    with gradio.Column(visible=False):
        image = gradio.File(type="filepath", label="image")
        images = gradio.File(type="filepath", file_count="multiple", label="images")
        record, records = gradio.JSON(label="record"), gradio.JSON(label="records")
        button = gradio.Button()
    for component in (image, images):
        uploaded(component)
    button.click(
        classify, image, record, api_name="classify", concurrency_id="one", concurrency_limit=4,
        api_description=classify.__doc__,
    )  # fmt: skip
    button.click(
        classify_many, images, records, api_name="classify_many", concurrency_id="several", concurrency_limit=1,
        api_description=classify_many.__doc__,
    )  # fmt: skip


def head() -> str:
    """Return the page's own style and script, for its head: what Gradio takes as style it changes."""
    return f"<style>{STYLE.read_text(encoding='utf-8')}</style><script>{SCRIPT}</script>"


def theme() -> gradio.themes.Base:
    """Return Gradio's default look with the fonts of the machine: no font is fetched from the net."""
    fonts = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}
    return gradio.themes.Default(primary_hue="blue", secondary_hue="blue", neutral_hue="slate", **fonts)
