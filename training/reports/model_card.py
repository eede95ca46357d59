"""What surrounds a model's figures: intended use, facts, comparison and limits, in a report and as a card."""

from pathlib import Path

from edge.terminal import DRAWN_MODEL
from training.evaluation.baselines import COMPARATORS
from training.evaluation.scores import from_record
from training.reports import tripod_ai as tripod
from training.reports.evaluation import INTERVALS, OVERALL_FIGURES, class_notes, class_table, headlines, warnings
from training.reports.heatmaps import HEATMAPS, heatmap_tables
from training.reports.report import DRAWN, Report, Table, shown
from training.reports.robustness import ROBUSTNESS, robustness_tables

INTENDED_USE = (
    "Research on reading pictures of 12-lead ECGs. Not a medical device: no diagnosis may rest on it. The figures hold "
    "for pages like the test pages; for other machines, layouts, photographs and people they are unknown."
)
LIMITS = (
    "The labels are those of the folder: their own errors are unknown.",
    "A model may read the header, the layout or the paper, not the heart; the comparators show what that is worth.",
    "A rejected picture looks unlike the training pages; one that is accepted need not be an ECG.",
    "Intervals say how far chance goes with this many groups, not how another hospital's pages would be answered.",
)


def add_frame(report: Report, provenance: dict) -> None:
    """Add what the report is for and what its figures come from."""
    if provenance["drawn"]:
        report.text(DRAWN, warning=True)
    if provenance["skipped"]:
        report.text(
            f"{len(provenance['skipped'])} unreadable pages were left out: all figures lack them.", warning=True
        )
        for line in provenance["skipped"]:
            report.text(line)
    report.heading("Intended use")
    report.text(INTENDED_USE)
    report.heading("Data and program")
    versions = ", ".join(f"{name} {version}" for name, version in provenance["versions"].items())
    rows = [
        ["test pages", f"{provenance['test_pages']} of {provenance['test_groups']} groups, in {provenance['folder']}"],
        ["digest of the test pages", provenance["digest"]],
        ["command", provenance["command"]],
        ["versions", f"Python {provenance['python']}, {versions}; {provenance['machine']}"],
    ]
    report.table(Table("", ("what", "which"), rows))


def add_facts(report: Report, facts: dict) -> None:
    """Add what a model is."""
    if facts["contract"]["trained_on"]["drawn"]:
        report.text(DRAWN_MODEL, warning=True)
    report.table(Table("", ("what", "which"), fact_rows(facts)))


def fact_rows(facts: dict) -> list[list[str]]:
    """Return what a model is, a row for each fact."""
    contract = facts["contract"]
    trained = contract["trained_on"]
    extra = f" and {trained['extra_pages']} extra ones" * bool(trained["extra_pages"])
    return [
        ["architecture", contract["architecture"]],
        ["input", f"{contract['height']}x{contract['width']} pixels, {contract['preprocessing']}"],
        ["classes", ", ".join(contract["labels"])],
        ["trained on", f"{trained['pages']} pages{extra}, seed {trained['seed']}, digest {trained['digest']}"],
        ["temperature", f"{contract['temperature']:.3f}"],
        ["answers above a probability of", f"{contract['least_probability']:.3f}"],
        ["pages from a typicality of", f"{contract['least_typicality']:.3f}"],
        ["SHA-256", facts["sha256"]],
        ["size", f"{facts['bytes'] / 1e6:.1f} MB"],
    ]


def comparison_tables(numbers: dict) -> list[Table]:
    """Return the tables that are about several models, or about models and comparators."""
    tables = [
        Table(
            f"{pair}: paired, positive where the first is larger",
            ("figure", "difference", "note"),
            [
                [OVERALL_FIGURES[name], shown(from_record(record), 3), from_record(record).note]
                for name, record in figures.items()
            ],
        )
        for pair, figures in numbers["differences"].items()
    ]
    if isinstance(numbers["comparators"], dict):
        everyone = {f"the model: {name}": found["overall"] for name, found in numbers["models"].items()}
        rows = [
            [name, *(shown(from_record(figures[key])) for key in ("macro_f1", "accuracy"))]
            for name, figures in (everyone | numbers["comparators"]).items()
        ]
        tables.append(Table("Beside the models: what else can be had", ("who", "macro-F1", "accuracy"), rows))
    for pair, differences in numbers["parity"].items():
        rows = [[name, f"{value:.2e}"] for name, value in differences.items()]
        tables.append(Table(f"Parity: {pair}", ("output", "largest difference"), rows))
    if numbers["latency"]:
        rows = [
            [name, str(line["pages"]), f"{line['median_ms']:.1f}", f"{line['p95_ms']:.1f}"]
            for name, line in numbers["latency"].items()
        ]
        header = ("exported model", "pages", "median, ms", "95th percentile, ms")
        tables.append(Table("From the file to the answer, one page at a time, on this machine", header, rows))
    return tables


def add_comparison(report: Report, numbers: dict) -> None:
    """Add differences, comparators, parity, latency, limits, and which items of TRIPOD+AI this answers."""
    report.heading("Comparison")
    for table in comparison_tables(numbers):
        report.table(table)
    if isinstance(numbers["comparators"], str):
        report.text(f"No comparators: {numbers['comparators']}.", warning=True)
    else:
        for name, meaning in COMPARATORS.items():
            report.text(f"{name}: {meaning}.")
    if not numbers["parity"]:
        report.text("No parity: give the .h5 and the .onnx of a model.")
    if not numbers["latency"]:
        report.text("No latency of an exported model: give its .onnx.")
    for pair in numbers["not_compared"]:
        report.text(f"{pair}: no difference, the two have other classes.", warning=True)
    report.heading("Limits")
    for line in LIMITS:
        report.text(line)
    report.heading("TRIPOD+AI")
    report.text("Collins et al., BMJ 2024;385:e078378. Which items this report answers:")
    report.table(Table("", ("item", "about", "here"), [list(item) for item in tripod.ITEMS]))


def model_cards(numbers: dict) -> str:
    """Return a card of every model of a report, as Markdown; an export has no card beside that of its `.h5`."""
    parts, seen = [], []
    for name, found in numbers["models"].items():
        if found["facts"]["contract"] in seen:
            continue
        seen.append(found["facts"]["contract"])
        table = class_table(found)
        parts += [
            f"## {found['facts']['contract']['architecture']} ({Path(name).name})",
            INTENDED_USE,
            *([DRAWN_MODEL] if found["facts"]["contract"]["trained_on"]["drawn"] else []),
            _markdown(("what", "which"), fact_rows(found["facts"])),
            f"On {found['pages']} test pages of {found['groups']} groups (digest {numbers['data']['digest'][:16]}):",
            "\n".join(f"- {line}" for line in (*headlines(found), *warnings(found))),
            _markdown(table.header, table.rows),
            INTERVALS,
            "\n".join(f"- {line}" for line in class_notes(found)),
        ]
    disturbed, explained = robustness_tables(numbers["models"]), heatmap_tables(numbers["models"])
    for tables, meaning in ((comparison_tables(numbers), ""), (disturbed, ROBUSTNESS), (explained, HEATMAPS)):
        for table in tables:
            parts += [f"## {table.title}", _markdown(table.header, table.rows)]
        parts += [meaning] * bool(tables)
    parts += ["## Limits", "\n".join(f"- {line}" for line in LIMITS)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _markdown(header: tuple[str, ...], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
