"""What `run_isolated` runs in its tests: it says what it can reach, or misbehaves as it is told."""

import json
import os
import socket
import sys
import time
from pathlib import Path

from training.isolation import confine


def main() -> None:
    confine(1 << 30)
    word = sys.argv[1]
    if word == "crash":
        os.abort()
    if word == "hang":
        time.sleep(60)
    if word == "orphan":
        print(json.dumps({"pid": os.getpid()}), flush=True)
        time.sleep(60)
    if word == "mumble":
        print("{")
        return
    if word == "eat":
        print(json.dumps({"bytes": len(bytearray(2 << 30))}))
        return
    Path("left").write_text("behind")
    try:
        Path(sys.argv[3]).write_text("outside")
        wrote = True
    except OSError:
        wrote = False
    (Path.home() / "home").touch()
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[2])), timeout=5).close()
        reached = True
    except OSError:
        reached = False
    print("what libraries print")
    print(
        json.dumps(
            {
                "folder": str(Path.cwd()),
                "home": str(Path.home()),
                "names": sorted(os.environ),
                "net": reached,
                "wrote": wrote,
            }
        )
    )


if __name__ == "__main__":
    main()
