"""The gate: which requests reach Gradio; it knows many more than the page needs."""

import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive, Send = Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]

API = "/gradio_api/"
READ = re.compile(
    r"/|/(config|theme\.css|login_check|logout|manifest\.json|favicon\.ico|robots\.txt|openapi\.json)/?|"
    r"/(assets|static|svelte)/.*|"
    r"/gradio_api/((info|user|token|app_id|login_check|startup-events|queue/data|upload_progress|openapi\.json)/?|"
    r"heartbeat/.*|call/[^/]+/[^/]+|file=.*)"
)
WRITE = re.compile(r"/login/?|/gradio_api/(upload|reset|cancel|queue/join|call/[^/]+)/?")
TOOLS = re.compile(r"/gradio_api/mcp(/.*)?")
FILE = f"{API}file="
MOST_JSON = 1 << 18
"""Bytes of a request that is no upload: fifty files are named in a tenth of that."""
MOST_FILES = 10
"""Largest files that one request may upload: a ward's photos, not the disk."""


class Gate:
    """ASGI middleware: let in what the page and its API need, of bounded size; let nothing be kept by the browser."""

    def __init__(self, app: Callable[..., Awaitable[None]], *, folder: Path, largest: int, tools: bool) -> None:
        """Files are served from `folder` alone; `largest` is the bytes of an upload, `tools` says whether MCP is on."""
        self._app, self._folder, self._largest, self._tools = app, folder, largest, tools

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer a request, or let it through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", "")) or "/"
        if not self._known(scope["method"], path):
            await _refuse(send, 404)
            return
        most = MOST_FILES * self._largest if path.startswith(f"{API}upload") else MOST_JSON
        if int(dict(scope["headers"]).get(b"content-length", b"0") or 0) > most:
            await _refuse(send, 413)
            return
        started, taken = False, 0

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            return message if taken <= most else {"type": "http.disconnect"}

        async def sent(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                if path.startswith(FILE):
                    message["headers"] = [*message["headers"], (b"cache-control", b"no-store")]
            await send(message)

        try:
            await self._app(scope, bounded, sent)
        except Exception as error:  # what a malformed request brings about in Gradio has no narrower base class
            log.debug("a request was refused", exc_info=error)
            log.info("a request was refused: %s", type(error).__name__)
            if started:
                await send({"type": "http.response.body", "body": b""})
            else:
                await _refuse(send, 400)

    def _known(self, method: str, path: str) -> bool:
        if self._tools and TOOLS.fullmatch(path):
            return True
        if method not in ("GET", "HEAD"):
            return method == "POST" and WRITE.fullmatch(path) is not None
        if path.startswith(FILE):
            file = Path(path.removeprefix(FILE))
            return self._folder in file.parents and ".." not in file.parts and not file.name.startswith(".")
        return READ.fullmatch(path) is not None


async def _refuse(send: Send, status: int) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"detail":"This request cannot be answered."}'})
