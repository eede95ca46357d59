"""The engine: Ray Data hands partitions to actors, one a core, and brings back what became of them."""

import json
import logging
import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from edge.errors import EcgError, UsageError

if TYPE_CHECKING:
    from archive.worker import Worker

PATIENCE = 8.0
"""Seconds that are waited for a cluster's address, and for its first word."""
SETTINGS = b"\x04"
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + SETTINGS + bytes(5)
"""How a client of gRPC, which Ray speaks, begins (RFC 9113, 3.4); a server answers with a frame of the same kind."""
CAUSE = re.compile(r"\s*[\w.]+(Error|Exception|Invalid): ")
"""How the line of a traceback begins that says what went wrong."""
SHORT = "/tmp" if os.name == "posix" else None
SHARE = 0.5
"""Cores that an actor asks for, of the one it uses: actors of a node that died find room on those that are left."""


@contextmanager
def cluster(address: str | None) -> Iterator[int]:
    """Connect to a cluster, or start one on this machine; give the number of its cores.

    Raises `UsageError` where there is none at the address.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else it warns of what changes in a later version
    # Ray's sockets need a short path; what it writes there, its logs above all, goes with the run.
    own = partial(
        TemporaryDirectory, prefix="ecg-", dir=os.environ.get("RAY_TMPDIR", SHORT), ignore_cleanup_errors=True
    )
    with own() if address is None else nullcontext("") as folder:
        ours = signal.getsignal(signal.SIGTERM)
        try:
            _connect(address, folder)
        except (ConnectionError, RuntimeError, ValueError) as error:
            what = f"--address {address}: no Ray cluster can be reached there" if address else "Ray does not start here"
            raise UsageError(f"{what} ({' '.join(str(error).split())})") from error
        with suppress(ValueError):  # not in the main thread
            signal.signal(signal.SIGTERM, ours)  # Ray's own ends this process without a word
        import ray
        from ray.data import DataContext

        for name in ("ray", "ray.data"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what goes wrong is raised as well
        context = DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        try:
            yield max(1, int(resources.get("CPU", 1)))
        finally:
            ray.shutdown()


def _connect(address: str | None, folder: str) -> None:
    """Connect to the cluster at an address; without one start one that nobody else can reach, whose files are here."""
    if address is not None:
        import ray

        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        return
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # on no system: it then uses 127.0.0.1 alone
    import ray

    # Ray asks its cloud's metadata service which cloud this is, unless its home folder has a file that says so.
    Path(folder, "ray_bootstrap_config.yaml").write_text("{}\n", encoding="utf-8")
    home = os.environ.get("HOME")
    os.environ["HOME"] = folder
    try:
        ray.init(
            address="local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR,
            _temp_dir=folder,
        )  # fmt: skip
    finally:
        os.environ.pop("HOME")
        if home is not None:
            os.environ["HOME"] = home


def reach(address: str) -> None:
    """Raise `UsageError` where no Ray answers at host:port: Ray itself waits for minutes, or for ever."""
    if address == "auto":
        return
    place = urlsplit(address if "://" in address else f"//{address}")
    try:
        if not place.hostname or not place.port:
            raise ValueError("it has the form host:port")
        with socket.create_connection((place.hostname, place.port), PATIENCE) as link:
            link.sendall(GREETING)
            if os.environ.get("RAY_USE_TLS", "0") == "0" and link.recv(9)[3:4] != SETTINGS:
                raise ValueError("what answers there is not Ray")
    except (OSError, ValueError) as error:
        raise UsageError(f"--address {address}: no Ray cluster can be reached there ({error})") from error


def answered(
    worker: "type[Worker]", settings: tuple[Any, ...], jobs: list[dict[str, Any]], cores: int
) -> Iterator[dict[str, Any]]:
    """Have workers, made with `settings`, do the jobs; yield what became of each as it ends, in no order.

    Raises `EcgError` where Ray gives up.
    """
    import ray
    from ray.data import ActorPoolStrategy

    rows = [{"job": json.dumps(job)} for job in jobs]
    done = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
        worker,
        fn_constructor_args=settings,
        batch_size=1,
        compute=ActorPoolStrategy(size=min(cores, len(rows)), max_tasks_in_flight_per_actor=2),
        num_cpus=SHARE,
    )
    try:
        yield from done.iter_rows()
    except (ray.exceptions.RayError, RuntimeError) as error:
        told = [line for line in str(error).splitlines() if CAUSE.match(line)] or str(error).splitlines()
        reason = told[-1].strip()
        raise EcgError(f"the run has ended early ({reason}): mend that and repeat the command, it goes on") from error
