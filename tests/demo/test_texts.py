"""What the page says: the same in every language, and probabilities as a person writes them."""

import re

import pytest

from demo_views.texts import TEXTS, Words, language_of
from tests.conftest import ROOT


def test_every_language_says_everything_with_the_same_values() -> None:
    assert {"en", "de", "fr"} <= set(TEXTS)
    for language, texts in TEXTS.items():
        assert list(texts) == list(TEXTS["en"]), language
        for key, text in texts.items():
            assert text.strip(), f"{language}: {key}"
            assert set(re.findall(r"{(\w+)}", text)) == set(re.findall(r"{(\w+)}", TEXTS["en"][key])), (
                f"{language}: {key}"
            )
            assert text.count("|") == TEXTS["en"][key].count("|"), f"{language}: {key}"


def test_no_text_is_left_over() -> None:
    """Each key stands in the code, or is put together there: of a class, an acquisition, a status."""
    page = ROOT / "export" / "web" / "page"
    files = [*(ROOT / "demo_views").glob("*.py"), *page.glob("*.js"), *page.glob("*.html")]
    code = "".join(file.read_text(encoding="utf-8") for file in files)
    stems = [file.stem.split("-") for file in (ROOT / "examples").glob("*.jpg")]
    made = {acquisition for _, acquisition in stems} | {f"class_{label}" for label, _ in stems}
    made |= {f"{kind}_{status}" for kind in ("status", "steps") for status in ("uncertain", "rejected")}
    assert {key for key in TEXTS["en"] if not re.search(rf"""["']{key}["']""", code)} - made == set()


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("de-CH,de;q=0.9,en;q=0.5", "de"), ("it,fr;q=0.3,en;q=0.2", "fr"), ("en;q=0.1,fr;q=0.9", "fr"), ("it", "en"),
        (None, "en"), ("", "en"), ("de;q=x,fr", "fr"), ("*", "en"), (";;q=,,", "en"),
    ],
)  # fmt: skip
def test_the_browser_says_which_language(accepted: str | None, language: str) -> None:
    assert language_of(accepted) == language


@pytest.mark.parametrize(
    ("probability", "written"),
    [
        (0.5, "50%"), (0.962, "96%"), (0.996, "99.6%"), (0.9999, ">99.9%"), (1.0, "100%"), (0.004, "0.4%"),
        (1e-9, "<0.1%"), (0.0, "0%"),
    ],
)  # fmt: skip
def test_what_is_not_certain_is_not_written_so(probability: float, written: str) -> None:
    assert Words("en").share(probability) == written


def test_a_class_is_said_as_a_person_says_it() -> None:
    assert Words("en").label("myocardial_infarction") == "myocardial infarction"
    assert Words("de").label("history_of_mi") == "früherer Infarkt"
    assert Words("fr").label("st_elevation") == "st elevation"
    for key in TEXTS["en"]:  # somebody's class may be called as a text of the page is
        assert Words("en").label(key) == key.replace("_", " ")
