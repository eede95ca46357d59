"""Several images: files in, every page as a picture and as a row, a CSV to take away, and one page opened."""

from pathlib import Path
from typing import Any

import gradio
from PIL import Image, ImageOps

from demo_views.answer import answer, message, verdict
from demo_views.components import AT_ONCE, Shown, new_folder, uploaded, words_of
from demo_views.reading import Reading, pages_of, read
from demo_views.texts import Words
from edge import Classifier
from edge.results import write

MOST = 50
"""Pages that one visitor may have answered at once: others wait meanwhile."""
THUMBNAIL = (420, 320)  # pixels
SORT = """(least, table) => ({...table, data: [...table.data].sort(
  (one, other) => (least && (one[2] ?? -1) - (other[2] ?? -1)) || one[0] - other[0])})"""
"""What `_sorted` does, in the browser: the answers are there, and need not be asked for again."""


def several_images(models: dict[str, Classifier], say: gradio.I18n) -> None:
    """Lay out the view, inside a tab of the page."""
    name = next(iter(models))
    files = gradio.File(file_count="multiple", type="filepath", label=say("files"), height=160, elem_id="files")
    uploaded(files)
    note = gradio.Markdown(say("files_hint"), elem_id="files-note")
    with gradio.Column(visible=False) as results:
        gallery = gradio.Gallery(
            columns=4, height="auto", allow_preview=False, label=say("gallery"), interactive=False,
            object_fit="contain", format="jpeg", elem_id="pages", buttons=[],
        )  # fmt: skip
        least = gradio.Checkbox(value=False, label=say("least_first"), show_label=False, elem_id="least")
        table = gradio.Dataframe(
            headers=["#", "", "", ""], datatype=["number", "str", "number", "str"], type="array",
            label=say("table"), interactive=False, max_height=320, elem_id="answers", wrap=True,
        )  # fmt: skip
        csv = gradio.DownloadButton(say("csv"), elem_id="csv", size="sm")
        said = gradio.HTML(elem_id="one-of-them")
        shown = Shown(say)
        number = gradio.Number(0, visible=False, precision=0)

    def classify(paths: list[str] | None, least_first: bool, request: gradio.Request) -> list[object]:
        words = words_of(request)
        pages = pages_of(paths or [])
        if not pages:
            return [words("files_hint"), gradio.update(visible=False), None, None, None, "", *shown.nothing()]
        results = _results(models[name], pages, words, least_first=least_first)
        return [results[0], gradio.update(visible=True), *results[1:], "", *shown.nothing()]

    def opened(paths: list[str] | None, place: float, strength: float, request: gradio.Request) -> list[object]:
        words = words_of(request)
        pages = pages_of(paths or [])
        if not 1 <= place <= len(pages) or not Path(pages[int(place) - 1][0]).exists():
            return [message(words, "gone"), *shown.nothing()]
        reading = read(models[name], *pages[int(place) - 1])
        return [answer(reading, models[name].contract, name, words), *shown.update(reading, strength, words)]

    files.change(
        classify, [files, least], [note, results, gallery, table, csv, said, *shown.components],
        api_visibility="private", concurrency_id="several", concurrency_limit=1, show_progress="minimal",
    )  # fmt: skip
    least.change(None, [least, table], table, js=SORT, api_visibility="private")
    inputs, outputs = [files, number, shown.strength], [said, *shown.components]
    gallery.select(_of_gallery, None, number, **AT_ONCE).then(opened, inputs, outputs, **AT_ONCE)
    table.select(_of_table, None, number, **AT_ONCE).then(opened, inputs, outputs, **AT_ONCE)
    shown.follow(lambda *given, **named: opened(*given, **named)[1:], [files, number])


def _results(
    classifier: Classifier, pages: list[tuple[str, int | None]], words: Words, *, least_first: bool
) -> tuple[str, list[tuple[Image.Image, str]], dict[str, object], str]:
    """Return what is said of pages, their pictures, their table, and the path of their CSV."""
    readings = [read(classifier, *page) for page in pages[:MOST]]
    failed = sum(reading.page is None for reading in readings)
    text = words("files_failed" if failed else "files_done", count=len(readings), failed=failed)
    if len(pages) > MOST:
        text = f"{words('files_cut', count=len(pages), pages=MOST)} {text}"
    rows = [_row(place, reading, words) for place, reading in enumerate(readings, start=1)]
    pictures = [(_thumbnail(reading), f"{row[0]}. {row[1]}") for reading, row in zip(readings, rows, strict=True)]
    head = ["#", *(words(key) for key in ("table_answer", "table_probability", "table_image"))]
    file = new_folder() / "answers.csv"
    with file.open("w", encoding="utf-8", newline="") as lines:
        write((reading.prediction for reading in readings), lines, "csv", classifier.contract)
    return text, pictures, {"headers": head, "data": _sorted(rows, least_first=least_first)}, str(file)


def _of_gallery(event: gradio.SelectData) -> int:
    return int(event.index) + 1


def _of_table(event: gradio.SelectData) -> int:
    return int(event.row_value[0])


def _row(place: int, reading: Reading, words: Words) -> list[object]:
    found = reading.prediction
    name = found.image if found.page is None else f"{found.image}, {words('table_page')} {found.page}"
    said = found.error if found.error is not None else verdict(reading, words)
    return [place, said, None if found.probability is None else round(found.probability, 4), name]


def _sorted(rows: list[list[Any]], *, least_first: bool) -> list[list[Any]]:
    """Return rows in their order, or by probability, first those without one."""
    return sorted(rows, key=lambda row: -1 if row[2] is None else row[2]) if least_first else rows


def _thumbnail(reading: Reading) -> Image.Image:
    if reading.page is None:
        return Image.new("RGB", THUMBNAIL, "#e9e9e9")
    return ImageOps.contain(reading.page, THUMBNAIL, Image.Resampling.BILINEAR)
