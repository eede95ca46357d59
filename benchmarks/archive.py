"""The archive: its throughput against `edge predict`, its memory, and how long a plan takes.

Throughput and memory are of links to the images of `examples/`, one in a thousand of them broken. The two commands
alternate; what they take for few images is taken off, so that their start-up does not count.
"""

import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

import pyarrow as pa
from pyarrow import parquet

from archive.inputs import inputs_of
from archive.places import place_of
from archive.plan import Plan
from edge.commands.terminal import Parser, natural, positive

ROOT = Path(__file__).parent.parent
FEW = 100
BROKEN = 1000
"""One of so many links leads nowhere."""
SIZES = (2000, 20_000)


def links(folder: Path, count: int) -> Path:
    """Return a folder with so many links to the examples."""
    folder.mkdir()
    examples = sorted((ROOT / "examples").glob("*.jpg"))
    for number in range(count):
        to = examples[number % len(examples)] if number % BROKEN else folder / "nowhere"
        (folder / f"{number:06}.jpg").symlink_to(to)
    return folder


def seconds(*words: object) -> float:
    """Return how long a command takes."""
    start = time.perf_counter()
    ended = subprocess.run([sys.executable, "-m", *map(str, words)], check=False, cwd=ROOT, capture_output=True)
    if ended.returncode not in (0, 1):  # 1 for links that lead nowhere
        raise SystemExit(ended.stderr.decode())
    return time.perf_counter() - start


def throughput(folder: Path, images: int, pairs: int) -> None:
    """Print the ratio of the two commands' throughput."""
    many, few = links(folder / "many", images), links(folder / "few", FEW)
    rates: dict[str, list[float]] = {"edge": [], "archive": []}
    for pair in range(pairs):
        for name in ("edge", "archive") if pair % 2 == 0 else ("archive", "edge"):
            words = ("edge", "predict") if name == "edge" else ("archive", "score")
            took = [seconds(*words, source, "--out", folder / f"{source.name}-{name}-{pair}") for source in (few, many)]
            rates[name].append((images - FEW) / (took[1] - took[0]))
    edge, archive = (statistics.median(rates[name]) for name in ("edge", "archive"))
    print(f"{images} images, start-up apart: edge {edge:.1f} a second, archive {archive:.1f}: {archive / edge:.2f}")


def memory(folder: Path) -> None:
    """Print the most that the driver and a worker take, for few and for many images."""
    for count in SIZES:
        source, most, ended = links(folder / f"memory{count}", count), {"driver": 0, "worker": 0}, Event()
        command = [sys.executable, "-m", "archive", "score", source, "--out", folder / f"memory{count}-out"]
        with subprocess.Popen(list(map(str, command)), cwd=ROOT, stdout=subprocess.DEVNULL) as process:
            watch = Thread(target=_watch, args=(process.pid, most, ended))
            watch.start()
            process.wait()
            ended.set()
            watch.join()
        print(f"{count} images: driver {most['driver'] >> 20} MB, largest worker {most['worker'] >> 20} MB")


def _watch(driver: int, most: dict[str, int], ended: Event) -> None:
    while not ended.wait(0.2):
        for process in Path("/proc").glob("[0-9]*"):
            try:
                name = "driver" if process.name == str(driver) else "worker"
                if name == "driver" or b"MapWorker" in (process / "cmdline").read_bytes():
                    pages = int((process / "statm").read_text(encoding="utf-8").split()[1])
                    most[name] = max(most[name], pages * resource.getpagesize())
            except OSError:
                continue


def planning(folder: Path, listed: int, generated: int) -> None:
    """Print how long a plan takes, of links that are listed and of a list that is generated."""
    source = links(folder / "listed", listed)
    _planned(f"{listed} files of a folder", str(source), folder / "listed-out")
    if generated:
        numbers = range(generated)
        columns = {
            "address": pa.array(f"s3://scans/2026/{number:09}.jpg" for number in numbers),
            "size": pa.array(numbers, pa.int64()),
            "modified": pa.array(map(str, numbers)),
        }
        parquet.write_table(pa.table(columns), folder / "list.parquet")
        del columns
        _planned(f"{generated} of a list", str(folder / "list.parquet"), folder / "list-out")


def _planned(what: str, source: str, out: Path) -> None:
    start = time.perf_counter()
    inputs = inputs_of(source, "address")
    Plan.of(source, inputs, "0" * 64, 500).settle(inputs, place_of(str(out)))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"plan of {what}: {time.perf_counter() - start:.1f} s, at most {most} MB")


def main() -> None:
    """Print the figures."""
    parser = Parser(prog="python -m benchmarks.archive", description="Measure the archive.")
    parser.add_argument("--images", type=positive, default=5000, help="for the throughput")
    parser.add_argument("--pairs", type=natural, default=1, help="of commands, in turn; 0 for none")
    parser.add_argument("--listed", type=positive, default=100_000, help="files of a folder to plan")
    parser.add_argument("--generated", type=natural, default=10_000_000, help="addresses of a list to plan; 0 for none")
    parser.add_argument("--memory", action="store_true", help=f"watch runs over {SIZES[0]} and {SIZES[1]} images")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="ecg-archive-") as folder:
        planning(Path(folder), options.listed, options.generated)
        if options.pairs:
            throughput(Path(folder), options.images, options.pairs)
        if options.memory:
            memory(Path(folder))


if __name__ == "__main__":
    main()
