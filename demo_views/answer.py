"""Answer: what a model says of a page, as HTML for a person."""

from html import escape

from demo_views.reading import Reading
from demo_views.texts import Words
from edge import Contract, Prediction
from edge.commands.table import Table
from edge.prediction import Status


def waiting(words: Words) -> str:
    """Return what stands where an answer will be."""
    return _card("waiting", words("waiting"), words("waiting_steps"))


def message(words: Words, key: str, **values: object) -> str:
    """Return a text in place of an answer."""
    return _card("note", words("note"), words(key, **values))


def answer(reading: Reading, contract: Contract, model: str, words: Words) -> str:
    """Return the answer first, then every class, what the number means, and what to do next."""
    found = reading.prediction
    title, text = meaning(found, contract, words)
    if found.status is Status.ERROR:
        return _card(str(found.status), title, text, _steps(words, "steps_error"))
    took = words("took", name=found.image, milliseconds=round(1000 * reading.seconds), model=model)
    link = f"<a href='#' class='to-model'>{escape(words('limits', tab=words('tab_model')))}</a>"
    small = f"<p class='small'>{escape(took)}<br>{link}</p>"
    rows = bars(found.probabilities, contract.confidence_threshold, words) if found.probabilities else ""
    steps = "" if found.status is Status.OK else _steps(words, f"steps_{found.status}")
    return _card(str(found.status), title, text, rows, steps, small)


def meaning(found: Prediction, contract: Contract, words: Words) -> tuple[str, str]:
    """Return an answer in a few words, and what it means in a sentence or two."""
    if found.status is Status.ERROR:
        return words("status_error"), found.error or ""
    if found.status is Status.REJECTED:
        score, least = f"{found.in_distribution:.2g}", f"{contract.in_distribution_threshold:.2g}"
        return words("status_rejected"), words("meaning_rejected", score=score, threshold=least)
    calibrated = words("not_calibrated" if contract.adopted else "calibrated")
    if found.labels is not None:
        title = ", ".join(map(words.label, found.labels)) or words("none_of_them")
        return title, f"{words('meaning_several')} {calibrated}"
    label, share = words.label(found.label or ""), words.share(found.probability or 0.0)
    if found.status is Status.OK:
        return label, f"{words('meaning_ok', label=label, share=share)} {calibrated}"
    threshold = words.share(contract.confidence_threshold)
    return words("status_uncertain"), (
        f"{words('meaning_uncertain', label=label, share=share, threshold=threshold)} {calibrated}"
    )


def bars(probabilities: dict[str, float], threshold: float, words: Words) -> str:
    """Return a bar for every class, the most probable first, with the confidence threshold drawn in."""
    rows = "".join(
        f"<tr><th scope='row'>{escape(words.label(label))}</th>"
        f"<td class='bar'><span class='track'><span class='fill' style='width:{share:.2%}'></span>"
        f"<span class='line' style='left:{threshold:.2%}'></span></span></td>"
        f"<td class='share'>{words.share(share)}</td></tr>"
        for label, share in sorted(probabilities.items(), key=lambda item: -item[1])
    )
    note = (
        f"<p class='small line-note'>{escape(words('threshold', share=words.share(threshold)))}</p>"
        if threshold
        else ""
    )
    return f"<table class='bars'><caption>{escape(words('probabilities'))}</caption><tbody>{rows}</tbody></table>{note}"


def comparison(readings: list[Reading], names: list[str], words: Words) -> str:
    """Return two models' answers for one page side by side: classes, probabilities, difference, time."""
    one, other = (reading.prediction for reading in readings)
    if one.error is not None or other.error is not None:
        return _card("error", words("status_error"), one.error or other.error or "")
    rows = []
    for label in dict.fromkeys([*one.probabilities, *other.probabilities]):
        shares = [found.probabilities.get(label) for found in (one, other)]
        apart = "–" if None in shares else f"{100 * (shares[0] - shares[1]):+.2f}"
        rows.append([words.label(label), *("–" if share is None else words.share(share) for share in shares), apart])
    said = [verdict(reading, words) for reading in readings]
    times = [f"{1000 * reading.seconds:.0f} ms" for reading in readings]
    head = (words("class"), *names, words("difference"))
    return table(head, [[words("table_answer"), *said, ""], *rows, [words("time"), *times, ""]])


def verdict(reading: Reading, words: Words) -> str:
    """Return an answer in a few words."""
    found = reading.prediction
    if found.status in (Status.ERROR, Status.REJECTED):
        return words(f"status_{found.status}")
    if found.labels is not None:
        return ", ".join(map(words.label, found.labels)) or words("none_of_them")
    label = words.label(found.label or "")
    return label if found.status is Status.OK else f"{words('status_uncertain')}: {label}"


def table(head: tuple[str, ...], rows: list[list[str]]) -> str:
    """Return a table as HTML that may be wider than a phone: whoever has no mouse moves it by the arrow keys."""
    return f"<div class='facts' tabindex='0'>{Table('', head, rows).as_html()}</div>"


def _steps(words: Words, key: str) -> str:
    steps = "".join(f"<li>{escape(step)}</li>" for step in words(key).split("|"))
    return f"<p class='next'>{escape(words('next'))}</p><ul>{steps}</ul>"


def _card(kind: str, title: str, text: str, *parts: str) -> str:
    return (
        f"<section class='answer {kind}' role='status' aria-live='polite'><h2>{escape(title)}</h2>"
        f"<p>{escape(text)}</p>{''.join(parts)}</section>"
    )
