"""Ask the shipped model about every file below a folder, each in a process of its own, and count what goes wrong.

    python -m benchmarks.hostile_pictures pillow-12.3.0/Tests

The test files of Pillow's source package are such a folder: every format, a fifth of them broken or hostile.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tqdm import tqdm

MOST_SECONDS, MOST_MEGABYTES = 5, 600
OUR_LINE = re.compile(r"\d+ of \d+ images could not be read")


def main() -> None:
    """Print how many files were answered, rejected and refused, and each one at which something went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    statuses: Counter[str] = Counter()
    slowest, largest, wrong = 0.0, 0.0, []
    files = sorted(path for path in options.folder.rglob("*") if path.is_file())
    for file in tqdm(files, unit="file"):
        seconds, megabytes, found, faults = asked(file)
        statuses.update(found)
        slowest, largest = max(slowest, seconds), max(largest, megabytes)
        wrong += [f"{file}: {fault}" for fault in faults]
    print(f"{len(files)} files: {', '.join(f'{count} {status}' for status, count in sorted(statuses.items()))}")
    print(f"slowest {slowest:.1f} s, largest {largest:.0f} MB, faults: {len(wrong)}")
    print(*wrong, sep="\n")


def asked(file: Path) -> tuple[float, float, list[str], list[str]]:
    """Return the seconds, the megabytes, the statuses of the pages, and what went wrong."""
    command = [sys.executable, "-m", "edge", "predict", str(file), "--format", "jsonl", "--quiet"]
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=printed, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        seconds, megabytes = time.perf_counter() - start, usage.ru_maxrss / 1024
        code = process.returncode = os.waitstatus_to_exitcode(status)
        printed.seek(0)
        errors.seek(0)
        lines, said = printed.read().decode().splitlines(), errors.read().decode(errors="replace").splitlines()
    faults = []
    try:
        statuses = [json.loads(line)["status"] for line in lines]
    except (ValueError, KeyError):
        statuses, faults = [], [f"no JSON: {lines[:1]}"]
    faults += [f"exit code {code}, statuses {statuses[:3]}"] if code != int("error" in statuses) or not lines else []
    faults += [f"on stderr: {line}" for line in said if not OUR_LINE.fullmatch(line)]
    faults += [f"{seconds:.1f} s"] if seconds > MOST_SECONDS else []
    faults += [f"{megabytes:.0f} MB"] if megabytes > MOST_MEGABYTES else []
    return seconds, megabytes, statuses, faults


if __name__ == "__main__":
    main()
