"""What every command line here shares: one-line errors, exit codes, messages, and what this is not."""

import argparse
import io
import logging
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from edge.errors import EcgError, visible

if TYPE_CHECKING:
    from edge.contract import Contract

log = logging.getLogger(__name__)
Found = TypeVar("Found")

MODEL = "an .onnx made by 'python -m export convert'; the shipped model if not given"
NOT_A_DEVICE = "A research tool, not a medical device: no diagnosis may rest on it."
STDERR = 2
IN_PLACE = 0.2
"""Seconds between two lines of progress on a terminal."""
MOST = 999_999_999
"""Of a whole number whose highest value nobody states."""
SYNTHETIC_MODEL = (
    "This model was trained on synthetic ECG images: it shows how the program works and knows nothing about real ECGs."
)

ADOPTED_MODEL = (
    "This model was made by others: it has no in-distribution score and no fitted temperature, so it answers whatever "
    "picture it is shown, and its probabilities may be far off."
)


class Parser(argparse.ArgumentParser):
    """Parse a command line; show defaults in the help, and answer wrong usage with one line.

    `renamed` maps options and commands of earlier versions to what they are called now: whoever gives one is told.
    """

    def __init__(self, *, renamed: Mapping[str, str] | None = None, **settings: Any) -> None:  # noqa: ANN401
        """Set the help's form."""
        super().__init__(
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
            allow_abbrev=False,
            epilog=NOT_A_DEVICE,
            **settings,
        )
        self._renamed = renamed or {}

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]  # noqa: ANN401
        """Parse the words of the command line, after a look for names of earlier versions."""
        words = sys.argv[1:] if args is None else list(args)
        for place, word in enumerate(words):
            name = word.partition("=")[0]
            if name in self._renamed and (word.startswith("-") or place == 0):
                self.exit(2, f"{self.prog}: {name} is called {self._renamed[name]} now: see '{self.prog} --help'\n")
        return super().parse_args(words, namespace)

    def error(self, message: str) -> NoReturn:
        """Exit with 2."""
        self.exit(2, f"{self.prog}: {visible(message)}: see '{self.prog} --help'\n")


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the model; without one `model_of` returns the shipped one."""
    parser.add_argument("model", nargs="?", type=Path, metavar="MODEL", help=MODEL)


def model_of(options: argparse.Namespace) -> Path:
    """Return the model that the command line gives, or the shipped one; raise `ModelError` where that is damaged."""
    if options.model is not None:
        return Path(options.model)
    from edge.shipped import shipped_model

    return shipped_model()


def notice(contract: "Contract") -> str:
    """Return what must be said of a model before its answers."""
    if contract.adopted:
        return f"{ADOPTED_MODEL} {NOT_A_DEVICE}"
    return SYNTHETIC_MODEL if contract.trained_on.synthetic else NOT_A_DEVICE


def add_format(parser: argparse.ArgumentParser) -> None:
    """Add --format for a result that is no list of images."""
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how the result is written")


def add_verbosity(parser: argparse.ArgumentParser) -> None:
    """Add --quiet and --verbose."""
    level = parser.add_mutually_exclusive_group()
    level.add_argument("--quiet", "-q", action="store_true", help="errors alone, no notice and no progress")
    level.add_argument("--verbose", "-v", action="store_true", help="more messages, for finding faults")


def configure_logging(options: argparse.Namespace) -> None:
    """Write messages to stderr, each as it is: information and warnings, with --verbose more, with --quiet errors."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a letter that a terminal does not know ends no run
    if not options.verbose:
        _silence_libraries()
    level = logging.ERROR if options.quiet else logging.DEBUG if options.verbose else logging.INFO
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in ("PIL", "matplotlib", "h5py", "absl", "tensorflow", "tf2onnx", "httpx", "asyncio", "pydicom"):
        # What libraries have to say is for those who look for faults; Keras advises against .h5 at every save.
        logging.getLogger(name).setLevel(logging.NOTSET if options.verbose else logging.CRITICAL)


