"""The demo: a web page that classifies pictures of ECGs with an exported model."""

import argparse
import contextlib
import io
import logging
import os
import socket
import tempfile
from importlib.util import find_spec
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from edge.commands.terminal import (
    MODEL,
    Parser,
    add_verbosity,
    configure_logging,
    exit_with,
    positive,
    whole_number,
)
from edge.errors import EcgError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

log = logging.getLogger(__name__)


def main(words: "Sequence[str] | None" = None) -> None:
    """Serve the page until interrupted."""
    parser = Parser(prog="demo.py", description="Classify pictures of ECGs in the browser.")
    describe(parser)
    add_verbosity(parser)
    options = parser.parse_args(words)
    configure_logging(options)
    exit_with(lambda: run(options))


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--model", type=Path, metavar="FILE", help=MODEL)
    parser.add_argument("--models", type=Path, metavar="DIR", help="a folder of models to compare")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 for the whole network")
    parser.add_argument("--port", type=whole_number(1, 65535), default=7860, help="port to listen on")
    parser.add_argument("--share", action="store_true", help="make a public link, through Gradio's relay")
    parser.add_argument("--root-path", default="", metavar="/PATH", help="where a proxy serves the page")
    parser.add_argument("--auth-file", type=Path, metavar="FILE", help="lines of name:password, who may see the page")
    parser.add_argument("--max-size", type=positive, default=20, metavar="MB", help="of an uploaded file")
    parser.add_argument("--queue", type=positive, default=64, metavar="N", help="requests that may wait")
    parser.add_argument("--mcp", action="store_true", help="answer as an MCP server too (needs gradio[mcp])")
    parser.add_argument("--space", type=Path, metavar="DIR", help="write a folder for a Hugging Face Space, and end")


def run(options: argparse.Namespace) -> int:
    """Write the folder of a Space, or serve the page."""
    if options.mcp and find_spec("mcp") is None:
        raise UsageError("--mcp: needs the package mcp: pip install 'gradio[mcp]'")
    if options.space is not None:
        if options.models is not None:
            raise UsageError("--space: takes one model: give --model, or leave out --models")
        from demo_views.space import write_space

        write_space(options.space, options.model)
        return 0
    return serve(options)


def serve(options: argparse.Namespace) -> int:
    """Open the models, start the server, say where it is, and wait."""
    try:
        family, *_, address = socket.getaddrinfo(options.host, options.port, type=socket.SOCK_STREAM)[0]
        with socket.create_server(address[:2], family=family):
            pass
    except (OSError, UnicodeError) as error:
        raise _closed(options, error) from error
    from demo_views.reading import open_models
    from demo_views.uploads import Uploads

    visitors = None if options.auth_file is None else visitors_of(options.auth_file)
    models = open_models(options.model, options.models)
    if options.share:
        log.warning("with --share, pictures pass through Gradio's relay: show no picture that names a person")
    with Uploads() as uploads:
        _settle(uploads.folder)
        from starlette.middleware import Middleware

        from demo_views.gate import Gate
        from demo_views.page import build, head, theme

        page, texts = build(models, shared=options.share)
        page.queue(max_size=options.queue, default_concurrency_limit=4, api_open=True)
        gate = Middleware(Gate, folder=uploads.folder, largest=options.max_size << 20, tools=options.mcp)
        settings: dict[str, Any] = {
            "server_name": f"[{options.host}]" if ":" in options.host else options.host, "server_port": options.port,
            "share": options.share, "root_path": options.root_path or None, "auth": visitors,
            "max_file_size": f"{options.max_size}mb", "mcp_server": options.mcp, "theme": theme(), "head": head(),
            "i18n": texts, "footer_links": [], "run_history": False, "enable_monitoring": False, "pwa": False,
            "ssr_mode": False, "prevent_thread_lock": True, "app_kwargs": {"middleware": [gate]},
        }  # fmt: skip
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # Gradio's own lines, said here in our words
                _, local, public = page.launch(**settings)
        except OSError as error:
            raise _closed(options, "another program has just taken it") from error
        uploads.begin()
        if public is not None:
            print(f"public: {public}")
        elif options.share:
            log.warning("no public link could be had, the relay cannot be reached: the local one works")
        print(f"demo: {local}", flush=True)
        try:
            Event().wait()
        finally:
            page.close(verbose=False)
    return 0


def visitors_of(file: Path) -> "Callable[[str, str], bool]":
    """Return what says whether a name and a password are among the lines `name:password` of a file.

    Raises `UsageError` for a line of another form.
    """
    import hmac

    known: dict[str, str] = {}
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: is no text in UTF-8: save it as such") from error
    for number, line in enumerate(lines, start=1):
        name, colon, password = line.partition(":")
        if line.strip() and not (colon and name and password):
            raise UsageError(f"{file}: line {number} is not name:password")
        known |= {name: password} if line.strip() else {}
    if not known:
        raise UsageError(f"{file}: names nobody: write lines of name:password")

    def may_enter(name: str, password: str) -> bool:
        return hmac.compare_digest(known.get(name, "").encode(), password.encode()) and name in known

    return may_enter


def _settle(folder: Path) -> None:
    """Let what is served, and to whom, follow from the command line alone: Gradio reads these."""
    for name in [name for name in os.environ if name.startswith("GRADIO_")]:
        del os.environ[name]
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = tempfile.tempdir = str(folder)
    # Gradio asks matplotlib for its backend at every answer, which imports much where none is set; its caches go too.
    os.environ |= {"MPLBACKEND": "agg", "MPLCONFIGDIR": str(folder / "matplotlib")}


def _closed(options: argparse.Namespace, error: Exception | str) -> EcgError:
    return EcgError(
        f"port {options.port} of {options.host!r} cannot be opened ({error}): give another --port or --host"
    )


if __name__ == "__main__":
    main()
