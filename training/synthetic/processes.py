"""Work spread over processes, in order; an interrupt ends them all without a word."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial

import cv2


@contextmanager
def mapping(workers: int) -> Iterator[Callable[..., Iterator]]:
    """Give a `map` whose calls run in so many fresh processes; with one, in this process."""
    if workers == 1:
        yield map
        return
    # Not forked: TensorFlow's threads, where they run, do not survive a fork.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _prepare)
    try:
        yield partial(pool.map, chunksize=8)
    finally:
        pool.shutdown(cancel_futures=True)


def _prepare() -> None:
    """Leave an interrupt to the parent, and the cores to the other workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
