"""Time the image generator on one core, files written, and watch its memory.

    python -m benchmarks.synthetic_images

Clean images and phone photos of middle strength alternate in rounds; the median round counts. The time is the
process's own, on one core, so that others on the machine disturb it less. Then 3,000 clean images are made in this
process.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from training.synthetic.dataset import SyntheticSettings, generate_dataset

ROUNDS, PER_CLASS = 5, {"clean": 10, "photo": 4}  # images of four classes
LATER = 3000


def resident() -> float:
    """Return the memory of this process in MB (Linux)."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1000


def main() -> None:
    """Print a line for each kind, and one for the memory."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        rates: dict[str, list[float]] = {kind: [] for kind in PER_CLASS}
        generate_dataset(Path(folder, "warm"), SyntheticSettings(per_class=1, acquisition="photo", strength=2))
        for number in range(ROUNDS):
            for kind, per_class in PER_CLASS.items():
                wanted = SyntheticSettings(per_class=per_class, seed=number, acquisition=kind, strength=2)
                begin = time.process_time()
                count, _ = generate_dataset(Path(folder, f"{kind}-{number}"), wanted)
                rates[kind].append(count / (time.process_time() - begin))
        for kind, found in rates.items():
            print(f"{kind}: {np.median(found):.1f} images a second on one core ({min(found):.1f} to {max(found):.1f})")
        made, memory = 0, {}
        for per_class in (75, (LATER - 300) // 4):
            settings = SyntheticSettings(per_class=per_class, seed=99)
            made += generate_dataset(Path(folder, f"many-{per_class}"), settings)[0]
            memory[made] = resident()
        print(", ".join(f"{size:.0f} MB after image {number:,}" for number, size in memory.items()))


if __name__ == "__main__":
    main()
