"""What is killed: an actor, a node, the driver. In the end the results are those of a quiet run."""

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.archive.pages import archive_of, begun, rows, scoring

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found in /proc")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archive_of(tmp_path_factory.mktemp("archive"), 298)


@pytest.fixture(scope="module")
def undisturbed(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    assert scoring(pictures, out).wait(300) == 1
    return rows(out)


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[tuple[str, Callable[[], None]]]:
    """The address of a cluster of two nodes, and what kills the second one and starts it again."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    nodes = [cluster.add_node(num_cpus=1)]

    def kill() -> None:
        cluster.remove_node(nodes.pop(), allow_graceful=False)
        nodes.append(cluster.add_node(num_cpus=1))

    yield cluster.address, kill
    cluster.shutdown()


def workers() -> list[int]:
    """Processes that hold a worker, below this one: other tests have clusters of their own."""
    parents, found = {}, []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(process.name)] = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if b"MapWorker" in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue

    def ours(process: int) -> bool:
        return process == os.getpid() or (process in parents and ours(parents[process]))

    return list(filter(ours, found))


def disturbed(what: str, pictures: Path, out: Path, nodes: tuple[str, Callable[[], None]], dice: random.Random) -> None:
    """Kill an actor, a node or the driver at a random moment; repeat the command where it did not end."""
    address, kill_node = nodes
    process = scoring(pictures, out, "--address", address)
    begun(out, process)
    time.sleep(dice.uniform(0, 0.5))
    assert process.poll() is None, "it has ended before anything was killed"
    if what == "actor":
        os.kill(dice.choice(workers()), signal.SIGKILL)
    elif what == "node":
        kill_node()
    else:
        process.kill()
        process.communicate()
        process = scoring(pictures, out, "--address", address)
    said = process.communicate(timeout=300)
    assert process.returncode == 1, said  # for the file that is no picture


@pytest.mark.parametrize("what", ["actor", "node", "driver"])
def test_what_is_killed_changes_no_row(
    what: str, pictures: Path, undisturbed: list[dict], two_nodes: tuple[str, Callable[[], None]], tmp_path: Path
) -> None:
    disturbed(what, pictures, tmp_path / "out", two_nodes, random.Random(what))
    assert rows(tmp_path / "out") == undisturbed
    assert len(list((tmp_path / "out").glob("part-*"))) == 75
    assert not list((tmp_path / "out").rglob("begun-*"))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("what", ["actor", "node", "driver"])
def test_what_is_killed_changes_no_row_twenty_times(
    what: str,
    seed: int,
    pictures: Path,
    undisturbed: list[dict],
    two_nodes: tuple[str, Callable[[], None]],
    tmp_path: Path,
) -> None:
    disturbed(what, pictures, tmp_path / "out", two_nodes, random.Random(seed))
    assert rows(tmp_path / "out") == undisturbed


@pytest.mark.parametrize(("ending", "code", "line"), [("SIGTERM", 143, "terminated"), ("SIGINT", 130, "interrupted")])
def test_who_ends_it_gets_a_line_and_nothing_is_left(
    ending: str, code: int, line: str, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TemporaryDirectory(dir="/tmp") as folder:  # a short path, as Ray's sockets need it
        for name in ("TMPDIR", "RAY_TMPDIR"):
            monkeypatch.setenv(name, folder)
        process = scoring(pictures, tmp_path / "out")
        begun(tmp_path / "out", process)
        process.send_signal(getattr(signal, ending))
        errors = process.communicate(timeout=120)[1]
        assert (process.returncode, errors.splitlines()[-1]) == (code, line)
        assert [path.name for path in Path(folder).iterdir()] == []


def test_two_runs_at_once_write_the_same_rows(pictures: Path, undisturbed: list[dict], tmp_path: Path) -> None:
    one, other = scoring(pictures, tmp_path / "out"), scoring(pictures, tmp_path / "out")
    said = one.communicate(timeout=300), other.communicate(timeout=300)
    assert (one.returncode, other.returncode) == (1, 1), said
    assert rows(tmp_path / "out") == undisturbed
    assert len(list((tmp_path / "out").glob("part-*"))) == 75
