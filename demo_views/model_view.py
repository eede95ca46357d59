"""The model: what it is, what was measured, and whether this machine and the export give its answers."""

import hashlib
import json
from html import escape

import gradio

from demo_views.answer import table
from demo_views.components import words_of
from demo_views.texts import Words
from edge import Classifier, Contract, ModelError, __version__
from edge.selftest import PARITY_KEY, compare, machine
from edge.shipped import card


def model_view(models: dict[str, Classifier], say: gradio.I18n) -> None:
    """Lay out the view, inside a tab of the page."""
    names = list(models)
    chosen = gradio.Dropdown(names, value=names[0], label=say("tab_model"), visible=len(names) > 1, elem_id="model")
    about = gradio.HTML(elem_id="about")
    start = gradio.Button(say("check_button"), elem_id="check")
    checked = gradio.HTML(elem_id="checked")

    def described(name: str, request: gradio.Request) -> tuple[str, str]:
        return description(models[name], words_of(request)), ""

    def check(name: str, request: gradio.Request) -> str:
        return check_of(models[name], words_of(request))

    settings = {"api_visibility": "private", "show_progress": "minimal"}
    gradio.on([chosen.change, gradio.context.Context.root_block.load], described, chosen, [about, checked], **settings)
    start.click(check, chosen, checked, concurrency_id="check", concurrency_limit=1, **settings)


def description(classifier: Classifier, words: Words) -> str:
    """Return what a model is, its card, and the parity table that its file carries, as HTML."""
    contract = classifier.contract
    if contract.adopted:
        first = words("about_adopted", architecture=contract.architecture, framework=contract.adopted.framework)
    else:
        seen = contract.trained_on
        first = words(
            "about", architecture=contract.architecture, precision=contract.precision, images=seen.images,
            auxiliary=seen.auxiliary_images,
        )  # fmt: skip
    takes = contract.preprocessing
    sees = words(
        "about_sees", width=takes.width, height=takes.height, labels=", ".join(map(words.label, contract.labels))
    )
    rows = card(classifier.path)
    digest = hashlib.sha256(classifier.path.read_bytes()).hexdigest()
    file = words("about_file", name=classifier.path.name, digest=digest, version=__version__)
    head = words("card_what"), words("card_value")
    measured = table(head, [[_worded(row["what"], contract, words), row["value"]] for row in rows])
    measured = measured if rows else _text(words("card_none"))
    parity = json.loads(classifier.metadata.get(PARITY_KEY, "null"))
    held = _text(words("parity_text")) + table(head, parity) if parity else _text(words("parity_none"))
    parts = ((words("card"), measured), (words("parity"), held), (words("check"), ""))
    return _text(f"{first} {sees}") + _text(file) + "".join(_head(title) + part for title, part in parts)


def check_of(classifier: Classifier, words: Words) -> str:
    """Return whether this machine answers as the exporting one did, picture by picture, as HTML."""
    try:
        found = compare(classifier)
    except ModelError as error:
        return _text(str(error).replace(str(classifier.path), classifier.path.name))
    passed = all(one.passed for one in found)
    head = tuple(words(key) for key in ("check_picture", "check_pixels", "check_logits", "check_most"))
    rows = [
        [one.picture, words("check_same" if one.same_pixels else "check_other"), f"{one.logits_difference:.1e}",
         f"{one.tolerance:g}"]
        for one in found
    ]  # fmt: skip
    said = f"<strong>{words('check_passed' if passed else 'check_failed')}</strong> {machine()}"
    return f"<p>{said}</p>{table(head, rows)}"


def _text(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _head(text: str) -> str:
    return f"<h2>{escape(text)}</h2>"


def _worded(text: str, contract: Contract, words: Words) -> str:
    """Return a card's text with the classes as a person would say them."""
    for label in contract.labels:
        text = text.replace(label, words.label(label))
    return text
