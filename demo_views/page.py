"""The page: its tabs, its look and its languages."""

from pathlib import Path

import gradio

from demo_views.api import api
from demo_views.model_view import model_view
from demo_views.one_image import one_image
from demo_views.several_images import several_images
from demo_views.texts import TEXTS
from edge import Classifier

STYLE = Path(__file__).parent / "page.css"


def build(models: dict[str, Classifier], *, shared: bool = False) -> tuple[gradio.Blocks, gradio.I18n]:
    """Return the page for these models, the first of which answers, and its texts.

    `shared` says that it goes through Gradio's relay.
    """
    say = gradio.I18n(**TEXTS)
    contract = next(iter(models.values())).contract
    with gradio.Blocks(title="ECG images", analytics_enabled=False) as page:
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
        api(models)
    return page, say


def style() -> str:
    """Return the page's own style, for its head: what Gradio takes as style it changes."""
    return f"<style>{STYLE.read_text(encoding='utf-8')}</style>"


def theme() -> gradio.themes.Base:
    """Return Gradio's default look with the fonts of the machine: no font is fetched from the net."""
    fonts = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}
    return gradio.themes.Default(primary_hue="blue", secondary_hue="blue", neutral_hue="slate", **fonts)
