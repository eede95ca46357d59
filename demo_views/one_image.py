"""One image: a picture in, the answer first, then where it comes from, a second model's answer, and a report."""

from pathlib import Path

import gradio

from demo_views.answer import answer, comparison, message, waiting
from demo_views.components import AT_ONCE, Shown, new_folder, uploaded, words_of
from demo_views.reading import Reading, read
from demo_views.report import write_report
from demo_views.texts import FIRST, Words
from edge import Classifier
from edge.images.page import count_pages

EXAMPLES = Path(__file__).parent.parent / "examples"
CAMERA = {"video": {"facingMode": {"ideal": "environment"}, "width": {"ideal": 1920}, "height": {"ideal": 1440}}}
TO_THE_ANSWER = "() => document.querySelector('#answer').scrollIntoView({behavior: 'smooth', block: 'nearest'})"


def one_image(models: dict[str, Classifier], say: gradio.I18n) -> None:
    """Lay out the view, inside a tab of the page."""
    name = next(iter(models))
    with gradio.Row():
        with gradio.Column(scale=5):
            picture = _picture(say)
            examples = _examples(say)
        with gradio.Column(scale=6):
            said = gradio.HTML(waiting(Words(FIRST)), elem_id="answer")
            shown = Shown(say)
    with gradio.Column(visible=False) as after:
        compare = _compare(models, picture, say)
        report = _report(models, picture, say)

    def classify(path: str | None, strength: float, request: gradio.Request) -> list[object]:
        words = words_of(request)
        html, seen = waiting(words), shown.nothing()
        reading = None if path is None else _reading(models[name], path, words)
        if isinstance(reading, Reading):
            html, seen = answer(reading, models[name].contract, name, words), shown.update(reading, strength, words)
        elif reading is not None:
            html = reading
        there = isinstance(reading, Reading) and reading.page is not None
        return [html, *seen, gradio.update(visible=there), "", gradio.update(visible=False)]

    def overlaid(path: str | None, strength: float, request: gradio.Request) -> list[object]:
        words = words_of(request)
        reading = None if path is None else _reading(models[name], path, words)
        return shown.update(reading, strength, words) if isinstance(reading, Reading) else shown.nothing()

    inputs, outputs = [picture, shown.strength], [said, *shown.components, after, compare, report]
    answered = picture.change(classify, inputs, outputs, show_progress="minimal", **AT_ONCE)
    answered.then(None, js=TO_THE_ANSWER, api_visibility="private")
    shown.follow(overlaid, [picture])

    def localised(request: gradio.Request) -> list[object]:
        words = words_of(request)
        return [waiting(words), _captioned(words)]

    gradio.context.Context.root_block.load(localised, None, [said, examples], show_progress="hidden", **AT_ONCE)
    examples.select(_chosen, None, picture, api_visibility="private", show_progress="hidden")


def _picture(say: gradio.I18n) -> gradio.Image:
    """Lay out where the picture goes in."""
    picture = gradio.Image(
        type="filepath",
        image_mode=None,
        sources=["upload", "clipboard", "webcam"],
        webcam_options=gradio.WebcamOptions(mirror=False, constraints=CAMERA),
        label=say("picture"),
        placeholder=say("picture_hint"),
        height=320,
        elem_id="picture",
    )
    uploaded(picture)
    return picture


def example_files() -> list[Path]:
    """Return the synthetic examples; their names are a class and an acquisition."""
    return sorted(EXAMPLES.glob("*.jpg"))


def _chosen(event: gradio.SelectData) -> str:
    return str(example_files()[event.index])


def _examples(say: gradio.I18n) -> gradio.Gallery:
    """Show the examples, each with its class and its acquisition."""
    gradio.Markdown(say("examples"), elem_id="examples-note")
    return gradio.Gallery(
        _captioned(Words(FIRST)), columns=3, rows=2, height="auto", allow_preview=False, show_label=False,
        interactive=False, object_fit="cover", elem_id="examples", buttons=[],
    )  # fmt: skip


def _captioned(words: Words) -> list[tuple[str, str]]:
    """Return each example with its class and its acquisition."""
    stems = [(file, *file.stem.split("-")) for file in example_files()]
    return [(str(file), f"{words.label(label)}, {words(acquisition)}") for file, label, acquisition in stems]


def _reading(classifier: Classifier, path: str, words: Words) -> Reading | str:
    """Return a page with its answer, or what is said where the file is gone or holds several pages."""
    if not Path(path).exists():
        return message(words, "gone")
    if count_pages(path) is not None:
        return message(words, "several_pages", tab=words("tab_several"))
    return read(classifier, path)


def _compare(models: dict[str, Classifier], picture: gradio.Image, say: gradio.I18n) -> gradio.HTML:
    """Lay out two models on the image side by side."""
    names = list(models)
    with gradio.Accordion(say("compare"), open=False, visible=len(names) > 1):
        with gradio.Row():
            first = gradio.Dropdown(names, value=names[0], label=say("compare_first"))
            second = gradio.Dropdown(names, value=names[-1], label=say("compare_second"))
            start = gradio.Button(say("compare_button"), elem_id="compare")
        result = gradio.HTML(elem_id="comparison")

    def compared(path: str | None, one: str, other: str, request: gradio.Request) -> str:
        words = words_of(request)
        if path is None:
            return message(words, "compare_no_picture")
        readings = [_reading(models[name], path, words) for name in (one, other)]
        gone = [reading for reading in readings if isinstance(reading, str)]
        return gone[0] if gone else comparison(readings, [one, other], words)

    start.click(compared, [picture, first, second], result, **AT_ONCE)
    return result


def _report(models: dict[str, Classifier], picture: gradio.Image, say: gradio.I18n) -> gradio.File:
    """Lay out the report that can be taken home."""
    with gradio.Accordion(say("report"), open=False):
        header = gradio.Checkbox(value=False, label=say("report_header"))
        start = gradio.Button(say("report_button"), elem_id="report")
        files = gradio.File(label=say("report_files"), interactive=False, visible=False, elem_id="report-files")

    def reported(path: str | None, with_header: bool, request: gradio.Request) -> object:
        words, name = words_of(request), next(iter(models))
        reading = None if path is None else _reading(models[name], path, words)
        if not isinstance(reading, Reading) or reading.page is None:
            raise gradio.Error(words("gone"), print_exception=False)
        written = write_report(reading, models[name].contract, name, words, new_folder(), with_header=with_header)
        return gradio.update(value=list(map(str, written)), visible=True)

    start.click(
        reported, [picture, header], files, api_visibility="private", concurrency_id="report", concurrency_limit=1
    )
    return files