class _OneLine(logging.Formatter):
    """Write a message as one line, whatever the names in it hold."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the base class calls it so
        return visible(record.message)


def _silence_libraries() -> None:
    """Let go nowhere what libraries in C write to stderr by themselves: libtiff, TensorFlow; our own messages stay."""
    stream = sys.__stderr__
    if stream is None or sys.stderr is not stream or stream.fileno() != STDERR:
        return  # closed, or somebody else's: a test's, a notebook's
    own = os.dup(STDERR)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), STDERR)
    sys.stderr = open(  # noqa: SIM115, PTH123 - for as long as the process lives
        own, "w", buffering=1, encoding=stream.encoding, errors="backslashreplace"
    )


def hide_progress() -> bool | None:
    """Return what tqdm's `disable` takes: True for no bar, with --quiet; None for one where stderr is a terminal."""
    return None if logging.getLogger().isEnabledFor(logging.INFO) else True


def shown(found: Iterable[Found], line: Callable[[int, float], str], every: float) -> Iterator[Found]:
    """Yield what long work finds, and say on stderr how far it is: on a terminal in place, in a log every so often.

    `line` makes what is said of how many there are and of the seconds they took, `every` is in seconds. A progress bar
    of tqdm would be one more package on the device.
    """
    if not log.isEnabledFor(logging.INFO):
        yield from found
        return
    terminal = sys.stderr.isatty()
    every, end = (IN_PLACE, "\r") if terminal else (every, "\n")
    last = start = time.monotonic()
    for number, one in enumerate(found, start=1):
        yield one
        if (now := time.monotonic()) - last >= every and now - start >= 1:
            last = now
            print(line(number, now - start), end=end, file=sys.stderr)
    if terminal and last > start:
        print(file=sys.stderr)


def run_commands(
    parser: Parser,
    commands: Mapping[str, tuple[Any, str]],
    run: Callable[[argparse.Namespace], int] | None = None,
    leave: Callable[[int], NoReturn] = sys.exit,
) -> NoReturn:
    """Run the command that the command line names, by `run` where one is given; then `leave`.

    Each of `commands` is a module with `describe` and `run`, and what it does in a few words.
    """
    choice = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (command, text) in commands.items():
        described = choice.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        command.describe(described)
        add_verbosity(described)
    options = parser.parse_args()
    configure_logging(options)
    exit_with(lambda: (run or commands[options.command][0].run)(options), leave)


def whole_number(lowest: int, highest: int | None = None) -> Callable[[str], int]:
    """Return what reads a whole number from `lowest` to `highest`, without that one of at most `MOST`."""
    wanted = f"of at least {lowest}" if highest is None else f"from {lowest} to {highest}"
    most = MOST if highest is None else highest

    def read(text: str) -> int:
        if not (text.isdecimal() and len(text) <= len(str(most)) and lowest <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"{text[:40]!r} is no whole number {wanted}")
        return int(text)

    return read


positive, natural, threads = whole_number(1), whole_number(0), whole_number(1, 256)
seed = whole_number(0, 2**32 - 1)  # what every library takes


def at_once(code: int) -> NoReturn:
    """End the process without taking modules and model apart first, which takes tens of milliseconds."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        with suppress(OSError):
            stream.flush()
    os._exit(code)


class Terminated(KeyboardInterrupt):
    """The system asks this process to end, by SIGTERM: as an interrupt, everything is left in order."""


def _terminate(*_: object) -> NoReturn:
    raise Terminated


def exit_with(command: Callable[[], int], leave: Callable[[int], NoReturn] = sys.exit) -> NoReturn:
    """Run a command and exit with its code: 2 for errors unless they say otherwise, 130 interrupted, 143 by SIGTERM."""
    with suppress(ValueError):  # not in the main thread: a notebook's
        signal.signal(signal.SIGTERM, _terminate)
    # Our own line says what is wrong with a picture; Pillow's warnings before it would be further ones.
    warnings.filterwarnings("ignore", module="PIL")
    if sys.stderr is None:  # closed by whoever started this; to print there would print to standard output
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    try:
        code = command()
        if sys.stdout is not None:
            sys.stdout.flush()
    except EcgError as error:
        print(error, file=sys.stderr)
        code = error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains at its exit
        print("standard output was closed before everything was written", file=sys.stderr)
        code = 1
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
        print(f"{visible(what)}: check the path, its permissions and the disk", file=sys.stderr)
        code = 2
    except KeyboardInterrupt as ending:
        terminated = isinstance(ending, Terminated)
        print("terminated" if terminated else "interrupted", file=sys.stderr)
        code = 143 if terminated else 130
    leave(code)
