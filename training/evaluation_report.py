"""What a model's answers are worth: as numbers, as lines for the terminal, and as parts of a report."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from edge.classifier import Outputs, decide
from edge.contract import Contract
from edge.terminal import DRAWN_MODEL
from training import plots, tripod
from training.answers import Answers
from training.dataset import ATTRIBUTES
from training.estimates import BINS, Estimate, Sample, proportion
from training.measures import (
    class_measures,
    overall_measures,
    reliability,
    risk_coverage,
    subgroup_measures,
)
from training.report import DRAWN, Report, Table, shown
from training.shortcuts import COMPARATORS

RANDOM_SAMPLES, CLASS_SAMPLES, MISTAKES = 9, 3, 9
POINTS = 200  # of the curve of risk over coverage, in report.json
AGES = ((40, "under 40"), (60, "40 to 59"), (80, "60 to 79"), (np.inf, "80 and over"))
CLASS_FIGURES = {
    "sensitivity": "sensitivity", "specificity": "specificity", "precision": "precision", "f1": "F1", "auroc": "AUROC",
    "average_precision": "average precision",
}  # fmt: skip
OVERALL_FIGURES = {
    "macro_f1": "macro-F1", "weighted_f1": "weighted F1", "accuracy": "accuracy",
    "macro_sensitivity": "balanced accuracy", "macro_auroc": "macro AUROC", "weighted_auroc": "weighted AUROC",
    "macro_average_precision": "macro average precision", "brier": "Brier score, 0 to 2", "log_loss": "log loss, nats",
    "ece": "expected calibration error",
}  # fmt: skip
INTERVALS = (
    "In brackets: 95 % intervals. Sensitivity, specificity, precision and accuracy: Wilson, on the number of pages "
    "that the groups are worth; the others: bootstrap over groups, 2,000 resamples."
)
Measured = dict[str, Estimate]


def judge(answers: Answers, contract: Contract) -> dict:
    """Return every number of a report on a model's answers, ready for JSON."""
    after = answers.sample
    overall = records(overall_measures(after))
    coverage, risk = risk_coverage(after)
    points = np.unique(np.linspace(0, len(coverage) - 1, POINTS).astype(int))
    status = statuses(answers, contract)
    answered = status == "ok"
    return {
        "pages": len(answers.pages),
        "groups": len(set(answers.groups.tolist())),
        "pages_seen_in_training": int(answers.seen.sum()),
        "drawn": any(page.drawn for page in answers.pages),
        "overall": overall,
        "classes": {
            label: {"pages": int((answers.truth == index).sum())} | records(figures)
            for index, (label, figures) in enumerate(class_measures(after).items())
        },
        "confusion": answers.confusion.tolist(),
        "calibration": {
            "temperature": contract.temperature,
            "before": {
                "overall": records(overall_measures(answers.uncalibrated)),
                "bins": reliability(answers.uncalibrated),
            },
            "after": {"overall": overall, "bins": reliability(after)},
        },
        "risk_coverage": {"coverage": coverage[points].tolist(), "risk": risk[points].tolist()},
        "status": {
            "least_probability": contract.least_probability,
            "least_typicality": contract.least_typicality,
            **{name: int((status == name).sum()) for name in ("ok", "uncertain", "rejected")},
            "accuracy_of_ok": proportion(
                after.right[answered], answers.groups[answered], "no page is answered"
            ).as_record(),
        },
        "subgroups": {name: _subgroup(after, values) for name, values in _columns(answers).items()},
        "answers": [
            {
                "image": str(page.path),
                "label": page.label,
                "predicted": answers.labels[predicted],
                "probabilities": dict(zip(answers.labels, map(float, row), strict=True)),
                "typicality": float(typicality),
                "status": stand,
                "seen_in_training": bool(seen),
            }
            for page, predicted, row, typicality, stand, seen in zip(
                answers.pages,
                answers.predicted,
                answers.probabilities,
                answers.typicality[:, 0],
                status.tolist(),
                answers.seen,
                strict=True,
            )
        ],
    }


def statuses(answers: Answers, contract: Contract) -> np.ndarray:
    """Return what the device would say of each page, str (n,): ok, uncertain or rejected."""
    rows = zip(answers.logits, answers.probabilities, answers.typicality, strict=True)
    return np.array([decide("", Outputs(*(row[np.newaxis] for row in outputs)), contract).status for outputs in rows])


def records(figures: Measured) -> dict[str, dict]:
    """Return figures by name, ready for JSON."""
    return {name: figure.as_record() for name, figure in figures.items()}


