"""What an audit found, as tables for the terminal and as a report with the images side by side."""

from collections import Counter
from pathlib import Path

import numpy as np

from training.data.folder import ATTRIBUTES
from training.evaluation.audit import AS_IT_STANDS, WITHOUT_COPIES, Audit
from training.evaluation.baselines import BASELINES
from training.evaluation.intervals import Estimate
from training.reports import plots
from training.reports.report import DRAWN, Report, Table, shown

PAIRS, ODD_PAGES = 12, 6  # shown in the report
ROWS = 3  # of pairs in one figure: a printed sheet holds them
MOST_STYLES = 8


def tables(audit: Audit) -> list[Table]:
    """Return class balance, image styles, what was checked, and the baselines."""
    splits = sorted({image.split or "images" for image in audit.images}, reverse=True)
    counts = Counter((image.label, image.split or "images") for image in audit.images)
    labels = sorted({image.label for image in audit.images})
    balance = [[label, *(str(counts[label, split]) for split in splits)] for label in labels]
    checks = {
        "redundant copies, byte for byte": audit.redundant["bytes"],
        "redundant copies, pixel for pixel": audit.redundant["pixels"],
        **{f"of these within {split}": number for split, number in audit.within.items()},
        "near copies: pairs of pictures with one trace": len(audit.near),
        **{f"leak: {kind}": number for kind, number in audit.kinds.items()},
        "images that cannot be read": len(audit.unreadable),
        **{name: len(images) for name, images in audit.odd.items()},
    }
    return [
        Table("Classes", ("class", *splits), balance),
        Table("EcgImage styles", ("style", "files"), _styles(audit)),
        Table("Checks", ("check", "found"), [[name, str(number)] for name, number in checks.items()]),
        Table(
            f"What can be had without the heart, and with a plain model: macro-F1 on {audit.asked} files",
            ("baseline", AS_IT_STANDS, WITHOUT_COPIES),
            [[name, *(_score(audit, column, name) for column in (AS_IT_STANDS, WITHOUT_COPIES))] for name in BASELINES],
        ),
    ]


def _styles(audit: Audit) -> list[list[str]]:
    """Count images by size in pixels and by what the manifest calls their style, the most frequent first."""
    style = ATTRIBUTES.index("page_style")
    names = [
        f"{width}x{height} {image.attributes[style]}".strip()
        for image, (width, height) in zip(audit.images, audit.sizes, strict=True)
    ]
    counts = Counter(names).most_common()
    rows = [[name, str(number)] for name, number in counts[:MOST_STYLES]]
    rest = counts[MOST_STYLES:]
    return rows + [[f"{len(rest)} others", str(sum(number for _, number in rest))]] * bool(rest)


def _score(audit: Audit, column: str, name: str) -> str:
    scores = audit.baselines.get(column, "")
    return shown(scores[name]["macro_f1"]) if isinstance(scores, dict) else "none"


def numbers(audit: Audit, data: Path) -> dict:
    """Return every number of the audit, for JSON."""

    def named(index: int) -> str:
        return str(audit.images[index].path)

    def records(scores: dict[str, dict[str, Estimate]] | str) -> dict | str:
        if isinstance(scores, str):
            return scores
        return {name: {figure: value.as_record() for figure, value in row.items()} for name, row in scores.items()}

    return {
        "data": str(data),
        "files": len(audit.images),
        "different_images": len(audit.images) - audit.redundant["pixels"],
        "redundant_copies": audit.redundant,
        "baseline_files": audit.asked,
        "classes": {
            label: dict(Counter(image.split or "images" for image in audit.images if image.label == label))
            for label in sorted({image.label for image in audit.images})
        },
        "leaks": [{"kind": leak.kind, "images": [named(index) for index in leak.images]} for leak in audit.leaks],
        "near_copies": [{"images": [named(i), named(j)], "score": score} for i, j, score in audit.near],
        "unreadable": audit.unreadable,
        "odd": {name: [named(index) for index in images] for name, images in audit.odd.items()},
        "baselines": {column: records(scores) for column, scores in audit.baselines.items()},
        "warnings": audit.warnings,
    }


def write_audit(audit: Audit, data: Path, out: Path) -> None:
    """Write the report's folder."""
    report = Report("Audit of the images")
    if any(image.synthetic for image in audit.images):
        report.text(DRAWN, warning=True)
    report.text(f"{data}: {audit.headline}.")
    for line in audit.warnings:
        report.text(line, warning=True)
    for table in tables(audit):
        report.table(table)
    report.text(
        f"'{AS_IT_STANDS}': by the folder's split, or five parts at random. '{WITHOUT_COPIES}': one of each image, in "
        "five parts that keep groups and near copies together. In brackets: 95 % intervals."
    )
    for name, meaning in BASELINES.items():
        report.text(f"{name}: {meaning}.")
    for column, scores in audit.baselines.items():
        if isinstance(scores, str):
            report.text(f"{column}: {scores}.", warning=True)
    for number, kind in enumerate(audit.kinds, start=1):
        found = [leak for leak in audit.leaks if leak.kind == kind]
        if found:
            report.heading(f"{len(found)} x {kind}")
            for part in range(0, min(len(found), PAIRS), ROWS):
                pairs = [leak.images[:2] for leak in found[part : min(part + ROWS, PAIRS)]]
                _show(report, audit, f"leak-{number}-{part // ROWS + 1}", pairs, 2)
    for number, (name, images) in enumerate(audit.odd.items(), start=1):
        if images:
            report.heading(f"{len(images)} x {name}")
            _show(report, audit, f"odd-{number}", [(index,) for index in images[:ODD_PAGES]], 3)
    if audit.unreadable:
        report.heading("Images that cannot be read")
        for line in audit.unreadable:
            report.text(line, warning=True)
    report.write(out, numbers(audit, data))


def _show(report: Report, audit: Audit, name: str, sets: list[tuple[int, ...]], columns: int) -> None:
    """Add images side by side, a row for each pair."""
    chosen = np.concatenate(sets).astype(int).tolist()
    images = [audit.images[index] for index in chosen]
    captions = [f"{image.split or ''} {image.label}\n{image.path.name}".strip() for image in images]
    sheet = plots.contact_sheet([image.path for image in images], captions, columns=columns)
    report.figure(name, sheet, "; ".join(image.path.name for image in images))
