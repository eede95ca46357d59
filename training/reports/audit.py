"""What an audit found, as tables for the terminal and as a report with the images side by side."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from edge.commands.table import Table
from training.audit.audit import Audit
from training.audit.baselines_asked import AS_IT_STANDS, WITHOUT_COPIES
from training.audit.labels import LabelAudit
from training.evaluation.baselines import BASELINES
from training.reports import plots
from training.reports.masking import shown
from training.reports.report import SYNTHETIC, Report, formatted

PAIRS, ODD_IMAGES = 12, 6  # shown in the report
ROWS = 3  # of pairs in one sheet: a printed page holds them
MOST_ROWS = 8
DOUBTED, DOUBTED_SHOWN = 12, 18  # labels that the table names and the report shows


def audit_tables(audit: Audit) -> list[Table]:
    """Return class balance, sizes, page styles, what was checked, and the baselines."""
    splits = sorted({image.split or "images" for image in audit.images}, reverse=True)
    counts = Counter((image.label, image.split or "images") for image in audit.images)
    labels = sorted({image.label for image in audit.images})
    balance = [[label, *(str(counts[label, split]) for split in splits)] for label in labels]
    checks = {
        "redundant copies, byte for byte": audit.redundant_bytes,
        "redundant copies, pixel for pixel": audit.redundant_pixels,
        **{f"of these within {split}": number for split, number in audit.redundant_within.items()},
        "near copies: pairs of pictures with one trace": len(audit.near_copies),
        **{f"leak: {kind}": number for kind, number in audit.leak_counts.items()},
        "images that cannot be read": len(audit.unreadable),
        **{name: len(images) for name, images in audit.odd.items()},
    }
    columns = (AS_IT_STANDS, WITHOUT_COPIES)
    return [
        Table("Classes", ("class", *splits), balance),
        Table("Sizes", ("pixels", "files"), _sizes(audit)),
        Table("Page styles: different images", ("style", *labels), _styles(audit)),
        Table("Checks", ("check", "found"), [[name, str(number)] for name, number in checks.items()]),
        Table(
            f"Baselines: macro-F1 on {audit.baseline_files} files",
            ("baseline", *columns),
            [[name, *(_score(audit, column, name) for column in columns)] for name in BASELINES],
        ),
    ]


def label_tables(found: LabelAudit | None) -> list[Table]:
    """Return what models believe of the labels; no table where they were not asked."""
    if found is None:
        return []
    doubted = Counter(one.image.label for one in found.doubted)
    noise = [
        [label, str(number), str(doubted[label]), f"{found.noise[label]:.0%}"]
        for label, number in found.labelled.items()
    ]
    least = [
        [
            one.image.path.name,
            f"{one.image.label} ({one.probability:.2f})",
            f"{one.suggested} ({one.suggested_probability:.2f})",
        ]
        for one in found.doubted[:DOUBTED]
    ]
    title = f"Labels: models that have not seen an image's group agree with {found.accuracy:.0%} of {found.images}"
    if found.left_out:
        title += f"; {found.left_out} of other page styles are left out"
    return [
        Table(title, ("class", "different images", "doubted", "estimated noise"), noise),
        Table("Labels believed least", ("image", "label (probability)", "models say"), least),
    ]


def _sizes(audit: Audit) -> list[list[str]]:
    """Count files by size in pixels, the most frequent first."""
    counts = Counter(f"{width}x{height}" for width, height in audit.sizes).most_common()
    rest = counts[MOST_ROWS:]
    rows = [[name, str(number)] for name, number in counts[:MOST_ROWS]]
    return rows + [[f"{len(rest)} others", str(sum(number for _, number in rest))]] * bool(rest)


def _styles(audit: Audit) -> list[list[str]]:
    """Return the images of each class by page style: the manifest's first, then those that the images show."""
    rows = []
    for stated in (True, False):
        styles = [style for style in audit.page_styles if style.stated == stated]
        rows += [[style.name, *map(str, style.counts.values())] for style in styles[:MOST_ROWS]]
        rest = Counter()
        for style in styles[MOST_ROWS:]:
            rest.update(style.counts)
        if rest:
            rows.append([f"{len(styles) - MOST_ROWS} others", *(str(rest[label]) for label in styles[0].counts)])
    return rows


def _score(audit: Audit, column: str, name: str) -> str:
    return formatted(audit.baselines[column][name].macro_f1) if column in audit.baselines else "none"