def _columns(answers: Answers) -> dict[str, list[str | None]]:
    """Return the manifest's columns that say something of these pages; ages in bands."""
    columns = {
        name: [page.attributes[place] or None for page in answers.pages] for place, name in enumerate(ATTRIBUTES)
    }
    columns["age"] = [_band(age) for age in columns["age"]]
    return {name: values for name, values in columns.items() if any(values)}


def _band(age: str | None) -> str | None:
    try:
        return next(name for limit, name in AGES if float(age or "nan") < limit)
    except (ValueError, StopIteration):
        return age and "not a number"


def _subgroup(sample: Sample, values: list[str | None]) -> dict[str, dict]:
    return {value: records(figures) for value, figures in subgroup_measures(sample, values).items()}


def from_record(record: dict) -> Estimate:
    """Return the figure that `Estimate.as_record` was made of."""
    return Estimate(**record)


def class_table(numbers: dict, names: tuple[str, ...] = tuple(CLASS_FIGURES)) -> Table:
    """Return the table of scores, a row for each class."""
    rows = [
        [label, str(line["pages"]), *(shown(from_record(line[name])) for name in names)]
        for label, line in numbers["classes"].items()
    ]
    return Table("Each class against the rest", ("class", "pages", *(CLASS_FIGURES[name] for name in names)), rows)


def class_notes(numbers: dict) -> list[str]:
    """Return what the table of scores cannot say of its figures, one line each."""
    return [
        f"{label}, {CLASS_FIGURES[name]}: {line[name]['note']}."
        for label, line in numbers["classes"].items()
        for name in CLASS_FIGURES
        if line[name]["note"] and line[name]["value"] is not None
    ]


def headlines(numbers: dict) -> list[str]:
    """Return what a model's answers are worth, one line for each thing."""
    overall, calibration, status = numbers["overall"], numbers["calibration"], numbers["status"]
    lines = []
    for name in ("macro_f1", "accuracy"):
        figure = from_record(overall[name])
        interval = "no interval" if figure.low is None else f"95 %: {figure.low:.3f} to {figure.high:.3f}"
        lines.append(f"{OVERALL_FIGURES[name]} {figure.value:.3f} ({interval}) on {numbers['pages']} pages")
    before, after = (calibration[when]["overall"]["ece"]["value"] for when in ("before", "after"))
    lines.append(
        f"calibration error (ECE, {BINS} bins) {after:.3f}, without the temperature of "
        f"{calibration['temperature']:.2f} {before:.3f}"
    )
    right = from_record(status["accuracy_of_ok"])
    lines.append(
        f"answered {status['ok']} of {numbers['pages']} pages"
        + (f", of which {right.value:.1%} are right" if right.value is not None else "")
        + f"; {status['uncertain']} uncertain, {status['rejected']} rejected"
    )
    return lines


def warnings(numbers: dict) -> list[str]:
    """Return what takes the worth of the scores away, one line each."""
    lines = [DRAWN] if numbers["drawn"] else []
    if numbers["pages_seen_in_training"]:
        lines.append(
            f"The model has seen {numbers['pages_seen_in_training']} of these {numbers['pages']} pages in training: "
            "its answers for them prove nothing."
        )
    return lines


def add_answers(report: Report, name: str, answers: Answers, contract: Contract, seed: int = 0) -> dict:
    """Add everything about a model's answers to a report; return the numbers."""
    numbers = judge(answers, contract)
    for line in warnings(numbers):
        report.text(line, warning=True)
    for line in headlines(numbers):
        report.text(line)
    report.table(class_table(numbers))
    for line in class_notes(numbers):
        report.text(line)
    before = numbers["calibration"]["before"]["overall"]
    rows = [
        [OVERALL_FIGURES[key], shown(from_record(record), 3), shown(from_record(before[key]), 3), record["note"]]
        for key, record in numbers["overall"].items()
    ]
    report.table(Table("All classes", ("figure", "value", "without the temperature", "note"), rows))
    report.text(INTERVALS)
    chart = plots.confusion_chart(answers.confusion, answers.labels)
    report.figure(f"{name}-confusion", chart, "Confusion matrix in counts and shares")
    curves = plots.discrimination_charts(answers.truth, answers.probabilities, answers.labels)
    report.figure(f"{name}-discrimination", curves, "ROC and precision-recall curves")
    bins = [numbers["calibration"][when]["bins"] for when in ("before", "after")]
    report.figure(f"{name}-calibration", plots.reliability_chart(*bins), "Accuracy over confidence")
    share = numbers["status"]["ok"] / numbers["pages"]
    risk = plots.risk_chart(*risk_coverage(answers.sample), share)
    report.figure(f"{name}-risk", risk, "Share that is wrong over the share that is answered")
    report.text("All figures but the line on answered pages count uncertain and rejected ones as answered.")
    if not numbers["subgroups"]:
        report.text(f"No subgroups: a manifest with a column {', '.join(ATTRIBUTES)} would make them.")
    for column, values in numbers["subgroups"].items():
        rows = [
            [
                value,
                str(line["pages"]["value"]),
                *(shown(from_record(line[key])) for key in ("accuracy", "macro_f1")),
                "; ".join(dict.fromkeys(figure["note"] for figure in line.values() if figure["note"])),
            ]
            for value, line in values.items()
        ]
        report.table(Table(f"By {column.replace('_', ' ')}", (column, "pages", "accuracy", "macro-F1", "note"), rows))
    _add_samples(report, name, answers, seed)
    return numbers


