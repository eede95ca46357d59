"""Texts: what the page says, in the language of whoever reads it."""

import json
from pathlib import Path

FIRST = "en"
"""The language of whoever asks for none of ours."""
TEXTS: dict[str, dict[str, str]] = {
    file.stem: json.loads(file.read_text(encoding="utf-8"))
    for file in sorted((Path(__file__).parent / "texts").glob("*.json"))
}
"""Language -> key -> text, with {names} for what is filled in; steps are divided by |."""


def language_of(accepted: str | None) -> str:
    """Return the language of ours that a browser's Accept-Language header asks for first."""
    wanted = []
    for part in (accepted or "").split(","):
        name, _, quality = part.partition(";q=")
        try:
            wanted.append((-float(quality or 1), len(wanted), name.strip().lower().partition("-")[0]))
        except ValueError:
            continue
    return next((name for _, _, name in sorted(wanted) if name in TEXTS), FIRST)


class Words:
    """Say things in one language."""

    def __init__(self, language: str) -> None:
        """`language` is a key of `TEXTS`."""
        self._texts = TEXTS[language]

    def __call__(self, key: str, **values: object) -> str:
        """Return a text, with its names filled in."""
        return self._texts[key].format(**values) if values else self._texts[key]

    def label(self, label: str) -> str:
        """Return a class as a person would say it: "myocardial infarction", never "myocardial_infarction"."""
        return self._texts.get(f"class_{label}", label.replace("_", " "))

    def share(self, probability: float) -> str:
        """Return a probability as per cent; what is not certain is never written as 0 or 100."""
        if 0 < probability < 0.0005 or 0.9995 <= probability < 1:
            return "<0.1%" if probability < 0.5 else ">99.9%"
        return f"{probability:.0%}" if 0.005 <= probability < 0.995 or probability in (0, 1) else f"{probability:.1%}"
