"""The estimate: what a plan takes, from a sample of its files that is answered on one core."""

import os
import time

import pyarrow as pa
import pyarrow.compute as pc

from archive.plan import Plan
from archive.rows import rows_of
from edge import Classifier
from edge.commands.table import Table

SAMPLE = 64
"""Files, from the first to the last at equal distances."""


def estimate(plan: Plan, inputs: pa.Table, classifier: Classifier, core_price: float | None = None) -> Table:
    """Return how much there is to do, and what it takes."""
    count = min(SAMPLE, len(inputs))
    chosen = inputs.take([len(inputs) * place // count for place in range(count)])
    start = time.process_time()
    pairs = zip(chosen["address"].to_pylist(), chosen["size"].to_pylist(), strict=True)
    pages = sum(1 for _ in rows_of(classifier, plan.model, pairs))
    hours = (time.process_time() - start) / len(chosen) * len(inputs) / 3600
    cores = os.cpu_count() or 1
    size = pc.sum(inputs["size"]).as_py()
    rows = [
        ["files", f"{len(inputs)}"],
        ["bytes", "unknown" if size is None or inputs["size"].null_count else f"{size}"],
        ["partitions", f"{len(plan.files)}, of {plan.partition_size} files"],
        ["pages, estimated", f"{pages / len(chosen) * len(inputs):.0f}"],
        ["core-hours, estimated", f"{hours:.3g}, from {len(chosen)} files"],
        [f"hours on the {cores} cores here, estimated", f"{hours / cores:.3g}"],
    ]
    if core_price is not None:
        rows.append(["cost, estimated", f"{hours * core_price:.3g}"])
    return Table("Estimate", ("what", "value"), rows)