def _add_samples(report: Report, name: str, answers: Answers, seed: int) -> None:
    """Add the most confident mistakes, random pages, and pages of each class."""
    wrong = np.flatnonzero(~answers.sample.right)
    worst = wrong[np.argsort(-answers.sample.confidence[wrong], kind="stable")][:MISTAKES]
    if len(worst):
        report.subheading("The most confident mistakes")
        report.figure(f"{name}-mistakes", _sheet(answers, worst), "The most confident mistakes")
    rng = np.random.default_rng(seed)
    everything = np.arange(len(answers.pages))
    classes = [(f"Pages of {label}", everything[answers.truth == index]) for index, label in enumerate(answers.labels)]
    for number, (title, pages) in enumerate([("Random pages", everything), *classes]):
        if len(pages):
            count = min(len(pages), CLASS_SAMPLES if number else RANDOM_SAMPLES)
            sheet = _sheet(answers, rng.choice(pages, count, replace=False))
            report.subheading(title)
            report.figure(f"{name}-class-{number}" if number else f"{name}-random", sheet, title)


def _sheet(answers: Answers, chosen: np.ndarray) -> Figure:
    captions, colours = [], []
    for index in chosen:
        truth, predicted = answers.truth[index], answers.predicted[index]
        captions.append(
            f"true: {answers.labels[truth]}\n"
            f"predicted: {answers.labels[predicted]} ({answers.probabilities[index, predicted]:.0%})"
        )
        colours.append(plots.RIGHT if truth == predicted else plots.WRONG)
    return plots.contact_sheet([answers.pages[index] for index in chosen], captions, colours)


def write_run_report(
    run: Path,
    contract: Contract,
    history: list[dict],
    validation: Answers,
    out_of_fold: Answers | None,
    target_accuracy: float,
) -> None:
    """Write the report of a training run into its folder."""
    report = Report(f"Training of {contract.architecture}")
    if contract.trained_on.drawn:
        report.text(DRAWN, warning=True)
    report.text(
        f"{contract.trained_on.pages} pages of {contract.height}x{contract.width} pixels, "
        f"{len(validation.pages)} of them held out for validation by group, seed {contract.trained_on.seed}."
    )
    report.text(
        f"Temperature {contract.temperature:.3f}, answers above a probability of {contract.least_probability:.3f}, "
        f"pages from a typicality of {contract.least_typicality:.3f}: fitted on the "
        f"{'out-of-fold answers' if out_of_fold else 'validation pages'}, so that {target_accuracy:.0%} of the answers "
        "for them are right."
    )
    if contract.least_probability >= 1:
        report.text("No probability reaches that: every answer of this model is uncertain.", warning=True)
    report.heading("Curves")
    report.figure("curves", plots.curves(history), "Loss and accuracy of training and validation")
    numbers: dict = {"history": history}
    if out_of_fold:
        report.heading("Out-of-fold answers")
        report.text(
            "Each page is answered by a model that has not seen its group, and calibrated by the other folds: an "
            "honest estimate. Which pages are uncertain or rejected follows from thresholds chosen on these very pages."
        )
        numbers["out_of_fold"] = add_answers(report, "out-of-fold", out_of_fold, contract)
    report.heading("Validation pages")
    report.text("These pages chose the epoch: the figures flatter the model. Judge it by 'evaluate' on test pages.")
    numbers["validation"] = add_answers(report, "validation", validation, contract)
    report.write(run, numbers)


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
    return [
        ["architecture", contract["architecture"]],
        ["input", f"{contract['height']}x{contract['width']} pixels, {contract['preprocessing']}"],
        ["classes", ", ".join(contract["labels"])],
        ["trained on", f"{trained['pages']} pages, seed {trained['seed']}, digest {trained['digest']}"],
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
    for table in comparison_tables(numbers):
        parts += [f"## {table.title}", _markdown(table.header, table.rows)]
    parts += ["## Limits", "\n".join(f"- {line}" for line in LIMITS)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _markdown(header: tuple[str, ...], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
