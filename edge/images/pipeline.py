"""Overlap: pages are opened while the model is loaded, and while another page is classified."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from io import BytesIO
from itertools import chain
from pathlib import Path
from threading import Thread
from typing import BinaryIO, TypeVar

from PIL import Image

from edge.images.page import count_pages, open_page

Source = str | Path | BinaryIO
Sheet = tuple[Source, int | None]
"""A source and the page of it, from 1; None where it is one page."""
Opened = TypeVar("Opened")

AHEAD = 2  # pages a thread that may lie opened and wait


class Ahead:
    """Open pages as `open_page` does, the first of them on a thread of its own from now on."""

    def __init__(self, first: Source) -> None:
        """Begin to open a picture."""
        self._first = first
        self._page: Image.Image | None = None
        self._thread = Thread(target=self._open)
        self._thread.start()

    def _open(self) -> None:
        # Whoever asks for it opens it again, and is told what is wrong.
        with suppress(Exception):
            self._page = open_page(self._first)

    def __call__(self, source: Source, number: int | None) -> Image.Image:
        """Return the page that is being opened, once, or open one."""
        if source is self._first and number is None:
            self._thread.join()
            page, self._page = self._page, None
            if page is not None:
                return page
        return open_page(source, number)


def sheets_of(sources: Iterable[Source]) -> Iterator[Sheet]:
    """Yield every page of every source, in their order."""
    for source in sources:
        # Several threads may read one open file: each gets a place of its own in it.
        again = partial(_copy, source.read(), source) if not isinstance(source, str | Path) else lambda: source  # noqa: B023
        pages = count_pages(again())
        yield from ((again(), number) for number in ([None] if pages is None else range(1, pages + 1)))


def _copy(content: bytes, file: BinaryIO) -> BytesIO:
    copy = BytesIO(content)
    copy.name = getattr(file, "name", "picture")
    return copy


def opened(
    sheets: Iterable[Sheet], open_sheet: Callable[[Source, int | None], Opened], threads: int | None = None
) -> Iterator[tuple[Sheet, Opened]]:
    """Yield each sheet with what `open_sheet` makes of it, in their order.

    It runs on `threads` threads, by default one a core, at most two sheets a thread ahead of the one that is
    asked for.
    """
    coming = iter(sheets)
    first = [sheet for sheet in (next(coming, None), next(coming, None)) if sheet is not None]
    if len(first) < 2:  # a thread, and what it takes to import, would cost more than it brings
        yield from ((sheet, open_sheet(*sheet)) for sheet in first)
        return
    from concurrent.futures import Future, ThreadPoolExecutor

    workers = threads or os.cpu_count() or 1
    waiting: deque[tuple[Sheet, Future[Opened]]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for sheet in chain(first, coming):
            waiting.append((sheet, pool.submit(open_sheet, *sheet)))
            if len(waiting) > AHEAD * workers:
                done, future = waiting.popleft()
                yield done, future.result()
        yield from ((done, future.result()) for done, future in waiting)
    finally:
        pool.shutdown(cancel_futures=True)
