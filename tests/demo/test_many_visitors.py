"""Several people at once: no error, nobody waits for long, and memory does not grow."""

import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from gradio_client import Client, handle_file

from tests.conftest import ROOT
from tests.demo.server import start, stop

PEOPLE = 8
GROWTH = 30 << 20
"""Bytes by which the memory of the last part may exceed that of the first."""


def memory(process: int) -> int:
    """Bytes of a process in memory."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))


def visit(address: str, seconds: float) -> list[float]:
    """How long each answer took one person who asks again and again."""
    client, found = Client(address, verbose=False), []
    image = handle_file(ROOT / "examples" / "normal-clean.jpg")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begin = time.monotonic()
        assert client.predict(image, api_name="/classify")["label"] == "normal"
        found.append(time.monotonic() - begin)
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
@pytest.mark.parametrize(
    "seconds", [pytest.param(60, marks=pytest.mark.slow), pytest.param(300, marks=pytest.mark.soak)]
)
def test_eight_people_are_served(seconds: int, tmp_path: Path) -> None:
    process, address = start(None, tmp_path)
    try:
        alone = statistics.median(visit(address, 5))
        with ThreadPoolExecutor(PEOPLE) as pool:
            tasks = [pool.submit(visit, address, seconds) for _ in range(PEOPLE)]
            time.sleep(seconds / 5)
            first = memory(process.pid)
            times = [one for task in tasks for one in task.result()]
        grown = memory(process.pid) - first
        median = statistics.median(times)
        print(f"alone {alone:.3f} s, {PEOPLE} people {median:.3f} s, {len(times)} answers, {grown / 1e6:.0f} MB more")
        assert median <= PEOPLE * alone
        assert grown < GROWTH
    finally:
        stop(process)


@pytest.mark.slow
def test_one_who_asks_for_much_does_not_hold_up_the_next(tmp_path: Path) -> None:
    """Fifty pages and a picture that takes seconds are being read while somebody else asks."""
    from PIL import Image

    with Image.open(ROOT / "examples" / "normal-clean.jpg") as page:
        page.save(tmp_path / "fifty.pdf", save_all=True, append_images=[page] * 49)
    process, address = start(None, tmp_path)
    try:
        client = Client(address, verbose=False)
        much = client.submit([handle_file(tmp_path / "fifty.pdf")], api_name="/classify_many")
        assert max(visit(address, 0.1)) < 5
        assert not much.done()  # it did not wait for the other's answer
        assert len(much.result(timeout=120)) == 50
    finally:
        stop(process)
