"""The pipeline: pages are opened while the model is loaded, and while another page is classified."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from io import BytesIO
from itertools import chain
from pathlib import Path
from threading import Thread
from typing import NamedTuple, TypeVar

import numpy as np
from PIL import Image

from edge.errors import PageError
from edge.files import contents_of, is_stream
from edge.images.page import Source, count_pages, name_of, open_page

Prepared = TypeVar("Prepared")

AHEAD = 2  # pages a thread that may lie opened and wait


class Sheet(NamedTuple):
    """Name one page to open."""

    source: Source
    """As it was given."""
    number: int | None = None
    """The page of it, from 1; None where it is one page."""
    error: PageError | None = None
    """Why what is no file, a pipe, could not be read."""


class PagePipeline:
    """Open every page of every source on other threads, in their order, the first of them from now on.

    `threads` is their number, by default one a core; at most two pages a thread are opened ahead of the one that is
    asked for.
    """

    def __init__(self, sources: Iterable[Source], threads: int | None = None) -> None:
        """Begin to open the first page."""
        self._sheets = _sheets_of(sources)
        self._threads = threads or os.cpu_count() or 1
        self._first = next(self._sheets, None)
        self._page: Image.Image | PageError | None = None
        if self._first is not None:
            self._thread = Thread(target=self._open_first, args=(self._first,))
            self._thread.start()

    def prepared(self, prepare: Callable[[Image.Image], Prepared]) -> Iterator[tuple[Sheet, Prepared | PageError]]:
        """Yield each page with what `prepare` makes of it, on the threads, or with why it cannot be opened; once."""
        if self._first is None:
            return
        second = next(self._sheets, None)
        if second is None:  # a pool, and what it takes to import, would cost more than it brings
            yield self._first, self._prepare_first(prepare)
            return
        from concurrent.futures import Future, ThreadPoolExecutor

        pool = ThreadPoolExecutor(self._threads)
        waiting: deque[tuple[Sheet, Future[Prepared | PageError]]] = deque()
        try:
            waiting.append((self._first, pool.submit(self._prepare_first, prepare)))
            for sheet in chain([second], self._sheets):
                waiting.append((sheet, pool.submit(_opened, sheet, prepare)))
                if len(waiting) > AHEAD * self._threads:
                    done, future = waiting.popleft()
                    yield done, future.result()
            yield from ((done, future.result()) for done, future in waiting)
        finally:
            pool.shutdown(cancel_futures=True)

    def _open_first(self, sheet: Sheet) -> None:
        self._page = _opened(sheet, lambda page: page)

    def _prepare_first(self, prepare: Callable[[Image.Image], Prepared]) -> Prepared | PageError:
        self._thread.join()
        page, self._page = self._page, None
        if page is None:  # the thread has failed: fail here, where it is seen
            return _opened(self._first or Sheet(""), prepare)
        return page if isinstance(page, PageError) else prepare(page)


def _opened(sheet: Sheet, prepare: Callable[[Image.Image], Prepared]) -> Prepared | PageError:
    """Return what `prepare` makes of a page, or why it cannot be opened."""
    if sheet.error is not None:
        return sheet.error
    try:
        page = open_page(sheet.source, sheet.number)
    except PageError as error:
        return error
    return prepare(page)


def _sheets_of(sources: Iterable[Source]) -> Iterator[Sheet]:
    """Yield every page of every source, in their order."""
    for source in sources:
        try:
            again = _again(source)
        except PageError as error:
            yield Sheet(source, error=PageError(f"{name_of(source)}: {error}"))
            continue
        pages = count_pages(again())
        yield from (Sheet(again(), number) for number in ([None] if pages is None else range(1, pages + 1)))


def _again(source: Source) -> Callable[[], Source]:
    """Return what gives a source for each page: several threads may read one open file, each from its own place."""
    if isinstance(source, bytes | Image.Image | np.ndarray):
        return lambda: source
    if not isinstance(source, str | Path):
        return partial(_copy, source.read(), getattr(source, "name", "picture"))
    try:
        if is_stream(Path(source)):
            return partial(_copy, contents_of(Path(source)), str(source))
    except OSError:  # said where the page is opened
        pass
    return lambda: source


def _copy(content: bytes, name: str) -> BytesIO:
    copy = BytesIO(content)
    copy.name = name
    return copy
