"""What surrounds a model's figures: intended use, facts, comparison and limits, in a report and as a card."""

from pathlib import Path

from edge.commands.terminal import SYNTHETIC_MODEL
from training.evaluation.baselines import BASELINES
from training.evaluation.measure import from_record
from training.reports import tripod_ai as tripod
from training.reports.evaluation import INTERVALS, OVERALL_FIGURES, class_notes, class_table, headlines, warnings
from training.reports.heatmaps import HEATMAPS, heatmap_tables
from training.reports.report import DRAWN, Report, Table, shown
from training.reports.robustness import ROBUSTNESS, robustness_tables

INTENDED_USE = (
    "Research on reading pictures of 12-lead ECGs. Not a medical device: no diagnosis may rest on it. The figures hold "
    "for images like the test images; for other machines, layouts, photographs and people they are unknown."
)
LIMITS = (
    "The labels are those of the folder: their own errors are unknown.",
    "A model may read the header, the layout or the paper, not the heart; the baselines show what that is worth.",
    "A rejected picture looks unlike the training images; one that is accepted need not be an ECG.",
    "Intervals say how far chance goes with this many groups, not how another hospital's images would be answered.",
)


def add_frame(report: Report, provenance: dict) -> None:
    """Add what the report is for and what its figures come from."""
    if provenance["synthetic"]:
        report.text(DRAWN, warning=True)
    if provenance["skipped"]:
        report.text(
            f"{len(provenance['skipped'])} unreadable images were left out: all figures lack them.", warning=True
        )
        for line in provenance["skipped"]:
            report.text(line)
    report.heading("Intended use")
    report.text(INTENDED_USE)
    report.heading("Data and program")
    versions = ", ".join(f"{name} {version}" for name, version in provenance["versions"].items())
    rows = [
        [
            "test images",
            f"{provenance['test_images']} of {provenance['test_groups']} groups, in {provenance['folder']}",
        ],
        ["digest of the test images", provenance["digest"]],
        ["command", provenance["command"]],
        ["versions", f"Python {provenance['python']}, {versions}; {provenance['machine']}"],
    ]
    report.table(Table("", ("what", "which"), rows))


def add_facts(report: Report, facts: dict) -> None:
    """Add what a model is."""
    if facts["contract"]["trained_on"]["synthetic"]:
        report.text(SYNTHETIC_MODEL, warning=True)
    report.table(Table("", ("what", "which"), fact_rows(facts)))


def fact_rows(facts: dict) -> list[list[str]]:
    """Return what a model is, a row for each fact."""
    contract = facts["contract"]
    trained = contract["trained_on"]
    auxiliary = f" and {trained['auxiliary_images']} auxiliary ones" * bool(trained["auxiliary_images"])
    return [
        ["architecture", contract["architecture"]],
        ["input", f"{contract['height']}x{contract['width']} pixels, {contract['preprocessing']}"],
        ["classes", ", ".join(contract["labels"])],
        ["trained on", f"{trained['images']} images{auxiliary}, seed {trained['seed']}, digest {trained['digest']}"],
        ["temperature", f"{contract['temperature']:.3f}"],
        ["answers above a probability of", f"{contract['confidence_threshold']:.3f}"],
        ["images from an in-distribution score of", f"{contract['in_distribution_threshold']:.3f}"],
        ["SHA-256", facts["sha256"]],
        ["size", f"{facts['bytes'] / 1e6:.1f} MB"],
    ]


def comparison_tables(numbers: dict) -> list[Table]:
    """Return the tables that are about several models, or about models and baselines."""
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
    if isinstance(numbers["baselines"], dict):
        everyone = {f"the model: {name}": found["overall"] for name, found in numbers["models"].items()}
        rows = [
            [name, *(shown(from_record(figures[key])) for key in ("macro_f1", "accuracy"))]
            for name, figures in (everyone | numbers["baselines"]).items()
        ]
        tables.append(Table("Beside the models: what else can be had", ("who", "macro-F1", "accuracy"), rows))
    for pair, differences in numbers["parity"].items():
        rows = [[name, f"{value:.2e}"] for name, value in differences.items()]
        tables.append(Table(f"Parity: {pair}", ("output", "largest difference"), rows))
    if numbers["latency"]:
        rows = [
            [name, str(line["images"]), f"{line['median_ms']:.1f}", f"{line['p95_ms']:.1f}"]
            for name, line in numbers["latency"].items()
        ]
        header = ("exported model", "images", "median, ms", "95th percentile, ms")
        tables.append(Table("From the file to the answer, one image at a time, on this machine", header, rows))
    return tables


def add_comparison(report: Report, numbers: dict) -> None:
    """Add differences, baselines, parity, latency, limits, and which items of TRIPOD+AI this answers."""
    report.heading("Comparison")
    for table in comparison_tables(numbers):
        report.table(table)
    if isinstance(numbers["baselines"], str):
        report.text(f"No baselines: {numbers['baselines']}.", warning=True)
    else:
        for name, meaning in BASELINES.items():
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
            *([SYNTHETIC_MODEL] if found["facts"]["contract"]["trained_on"]["synthetic"] else []),
            _markdown(("what", "which"), fact_rows(found["facts"])),
            f"On {found['images']} test images of {found['groups']} groups (digest {numbers['data']['digest'][:16]}):",
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
