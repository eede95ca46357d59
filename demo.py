"""The demo: a web page that classifies a picture of an ECG with an exported model."""

import argparse
import contextlib
import io
import logging
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from edge import Classifier, Contract, PageError, Prediction
from edge.commands.terminal import (
    MODEL,
    NOT_A_DEVICE,
    Parser,
    add_verbosity,
    configure_logging,
    exit_with,
    model_of,
    notice,
    whole_number,
)
from edge.errors import EcgError
from edge.prediction import Status

if TYPE_CHECKING:
    import gradio

log = logging.getLogger(__name__)

MAX_FILE_SIZE = "20mb"  # a page at 600 dpi as JPEG has about 10
FORGET_AFTER = 600  # seconds until an uploaded picture is deleted


def main() -> None:
    """Serve the page until interrupted."""
    parser = Parser(prog="demo.py", description="Classify pictures of ECGs in the browser.")
    parser.add_argument("--model", type=Path, metavar="FILE", help=MODEL)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 for the whole network")
    parser.add_argument("--port", type=whole_number(1, 65535), default=7860, help="port to listen on")
    parser.add_argument("--share", action="store_true", help="make a public link, through Gradio's relay")
    add_verbosity(parser)
    options = parser.parse_args()
    configure_logging(options)
    exit_with(lambda: serve(options))


def serve(options: argparse.Namespace) -> int:
    """Open the model, start the server, say where it is, and wait."""
    try:
        family, *_, address = socket.getaddrinfo(options.host, options.port, type=socket.SOCK_STREAM)[0]
        with socket.create_server(address[:2], family=family):
            pass
    except (OSError, UnicodeError) as error:
        raise EcgError(
            f"port {options.port} of {options.host!r} cannot be opened ({error}): give another --port or --host"
        ) from error
    demo = build(Classifier(model_of(options)))
    if options.share:
        log.warning("with --share, pictures pass through Gradio's relay: show no picture that names a person")
    settings = {"max_file_size": MAX_FILE_SIZE, "prevent_thread_lock": True, "theme": _theme(), "footer_links": []}
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # Gradio's own lines, said here in our words
            _, local, public = demo.launch(
                server_name=options.host, server_port=options.port, share=options.share, **settings
            )
    except OSError as error:
        raise EcgError(
            f"port {options.port} of {options.host} cannot be opened ({error}): give another --port"
        ) from error
    if public is not None:
        print(f"public: {public}")
    elif options.share:
        log.warning("no public link could be had, the relay cannot be reached: the local one works")
    print(f"demo: {local}", flush=True)
    demo.block_thread()
    return 0


def build(classifier: Classifier) -> "gradio.Blocks":
    """Return the page: a picture in, every class with its probability out, and what to make of it."""
    # Gradio reads these: what is served, and to whom, follows from the command line alone.
    for name in [name for name in os.environ if name.startswith("GRADIO_") and name != "GRADIO_TEMP_DIR"]:
        del os.environ[name]
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    import gradio

    def classify(picture: str | None) -> tuple[dict[str, float] | None, str]:
        if picture is None:
            return None, ""
        try:
            found = classifier.predict(picture)
            return found.probabilities or None, _verdict(found)
        except PageError as error:
            # The person knows the picture by its own name, not by that of the upload's folder.
            raise gradio.Error(str(error).replace(picture, Path(picture).name), print_exception=False) from error

    with gradio.Blocks(title="ECG images", analytics_enabled=False, delete_cache=(FORGET_AFTER, FORGET_AFTER)) as demo:
        gradio.Markdown(f"# What does a model see in this ECG?\n\n**{NOT_A_DEVICE}**")
        if notice(classifier.contract) != NOT_A_DEVICE:
            gradio.Markdown(f"**{notice(classifier.contract)}**")
        with gradio.Row():
            picture = gradio.Image(
                type="filepath",
                image_mode=None,
                sources=["upload", "clipboard"],
                label="Picture of a 12-lead ECG",
                height=420,
            )
            # The file goes untouched to the one function that opens pictures. Gradio would open it first,
            # and answer one that it cannot open with an error that says nothing.
            picture.preprocess = lambda upload: upload and upload.path
            with gradio.Column():
                verdict = gradio.Markdown()
                # The verdict says what counts: a heading of the most probable class would drown an "uncertain".
                answer = gradio.Label(label="Classes and their probabilities", show_heading=False)
        gradio.Markdown(f"{_about(classifier.contract)} Pictures are deleted after ten minutes.")
        picture.change(classify, picture, [answer, verdict], api_name="classify")
    return demo


def _about(contract: Contract) -> str:
    """Return what the model is and what its answers are worth."""
    if contract.adopted:
        return f"Model: {contract.architecture}, made by {contract.adopted.framework}."
    return (
        f"Model: {contract.architecture}, trained on {contract.trained_on.images} images. "
        "A picture that looks unlike those images is rejected; one that is accepted need not be an ECG."
    )


def _verdict(found: Prediction) -> str:
    """Return what a person should make of an answer, as Markdown."""
    if found.status is Status.REJECTED:
        return f"**Rejected**: this picture {found.reason}."
    if found.status is Status.UNCERTAIN:
        return "**Uncertain**: no class is probable enough for an answer."
    if found.labels is not None:
        return f"**{', '.join(found.labels) or 'None of the classes'}**"
    return f"**{found.label}**"


def _theme() -> "gradio.themes.Base":
    """Return Gradio's default look with the fonts of the machine: no font is fetched from the net."""
    import gradio

    return gradio.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])


if __name__ == "__main__":
    main()
