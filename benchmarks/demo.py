"""The demo: how long it takes to be ready and to answer, and what it costs while nobody asks.

Starts alternate with `import gradio` alone, in fresh processes.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from gradio_client import Client, handle_file
from PIL import Image

from edge.commands.terminal import Parser, positive

ROOT = Path(__file__).parent.parent
PORT = 7899
PAGE = (2213, 1572)  # pixels of a page as the public data set has it


def processor_seconds(process: int) -> float:
    """Return what a process has used of the processor."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def main() -> None:
    """Print the figures."""
    parser = Parser(prog="python -m benchmarks.demo", description="Measure the demo.")
    parser.add_argument("--pairs", type=positive, default=5, help="starts")
    parser.add_argument("--idle", type=positive, default=30, help="seconds without a visitor")
    options = parser.parse_args()
    page = ROOT / "runs" / "page.jpg"
    page.parent.mkdir(exist_ok=True)
    with Image.open(ROOT / "examples" / "normal-clean.jpg") as small:
        small.convert("RGB").resize(PAGE).save(page, quality=90)
    ratios, firsts, idle = [], [], 0.0
    for number in range(options.pairs):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import gradio"], check=True, cwd=ROOT)
        alone = time.perf_counter() - begin
        begin = time.perf_counter()
        command = [sys.executable, "demo.py", "--port", str(PORT)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            address = process.stdout.readline().split()[1]
            ratios.append((time.perf_counter() - begin) / alone)
            client = Client(address, verbose=False)
            begin = time.perf_counter()
            client.predict(handle_file(page), api_name="/classify")
            firsts.append(time.perf_counter() - begin)
            if number == options.pairs - 1:
                before = processor_seconds(process.pid)
                time.sleep(options.idle)
                idle = (processor_seconds(process.pid) - before) / options.idle
            process.terminate()
    print(f"ready, of the time of 'import gradio': {statistics.median(ratios):.2f} (median of {options.pairs} pairs)")
    print(f"first answer from the upload on, {PAGE[0]}x{PAGE[1]}: {statistics.median(firsts):.2f} s")
    print(f"without a visitor: {idle:.1%} of a core")


if __name__ == "__main__":
    main()
