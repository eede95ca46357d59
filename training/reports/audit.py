"""What an audit found, as tables for the terminal and as a report with the pages side by side."""

from collections import Counter
from pathlib import Path

import numpy as np

from training.data.folder import ATTRIBUTES
from training.evaluation.audit import AS_IT_STANDS, WITHOUT_COPIES, Audit
from training.evaluation.baselines import COMPARATORS
from training.evaluation.intervals import Estimate
from training.reports import plots
from training.reports.report import DRAWN, Report, Table, shown

PAIRS, ODD_PAGES = 12, 6  # shown in the report
ROWS = 3  # of pairs in one figure: a printed sheet holds them
MOST_STYLES = 8


def tables(audit: Audit) -> list[Table]:
    """Return class balance, page styles, what was checked, and the comparators."""
    splits = sorted({page.split or "pages" for page in audit.pages}, reverse=True)
    counts = Counter((page.label, page.split or "pages") for page in audit.pages)
    labels = sorted({page.label for page in audit.pages})
    balance = [[label, *(str(counts[label, split]) for split in splits)] for label in labels]
    checks = {
        "redundant copies, byte for byte": audit.redundant["bytes"],
        "redundant copies, pixel for pixel": audit.redundant["pixels"],
        **{f"of these within {split}": number for split, number in audit.within.items()},
        "near copies: pairs of pictures with one trace": len(audit.near),
        **{f"leak: {kind}": number for kind, number in audit.kinds.items()},
        "pages that cannot be read": len(audit.unreadable),
        **{name: len(pages) for name, pages in audit.odd.items()},
    }
    return [
        Table("Classes", ("class", *splits), balance),
        Table("Page styles", ("style", "files"), _styles(audit)),
        Table("Checks", ("check", "found"), [[name, str(number)] for name, number in checks.items()]),
        Table(
            f"What can be had without the heart, and with a plain model: macro-F1 on {audit.asked} files",
            ("comparator", AS_IT_STANDS, WITHOUT_COPIES),
            [
                [name, *(_score(audit, column, name) for column in (AS_IT_STANDS, WITHOUT_COPIES))]
                for name in COMPARATORS
            ],
        ),
    ]


def _styles(audit: Audit) -> list[list[str]]:
    """Count pages by size in pixels and by what the manifest calls their style, the most frequent first."""
    style = ATTRIBUTES.index("page_style")
    names = [
        f"{width}x{height} {page.attributes[style]}".strip()
        for page, (width, height) in zip(audit.pages, audit.sizes, strict=True)
    ]
    counts = Counter(names).most_common()
    rows = [[name, str(number)] for name, number in counts[:MOST_STYLES]]
    rest = counts[MOST_STYLES:]
    return rows + [[f"{len(rest)} others", str(sum(number for _, number in rest))]] * bool(rest)


def _score(audit: Audit, column: str, name: str) -> str:
    scores = audit.comparators.get(column, "")
    return shown(scores[name]["macro_f1"]) if isinstance(scores, dict) else "none"


def numbers(audit: Audit, data: Path) -> dict:
    """Return every number of the audit, for JSON."""

    def named(index: int) -> str:
        return str(audit.pages[index].path)

    def records(scores: dict[str, dict[str, Estimate]] | str) -> dict | str:
        if isinstance(scores, str):
            return scores
        return {name: {figure: value.as_record() for figure, value in row.items()} for name, row in scores.items()}

    return {
        "data": str(data),
        "files": len(audit.pages),
        "different_pages": len(audit.pages) - audit.redundant["pixels"],
        "redundant_copies": audit.redundant,
        "comparators_asked_about": audit.asked,
        "classes": {
            label: dict(Counter(page.split or "pages" for page in audit.pages if page.label == label))
            for label in sorted({page.label for page in audit.pages})
        },
        "leaks": [{"kind": leak.kind, "pages": [named(index) for index in leak.pages]} for leak in audit.leaks],
        "near_copies": [{"pages": [named(i), named(j)], "score": score} for i, j, score in audit.near],
        "unreadable": audit.unreadable,
        "odd": {name: [named(index) for index in pages] for name, pages in audit.odd.items()},
        "comparators": {column: records(scores) for column, scores in audit.comparators.items()},
        "warnings": audit.warnings,
    }


def write_audit(audit: Audit, data: Path, out: Path) -> None:
    """Write the report's folder."""
    report = Report("Audit of the pages")
    if any(page.drawn for page in audit.pages):
        report.text(DRAWN, warning=True)
    report.text(f"{data}: {audit.headline}.")
    for line in audit.warnings:
        report.text(line, warning=True)
    for table in tables(audit):
        report.table(table)
    report.text(
        f"'{AS_IT_STANDS}': by the folder's split, or five parts at random. '{WITHOUT_COPIES}': one of each page, in "
        "five parts that keep groups and near copies together. In brackets: 95 % intervals."
    )
    for name, meaning in COMPARATORS.items():
        report.text(f"{name}: {meaning}.")
    for column, scores in audit.comparators.items():
        if isinstance(scores, str):
            report.text(f"{column}: {scores}.", warning=True)
    for number, kind in enumerate(audit.kinds, start=1):
        found = [leak for leak in audit.leaks if leak.kind == kind]
        if found:
            report.heading(f"{len(found)} x {kind}")
            for part in range(0, min(len(found), PAIRS), ROWS):
                pairs = [leak.pages[:2] for leak in found[part : min(part + ROWS, PAIRS)]]
                _show(report, audit, f"leak-{number}-{part // ROWS + 1}", pairs, 2)
    for number, (name, pages) in enumerate(audit.odd.items(), start=1):
        if pages:
            report.heading(f"{len(pages)} x {name}")
            _show(report, audit, f"odd-{number}", [(index,) for index in pages[:ODD_PAGES]], 3)
    if audit.unreadable:
        report.heading("Pages that cannot be read")
        for line in audit.unreadable:
            report.text(line, warning=True)
    report.write(out, numbers(audit, data))


def _show(report: Report, audit: Audit, name: str, sets: list[tuple[int, ...]], columns: int) -> None:
    """Add pages side by side, a row for each pair."""
    chosen = np.concatenate(sets).astype(int).tolist()
    pages = [audit.pages[index] for index in chosen]
    captions = [f"{page.split or ''} {page.label}\n{page.path.name}".strip() for page in pages]
    sheet = plots.contact_sheet([page.path for page in pages], captions, columns=columns)
    report.figure(name, sheet, "; ".join(page.path.name for page in pages))
