"""The API: the command line's JSON for one uploaded file and for several, under documented names."""

from typing import Any

import gradio

from demo_views.components import uploaded
from demo_views.reading import pages_of, read
from demo_views.several_images import MOST
from edge import Classifier


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