def verdict(audit: Audit) -> str:
    """Return whether metrics on this folder can be believed, in one sentence."""
    if audit.leaks:
        return "Something leaks: a model can know test images before it sees them."
    if audit.warnings:
        return "No leak was found, but a shortcut: classes can be told without reading the heart."
    return "No leak and no shortcut was found."


def beware(audit: Audit) -> list[str]:
    """Return what takes the value of metrics on this folder away, the gravest first: leaks, shortcuts, the rest."""
    synthetic = SYNTHETIC if any(image.synthetic for image in audit.images) else ""
    unreadable = f"{len(audit.unreadable)} images cannot be read." if audit.unreadable else ""
    return list(filter(None, (*audit.warnings, synthetic, unreadable)))


def write_audit(audit: Audit, folder: Path, *, show_header: bool = False) -> None:
    """Write `report.html`, `report.json` and the pictures."""
    report = Report("Audit of a data folder", "audit")
    kinds = len({image.label for image in audit.images})
    facts = {"folder": audit.folder, "images": audit.headline, "classes": str(kinds)}
    report.summary(verdict(audit), facts, beware(audit))
    report.section("Findings")
    if not audit.warnings:
        report.text("No leak and no shortcut was found.")
    for line in audit.warnings:
        report.text(line, warning=True)
    *tables, baselines = audit_tables(audit)
    for table in tables:
        report.table(table)
    report.section("Baselines")
    report.table(baselines)
    report.text(
        f"'{AS_IT_STANDS}': by the folder's split, or five parts at random. '{WITHOUT_COPIES}': one of each image, in "
        "five parts that keep groups and near copies together. In brackets: 95 % intervals."
    )
    meanings = [[name, meaning] for name, meaning in BASELINES.items()]
    report.table(Table("What the baselines see", ("baseline", "meaning"), meanings))
    for column, reason in audit.no_baselines.items():
        report.text(f"{column}: {reason}.", warning=True)
    if audit.labels is not None:
        _add_labels(report, audit.labels, show_header=show_header)
    for number, kind in enumerate(audit.leak_counts, start=1):
        found = [leak for leak in audit.leaks if leak.kind == kind]
        if found:
            report.section(f"{len(found)} x {kind}")
            for part in range(0, min(len(found), PAIRS), ROWS):
                pairs = [index for leak in found[part : min(part + ROWS, PAIRS)] for index in leak.images[:2]]
                _add_images(report, audit, f"leak-{number}-{part // ROWS + 1}", pairs, 2, show_header=show_header)
    for number, (name, images) in enumerate(audit.odd.items(), start=1):
        if images:
            report.section(f"{len(images)} x {name}")
            _add_images(report, audit, f"odd-{number}", images[:ODD_IMAGES], 3, show_header=show_header)
    if audit.unreadable:
        report.section("Images that cannot be read")
        for line in audit.unreadable:
            report.text(line, warning=True)
    report.write(folder, audit)


def _add_labels(report: Report, found: LabelAudit, *, show_header: bool) -> None:
    """Add what models believe of the labels, and the images whose label they believe least."""
    report.section("Labels")
    for table in label_tables(found):
        report.table(table)
    report.text(
        "Linear models on the features of a frozen network; none has seen the groups that it is asked about. The "
        "estimated noise is confident learning's; the models' own errors are in it. Look at an image before its "
        "label is changed."
    )
    for part in range(0, min(len(found.doubted), DOUBTED_SHOWN), ROWS * 2):
        chosen = found.doubted[part : min(part + ROWS * 2, DOUBTED_SHOWN)]
        captions = [
            f"{one.image.path.name}\nlabelled {one.image.label} ({one.probability:.2f})\n"
            f"models say {one.suggested} ({one.suggested_probability:.2f})"
            for one in chosen
        ]
        pictures = [shown(one.image.path, show_header=show_header) for one in chosen]
        sheet = plots.contact_sheet(pictures, captions, columns=2)
        report.sheet(f"labels-{part // (ROWS * 2) + 1}", sheet, "; ".join(captions).replace("\n", ", "))


def _add_images(
    report: Report, audit: Audit, name: str, chosen: Sequence[int], columns: int, *, show_header: bool
) -> None:
    """Add images side by side, under their split, class and name."""
    images = [audit.images[index] for index in chosen]
    captions = [f"{image.split or ''} {image.label}\n{image.path.name}".strip() for image in images]
    pictures = [shown(image.path, show_header=show_header) for image in images]
    sheet = plots.contact_sheet(pictures, captions, columns=columns)
    report.sheet(name, sheet, "; ".join(image.path.name for image in images))
